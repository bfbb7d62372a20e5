"""A card for each point: every figure, where it stands, its layers and its training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.maths.replicates import FRONTIER_DRAWS
from sweep.metrics import PER_LAYER, TOP1, TOP5, metric_of
from sweep.paper.layers import layers_of
from sweep.paper.networks import FAMILY
from sweep.report.content import figures
from sweep.report.content.axes import number, quantities
from sweep.report.content.certainty import ONCE, covers, guessing, on_frontier
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated, evidence_of
from sweep.report.content.figures import MEASURED, label
from sweep.report.content.headline import at_chance, main
from sweep.report.content.layers import layers_table
from sweep.report.content.point_rows import (
    Place,
    Reasons,
    Row,
    accuracy_title,
    place,
    set_apart,
)
from sweep.report.content.training_curves import curves_of, in_words, why_none
from sweep.report.values.figures import Figure, Mark
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Value
from sweep.report.values.units import SPACE, formatted, percent
from sweep.report.values.view import Card, Quoted
from sweep.results.points import end_of
from sweep.results.schema import conditions_of
from sweep.results.writing import NETWORKS
from sweep.types import Better, Form, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

MOST_CARDS = 60
UNPUBLISHED = "not published for this network"
Which = tuple[str, int | None, str]  # metric, batch, variant


def cards(results: Results, drawn: tuple[Figure, ...] | None = None) -> tuple[Card, ...]:
    """One card per point, in the points' order; of many points MOST_CARDS, those on a frontier
    first. drawn: the figures of accuracy against each cost, where they are made already.
    """
    points, readings = results.points, results.readings
    rows = points.to_dict(orient="records")
    if not rows:
        return ()
    drawn = figures.figures(results) if drawn is None else drawn
    quote, standing = _Quotes(results, rows), _Standings(drawn, evidence_of(results))
    rows = _carded(rows, drawn)
    layers, curves = layers_of(_of(rows, readings)), curves_of(results.training)
    reasons = Reasons(readings)
    made = []
    for row in rows:
        curve = curves.get(place(row), ())
        made.append(
            Card(
                label=label(row),
                figures=tuple(quote(row)),
                standing=(*_guessing(row), *standing(label(row))),
                layers=layers_table(f"{label(row)}, layer by layer", layers.get(place(row), ())),
                curve=curve,
                curve_summary=in_words(curve) if curve else why_none(row, reasons),
            )
        )
    return tuple(made)


def _guessing(row: Row) -> list[str]:
    names, classes = at_chance([row])
    if not names:
        return []
    return [f"As far as the test images tell, no better than {guessing(classes)}."]


def _of(rows: list[Row], readings: pd.DataFrame) -> pd.DataFrame:
    """The readings of these points, and perhaps of some others."""
    alphas, resolutions = ([row[name] for row in rows] for name in ("alpha", "resolution"))
    return readings.loc[readings["alpha"].isin(alphas) & readings["resolution"].isin(resolutions)]


def _carded(rows: list[Row], drawn: tuple[Figure, ...]) -> list[Row]:
    """Which points have a card: a page with thousands could not be opened."""
    if len(rows) <= MOST_CARDS:
        return rows
    first = main(drawn)
    ahead = {
        mark.label
        for figure in drawn
        for mark in figure.marks
        if mark.on_front and first is not None and figure.source == first.source
    }
    order = sorted(range(len(rows)), key=lambda at: label(rows[at]) not in ahead)
    return [rows[at] for at in sorted(order[:MOST_CARDS])]


class _Quotes:
    """Everything that was read of a point, and what is published of it."""

    def __init__(self, results: Results, rows: list[Row]) -> None:
        self._reasons = Reasons(results.readings)
        self._quantities = quantities(results)
        self._covers = covers(evidence_of(results))
        self._known = {each.metric.name for each in self._quantities}
        self._points = set(results.points.columns)
        self._rows = rows
        self._published = [
            each for each in figures.sources(rows) if not figures.of_the_run(each.name)
        ]
        of_networks = ~results.readings["metric"].isin([each.name for each in PER_LAYER])
        self._readings: dict[Place, dict[Which, Row]] = {}
        for row in results.readings.loc[of_networks].to_dict(orient="records"):
            of_point = self._readings.setdefault(place(row), {})
            key = row["metric"], conditions_of(row)["batch"], row["variant"]
            # Each replicate has a network of its own.
            before = of_point[key]["artefacts"] if key in of_point else ()
            of_point[key] = row | {"artefacts": (*before, *row["artefacts"])}

    def __call__(self, row: Row) -> Iterator[Quoted]:
        """The readings of one measure may share a note: it stands with the first."""
        told: set[str] = set()
        for quoted in self._all(row):
            new = tuple(note for note in quoted.value.notes if note not in told)
            told.update(new)
            yield replace(quoted, value=replace(quoted.value, notes=new))

    def _all(self, row: Row) -> Iterator[Quoted]:
        """Accuracies, with those published; then what was read at each batch size; then readings
        that have no column.
        """
        read = self._readings.get(place(row), {})
        shown: set[Which] = set()
        for of in sorted(self._quantities, key=lambda each: each.batch or 0):
            own = (of.metric.name, of.batch, "")
            shown.add(own)
            # What is no better either way has a line where it was read, and no reason where not.
            if of.metric.better is Better.NEITHER and own not in read:
                continue
            yield from self._quoted(row, of, _notes(read[own]) if own in read else ())
            if of.metric == TOP5:
                yield from self._of_others(row)
        for key, reading in read.items():
            if key not in shown and not (key[0] in self._known and key[1:] == (None, "")):
                yield _without_column(reading)

    def _of_others(self, row: Row) -> Iterator[Quoted]:
        for source in self._published:
            value = number(row[source.column]) if row["family"] == FAMILY else None
            cell = Value(None, reason=UNPUBLISHED) if value is None else Value(value)
            yield Quoted(source.title, cell, TOP1.form)

    def _quoted(self, row: Row, of: Quantity, notes: tuple[str, ...]) -> Iterator[Quoted]:
        """The value with its reading's note, then percentiles where it has some."""
        title = of.title
        if of.metric == TOP1:
            title = accuracy_title(self._rows, of=[row])
        cell = self._reasons.cell(row, of)
        if of.metric in (TOP1, TOP5) and cell.low is not None:
            notes = (f"95{SPACE}% interval {self._covers}", *notes)
        yield Quoted(
            title,
            cell if cell.value is None else replace(cell, notes=notes),
            of.form_of(cell.value),
        )
        for percentile in (5, 95):
            if end_of(of.metric.name, f"p{percentile}") in self._points:
                cell = self._reasons.cell(row, of, end_of(of.column, f"p{percentile}"))
                yield Quoted(f"{title}, {percentile}th percentile", cell, of.metric.form)


