"""What accuracies are drawn against: which columns of points.parquet are costs of a network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sweep.metrics import metric_of
from sweep.report.values.figures import Axis
from sweep.results.schema import conditions_of
from sweep.types import Better, Form, Metric, condition_words

# Metrics that a figure or table of this package shows already. Any other, of a measure from
# outside, gets a figure of its own.
KNOWN = {
    "mult_adds", "weights", "params", "params_with_statistics", "weight_bytes",
    "peak_activation_bytes", "mult_adds_traced", "mult_adds_fvcore", "mult_adds_xla",
    "layer_mult_adds", "layer_weights", "latency_s", "latency_process",
    "latency_calls", "latency_drift", "reference_s", "compile_s",
    "peak_memory_bytes", "top1", "top5", "test_images", "left_out_images",
    "classes", "trained_resolution",
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What an accuracy is drawn against. The interval's columns are empty where it has none."""

    name: str
    column: str
    title: str
    axis: Axis
    low: str = ""
    high: str = ""
    better: str = Better.LOWER
    published: str = ""  # field of sweep.paper.Published with the same cost


def costs(points: pd.DataFrame, readings: pd.DataFrame) -> tuple[Cost, ...]:
    """Mult-adds, parameters, latency and peak memory at each batch size, and every metric that a
    measure from outside brought.
    """
    titles = dict(zip(readings["metric"], readings["title"], strict=True))
    counts = [
        Cost(
            "mult_adds",
            "mult_adds",
            "Accuracy against mult-adds",
            Axis(titles.get("mult_adds", "Mult-adds"), "1", Form.COUNT, log=True),
            published="mult_adds",
        ),
        Cost(
            "params",
            "params",
            "Accuracy against parameters",
            Axis(titles.get("params", "Trainable parameters"), "1", Form.COUNT),
            published="params",
        ),
    ]
    return (
        *counts,
        *_latencies(points, titles),
        *_memories(points, titles),
        *_from_outside(points, readings),
    )


def _latencies(points: pd.DataFrame, titles: dict[str, str]) -> list[Cost]:
    """One for each batch size."""
    title = titles.get("latency_s", "Latency")
    return [
        Cost(
            stem,
            f"{stem}_s",
            f"Accuracy against measured latency, batch {batch}",
            Axis(f"{title}, batch {batch}", "s", Form.SECONDS),
            low=f"{stem}_low_s",
            high=f"{stem}_high_s",
        )
        for batch, stem in batches(points).items()
        if _any(points, f"{stem}_s")
    ]


def _memories(points: pd.DataFrame, titles: dict[str, str]) -> list[Cost]:
    """One for each batch size at which latency was read too."""
    title = titles.get("peak_memory_bytes", "Peak memory")
    stems = {
        batch: stem.replace("latency", "peak_memory") for batch, stem in batches(points).items()
    }
    return [
        Cost(
            stem,
            f"{stem}_bytes",
            f"Accuracy against peak memory, batch {batch}",
            Axis(f"{title}, batch {batch}", "B", Form.BYTES),
        )
        for batch, stem in stems.items()
        if _any(points, f"{stem}_bytes")
    ]


def _any(points: pd.DataFrame, column: str) -> bool:
    """Whether a point has that cost: a run that times nothing has no figure of latency."""
    return column in points and bool(points[column].notna().any())


def _from_outside(points: pd.DataFrame, readings: pd.DataFrame) -> list[Cost]:
    """Metrics of measures that this package doesn't know: axis and direction are the metric's."""
    unknown = readings.loc[~readings["metric"].isin(list(KNOWN))]
    others = {
        row["metric"]: row
        for row in unknown.to_dict(orient="records")
        if not condition_words(conditions_of(row)) and row["better"] != Better.NEITHER
    }
    return [
        Cost(
            row["metric"],
            row["metric"],
            f"Accuracy against {row['title'][:1].lower()}{row['title'][1:]}",
            Axis(_with_unit(metric_of(row)), row["unit"], metric_of(row).form),
            better=row["better"],
        )
        for row in others.values()
        if row["metric"] in points
    ]


def _with_unit(metric: Metric) -> str:
    """Units that are not written with every value stand in the title."""
    return f"{metric.title} ({metric.unit})" if metric.form is Form.NUMBER else metric.title


def batches(points: pd.DataFrame) -> dict[int, str]:
    """Batch size -> what its latency columns begin with; batch 1 too where nothing was timed."""
    stems = {
        int(found[1]): f"latency_batch{found[1]}"
        for column in points.columns
        if (found := re.fullmatch(r"latency_batch(\d+)_s", column))
    }
    if not stems or any(number(value) is not None for value in points["latency_s"]):
        stems[1] = "latency"
    return dict(sorted(stems.items()))


def number(value: Any) -> float | None:
    """A value of a data frame, None where it is null."""
    return None if pd.isna(value) else float(value)
