"""What a run found, in sentences made from its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sweep.metrics import CLASSES, TOP1
from sweep.paper import Tau
from sweep.report.content import bearing
from sweep.report.content.axes import number
from sweep.report.content.certainty import guessing, may_be_guessing, not_told_apart
from sweep.report.content.figures import MEASURED, label, sizes, written
from sweep.report.content.held_back import held_back, worth
from sweep.report.values.figures import Figure, Mark
from sweep.report.values.intervals import Estimate, overlap
from sweep.report.values.units import SPACE, Form, percent, share
from sweep.results.points import end_of
from sweep.types import listed

if TYPE_CHECKING:
    import pandas as pd

    from sweep.results.load import Results

PROXY = "photo-patches"
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


def title(points: pd.DataFrame, drawn: tuple[Figure, ...]) -> str:
    """What a reader should take home from a run of these points, in one sentence."""
    figure = main(drawn)
    if figure is None:
        return f"{_networks(len(points))}, none with an accuracy, measured or published"
    rows = points.to_dict(orient="records")
    if figure.source == MEASURED and len(at_chance(rows)[0]) == len(figure.marks):
        return f"{_networks(len(figure.marks))}, none of them better than guessing yet"
    best, enough = _best(figure.marks), _cheapest_enough(figure.marks)
    published = "" if figure.source == MEASURED else "published "
    if enough == best:
        if len(figure.marks) == 1:
            return f"{best.label} reaches {written(best.y, Form.SHARE)} {published}top-1"
        if best.x.value == min(mark.x.value for mark in figure.marks):
            return f"{best.label} is the most accurate and the cheapest"
        return (
            f"Nothing cheaper than {best.label} gives {percent(ENOUGH)} of its {published}accuracy"
        )
    return (
        f"{enough.label} gives {percent(_ratio(enough.y, best.y))} of the best {published}accuracy "
        f"at {percent(_ratio(enough.x, best.x))} of its {figure.of.called}"
    )


def findings(results: Results, drawn: tuple[Figure, ...], tau: Tau) -> tuple[str, ...]:
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
        sentences += [
            *_best_and_enough(rows, drawn, figure),
            *(_how_sure(figure, results) if figure.source == MEASURED else ()),
            _on_frontiers(tuple(each for each in drawn if each.source == figure.source)),
            _dominated(figure),
        ]
    if tau.value is None:
        sentences.append(f"Agreement with the published ranking can't be given: {tau.reason}.")
    else:
        sentences.append(
            f"Ranked by accuracy, {tau.n} points agree with the ranking published for ImageNet "
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


def _best_and_enough(rows: Rows, drawn: tuple[Figure, ...], figure: Figure) -> list[str]:
    by_label = {label(row): row for row in rows}
    best, enough = _best(figure.marks), _cheapest_enough(figure.marks)
    dataset = by_label[best.label]["dataset"]
    of = f"top-1 on {dataset}" + (", a proxy for ImageNet" if dataset == PROXY else "")
    of = ", ".join(filter(None, (of, sizes([by_label[best.label]]))))
    if figure.source != MEASURED:
        of = f"{figure.y.title[:1].lower()}{figure.y.title[1:]}; this run has measured none"
    first = [f"The most accurate is {best.label}: {written(best.y, Form.SHARE)} {of}."]
    if figure.source == MEASURED:
        first += worth(best.label, *held_back(by_label[best.label]), len(figure.marks))
    if enough == best:
        return first
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
    return [
        *first,
        f"{enough.label} is the cheapest with at least {percent(ENOUGH)} of that: {listed(parts)}.",
    ]


def _how_sure(figure: Figure, results: Results) -> Iterator[str]:
    """What bears on which point is best."""
    best = _best(figure.marks)
    near = [mark.label for mark in figure.marks if mark is not best and overlap(mark.y, best.y)]
    if near and best.y.low is not None:
        yield not_told_apart(best.label, near)
    yield from bearing.on_findings(results)


def _on_frontiers(drawn: tuple[Figure, ...]) -> str:
    figures = [figure for figure in drawn if figure.marks]
    n = len(figures[0].marks)
    parts = [
        f"{sum(mark.on_front for mark in figure.marks)} "
        + ("" if len(figure.marks) == n else f"of {len(figure.marks)} ")
        + f"over {figure.of.called}"
        for figure in figures
    ]
    points = "1 point" if n == 1 else f"{n} points"
    accuracy = "a measured" if figures[0].source == MEASURED else "a published"
    return f"On the frontier, of {points} with {accuracy} accuracy: {listed(parts)}."


def _dominated(figure: Figure) -> str:
    beaten = [mark for mark in figure.marks if mark.dominated_by]
    if not beaten:
        return f"Over {figure.of.called} no point is dominated: more cost always buys accuracy."
    pairs = listed([f"{mark.label} by {mark.dominated_by}" for mark in beaten])
    by_label = {mark.label: mark for mark in figure.marks}
    ties = [
        mark.label
        for mark in beaten
        if mark.y.low is not None and overlap(mark.y, by_label[mark.dominated_by].y)
    ]
    sentence = f"Dominated over {figure.of.called}: {pairs}."
    if len(ties) == len(beaten):
        pairs = f"In each pair the accuracies' 95{SPACE}% intervals overlap: near a tie."
        return f"{sentence} {pairs}"
    if ties:
        return f"{sentence} Near a tie, their 95{SPACE}% intervals overlapping: {listed(ties)}."
    return sentence


def main(drawn: tuple[Figure, ...]) -> Figure | None:
    """The first figure that has points: measured accuracies over mult-adds, where there are any."""
    return next((figure for figure in drawn if figure.marks), None)


def _best(marks: tuple[Mark, ...]) -> Mark:
    """The most accurate, of equals the cheapest."""
    return max(marks, key=lambda mark: (mark.y.value, -mark.x.value))


def _cheapest_enough(marks: tuple[Mark, ...]) -> Mark:
    least = ENOUGH * _best(marks).y.value
    enough = [mark for mark in marks if mark.y.value >= least]
    return min(enough, key=lambda mark: (mark.x.value, -mark.y.value))


def _ratio(one: Estimate, other: Estimate) -> float:
    return one.value / other.value if other.value else 1.0
