"""What a run found, in sentences made from its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sweep.metrics import CLASSES, TOP1
from sweep.paper import Tau
from sweep.report.content import bearing
from sweep.report.content.axes import number
from sweep.report.content.certainty import (
    BY_ONE,
    NEIGHBOURS,
    ONCE,
    SURE,
    guessing,
    may_be_guessing,
    not_told_apart,
    on_frontier,
)
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated
from sweep.report.content.figures import MEASURED, label, sizes, written
from sweep.report.content.held_back import held_back, worth
from sweep.report.content.own_data import PROXY, on_own_data
from sweep.report.values.figures import Figure, Mark
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import Form, percent, share
from sweep.results.points import end_of
from sweep.types import listed

if TYPE_CHECKING:
    import pandas as pd

    from sweep.results.load import Results

ENOUGH = 0.9  # of the best accuracy: what the headline asks the cheapest point for
Rows = list[dict[str, Any]]


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


def title(points: pd.DataFrame, drawn: tuple[Figure, ...], measured: Evidence) -> str:
    """What a reader should take home from a run of these points, in one sentence."""
    figure = main(drawn)
    if figure is None:
        return f"{_networks(len(points))}, none with an accuracy, measured or published"
    rows = points.to_dict(orient="records")
    if figure.source == MEASURED and len(at_chance(rows)[0]) == len(figure.marks):
        return f"{_networks(len(figure.marks))}, none of them better than guessing yet"
    by = _evidence(figure, measured)
    told = _as_read(figure) if _is_as_read(figure, by) else _surely(figure, by)
    return f"{told} ({ONCE})" if by.once and len(figure.marks) > 1 else told


def _as_read(figure: Figure) -> str:
    """Of published accuracies, and of what nothing is sure of."""
    best, enough = _best(figure.marks), _cheapest_enough(figure.marks)
    published = "" if figure.source == MEASURED else "published "
    if enough is not best:
        return (
            f"{enough.label} gives {percent(_ratio(enough.y, best.y))} of the best "
            f"{published}accuracy at {percent(_ratio(enough.x, best.x))} of its {figure.of.called}"
        )
    if len(figure.marks) == 1:
        return f"{best.label} reaches {written(best.y, Form.SHARE)} {published}top-1"
    if _is_cheapest(best, figure):
        return f"{best.label} is the most accurate and the cheapest"
    return f"Nothing cheaper than {best.label} gives {percent(ENOUGH)} of its {published}accuracy"


def _surely(figure: Figure, by: Evidence) -> str:
    """What other trainings and other test images would not overturn."""
    best, enough = _best(figure.marks), _cheapest_enough(figure.marks, by)
    near = listed(by.not_apart(_rated(best), map(_rated, figure.marks)), NEIGHBOURS)
    if enough is not best:
        told = (
            f"{enough.label} gives at least {percent(ENOUGH)} of the best accuracy at "
            f"{percent(_ratio(enough.x, best.x))} of its {figure.of.called}"
        )
        return f"{told}; the best, {best.label}, is not told apart from {near}" if near else told
    if len(figure.marks) == 1:
        return f"{best.label} reaches {written(best.y, Form.SHARE)} top-1"
    if _is_cheapest(best, figure):
        if near:
            return f"No network is surely more accurate than {best.label}, the cheapest"
        return f"{best.label} is the most accurate and the cheapest"
    told = f"Nothing cheaper than {best.label} surely gives {percent(ENOUGH)} of its accuracy"
    return f"{told}, and it is not told apart from {near}" if near else told


def findings(
    results: Results, drawn: tuple[Figure, ...], tau: Tau, measured: Evidence
) -> tuple[str, ...]:
    """The answer in a few sentences, each with its figures."""
    sentences = [_swept(results)]
    figure = main(drawn)
    rows = results.points.to_dict(orient="records")
    chance, classes = at_chance(rows)
    if figure is not None and figure.source == MEASURED and len(chance) == len(figure.marks):
        points = "The one point is" if len(chance) == 1 else f"All {len(chance)} points are"
        return (
            *sentences,
            f"{points} no better than {guessing(classes)}, as far as the test images tell: "
            "which is best, and what is on a frontier, is chance.",
            *bearing.on_findings(results),
        )
    if figure is not None:
        by = _evidence(figure, measured)
        sentences += [
            *_best_and_enough(rows, drawn, figure, by),
            *(_how_sure(figure, results, by) if figure.source == MEASURED else ()),
        ]
        if len(figure.marks) > 1:
            sentences += [
                _on_frontiers(tuple(each for each in drawn if each.source == figure.source), by),
                _dominated(figure, by),
            ]
    if tau.value is None and on_own_data(results.points):
        pass  # nobody expects one of their own images
    elif tau.value is None:
        sentences.append(f"Agreement with the published ranking can't be given: {tau.reason}.")
    else:
        ranked = f"Ranked by accuracy, {BY_ONE}" if measured.once else "Ranked by accuracy"
        sentences.append(
            f"{ranked}, {tau.n} points agree with the ranking published for ImageNet "
            f"with a Kendall tau of {tau.value:.2f} (1 is the same order, 0 is chance)."
        )
    return tuple(sentences)


def _swept(results: Results) -> str:
    rows = results.points.to_dict(orient="records")
    if not rows:
        return "The run has no points yet."
    alphas, resolutions = ([row[name] for row in rows] for name in ("alpha", "resolution"))
    ranges = f"alpha {_range(alphas)}, resolution {_range(resolutions)} pixels"
    kinds = Counter(row["kind"] for row in rows)
    of_kinds = f": {listed([f'{n} {kind}' for kind, n in kinds.items()])}" if len(kinds) > 1 else ""
    machine = results.machine
    where = machine.get("device") if machine.get("platform") not in (None, "cpu") else None
    where = where or machine.get("cpu", "an unknown machine")
    cores = f", {machine['cores']} cores" if "cores" in machine else ""
    return f"{_networks(len(rows))}{of_kinds}; {ranges}; on {where}{cores}."


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _networks(n: int) -> str:
    return f"{n} network" if n == 1 else f"{n} networks"


def _best_and_enough(
    rows: Rows, drawn: tuple[Figure, ...], figure: Figure, by: Evidence
) -> list[str]:
    by_label = {label(row): row for row in rows}
    best, enough = _best(figure.marks), _cheapest_enough(figure.marks, by)
    dataset = by_label[best.label]["dataset"]
    of = f"top-1 on {dataset}" + (", a proxy for ImageNet" if dataset == PROXY else "")
    of = ", ".join(filter(None, (of, sizes([by_label[best.label]]))))
    if figure.source != MEASURED:
        of = f"{figure.y.title[:1].lower()}{figure.y.title[1:]}; this run has measured none"
    most = f"The most accurate, {BY_ONE}," if by.once else "The most accurate"
    told = f"{best.label}: {written(best.y, Form.SHARE)} {of}."
    first = [told if len(figure.marks) == 1 else f"{most} is {told}"]
    if figure.source == MEASURED:
        first += worth(best.label, *held_back(by_label[best.label]), len(figure.marks))
    as_read = _is_as_read(figure, by)
    perhaps = [] if as_read else _perhaps_enough(figure, enough)
    if enough is best:
        return [*first, *perhaps]
    this, that = by_label[enough.label], by_label[best.label]
    parts = [
        f"{share(enough.y.value)} against {share(best.y.value)} top-1",
        *(
            f"{of.written(this[of.column])} against {of.written(that[of.column])} {of.called}"
            for of in dict.fromkeys(each.of for each in drawn)
            if of.column == of.metric.name
            and number(this[of.column]) is not None
            and number(that[of.column]) is not None
        ),
    ]
    has = f"{'with' if as_read else 'that surely has'} at least {percent(ENOUGH)} of that"
    return [
        *first,
        f"{enough.label} is the cheapest {has}: {listed(parts)}.",
        *perhaps,
    ]


def _perhaps_enough(figure: Figure, sure: Mark) -> list[str]:
    """The cheapest by the means alone, where it is a cheaper one."""
    other, best = _cheapest_enough(figure.marks), _best(figure.marks)
    if other is sure:
        return []
    return [
        f"{other.label}, which is cheaper, may have at least {percent(ENOUGH)} of it: its "
        f"{percent(_ratio(other.y, best.y))} are not told apart from less."
    ]


def _how_sure(figure: Figure, results: Results, by: Evidence) -> Iterator[str]:
    """What bears on which point is best."""
    best = _rated(_best(figure.marks))
    near = by.not_apart(best, map(_rated, figure.marks))
    if near:
        yield not_told_apart(best.label, near, by)
    yield from bearing.on_findings(results)


def _on_frontiers(drawn: tuple[Figure, ...], by: Evidence) -> str:
    figures = [figure for figure in drawn if figure.marks]
    n = len(figures[0].marks)
    parts = [
        f"{sum(mark.on_front for mark in figure.marks)} "
        + ("" if len(figure.marks) == n else f"of {len(figure.marks)} ")
        + f"over {figure.of.called}"
        + _sure_of(figure)
        for figure in figures
    ]
    points = "1 point" if n == 1 else f"{n} points"
    accuracy = "a measured" if figures[0].source == MEASURED else "a published"
    once = f", {BY_ONE}" if by.once else ""
    known = any(mark.front_share is not None for each in figures for mark in each.marks)
    surely = f" Surely: {on_frontier(SURE)} at least." if known else ""
    told = f"On the frontier{once}, of {points} with {accuracy} accuracy: {listed(parts)}."
    return told + surely


def _sure_of(figure: Figure) -> str:
    """How many of a frontier's points are surely on it."""
    shares = [mark.front_share for mark in figure.marks if mark.on_front]
    known = [each for each in shares if each is not None]
    return f" ({sum(each >= SURE for each in known)} surely)" if known else ""


