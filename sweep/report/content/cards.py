"""A card for each point: every figure, where it stands, its layers and its training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sweep.metrics import metric_of
from sweep.paper.layers import layers_of
from sweep.paper.networks import FAMILY
from sweep.report.content import bearing, figures
from sweep.report.content.axes import KNOWN, batches, number
from sweep.report.content.figures import MEASURED, label
from sweep.report.content.findings import COSTS, at_chance, main
from sweep.report.content.layers import layers_table
from sweep.report.content.point_rows import (
    NOT_READ,
    Place,
    Reasons,
    Row,
    accuracy_title,
    place,
    titles,
)
from sweep.report.values.figures import Figure, Mark
from sweep.report.values.intervals import overlap
from sweep.report.values.tables import Value
from sweep.report.values.units import Form, plain, share, shown
from sweep.report.values.view import Card, Quoted, Trained
from sweep.results.schema import conditions_of
from sweep.types import condition_words, listed

if TYPE_CHECKING:
    from sweep.results.store import Results

MOST_CARDS = 60
MOST_STEPS = 60  # of a training that a card draws
UNPUBLISHED = "not published for this network"
# Column of points.parquet, its title where no reading gives one, and how it is written.
COUNTS = (
    ("mult_adds", "Mult-adds", Form.EXACT),
    ("mult_adds_traced", "Mult-adds of the traced program", Form.EXACT),
    ("mult_adds_fvcore", "Mult-adds by fvcore", Form.EXACT),
    ("mult_adds_xla", "Half of XLA's flops", Form.EXACT),
    ("weights", "Weights", Form.EXACT),
    ("params", "Trainable parameters", Form.EXACT),
    ("params_with_statistics", "Parameters with running statistics", Form.EXACT),
    ("weight_bytes", "Weight bytes", Form.BYTES),
    ("peak_activation_bytes", "Peak activation bytes", Form.BYTES),
)
ByBatch = dict[tuple[str, int | None], dict[str, Any]]  # (metric, batch) -> reading


def cards(results: Results, drawn: tuple[Figure, ...] | None = None) -> tuple[Card, ...]:
    """One card per point, in the points' order; of many points MOST_CARDS, those on a frontier
    first. drawn: the figures of accuracy against each cost, where they are made already.
    """
    points, readings = results.points, results.readings
    rows = points.to_dict(orient="records")
    if not rows:
        return ()
    drawn = figures.figures(points, readings) if drawn is None else drawn
    quote, standing = _Quotes(results, rows), _Standings(drawn)
    rows = _carded(rows, drawn)
    layers, curves = layers_of(_of(rows, readings)), _curves(results.training)
    reasons = Reasons(readings)
    found = []
    for row in rows:
        curve = curves.get(place(row), ())
        found.append(
            Card(
                label=label(row),
                figures=tuple(quote(row)),
                standing=(*_guessing(row), *standing(label(row))),
                layers=layers_table(f"{label(row)}, layer by layer", layers.get(place(row), ())),
                curve=curve,
                curve_summary=_told(curve) if curve else _no_curve(row, reasons),
            )
        )
    return tuple(found)


def _guessing(row: Row) -> list[str]:
    names, classes = at_chance([row])
    if not names:
        return []
    return [f"As far as the test images tell, no better than {bearing.guessing(classes)}."]


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
        self._titles = titles(results.readings)
        self._batches = batches(results.points)
        self._rows = rows
        self._published = [each for each in figures.sources(rows) if each.name != MEASURED]
        of_networks = ~results.readings["metric"].isin(("layer_mult_adds", "layer_weights"))
        self._readings: dict[Place, ByBatch] = {}
        self._from_outside: dict[Place, list[Row]] = {}
        for row in results.readings.loc[of_networks].to_dict(orient="records"):
            of_point = self._readings.setdefault(place(row), {})
            of_point[row["metric"], conditions_of(row)["batch"]] = row
            if row["metric"] not in KNOWN:
                self._from_outside.setdefault(place(row), []).append(row)

    def __call__(self, row: Row) -> Iterator[Quoted]:
        """The readings of one measure may share a note: it stands with the first."""
        told: set[str] = set()
        for quoted in self._all(row):
            new = tuple(note for note in quoted.value.notes if note not in told)
            told.update(new)
            yield replace(quoted, value=replace(quoted.value, notes=new))

    def _all(self, row: Row) -> Iterator[Quoted]:
        read = self._readings.get(place(row), {})
        yield from self._accuracies(row, read)
        for column, title, form in COUNTS:
            yield self._quoted(row, read, (column,), self._title(column, title), form)
        for batch, stem in self._batches.items():
            yield from self._latencies(row, read, batch, stem)
        yield from map(_from_outside, self._from_outside.get(place(row), []))

    def _accuracies(self, row: Row, read: ByBatch) -> Iterator[Quoted]:
        for metric, title in (
            ("top1", accuracy_title(self._rows, self._titles, of=[row])),
            ("top5", self._title("top5", "Top-5 accuracy")),
        ):
            columns = (metric, f"{metric}_low", f"{metric}_high")
            yield self._quoted(row, read, columns, title, Form.SHARE)
        for metric, title in (
            ("test_images", "Test images"),
            ("left_out_images", "Images left out"),
        ):
            # Sources that leave nothing out have no reading of it.
            if metric == "test_images" or number(row.get(metric)) is not None:
                yield self._quoted(row, read, (metric,), self._title(metric, title), Form.EXACT)
        for source in self._published:
            value = number(row[source.column]) if row["family"] == FAMILY else None
            cell = Value(None, reason=UNPUBLISHED) if value is None else Value(value)
            yield Quoted(source.title, cell, Form.SHARE)

    def _latencies(self, row: Row, read: ByBatch, batch: int, stem: str) -> Iterator[Quoted]:
        end = f", batch {batch}"
        compile_s, peak = (stem.replace("latency", each) for each in ("compile", "peak_memory"))
        latency = f"{self._title('latency_s', 'Latency')}{end}"
        compiling = f"{self._title('compile_s', 'Compile time')}{end}"
        memory = f"{self._title('peak_memory_bytes', 'Peak memory')}{end}"
        interval = (f"{stem}_s", f"{stem}_low_s", f"{stem}_high_s")
        for columns, title, form, metric in (
            (interval, latency, Form.SECONDS, "latency_s"),
            ((f"{stem}_p5_s",), f"{latency}, 5th percentile", Form.SECONDS, "latency_s"),
            ((f"{stem}_p95_s",), f"{latency}, 95th percentile", Form.SECONDS, "latency_s"),
            ((f"{compile_s}_s",), compiling, Form.SECONDS, "compile_s"),
            ((f"{peak}_bytes",), memory, Form.BYTES, "peak_memory_bytes"),
        ):
            yield self._quoted(row, read, columns, title, form, metric, batch)
        reference = read.get(("reference_s", batch))
        if reference is not None:
            yield Quoted(f"{reference['title']}{end}", _cell(reference), Form.SECONDS)

    def _title(self, metric: str, otherwise: str) -> str:
        return self._titles.get(metric, otherwise)

    def _quoted(
        self,
        row: Row,
        read: ByBatch,
        columns: tuple[str, ...],
        title: str,
        form: Form,
        metric: str = "",
        batch: int | None = None,
    ) -> Quoted:
        """A column's value with its reading's note; `metric` is that of the reading, where it is
        not called as the column.
        """
        cell = self._reasons.cell(row, columns, metric, batch)
        reading = read.get((metric or columns[0], batch))
        if cell.value is not None and reading is not None:
            cell = replace(cell, notes=_notes(reading))
        return Quoted(title, cell, form)


def _from_outside(reading: dict[str, Any]) -> Quoted:
    """A metric of a measure that this package doesn't know. Units that are not written with every
    value stand in the title.
    """
    form = metric_of(reading).form
    inside = [words] if (words := condition_words(conditions_of(reading))) else []
    if form is Form.NUMBER:
        inside.append(reading["unit"])
    title = f"{reading['title']} ({', '.join(inside)})" if inside else reading["title"]
    return Quoted(title, _cell(reading), form)


def _cell(reading: dict[str, Any]) -> Value:
    value = number(reading["value"])
    if value is None:
        return Value(None, reason=reading["reason"])
    return Value(value, notes=_notes(reading))


def _notes(reading: dict[str, Any]) -> tuple[str, ...]:
    return (reading["note"],) if reading["note"] else ()


class _Standings:
    """Where a point stands in the figures of the run's main accuracies."""

    def __init__(self, drawn: tuple[Figure, ...]) -> None:
        first = main(drawn)
        source = None if first is None else first.source
        self._drawn = [each for each in drawn if each.source == source and each.marks]
        self._by = "" if source in (None, MEASURED) else "By published accuracies. "
        self._marks = [{mark.label: mark for mark in figure.marks} for figure in self._drawn]

    def __call__(self, name: str) -> list[str]:
        pairs = [
            (figure, marks, marks[name])
            for figure, marks in zip(self._drawn, self._marks, strict=True)
            if name in marks
        ]
        if not pairs:
            return ["On no frontier: it takes both an accuracy and a cost."]
        ahead = [_called(figure) for figure, _, mark in pairs if mark.on_front]
        beaten = [
            _beaten(figure, mark, marks[mark.dominated_by])
            for figure, marks, mark in pairs
            if not mark.on_front
        ]
        placed = {figure.name for figure, _, _ in pairs}
        unplaced = [_called(figure) for figure in self._drawn if figure.name not in placed]
        sentences = [f"On the frontier over {listed(ahead)}."] if ahead else []
        sentences += beaten
        if unplaced:
            sentences.append(f"Not placed over {listed(unplaced)}: not read.")
        return [f"{self._by}{sentences[0]}", *sentences[1:]]


