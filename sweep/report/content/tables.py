"""The tables of the run alone: one row per point, and the counts side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.report.content.axes import batches, number
from sweep.report.content.figures import label, sizes
from sweep.report.content.point_rows import Reasons
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import Form

if TYPE_CHECKING:
    from sweep.results.store import Results

MOST_ROWS = 300  # of a table: a page with thousands could not be opened
FRONTS = {"on_front_mult_adds": "M", "on_front_params": "P", "on_front_latency": "L"}


@dataclass(frozen=True)
class _Of:
    """A column of numbers. columns: of points.parquet, the interval's after the value's; metric and
    batch: of the readings behind it, where they are not called as the column.
    """

    title: str
    form: Form
    columns: tuple[str, ...]
    metric: str = ""
    batch: int | None = None


BEFORE_LATENCY = (
    _Of("Top-1", Form.SHARE, ("top1", "top1_low", "top1_high")),
    _Of("Top-5", Form.SHARE, ("top5",)),
    _Of("Mult-adds", Form.COUNT, ("mult_adds",)),
    _Of("Parameters", Form.COUNT, ("params",)),
)
TRAINED_AT = _Of("Trained", Form.PIXELS, ("trained_resolution",), "top1")
COUNT_COLUMNS = (
    ("Closed form", "mult_adds"),
    ("Traced program", "mult_adds_traced"),
    ("fvcore", "mult_adds_fvcore"),
    ("XLA, half its flops", "mult_adds_xla"),
    ("Weights", "weights"),
    ("Trainable parameters", "params"),
    ("With running statistics", "params_with_statistics"),
)


def points(results: Results) -> Table:
    """One row per point: what was measured, with intervals, and where it is on a frontier. Of very
    many points some, as `_rows` chooses.
    """
    reasons = Reasons(results.readings)
    trained = sizes(results.points.to_dict(orient="records"))
    top1, *rest = BEFORE_LATENCY
    of_size = (TRAINED_AT,) if trained else ()
    columns = (top1, *of_size, *rest, *_latency_columns(results.points))
    return Table(
        title="Every point",
        caption=(
            "Latency is the median. In brackets 95 % intervals: Wilson's for accuracies, a "
            "bootstrap of the median for latencies. Frontier: M over mult-adds, P over parameters, "
            "L over latency."
            + (f" Accuracies are of networks {trained}." if trained else "")
            + _shortened(results.points)
        ),
        columns=(
            Column("Point", Form.TEXT),
            *(Column(each.title, each.form) for each in columns),
            Column("Frontier", Form.TEXT),
        ),
        rows=tuple(
            (
                Value(label(row)),
                *(reasons.cell(row, each.columns, each.metric, each.batch) for each in columns),
                _fronts(row),
            )
            for row in _rows(results.points)
        ),
    )


def _rows(points: pd.DataFrame) -> list[dict[str, Any]]:
    """All points, or of very many MOST_ROWS: those on a frontier first, in their order."""
    if len(points) > MOST_ROWS:
        ahead = [any(flags) for flags in points[list(FRONTS)].itertuples(index=False)]
        order = sorted(range(len(points)), key=lambda at: not ahead[at])
        points = points.iloc[sorted(order[:MOST_ROWS])]
    return points.to_dict(orient="records")


def _shortened(points: pd.DataFrame) -> str:
    if len(points) <= MOST_ROWS:
        return ""
    return (
        f" {MOST_ROWS} of {len(points):,} points stand here, those on a frontier first; "
        "points.parquet has them all."
    )


def _latency_columns(points: pd.DataFrame) -> list[_Of]:
    columns: list[_Of] = []
    for batch, stem in batches(points).items():
        memory, compiling = (stem.replace("latency", each) for each in ("peak_memory", "compile"))
        of = "" if stem == "latency" else f", batch {batch}"
        interval = (f"{stem}_s", f"{stem}_low_s", f"{stem}_high_s")
        columns += [
            _Of(f"{title}{of}", form, names, metric, batch)
            for title, form, names, metric in (
                ("Latency", Form.SECONDS, interval, "latency_s"),
                ("5th percentile", Form.SECONDS, (f"{stem}_p5_s",), "latency_s"),
                ("95th percentile", Form.SECONDS, (f"{stem}_p95_s",), "latency_s"),
                ("Compile", Form.SECONDS, (f"{compiling}_s",), "compile_s"),
                ("Peak memory", Form.BYTES, (f"{memory}_bytes",), "peak_memory_bytes"),
            )
        ]
    return columns


def _fronts(row: dict[str, Any]) -> Value:
    if number(row["top1"]) is None:
        return Value(None, reason="no accuracy")
    return Value(" ".join(name for column, name in FRONTS.items() if row[column]) or "none")


def counts(results: Results) -> Table:
    """The counts side by side: the first three must be the same to the last digit."""
    reasons = Reasons(results.readings)
    xla = results.readings.loc[results.readings["metric"] == "mult_adds_xla", "note"]
    note = next((text for text in xla if text), "")
    return Table(
        title="Counts side by side",
        caption=" ".join(
            each
            for each in (
                "One multiply with its add counts once; bias, batch norm, ReLU and pooling are "
                "left out. The closed form, the walk over the traced program and fvcore are "
                "independent and must agree. Mult-adds are not FLOPs: zoos that quote 1.15 GFLOPs "
                "for 1.0-224 count two per multiply-add.",
                note,
            )
            if each
        )
        + _shortened(results.points),
        columns=(
            Column("Point", Form.TEXT),
            *(Column(title, Form.EXACT) for title, _ in COUNT_COLUMNS),
        ),
        rows=tuple(
            (
                Value(label(row)),
                *(reasons.cell(row, (column,)) for _, column in COUNT_COLUMNS),
            )
            for row in _rows(results.points)
        ),
    )
