"""What a run found, in sentences made from its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from sweep.paper import Tau
from sweep.report.content import bearing
from sweep.report.content.axes import Quantity, number
from sweep.report.content.certainty import (
    BY_ONE,
    NEIGHBOURS,
    SURE,
    guessing,
    not_told_apart,
    on_frontier,
)
from sweep.report.content.evidence import Evidence
from sweep.report.content.figures import MEASURED, label, sizes, written
from sweep.report.content.headline import (
    ENOUGH,
    Rows,
    at_chance,
    best_of,
    evidence_for,
    is_as_read,
    lowest,
    lowest_enough,
    main,
    networks,
    rated,
    ratio,
)
from sweep.report.content.held_back import held_back, worth
from sweep.report.content.own_data import PROXY, on_own_data
from sweep.report.values.figures import Figure, Mark
from sweep.report.values.units import Form, percent, share
from sweep.types import listed

if TYPE_CHECKING:
    from sweep.results.load import Results


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
        by = evidence_for(figure, measured)
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
    return f"{networks(len(rows))}{of_kinds}; {ranges}; on {where}{cores}."


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _best_and_enough(
    rows: Rows, drawn: tuple[Figure, ...], figure: Figure, by: Evidence
) -> list[str]:
    by_label = {label(row): row for row in rows}
    best, enough = best_of(figure.marks), lowest_enough(figure.marks, by)
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
    as_read = is_as_read(figure, by)
    perhaps = [] if as_read else _perhaps_enough(figure, enough)
    if enough is best:
        return [*first, *perhaps]
    this, that = by_label[enough.label], by_label[best.label]
    costs = [
        of
        for of in dict.fromkeys(each.of for each in drawn)
        if of.column == of.metric.name
        and number(this[of.column]) is not None
        and number(that[of.column]) is not None
    ]
    parts = [
        f"{share(enough.y.value)} against {share(best.y.value)} top-1",
        *(
            f"{of.written(this[of.column])} against {of.written(that[of.column])} {of.called}"
            for of in costs
        ),
    ]
    has = f"{'with' if as_read else 'that surely have'} at least {percent(ENOUGH)} of that"
    return [
        *first,
        f"Of those {has}, {enough.label} is {lowest(figure)}: {listed(parts)}.",
        *_better_otherwise(by_label, figure, enough, costs),
        *perhaps,
    ]


def _better_otherwise(
    by_label: dict[str, dict[str, Any]], figure: Figure, enough: Mark, costs: list[Quantity]
) -> list[str]:
    """Which points beat one, that is low in the figure's cost alone, in all else."""
    this = by_label[enough.label]
    others = [each for each in costs if each != figure.of]
    better = [
        mark.label
        for mark in figure.marks
        if mark.y.value >= enough.y.value
        and all((number(by_label[mark.label][of.column]) or inf) < this[of.column] for of in others)
    ]
    if len(others) < 2 or not better:
        return []
    verb = "is" if len(better) == 1 else "are"
    of = listed([each.called for each in others])
    return [
        f"{listed(better, NEIGHBOURS)} {verb} no less accurate and lower in {of}, though not in "
        f"{figure.of.called}."
    ]


def _perhaps_enough(figure: Figure, sure: Mark) -> list[str]:
    """The lowest by the means alone, where it is a lower one."""
    other, best = lowest_enough(figure.marks), best_of(figure.marks)
    if other is sure:
        return []
    return [
        f"{other.label}, which is lower in {figure.of.called}, may have at least "
        f"{percent(ENOUGH)} of it: its {percent(ratio(other.y, best.y))} are not told apart from "
        "less."
    ]


def _how_sure(figure: Figure, results: Results, by: Evidence) -> Iterator[str]:
    """What bears on which point is best."""
    best = rated(best_of(figure.marks))
    near = by.not_apart(best, map(rated, figure.marks))
    if near:
        yield not_told_apart(best.label, near, by)
    yield from bearing.on_findings(results)


def _on_frontiers(drawn: tuple[Figure, ...], by: Evidence) -> str:
    # Of several runtimes the primary one: each has a figure of its own.
    figures = [figure for figure in drawn if figure.marks and not figure.of.other]
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
        sure = all(by.apart(rated(low), rated(high)) for low, high in pairwise(order))
        return f"{told}: more cost always buys accuracy." if sure else f"{told}."
    pairs = listed([f"{mark.label} by {mark.dominated_by}" for mark in beaten])
    sentence = f"Dominated over {figure.of.called}{once}: {pairs}."
    by_label = {mark.label: mark for mark in figure.marks}
    ties = [
        mark.label
        for mark in beaten
        if mark.y.has_interval and not by.apart(rated(mark), rated(by_label[mark.dominated_by]))
    ]
    if by.once or not ties:
        return sentence
    if len(ties) == len(beaten):
        return f"{sentence} In each pair the accuracies are not told apart."
    return f"{sentence} Not told apart from what dominates them: {listed(ties)}."
