"""What a page shows of several runs side by side, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.report.values.figures import Axis, Mark
from sweep.report.values.tables import Table


@dataclass(frozen=True)
class Series:
    """One run's points over a cost, and its own frontier from the cheapest on, as (x, y). run: its
    place among the runs.
    """

    run: int
    marks: tuple[Mark, ...]
    front: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Overlay:
    """The frontiers of all runs that have such a cost and such accuracies. beware: why they may not
    be compared, or only with care; `summary` says in words what is drawn, `absent` why nothing is.
    """

    cost: str
    source: str
    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    beware: tuple[str, ...]
    summary: str
    absent: str


@dataclass(frozen=True)
class Together:
    """costs, sources: (name, title), to be chosen from. about: what each run is of, and settings
    that differ; ranks: how alike pairs of runs rank their points; points: all figures.
    """

    title: str
    runs: tuple[str, ...]
    costs: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    overlays: tuple[Overlay, ...]
    cautions: tuple[str, ...]
    about: Table
    ranks: Table | None
    points: Table
    command: str
