"""The tables: one row per point, the four counts, and the paper's tables beside the run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.paper import Quantity, Row
from sweep.report.content.axes import batches, number
from sweep.report.content.figures import label, sizes
from sweep.report.content.point_rows import Reasons
from sweep.report.values.units import Form
from sweep.report.values.view import Column, Compared, ComparedModel, Comparison, Table, Value

if TYPE_CHECKING:
    from sweep.results.store import Results

MOST_ROWS = 300  # of a table: a page with thousands could not be opened
FRONTS = {"on_front_mult_adds": "M", "on_front_params": "P", "on_front_latency": "L"}


@dataclass(frozen=True)
class _Of:
    """A column of numbers. columns: of points.parquet, the interval's after the value's; metric and
    variant: of the readings behind it, where they are not called as the column.
    """

    title: str
    form: Form
    columns: tuple[str, ...]
    metric: str = ""
    variant: str = ""


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
# The paper's own titles.
TITLES = {
    "2": "Table 2. Resource per layer type",
    "3": "Table 3. Resource usage for modifications to standard convolution",
    "4": "Table 4. Depthwise separable against full convolution MobileNet",
    "5": "Table 5. Narrow against shallow MobileNet",
    "6": "Table 6. MobileNet width multiplier",
    "7": "Table 7. MobileNet resolution",
    "8": "Table 8. MobileNet comparison to popular models",
    "9": "Table 9. Smaller MobileNet comparison to popular models",
    "10": "Table 10. MobileNet for Stanford Dogs",
    "12": "Table 12. Face attribute classification using the MobileNet architecture",
    "14": "Table 14. MobileNet distilled from FaceNet",
    "TF-slim": "TF-slim. The sixteen checkpoints published in June 2017",
}
# What the rows of a table are, where they aren't networks.
HEADINGS = {"2": "Type", "3": "Layer"}


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
                *(reasons.cell(row, each.columns, each.metric, each.variant) for each in columns),
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
        variant = f"batch={batch}"
        memory, compiling = (stem.replace("latency", each) for each in ("peak_memory", "compile"))
        of = "" if stem == "latency" else f", batch {batch}"
        interval = (f"{stem}_s", f"{stem}_low_s", f"{stem}_high_s")
        columns += [
            _Of(f"{title}{of}", form, names, metric, variant)
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


def comparisons(rows: tuple[Row, ...]) -> tuple[Comparison, ...]:
    """The paper's tables, one line per model, with numbered notes below."""
    return tuple(
        _comparison(table, tuple(group)) for table, group in groupby(rows, lambda row: row.table)
    )


def _comparison(table: str, rows: tuple[Row, ...]) -> Comparison:
    quantities = tuple(each for each in Quantity if any(row.quantity is each for row in rows))
    notes = list(dict.fromkeys(note for row in rows for note in _notes(row)))
    models = []
    for model, group in groupby(rows, lambda row: row.model):
        cells = {
            row.quantity: Compared(
                row, tuple(sorted(notes.index(note) + 1 for note in _notes(row)))
            )
            for row in group
        }
        models.append(ComparedModel(model, tuple(cells.get(each) for each in quantities)))
    heading = HEADINGS.get(table, "Model")
    return Comparison(table, TITLES[table], heading, quantities, tuple(models), tuple(notes))


def _notes(row: Row) -> tuple[str, ...]:
    return (*row.notes, row.reason) if row.reason else row.notes