def _dominated(figure: Figure, by: Evidence) -> str:
    beaten = [mark for mark in figure.marks if mark.dominated_by]
    once = f", {BY_ONE}" if by.once else ""
    if not beaten:
        told = f"Over {figure.of.called} no point is dominated{once}"
        # Of each step up the frontier, or else a dearer point may as well be no better.
        order = sorted(figure.marks, key=lambda mark: mark.y.value)
        sure = all(by.apart(_rated(low), _rated(high)) for low, high in pairwise(order))
        return f"{told}: more cost always buys accuracy." if sure else f"{told}."
    pairs = listed([f"{mark.label} by {mark.dominated_by}" for mark in beaten])
    sentence = f"Dominated over {figure.of.called}{once}: {pairs}."
    by_label = {mark.label: mark for mark in figure.marks}
    ties = [
        mark.label
        for mark in beaten
        if mark.y.has_interval and not by.apart(_rated(mark), _rated(by_label[mark.dominated_by]))
    ]
    if by.once or not ties:
        return sentence
    if len(ties) == len(beaten):
        return f"{sentence} In each pair the accuracies are not told apart."
    return f"{sentence} Not told apart from what dominates them: {listed(ties)}."


def _evidence(figure: Figure, measured: Evidence) -> Evidence:
    return measured if figure.source == MEASURED else BY_INTERVALS


