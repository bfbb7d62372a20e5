"""Rows of points.parquet -> what a budget is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep.report.content.axes import batches, number
from sweep.report.content.figures import label, sizes
from sweep.report.values.intervals import Estimate
from sweep.report.values.view import Candidate

if TYPE_CHECKING:
    import pandas as pd

# Whose accuracies rank the points; inside a sentence, after "accuracy".
MEASURED = "measured"
CALLED = {
    MEASURED: "measured by this run",
    "tfslim": "published for ImageNet (TF-slim, June 2017)",
    "paper": "printed in the paper for ImageNet",
}
# The columns of the accuracies, those of an interval's ends after them.
_COLUMNS = {
    MEASURED: ("top1", "top1_low", "top1_high"),
    "tfslim": ("published_top1",),
    "paper": ("paper_top1",),
}


def candidates(points: pd.DataFrame, *, batch: int = 1) -> tuple[Candidate, ...]:
    """One for each row, in their order; SI units, accuracies 0..1.

    batch: the batch size that the peak memory is of. Latencies are there at every batch size.
    """
    rows = points.to_dict(orient="records")
    stems = batches(points) if rows else {}
    return tuple(_candidate(row, stems, batch) for row in rows)


def _candidate(row: dict[str, Any], stems: dict[int, str], batch: int) -> Candidate:
    latencies = {size: number(row.get(f"{stem}_s")) for size, stem in stems.items()}
    memory = "peak_memory_bytes" if batch == 1 else f"peak_memory_batch{batch}_bytes"
    return Candidate(
        label=label(row),
        accuracies=tuple(
            (source, found)
            for source, columns in _COLUMNS.items()
            if (found := _estimate(row, columns)) is not None
        ),
        mult_adds=number(row.get("mult_adds")),
        params=number(row.get("params")),
        latencies=tuple((size, each) for size, each in latencies.items() if each is not None),
        peak_memory_bytes=number(row.get(memory)),
        sizes=sizes([row]),
        classes=None if number(row.get("classes")) is None else int(row["classes"]),
    )


def _estimate(row: dict[str, Any], columns: tuple[str, ...]) -> Estimate | None:
    value, *interval = (number(row.get(column)) for column in columns)
    return None if value is None else Estimate(value, *interval)
