"""The one sentence that heads a page, and what it is made from: the most accurate point, and that
which has most of its accuracy at the lowest cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep.metrics import CLASSES, TOP1
from sweep.report.content.axes import number
from sweep.report.content.certainty import NEIGHBOURS, ONCE, may_be_guessing
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated
from sweep.report.content.figures import MEASURED, label, written
from sweep.report.values.figures import Figure, Mark
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import Form, percent
from sweep.results.points import end_of
from sweep.types import listed

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 0.9  # of the best accuracy: what the headline asks the point of the lowest cost for
Rows = list[dict[str, Any]]


def title(points: pd.DataFrame, drawn: tuple[Figure, ...], measured: Evidence) -> str:
    """What a reader should take home from a run of these points, in one sentence."""
    figure = main(drawn)
    if figure is None:
        return f"{networks(len(points))}, none with an accuracy, measured or published"
    rows = points.to_dict(orient="records")
    if figure.source == MEASURED and len(at_chance(rows)[0]) == len(figure.marks):
        return f"{networks(len(figure.marks))}, none of them better than guessing yet"
    by = evidence_for(figure, measured)
    told = _as_read(figure) if is_as_read(figure, by) else _surely(figure, by)
    return f"{told} ({ONCE})" if by.once and len(figure.marks) > 1 else told


def _as_read(figure: Figure) -> str:
    """Of published accuracies, and of what nothing is sure of."""
    best, enough = best_of(figure.marks), lowest_enough(figure.marks)
    published = "" if figure.source == MEASURED else "published "
    if enough is not best:
        return (
            f"{enough.label} gives {percent(ratio(enough.y, best.y))} of the best "
            f"{published}accuracy at {percent(ratio(enough.x, best.x))} of its {figure.of.called}"
        )
    if len(figure.marks) == 1:
        return f"{best.label} reaches {written(best.y, Form.SHARE)} {published}top-1"
    if _is_lowest(best, figure):
        return f"{best.label} is the most accurate and {lowest(figure)}"
    return (
        f"Nothing lower in {figure.of.called} than {best.label} gives {percent(ENOUGH)} of its "
        f"{published}accuracy"
    )


def _surely(figure: Figure, by: Evidence) -> str:
    """What other trainings and other test images would not overturn."""
    best, enough = best_of(figure.marks), lowest_enough(figure.marks, by)
    near = listed(by.not_apart(rated(best), map(rated, figure.marks)), NEIGHBOURS)
    if enough is not best:
        told = (
            f"{enough.label} gives at least {percent(ENOUGH)} of the best accuracy at "
            f"{percent(ratio(enough.x, best.x))} of its {figure.of.called}"
        )
        return f"{told}; the best, {best.label}, is not told apart from {near}" if near else told
    if len(figure.marks) == 1:
        return f"{best.label} reaches {written(best.y, Form.SHARE)} top-1"
    if _is_lowest(best, figure):
        if near:
            return f"No network is surely more accurate than {best.label}, {lowest(figure)}"
        return f"{best.label} is the most accurate and {lowest(figure)}"
    told = (
        f"Nothing lower in {figure.of.called} than {best.label} surely gives {percent(ENOUGH)} of "
        "its accuracy"
    )
    return f"{told}, and it is not told apart from {near}" if near else told


def networks(n: int) -> str:
    return f"{n} network" if n == 1 else f"{n} networks"


def at_chance(rows: Rows) -> tuple[list[str], int]:
    """The points whose accuracy may as well be that of guessing, and the number of classes."""
    known = [
        row for row in rows if number(row.get(CLASSES.name)) and number(row[TOP1.name]) is not None
    ]
    guessing = [
        label(row) for row in known if may_be_guessing(_top1(row), number(row[CLASSES.name]))
    ]
    return guessing, int(known[0][CLASSES.name]) if known else 0


def _top1(row: dict[str, Any]) -> Estimate:
    low, high = (number(row[end_of(TOP1.name, end)]) for end in ("low", "high"))
    return Estimate(float(row[TOP1.name]), low, high)


def evidence_for(figure: Figure, measured: Evidence) -> Evidence:
    return measured if figure.source == MEASURED else BY_INTERVALS


def is_as_read(figure: Figure, by: Evidence) -> bool:
    """Whether nothing says how sure the accuracies are."""
    return by.once or figure.source != MEASURED


def rated(mark: Mark) -> Rated:
    return Rated(mark.label, mark.y)


def main(drawn: tuple[Figure, ...]) -> Figure | None:
    """The first figure that has points: measured accuracies over mult-adds, where there are any."""
    return next((figure for figure in drawn if figure.marks), None)


def best_of(marks: tuple[Mark, ...]) -> Mark:
    """The most accurate, of equals the lowest in cost."""
    return max(marks, key=lambda mark: (mark.y.value, -mark.x.value))


def lowest_enough(marks: tuple[Mark, ...], by: Evidence | None = None) -> Mark:
    """Of lowest cost, of what reaches ENOUGH of the best: by evidence, else by the means alone."""
    best = best_of(marks)
    enough = [
        mark
        for mark in marks
        if mark is best
        or (
            mark.y.value >= ENOUGH * best.y.value
            if by is None
            else by.reaches(rated(mark), ENOUGH, rated(best))
        )
    ]
    return min(enough, key=lambda mark: (mark.x.value, -mark.y.value))


def lowest(figure: Figure) -> str:
    return f"the lowest in {figure.of.called}"


def _is_lowest(one: Mark, figure: Figure) -> bool:
    return one.x.value == min(mark.x.value for mark in figure.marks)


def ratio(one: Estimate, other: Estimate) -> float:
    return one.value / other.value if other.value else 1.0
