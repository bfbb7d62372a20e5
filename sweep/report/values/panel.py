"""What the page's budget panel looks its answers up in. Quantities and sources by their names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A limit that can be typed, in `unit`; times `factor` it is SI. option: of `sweep pick`, with
    "{typed}" for the number. names: of its quantity by batch size, by "" where its readings are of
    none. other: whether it is a latency beside the primary one.
    """

    option: str
    title: str
    noun: str
    unit: str
    factor: float
    names: dict[str, str]
    other: bool = False


@dataclass(frozen=True)
class Ranked:
    """A point in the order that one source ranks it in. described: its figures by batch size.
    guessing: what it may as well be, empty where it is better. ties: first and last place of each
    run of points that it is not told apart from, and `tied` the sentence for those that fit, with
    at most `most_tied` of their names; `cheapest` that for the cheapest of them, where it is told.
    worth: what to expect of its accuracy, where it is the best; chosen: the same, where it is the
    best of several, "{of}" of them.
    """

    label: str
    described: dict[str, str]
    guessing: str
    ties: tuple[tuple[int, int], ...]
    tied: str
    most_tied: int
    cheapest: str
    worth: str
    chosen: str


@dataclass(frozen=True)
class Read:
    """A point's reading of a quantity: in SI, and as a sentence has it; with the ends of its 95 %
    interval where they are known.
    """

    value: float
    text: str
    low: float | None = None
    high: float | None = None
    interval: str = ""


@dataclass(frozen=True)
class Bearing:
    """Cautions that stand with an answer of one source, or with a limit on one quantity: those
    about all points, then by label those about the point that is named first.
    """

    every: tuple[str, ...]
    of: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Panel:
    """fields: what can be limited; batches: the sizes to choose from. ranked: by source, in order.
    read: by label, then quantity. bearing: by source or quantity.
    """

    fields: tuple[Field, ...]
    batches: tuple[str, ...]
    ranked: dict[str, tuple[Ranked, ...]]
    read: dict[str, dict[str, Read]]
    bearing: dict[str, Bearing]
