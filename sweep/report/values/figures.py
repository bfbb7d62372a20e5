"""Figures as frozen values, in SI units: what is drawn, and what it says in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Value
from sweep.report.values.units import Form


@dataclass(frozen=True)
class Axis:
    """One axis of a figure. `form` says how its values are written; unit is SI."""

    title: str
    unit: str
    form: Form
    log: bool = False


@dataclass(frozen=True)
class Dot:
    """A point in a figure: x and y are in the axes' SI units, `hover` what is told of it.
    small: where there are many.
    """

    label: str
    alpha: float
    resolution: int
    x: Estimate
    y: Estimate
    hover: tuple[str, ...]
    small: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Mark(Dot):
    """One that lies on a frontier, or is dominated by another. front_share: in how many tables that
    might as well have come out it is on it; None where nobody knows.
    """

    dominated_by: str
    front_share: float | None = None

    @property
    def on_front(self) -> bool:
        return not self.dominated_by


@dataclass(frozen=True)
class _Drawn:
    """`summary` says in words what it shows, `absent` why it shows nothing (else empty); covers:
    what the intervals of measured accuracies are about, "of the test images alone".
    """

    title: str
    summary: str
    absent: str
    covers: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Figure(_Drawn):
    """Accuracy against one quantity; of one source, measured or published. `front` is the
    frontier from the cheapest point on, as (x, y).
    """

    of: Quantity
    source: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    front: tuple[tuple[float, float], ...]
    paper: tuple[Dot, ...]

    @property
    def name(self) -> str:
        """What the page and files call it, whatever its source."""
        return self.of.name


@dataclass(frozen=True)
class Curve:
    """A frontier among a scatter's points: its corners as (x, y), from the left. dash: "solid",
    "dash" or "dot".
    """

    name: str
    points: tuple[tuple[float, float], ...]
    dash: str


@dataclass(frozen=True)
class Scatter(_Drawn):
    """Points against two quantities. `line` is a line's ends as (x, y), empty where there is none,
    and line_name what it is; `curves` are frontiers; `finding` says what it shows with its figures,
    `summary` lists the points.
    """

    name: str
    x: Axis
    y: Axis
    dots: tuple[Dot, ...]
    line: tuple[tuple[float, float], ...]
    finding: str
    line_name: str = field(default="", kw_only=True)
    curves: tuple[Curve, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Contours:
    """A quantity between the grid's points: `values[i][j]` is of alphas[i] and resolutions[j], None
    where it is not known.
    """

    alphas: tuple[float, ...]
    resolutions: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class HeatMap(_Drawn):
    """A quantity over alpha and resolution: `cells[i][j]` is of alphas[i] and resolutions[j], both
    rising. `contours`, where there are any, are of the mult-adds behind, and `predicted` of its own
    quantity, measured nowhere between the cells.
    """

    name: str
    form: Form
    alphas: tuple[float, ...]
    resolutions: tuple[int, ...]
    cells: tuple[tuple[Value, ...], ...]
    contours: Contours | None
    predicted: Contours | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Key:
    """What colours and symbols stand for, in order."""

    resolutions: tuple[int, ...]
    alphas: tuple[float, ...]