def _called(figure: Figure) -> str:
    """The cost inside a sentence."""
    title = figure.x.title
    return COSTS.get(figure.name, f"{title[:1].lower()}{title[1:]}")


def _beaten(figure: Figure, mark: Mark, by: Mark) -> str:
    """What beats the point over one cost, with both their figures."""
    accuracies, costs = (
        [shown(value, form) for value in pair]
        for pair, form in (
            ((by.y.value, mark.y.value), Form.SHARE),
            ((by.x.value, mark.x.value), figure.x.form),
        )
    )
    if by.x.value == mark.x.value:
        told = f"{' against '.join(accuracies)}, both at {costs[0]}"
    else:
        told = " against ".join(
            f"{each} at {cost}" for each, cost in zip(accuracies, costs, strict=True)
        )
    near = "; the accuracies' 95 % intervals overlap" if overlap(by.y, mark.y) else ""
    return f"Over {_called(figure)}, {by.label} beats it: {told}{near}."


def _curves(training: pd.DataFrame) -> dict[Place, tuple[Trained, ...]]:
    """Every point's training, of the first measure that trained it."""
    rows = training.to_dict(orient="records")
    rows.sort(key=lambda row: (place(row), row["measure"], row["step"]))
    curves: dict[Place, tuple[Trained, ...]] = {}
    for (point, _), group in groupby(rows, key=lambda row: (place(row), row["measure"])):
        curve = _thinned([row for row in group if _finite(row)])
        if curve:
            curves.setdefault(point, curve)
    return curves


