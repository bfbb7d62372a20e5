"""Columns of the stored tables, and how readings and curves become their rows.

Every change here raises SCHEMA_VERSION and is told in CHANGELOG.md; old files stay readable.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isnan
from typing import Any

import pyarrow as pa

from sweep.metrics import metric_of
from sweep.types import CurvePoint, Point, Reading

SCHEMA_VERSION = 2

_POINT_FIELDS = [
    ("family", pa.string()),
    ("kind", pa.string()),
    ("alpha", pa.float64()),
    ("rho", pa.float64()),
    ("resolution", pa.int64()),
]
_STAMP_FIELDS = [
    ("settings_hash", pa.string()),
    ("machine_id", pa.string()),
    ("commit", pa.string()),
    ("versions", pa.string()),
    ("time", pa.string()),
]
_META = {"sweep_schema_version": str(SCHEMA_VERSION)}
READINGS = pa.schema(
    [
        *_POINT_FIELDS,
        ("measure", pa.string()),
        ("metric", pa.string()),
        ("title", pa.string()),
        ("unit", pa.string()),
        ("better", pa.string()),
        ("variant", pa.string()),
        ("value", pa.float64()),
        ("samples", pa.list_(pa.float64())),
        ("reason", pa.string()),
        ("note", pa.string()),
        ("failed", pa.bool_()),
        *_STAMP_FIELDS,
    ],
    metadata=_META,
)
TRAINING = pa.schema(
    [
        *_POINT_FIELDS,
        ("measure", pa.string()),
        ("step", pa.int64()),
        ("epoch", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
        ("learning_rate", pa.float64()),
        ("seconds", pa.float64()),
        *_STAMP_FIELDS,
    ],
    metadata=_META,
)


@dataclass(frozen=True)
class Stamp:
    """What a batch of readings was taken under. machine_id is empty where they hold on any
    machine; versions is JSON, time ISO 8601 in UTC.
    """

    settings_hash: str
    machine_id: str
    commit: str
    versions: str
    time: str


def reading_row(item: Reading, measure: str, stamp: Stamp, failed: bool) -> dict[str, Any]:
    """A row of READINGS."""
    return {
        **vars(item.point),
        "measure": measure,
        "metric": item.metric.name,
        "title": item.metric.title,
        "unit": item.metric.unit,
        "better": item.metric.better.value,
        "variant": item.variant,
        "value": item.value,
        "samples": list(item.samples),
        "reason": item.reason,
        "note": item.note,
        "failed": failed,
        **vars(stamp),
    }


def reading_of(row: dict[str, Any]) -> Reading:
    """The reading that a row of READINGS is of."""
    point = Point(*(row[name] for name, _ in _POINT_FIELDS))
    samples = tuple(float(each) for each in row["samples"])
    value = None if row["value"] is None or isnan(row["value"]) else float(row["value"])
    return Reading(
        metric_of(row), point, value, row["variant"], samples, row["reason"], row["note"]
    )


def curve_row(item: CurvePoint, measure: str, stamp: Stamp) -> dict[str, Any]:
    """A row of TRAINING."""
    own = {field.name: getattr(item, field.name) for field in fields(item) if field.name != "point"}
    return {**vars(item.point), "measure": measure, **own, **vars(stamp)}
