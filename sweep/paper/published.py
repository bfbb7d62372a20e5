"""Published numbers: CSV rows of this folder -> frozen values. README.md names their sources."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

MILLION = 10**6
IMAGENET = "ImageNet"


@dataclass(frozen=True)
class Printed:
    """A number as printed, with its unit: ("4.2", million) or ("70.6", percent)."""

    text: str
    scale: Decimal

    @property
    def value(self) -> float:
        """The number in units: counts, or a share 0..1."""
        return float(Decimal(self.text) * self.scale)

    @property
    def step(self) -> float:
        """One unit of the last printed digit."""
        exponent = Decimal(self.text).as_tuple().exponent
        return float(Decimal(10) ** int(exponent) * self.scale)


@dataclass(frozen=True)
class PaperRow:
    """One printed row of Tables 3-10, 12 or 14. kind is "layer" for the single layers of Table 3,
    "other" for networks that aren't MobileNets. None where the paper prints nothing.
    """

    table: int
    model: str
    kind: str
    alpha: float | None
    resolution: int | None
    dataset: str
    metric: str
    accuracy: Printed | None
    mult_adds: Printed | None
    params: Printed | None
    note: str


@dataclass(frozen=True)
class Shape:
    """A layer in the words of Table 1: "Conv dw / s2", "3 × 3 × 64 dw", "112 × 112 × 64"."""

    type_stride: str
    filter_shape: str
    input_size: str


@dataclass(frozen=True)
class PrintedLayer:
    """One row of Table 1, printed once for `times` layers. `layer` is the first one's name in this
    project, empty where it has none (softmax).
    """

    shape: Shape
    times: int
    layer: str
    note: str


@dataclass(frozen=True)
class LayerTypeShare:
    """One row of Table 2; shares 0..1 of the network's mult-adds and weights."""

    layer_type: str
    mult_adds: Printed
    params: Printed
    mult_adds_note: str
    params_note: str


@dataclass(frozen=True)
class TfSlimRow:
    """One published checkpoint; top1 and top5 are the June 2017 weights' on ImageNet."""

    alpha: float
    resolution: int
    mult_adds: Printed
    top1: Printed
    top5: Printed


@dataclass(frozen=True)
class Trap:
    """Where the published numbers disagree with the network. `text` goes on after `where`.

    tables: where a note tells it beside the number: "1" to "14", "TF-slim", or "counts" for the
    counts side by side.
    """

    where: str
    text: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Published:
    """What is published of one network on ImageNet: counts absolute, shares 0..1.

    top1, mult_adds and params are the paper's (params: weights alone); published_top1 and
    published_top5 TF-slim's of June 2017. None where not printed.
    """

    top1: float | None = None
    mult_adds: int | None = None
    params: int | None = None
    published_top1: float | None = None
    published_top5: float | None = None


def published(kind: str, alpha: float, resolution: int) -> Published:
    """The published numbers of one network; all None for one that nobody printed."""
    # Table 10 prints its mult-adds for the network with 1000 classes, as ImageNet's; its accuracy
    # and parameters are of another task.
    of = (kind, alpha, resolution)
    rows = [
        each
        for each in paper_rows()
        if (each.kind, each.alpha, each.resolution) == of and each.table <= 10
    ]
    own = [each for each in rows if each.dataset == IMAGENET]
    slim = [each for each in tfslim_rows() if ("separable", each.alpha, each.resolution) == of]

    def first(printed: Iterable[Printed | None]) -> float | None:
        return next((each.value for each in printed if each), None)

    mult_adds, params = first(each.mult_adds for each in rows), first(each.params for each in own)
    return Published(
        top1=first(each.accuracy for each in own),
        mult_adds=None if mult_adds is None else round(mult_adds),
        params=None if params is None else round(params),
        published_top1=first(each.top1 for each in slim),
        published_top5=first(each.top5 for each in slim),
    )


@cache
def paper_rows() -> tuple[PaperRow, ...]:
    return tuple(
        PaperRow(
            table=int(row["table"]),
            model=row["model"],
            kind=row["kind"],
            alpha=float(row["alpha"]) if row["alpha"] else None,
            resolution=int(row["resolution"]) if row["resolution"] else None,
            dataset=row["dataset"],
            metric=row["metric"],
            accuracy=_percent(row["value"]) if row["value"] else None,
            mult_adds=_millions(row["mult_adds_m"]) if row["mult_adds_m"] else None,
            params=_millions(row["params_m"]) if row["params_m"] else None,
            note=row["note"],
        )
        for row in rows_of("paper.csv")
    )


@cache
def table_1() -> tuple[PrintedLayer, ...]:
    return tuple(
        PrintedLayer(
            shape=Shape(row["type_stride"], row["filter_shape"], row["input_size"]),
            times=int(row["times"]),
            layer=row["layer"],
            note=row["note"],
        )
        for row in rows_of("paper_table1.csv")
    )


@cache
def table_2() -> tuple[LayerTypeShare, ...]:
    return tuple(
        LayerTypeShare(
            layer_type=row["layer_type"],
            mult_adds=_percent(row["mult_adds_percent"]),
            params=_percent(row["params_percent"]),
            mult_adds_note=row["mult_adds_note"],
            params_note=row["params_note"],
        )
        for row in rows_of("paper_table2.csv")
    )


@cache
def tfslim_rows() -> tuple[TfSlimRow, ...]:
    """The sixteen published checkpoints."""
    return tuple(
        TfSlimRow(
            alpha=float(row["alpha"]),
            resolution=int(row["resolution"]),
            mult_adds=_millions(row["mult_adds_m"]),
            top1=_percent(row["top1_2017_06"]),
            top5=_percent(row["top5_2017_06"]),
        )
        for row in rows_of("tfslim.csv")
    )


@cache
def traps() -> tuple[Trap, ...]:
    return tuple(
        Trap(row["where"], row["text"], tuple(row["tables"].split()))
        for row in rows_of("traps.csv")
    )


def rows_of(name: str) -> Iterator[dict[str, str]]:
    text = files("sweep.paper").joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _millions(text: str) -> Printed:
    return Printed(text, Decimal(MILLION))


def _percent(text: str) -> Printed:
    return Printed(text, Decimal("0.01"))