def _finite(row: Row) -> bool:
    return bool(np.isfinite(row["loss"]) and np.isfinite(row["accuracy"]))


def _thinned(rows: list[Row]) -> tuple[Trained, ...]:
    """At most MOST_STEPS entries. Each is the mean over the steps since the one before: means of
    what they hold together, weighted by how many steps each row is of.
    """
    if not rows:
        return ()
    # A row at step 0 is of no step before it, but still a value.
    steps = np.maximum(np.diff([row["step"] for row in rows], prepend=0), 1)
    parts = np.array_split(np.arange(len(rows)), min(MOST_STEPS, len(rows)))
    means = {
        name: [
            float(np.average([rows[i][name] for i in part], weights=steps[part])) for part in parts
        ]
        for name in ("loss", "accuracy")
    }
    epochs = [float(rows[part[-1]]["epoch"]) for part in parts]
    return tuple(map(Trained, epochs, means["loss"], means["accuracy"]))


def _told(curve: tuple[Trained, ...]) -> str:
    first, last = curve[0], curve[-1]
    if len(curve) == 1:
        return (
            f"At epoch {plain(last.epoch)} the loss of the training batches was "
            f"{plain(last.loss)}, their accuracy {share(last.accuracy)}."
        )
    return (
        f"From epoch {plain(first.epoch)} to {plain(last.epoch)} the loss of the training batches "
        f"{_went(first.loss, last.loss)} from {plain(first.loss)} to {plain(last.loss)}; their "
        f"accuracy {_went(first.accuracy, last.accuracy)} from {share(first.accuracy)} to "
        f"{share(last.accuracy)}."
    )


def _went(first: float, last: float) -> str:
    return "fell" if last < first else "rose" if last > first else "went"


def _no_curve(row: Row, reasons: Reasons) -> str:
    why = NOT_READ if number(row["top1"]) is not None else reasons.why(row, "top1")
    return f"No training of this point is stored{'' if why == NOT_READ else f': {why}'}."