def _is_as_read(figure: Figure, by: Evidence) -> bool:
    """Whether nothing says how sure the accuracies are."""
    return by.once or figure.source != MEASURED


def _rated(mark: Mark) -> Rated:
    return Rated(mark.label, mark.y)


def main(drawn: tuple[Figure, ...]) -> Figure | None:
    """The first figure that has points: measured accuracies over mult-adds, where there are any."""
    return next((figure for figure in drawn if figure.marks), None)


def _best(marks: tuple[Mark, ...]) -> Mark:
    """The most accurate, of equals the cheapest."""
    return max(marks, key=lambda mark: (mark.y.value, -mark.x.value))


def _cheapest_enough(marks: tuple[Mark, ...], by: Evidence | None = None) -> Mark:
    """The cheapest that reaches ENOUGH of the best: by the evidence, else by the means alone."""
    best = _best(marks)
    enough = [
        mark
        for mark in marks
        if mark is best
        or (
            mark.y.value >= ENOUGH * best.y.value
            if by is None
            else by.reaches(_rated(mark), ENOUGH, _rated(best))
        )
    ]
    return min(enough, key=lambda mark: (mark.x.value, -mark.y.value))


def _is_cheapest(one: Mark, figure: Figure) -> bool:
    return one.x.value == min(mark.x.value for mark in figure.marks)


def _ratio(one: Estimate, other: Estimate) -> float:
    return one.value / other.value if other.value else 1.0
