"""Rows of points.parquet -> what a budget is held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sweep.metrics import CLASSES
from sweep.report.content.axes import estimate, number
from sweep.report.content.figures import MEASURED, label, sizes, sources
from sweep.report.content.held_back import held_back
from sweep.report.values.quantity import Quantity
from sweep.report.values.view import Candidate
from sweep.results.points import end_of

if TYPE_CHECKING:
    import pandas as pd

# Whose accuracies rank the points; inside a sentence, after "accuracy".
CALLED = {
    MEASURED: "measured by this run",
    "tfslim": "published for ImageNet (TF-slim, June 2017)",
    "paper": "printed in the paper for ImageNet",
}


def candidates(points: pd.DataFrame, quantities: Iterable[Quantity]) -> tuple[Candidate, ...]:
    """One for each row, in their order, with all of `quantities` that it was read in; SI units,
    accuracies 0..1.
    """
    rows = points.to_dict(orient="records")
    costs = tuple(quantities)
    columns = {
        each.name: (each.column, *(end_of(each.column, end) for end in ("low", "high")))
        for each in (sources(rows) if rows else ())
    }
    return tuple(_candidate(row, costs, columns) for row in rows)


def _candidate(
    row: dict[str, Any], costs: Sequence[Quantity], columns: dict[str, tuple[str, ...]]
) -> Candidate:
    classes = number(row.get(CLASSES.name))
    beside, images = held_back(row)
    return Candidate(
        label=label(row),
        accuracies=tuple(
            (source, accuracy)
            for source, of_source in columns.items()
            if (accuracy := estimate(row, of_source)) is not None
        ),
        costs=tuple(
            (each.name, value)
            for each in costs
            if (value := number(row.get(each.column))) is not None
        ),
        sizes=sizes([row]),
        classes=None if classes is None else int(classes),
        held_back=beside,
        held_back_images=images,
        spreads=tuple(
            (each.name, (low, high))
            for each in costs
            if (low := number(row.get(each.low))) is not None
            and (high := number(row.get(each.high))) is not None
        ),
    )
