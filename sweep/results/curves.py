"""Curves of training as readings: one for each thing that a curve shows, its places the samples.

So a batch is one table, and a new curve no new column. They are stored among the readings and
handed out apart from them, a row for each place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sweep.results.schema import READINGS, TRAINING, Stamp, reading_row
from sweep.results.soundness import EXACT
from sweep.types import Better, CurvePoint, Metric, Point, Reading

REASON = "a curve: its places are the samples"
PLACE = [field.name for field in fields(CurvePoint) if field.name not in ("point", "seed")]
_PREFIX = "curve:"
_POINT, _STAMP = ([field.name for field in fields(each)] for each in (Point, Stamp))
_OWN = [*_POINT, "measure", "seed", *_STAMP]


def curve_readings(places: Iterable[CurvePoint]) -> Iterator[Reading]:
    """A reading for each thing that the curves of the points and replicates show."""
    of_each: dict[tuple[Point, int | None], list[CurvePoint]] = {}
    for place in places:
        of_each.setdefault((place.point, place.seed), []).append(place)
    for (point, seed), curve in of_each.items():
        for name in PLACE:
            metric = Metric(f"{_PREFIX}{name}", f"Curve of training: {name}", "1", Better.NEITHER)
            samples = tuple(float(getattr(place, name)) for place in curve)
            yield Reading(metric, point, None, samples=samples, reason=REASON, seed=seed)


def as_readings(training: pa.Table) -> pa.Table:
    """Rows of READINGS out of those of TRAINING, as earlier versions stored them. `failed`, so that
    they make no batch a finished one: the readings beside them do.
    """
    curves: dict[tuple[str, Stamp], list[CurvePoint]] = {}
    for row in training.to_pylist():
        point = Point(**{name: row[name] for name in _POINT})
        stamp = Stamp(**{name: row[name] for name in _STAMP})
        place = CurvePoint(point, **{name: row[name] for name in PLACE})
        curves.setdefault((row["measure"], stamp), []).append(place)
    rows = [
        reading_row(reading, measure, stamp, failed=True)
        for (measure, stamp), places in curves.items()
        for reading in curve_readings(places)
    ]
    return pa.Table.from_pylist(rows, READINGS)


def are_curves(readings: pa.Table) -> pa.ChunkedArray:
    """Which of the readings are a curve's: bool[N]."""
    return pc.call_function(
        "starts_with", [readings.column("metric")], pc.MatchSubstringOptions(_PREFIX)
    )


def places_of(curves: pa.Table) -> pa.Table:
    """TRAINING: the places of the curves that such readings are of. Those that are not as this
    version writes them are left out.
    """
    drawn: dict[tuple[Any, ...], dict[str, Sequence[float]]] = {}
    for row in curves.select([*_OWN, "metric", "samples"]).to_pylist():
        own = tuple(row[name] for name in _OWN)
        drawn.setdefault(own, {})[row["metric"].removeprefix(_PREFIX)] = row["samples"] or ()
    columns: dict[str, list[Any]] = {name: [] for name in TRAINING.names}
    for own, curve in drawn.items():
        steps = curve.get("step", ())
        if any(len(curve.get(name, ())) != len(steps) for name in PLACE) or not _count(steps):
            continue
        for name, value in zip(_OWN, own, strict=True):
            columns[name] += [value] * len(steps)
        for name in PLACE:
            columns[name] += map(int, steps) if name == "step" else curve[name]
    return pa.table(columns, TRAINING)


def _count(steps: Sequence[float | None]) -> bool:
    return all(step is not None and 0 <= step < EXACT and step == int(step) for step in steps)
