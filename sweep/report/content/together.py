"""Several runs side by side: devices, data sets, runtimes, recipes. Each keeps its own frontier: of
points of two runs nobody has the choice. What may not be compared is said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sweep.metrics import LATENCY
from sweep.report.content import figures, together_tables
from sweep.report.content.devices import machine_words
from sweep.report.content.difference import machine_of
from sweep.report.content.evidence import evidence_of
from sweep.report.content.figures import MEASURED
from sweep.report.content.sides import Side, named_sides
from sweep.report.values.figures import Axis, Figure
from sweep.report.values.quantity import Quantity
from sweep.report.values.together import Overlay, Series, Together
from sweep.types import SettingsError, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

MOST = 6  # runs
OWN_IMAGES = "Measured, each run on its own images"


def together(runs: Sequence[Results]) -> Together:
    """Of two to MOST runs. Raises SettingsError for one that is there twice, and for any other
    number of them.
    """
    _check(runs)
    known = named_sides(runs)
    costs, sources = _costs(known), _sources(known)
    folders = " ".join(shlex.quote(str(each.path)) for each in runs)
    return Together(
        title=f"{len(runs)} runs side by side: {listed([each.name for each in known])}",
        runs=tuple(each.name for each in known),
        costs=tuple(costs.items()),
        sources=tuple(sources.items()),
        overlays=tuple(
            _overlay(known, cost, source, costs[cost], sources[source])
            for source in sources
            for cost in costs
        ),
        cautions=tuple(_cautions(known)),
        about=together_tables.about(known),
        ranks=together_tables.ranks(known),
        points=together_tables.points(known),
        command=f"python -m sweep report {folders} --to FILE",
    )


def _check(runs: Sequence[Results]) -> None:
    if not 2 <= len(runs) <= MOST:
        raise SettingsError(f"{len(runs)} runs: 2 to {MOST} stand side by side")
    paths = [each.path.resolve() for each in runs]
    twice = next((each for each in paths if paths.count(each) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice}: is given twice")


def _costs(sides: Sequence[Side]) -> dict[str, str]:
    """Name -> title of all that is drawn against. One that another name has the same figures of is
    left out.
    """
    found: dict[str, str] = {}
    seen = set()
    for name in dict.fromkeys(cost for side in sides for _, cost in side.figures):
        own = [_figure(side, name) for side in sides]
        shown = tuple(each and each.of.column for each in own)
        if shown not in seen:
            seen.add(shown)
            found[name] = _title([each.of for each in own if each])
    return found


def _figure(side: Side, cost: str) -> Figure | None:
    return next((each for (_, name), each in side.figures.items() if name == cost), None)


def _title(of: Sequence[Quantity]) -> str:
    """The longest is that of a run which has to tell several apart; where runs disagree, none."""
    titles = {each.title for each in of}
    plain = {each.metric.title + each.suffix for each in of}
    several = len({each.by for each in of if each.by}) > 1
    return min(plain, key=len) if several else max(titles, key=len)


def _sources(sides: Sequence[Side]) -> dict[str, str]:
    """Name -> title of the accuracies that any run has."""
    found: dict[str, set[str]] = {}
    for side in sides:
        for name, title in figures.choices(side.results.points):
            found.setdefault(name, set()).add(title)
    return {
        name: OWN_IMAGES if name == MEASURED and len(titles) > 1 else next(iter(sorted(titles)))
        for name, titles in found.items()
    }


def _overlay(
    sides: Sequence[Side], cost: str, source: str, cost_title: str, source_title: str
) -> Overlay:
    drawn = [
        (place, side, figure)
        for place, side in enumerate(sides)
        if (figure := side.figures.get((source, cost))) is not None and figure.marks
    ]
    first = next(figure for side in sides if (figure := _figure(side, cost)) is not None)
    titles = {figure.y.title for _, _, figure in drawn}
    missing = [side.name for side in sides if side.name not in {each.name for _, each, _ in drawn}]
    beware = list(_beware([(side, figure) for _, side, figure in drawn]))
    if drawn and missing:
        beware.append(f"Without such figures: {listed(missing)}.")
    return Overlay(
        cost=cost,
        source=source,
        title=f"Accuracy against {cost_title[:1].lower()}{cost_title[1:]}",
        x=Axis(cost_title, first.x.unit, first.x.form, log=any(f.x.log for _, _, f in drawn)),
        y=Axis(titles.pop() if len(titles) == 1 else source_title, first.y.unit, first.y.form),
        series=tuple(Series(place, figure.marks, figure.front) for place, _, figure in drawn),
        beware=tuple(beware),
        summary=" ".join(f"{side.name}: {figure.summary}" for _, side, figure in drawn),
        absent="" if drawn else "No run has both such an accuracy and such a cost.",
    )


def _beware(drawn: Sequence[tuple[Side, Figure]]) -> Iterable[str]:
    """Why these frontiers may not be compared, or only with care."""
    if len(drawn) < 2:
        return
    of, source = drawn[0][1].of, drawn[0][1].source
    if of.machine_bound:
        yield from _of_several(
            _machines([side for side, _ in drawn]),
            "Costs are of several machines or versions: {told}. How far these frontiers lie apart "
            "is the machines' doing as much as the networks'.",
        )
    if of.metric == LATENCY or any(figure.of.by for _, figure in drawn):
        yield from _of_several(
            {side.name: figure.of.by or side.deployment for side, figure in drawn},
            "Timed by several runtimes: {told}.",
        )
    if figures.of_the_run(source):
        yield from _of_accuracies([side for side, _ in drawn])


def _of_accuracies(sides: Sequence[Side]) -> Iterable[str]:
    told = _of_several(
        {side.name: side.dataset for side in sides if side.dataset},
        "Accuracies are of several data sets, and their heights may not be compared: {told}.",
    )
    yield from told
    if told:
        return
    if len({side.recipe for side in sides}) > 1:
        yield (
            f"The accuracies of {listed([side.name for side in sides])} are of different settings "
            "or data: what differs may be the recipe's doing, not the networks'."
        )
    once = [side.name for side in sides if evidence_of(side.results).once]
    if once:
        yield f"One training each in {listed(once)}: how points are ranked there may be chance."


def _machines(sides: Sequence[Side]) -> dict[str, str]:
    """In words, with the versions where these alone tell two apart."""
    ids = {side.name: machine_of(side.results) for side in sides}
    words = {side.name: machine_words(side.results.machine) for side in sides}
    enough = len(set(words.values())) == len(set(ids.values()))
    return words if enough else {name: f"{words[name]} ({ids[name]})" for name in ids}


def _of_several(values: Mapping[str, str], sentence: str) -> tuple[str, ...]:
    """The sentence, where runs differ in this; who has which."""
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    if len(groups) < 2:
        return ()
    told = "; ".join(f"{listed(names)}: {value}" for value, names in groups.items())
    return (sentence.format(told=told),)


def _cautions(sides: Sequence[Side]) -> Iterable[str]:
    """Of the runs as a whole."""
    keys = [set(side.rows) for side in sides]
    common = set.intersection(*keys)
    yield f"{len(common)} of {len(set.union(*keys))} points are in every run."
    bound = [each for side in sides for each in side.quantities.values() if each.machine_bound]
    if bound:
        yield from _of_several(
            _machines(sides),
            "The machines or versions differ: {told}.",
        )
    yield from _of_accuracies(sides)
