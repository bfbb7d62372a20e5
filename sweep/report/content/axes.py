"""The metrics of a run as columns of its points: what everything else here is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.metrics import BUILT_IN, HELD_BACK, LATENCY, has_column, metric_of
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.results.deployments import base_of
from sweep.results.points import column_of, end_of
from sweep.types import Better, Metric

if TYPE_CHECKING:
    from sweep.results.load import Results

LOG_FROM = 20.0  # an axis whose values span more than this is logarithmic


def quantities(results: Results) -> tuple[Quantity, ...]:
    """Every metric that has a column, at each batch size that it was read at: our own first, then
    those of measures from outside, and latencies of other devices, in the order of their readings.
    """
    points, readings = results.points, results.readings
    batches = _batches(readings)
    sizes = sorted({batch for of_metric in batches.values() for batch in of_metric})
    several = results.deployments
    others = {each.metric.name for each in several[1:]}
    bound = set(readings.loc[readings["machine_id"] != "", "metric"])
    return tuple(
        Quantity(
            metric,
            column,
            batch,
            low=low if (low := end_of(column, "low")) in points else "",
            high=high if (high := end_of(column, "high")) in points else "",
            machine_bound=metric.name in bound,
            device=results.device if metric == LATENCY else "",
            by=several[0].words if metric == LATENCY and len(several) > 1 else "",
            other=metric.name in others,
        )
        for metric in metrics_of(readings)
        for batch in (sizes if metric.name in batches else (None,))
        if (column := column_of(metric.name, batch)) in points
        or metric.better is not Better.NEITHER
    )


def metrics_of(readings: pd.DataFrame) -> tuple[Metric, ...]:
    """Our own metrics that have a column, each with those of other runtimes behind it, then those
    of measures from outside. Of images held back nothing is told where there are none.
    """
    rows = readings.drop_duplicates("metric").to_dict(orient="records")
    read = {row["metric"]: metric_of(row) for row in rows}
    known = {name: each for name, each in BUILT_IN.items() if each != HELD_BACK} | read
    own = {name: place for place, name in enumerate(known)}
    in_order = sorted(known, key=lambda name: (own.get(base_of(name), own[name]), own[name]))
    return tuple(filter(has_column, (known[name] for name in in_order)))


def axes(known: Iterable[Quantity], points: pd.DataFrame) -> tuple[Quantity, ...]:
    """Those that accuracies are drawn against. A run that times nothing has none of latency; one
    that has read nothing yet has the first all the same.
    """
    able = [each for each in known if each.is_axis]
    return tuple(each for each in able if _any(points, each.column)) or tuple(able[:1])


def _batches(readings: pd.DataFrame) -> dict[str, set[int]]:
    """Metric -> the batch sizes that it was read at, of those that have any."""
    batches: dict[str, set[int]] = {}
    sized = readings.loc[readings["batch"].notna(), ["metric", "batch"]].drop_duplicates()
    for metric, size in sized.itertuples(index=False):
        batches.setdefault(metric, set()).add(int(size))
    return batches


def _any(points: pd.DataFrame, column: str) -> bool:
    return column in points and bool(points[column].notna().any())


def number(value: Any) -> float | None:
    """A value of a data frame, None where it is null."""
    return None if pd.isna(value) else float(value)


def estimate(row: Mapping[str, Any], columns: Sequence[str]) -> Estimate | None:
    """Of a point's value and the ends of its interval, by their columns; None without a value."""
    value, low, high = (number(row.get(column)) for column in columns)
    return None if value is None else Estimate(value, low, high)
