"""What is predicted between the points of a run, for the page's maps and its budget panel. Nothing
of it was measured. Quantities and sources by their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sweep.report.values.figures import Contours


@dataclass(frozen=True)
class Told:
    """A predicted value with the ends of its 95 % interval, in SI, and as a sentence has it."""

    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Network:
    """One at the steps that are looked at. costs: those that are predicted here. read: those that
    were measured here. uneven: whether layers have channels that are no multiple of 8.
    """

    label: str
    alpha: float
    resolution: int
    accuracies: dict[str, Told]
    costs: dict[str, Told]
    read: tuple[str, ...]
    uneven: bool


@dataclass(frozen=True)
class Cost:
    """How one is predicted. called: inside a sentence. over: of chances in equal steps, without 0
    and 1, the limit over the predicted value that is kept so; empty where it is counted, not
    predicted. told: a sentence, empty likewise. priced: whether it knows what uneven channels take
    more.
    """

    called: str
    over: tuple[float, ...]
    told: str
    priced: bool


@dataclass(frozen=True)
class Predictions:
    """networks: at steps of alpha and of pixels that `among` tells. ranked: by source, their places
    from the most accurate on. costs: by quantity; lines: the grids of costs, and of accuracies by
    the names of their maps, for lines of equal values. how: by map, a sentence on its lines where
    they are predicted, empty where they are counted.
    absent: by quantity or source why it is not predicted, under "" why nothing is.
    """

    sure: float
    options: str = ""
    among: str = ""
    networks: tuple[Network, ...] = ()
    ranked: dict[str, tuple[int, ...]] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    lines: dict[str, Contours] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
