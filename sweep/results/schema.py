"""Columns of the stored tables, and how readings and curves become their rows.

Every change here raises SCHEMA_VERSION and is told in CHANGELOG.md; old files stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sweep.metrics import BUILT_IN, metric_of
from sweep.types import CONDITIONS, NUMBERED, Better, Metric, Point, Reading

SCHEMA_VERSION = 4

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
NULLABLE = {"value", "samples", *NUMBERED}  # in any other column an empty cell is damage
_META = {"sweep_schema_version": str(SCHEMA_VERSION)}
READINGS = pa.schema(
    [
        *_POINT_FIELDS,
        ("measure", pa.string()),
        ("metric", pa.string()),
        ("title", pa.string()),
        ("unit", pa.string()),
        ("better", pa.string()),
        ("form", pa.string()),
        ("short", pa.string()),
        ("beside", pa.string()),
        *((name, pa.int64() if name in NUMBERED else pa.string()) for name in CONDITIONS),
        ("value", pa.float64()),
        ("samples", pa.list_(pa.float64())),
        ("reason", pa.string()),
        ("note", pa.string()),
        ("artefacts", pa.list_(pa.string())),
        ("failed", pa.bool_()),
        *_STAMP_FIELDS,
    ],
    metadata=_META,
)
TRAINING = pa.schema(
    [
        *_POINT_FIELDS,
        ("measure", pa.string()),
        ("seed", pa.int64()),
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
# Up to schema 3: a file of its own to schema 2, and derived since.
TRAINING_3 = pa.schema([each for each in TRAINING if each.name != "seed"])
# Of schema 1 and 2, in which `variant` told all that tells readings apart.
_SINCE_3 = {"form", "short", "beside", "artefacts", *CONDITIONS} - {"variant"}
READINGS_2 = pa.schema([each for each in READINGS if each.name not in _SINCE_3])
_VARIANT_2 = re.compile(r"(?s)batch=(?P<batch>\d{1,9})|dataset=(?P<dataset>.*)|layer=(?P<layer>.*)")


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
    return {
        **vars(item.point),
        "measure": measure,
        "metric": item.metric.name,
        "title": item.metric.title,
        "unit": item.metric.unit,
        "better": item.metric.better.value,
        "form": item.metric.form.value,
        "short": item.metric.short,
        "beside": item.metric.beside,
        **item.conditions,
        "value": item.value,
        "samples": list(item.samples),
        "reason": item.reason,
        "note": item.note,
        "artefacts": list(item.artefacts),
        "failed": failed,
        **vars(stamp),
    }


def reading_of(row: Mapping[str, Any]) -> Reading:
    return Reading(
        metric_of(row),
        Point(*(row[name] for name, _ in _POINT_FIELDS)),
        None if row["value"] is None or isnan(row["value"]) else float(row["value"]),
        samples=tuple(float(each) for each in row["samples"]),
        reason=row["reason"],
        note=row["note"],
        artefacts=tuple(map(str, row["artefacts"])),
        **conditions_of(row),
    )


def conditions_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What tells a row's reading from others of its metric and point, as in `Reading`."""
    # pandas makes whole numbers with gaps floating, and the gaps NaN.
    numbers = {name: row[name] for name in NUMBERED}
    missing = {name for name, each in numbers.items() if each is None or isnan(each)}
    whole = {name: None if name in missing else int(each) for name, each in numbers.items()}
    return {name: row[name] for name in CONDITIONS} | whole


def upgraded(table: pa.Table) -> pa.Table:
    """Readings of schema 1 or 2 with today's columns; any other table as it is.

    What such readings don't tell (precision, threads, seed) stays empty, and how a metric is
    written is what its unit suggests, unless it is one of ours.
    """
    if table.schema != READINGS_2:
        return table
    conditions = [_mapped(table["variant"], _conditions_in, name) for name in CONDITIONS]
    added: dict[str, Any] = dict(zip(CONDITIONS, conditions, strict=True))
    timed = pc.call_function("equal", [table["measure"], "latency"])
    xla = pc.call_function("and", [timed, added["batch"].is_valid()])
    added["runtime"] = pc.call_function("if_else", [xla, "xla", ""])
    added["artefacts"] = pa.array([[]] * len(table), READINGS.field("artefacts").type)
    forms = [_mapped(table[name], _form_of[name], "form") for name in ("metric", "unit")]
    added["form"] = pc.call_function("coalesce", forms)
    added |= {"short": table["title"], "beside": pa.array([""] * len(table))}
    columns = [
        added[field.name] if field.name in added else table[field.name] for field in READINGS
    ]
    return pa.Table.from_arrays(columns, schema=READINGS)


def _conditions_in(variant: str) -> dict[str, Any]:
    """What the one text of earlier schemas tells."""
    told = _VARIANT_2.fullmatch(variant)
    named = told.groupdict(default="") if told else {"variant": variant}
    batch = int(named["batch"]) if named.get("batch") else None
    texts = dict.fromkeys(set(CONDITIONS) - set(NUMBERED), "")
    return dict.fromkeys(NUMBERED) | texts | named | {"batch": batch}


_form_of: dict[str, Callable[[str], dict[str, Any]]] = {
    "metric": lambda name: {"form": BUILT_IN[name].form.value if name in BUILT_IN else None},
    "unit": lambda unit: {"form": Metric("", "", unit, Better.NEITHER).form.value},
}


def _mapped(column: pa.ChunkedArray, told: Callable[[str], dict[str, Any]], name: str) -> pa.Array:
    """A new column made of one, each of whose values is looked at once: of many rows few differ."""
    encoded = column.combine_chunks().dictionary_encode()
    values = [told(each)[name] for each in encoded.dictionary.to_pylist()]
    return pa.array(values, READINGS.field(name).type).take(encoded.indices)