def _notes(reading: dict[str, Any]) -> tuple[str, ...]:
    kept = ", ".join(f"{NETWORKS}/{name}" for name in reading["artefacts"])
    return tuple(filter(None, (reading["note"], f"kept as {kept}" if kept else "")))


def _without_column(reading: dict[str, Any]) -> Quoted:
    """A reading that has no column: of how another was taken, or with a label of its measure's."""
    metric = metric_of(reading)
    inside = [words] if (words := set_apart(reading)) else []
    if metric.form is Form.NUMBER and metric.unit != "1":
        inside.append(metric.unit)
    value = number(reading["value"])
    cell = Value(None, reason=reading["reason"])
    if value is not None:
        cell = Value(value, notes=_notes(reading))
    title = f"{metric.title} ({', '.join(inside)})" if inside else metric.title
    return Quoted(title, cell, Quantity(metric, "").form_of(value))


class _Standings:
    """Where a point stands in the figures of the run's main accuracies."""

    def __init__(self, drawn: tuple[Figure, ...], measured: Evidence) -> None:
        first = main(drawn)
        source = None if first is None else first.source
        own = [each for each in drawn if each.source == source and each.marks]
        self._drawn = [each for each in own if not each.of.other]
        self._by = "" if source in (None, MEASURED) else "By published accuracies. "
        self._evidence = BY_INTERVALS if self._by else measured
        self._marks = [{mark.label: mark for mark in figure.marks} for figure in self._drawn]

    def __call__(self, name: str) -> list[str]:
        pairs = [
            (figure, marks, marks[name])
            for figure, marks in zip(self._drawn, self._marks, strict=True)
            if name in marks
        ]
        if not pairs:
            return ["On no frontier: it takes both an accuracy and a cost."]
        ahead = [f"{figure.of.called}{_share(mark)}" for figure, _, mark in pairs if mark.on_front]
        shares = any(mark.front_share is not None for _, _, mark in pairs if mark.on_front)
        told = f", in so many of {FRONTIER_DRAWS:,} bootstrap replicates" if shares else ""
        beaten = [
            _beaten(figure, mark, marks[mark.dominated_by], self._evidence)
            for figure, marks, mark in pairs
            if not mark.on_front
        ]
        placed = {figure.name for figure, _, _ in pairs}
        unplaced = [figure.of.called for figure in self._drawn if figure.name not in placed]
        sentences = [f"On the frontier over {listed(ahead)}{told}."] if ahead else []
        sentences += beaten
        if unplaced:
            sentences.append(f"Not placed over {listed(unplaced)}: not read.")
        if self._evidence.once and len(self._marks[0]) > 1:
            sentences.append(f"{ONCE[:1].upper()}{ONCE[1:]}.")
        return [f"{self._by}{sentences[0]}", *sentences[1:]]


def _share(mark: Mark) -> str:
    return "" if mark.front_share is None else f" ({percent(mark.front_share)})"


def _beaten(figure: Figure, mark: Mark, by: Mark, evidence: Evidence) -> str:
    """What beats the point over one cost, with both their figures."""
    accuracies = [formatted(each.y.value, TOP1.form) for each in (by, mark)]
    costs = [figure.of.written(each.x.value) for each in (by, mark)]
    if by.x.value == mark.x.value:
        told = f"{' against '.join(accuracies)}, both at {costs[0]}"
    else:
        told = " against ".join(
            f"{each} at {cost}" for each, cost in zip(accuracies, costs, strict=True)
        )
    near = ""
    if not evidence.once and not evidence.apart(Rated(by.label, by.y), Rated(mark.label, mark.y)):
        share = on_frontier(mark.front_share)
        near = "; not told apart" + (f", and on the frontier {share}" if share else "")
    return f"Over {figure.of.called}, {by.label} beats it: {told}{near}."
