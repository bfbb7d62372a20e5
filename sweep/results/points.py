"""Readings, long -> points, wide: one tidy row per design point."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sweep.maths import pareto
from sweep.maths.statistics import wilson
from sweep.paper import published
from sweep.results.sessions import interval_of, processes_of

if TYPE_CHECKING:
    from sweep.results.load import Results

POINT = ["family", "kind", "alpha", "rho", "resolution"]
COUNTS = (
    "mult_adds",
    "weights",
    "params",
    "params_with_statistics",
    "weight_bytes",
    "peak_activation_bytes",
    "mult_adds_traced",
    "mult_adds_fvcore",
    "mult_adds_xla",
)
# Frontier column -> the cost it is over; the value is top-1 everywhere.
FRONTS = {
    "on_front_mult_adds": "mult_adds",
    "on_front_params": "params",
    "on_front_latency": "latency_s",
}


SCORES = ("top1", "top5", "test_images", "left_out_images", "classes", "trained_resolution")
PER_LAYER = ("layer_mult_adds", "layer_weights")
_TRAINED_AT = re.compile(r"trained at ([0-9]{1,4}) px")


def with_points(results: Results) -> Results:
    """The results with their points derived anew: the readings are the truth."""
    title = str(results.settings.get("accuracy", {}).get("title", ""))
    return replace(results, points=derive(results.readings, title))


def derive(readings: pd.DataFrame, title: str = "") -> pd.DataFrame:
    """The wide table, in the order of the readings' points.

    title: what the settings call the accuracies' data set; empty: its name, as in the readings. SI
    units; shares 0..1; null where a reading is missing (its reason is in the readings). All
    readings must be of one machine, as `store.load` hands them out.
    """
    keys = readings[POINT].drop_duplicates().itertuples(index=False, name=None)
    by_point: dict[tuple[Any, ...], list[dict[str, Any]]] = {key: [] for key in keys}
    # Sixty of a point's seventy readings are of its layers, which have no column here.
    of_points = readings.loc[~readings["metric"].isin(PER_LAYER)]
    for reading in of_points.to_dict("records"):
        by_point[tuple(reading[name] for name in POINT)].append(reading)
    processes = processes_of(readings)
    rows = [
        of_point | _row(of_point, group, title, processes)
        for key, group in by_point.items()
        if (of_point := dict(zip(POINT, key, strict=True)))
    ]
    columns = [*POINT, *_EMPTY]
    frame = pd.DataFrame(rows, columns=columns + sorted(_others(rows, columns)))
    for name in (*COUNTS, *SCORES[2:], "peak_memory_bytes"):
        frame[name] = frame[name].astype("float64").astype("Int64")
    for name, empty in _EMPTY.items():
        if empty is None and frame[name].dtype == object:
            frame[name] = frame[name].astype("float64")
    frame["dataset"] = frame["dataset"].astype("string")
    for column, cost in FRONTS.items():
        frame[column] = _front(frame, cost)
    return frame


# Every column after the point's own, in order; None stands for a number.
_EMPTY: dict[str, Any] = {
    **dict.fromkeys(COUNTS),
    "latency_s": None,
    "latency_low_s": None,
    "latency_high_s": None,
    "latency_p5_s": None,
    "latency_p95_s": None,
    "compile_s": None,
    "peak_memory_bytes": None,
    "top1": None,
    "top1_low": None,
    "top1_high": None,
    "top5": None,
    "top5_low": None,
    "top5_high": None,
    "test_images": None,
    "left_out_images": None,
    "classes": None,
    "trained_resolution": None,
    "dataset": "",
    "paper_top1": None,
    "paper_mult_adds": None,
    "paper_params": None,
    "published_top1": None,
}


def _row(
    point: dict[str, Any],
    group: list[dict[str, Any]],
    title: str,
    processes: dict[tuple[Any, ...], Any],
) -> dict[str, Any]:
    """Columns of one point from all of its readings."""
    values = {(each["metric"], each["variant"]): each["value"] for each in group}
    row: dict[str, Any] = {name: values.get((name, "")) for name in COUNTS}
    row |= {
        metric: value
        for (metric, variant), value in values.items()
        if variant == "" and metric not in row  # a measure from outside: a column of its own
    }
    row |= _latency_columns(group, processes)
    row |= _accuracy_columns(group, title) | _trained_at(group, values)
    paper = published(point["kind"], point["alpha"], point["resolution"])
    return row | {
        "paper_top1": paper.top1,
        "paper_mult_adds": paper.mult_adds,
        "paper_params": paper.params,
        "published_top1": paper.published_top1,
    }


def _latency_columns(
    group: list[dict[str, Any]], processes: dict[tuple[Any, ...], Any]
) -> dict[str, Any]:
    """Columns of batch 1 under plain names, of other batches as latency_batch8_s and so on."""
    columns: dict[str, Any] = {}
    for reading in group:
        if reading["metric"] not in ("latency_s", "compile_s", "peak_memory_bytes"):
            continue
        what, _, batch = reading["variant"].partition("=")
        if what != "batch":  # a failure of the whole measure is of none
            continue
        infix = "" if batch == "1" else f"_batch{batch}"
        stem, _, unit = reading["metric"].rpartition("_")
        columns[f"{stem}{infix}_{unit}"] = reading["value"]
        samples = np.asarray(reading["samples"], np.float64)
        if stem == "latency" and samples.size:
            interval = interval_of(reading, processes)
            columns[f"latency{infix}_low_s"] = interval.low
            columns[f"latency{infix}_high_s"] = interval.high
            columns[f"latency{infix}_p5_s"] = float(np.percentile(samples, 5))
            columns[f"latency{infix}_p95_s"] = float(np.percentile(samples, 95))
    return columns


def _accuracy_columns(group: list[dict[str, Any]], title: str) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for reading in group:
        if reading["metric"] in SCORES and not pd.isna(reading["value"]):
            columns[reading["metric"]] = reading["value"]
            own = title if reading["measure"] == "accuracy" else ""
            columns["dataset"] = own or reading["variant"].removeprefix("dataset=")
    images = columns.get("test_images")
    for metric in ("top1", "top5"):
        if images and metric in columns:
            interval = wilson(round(columns[metric] * images), int(images))
            columns[f"{metric}_low"], columns[f"{metric}_high"] = interval.low, interval.high
    return columns


def _trained_at(
    group: list[dict[str, Any]], values: dict[tuple[str, str], float]
) -> dict[str, Any]:
    """The side that an accuracy is of where no reading gives it: before there were such, the note
    of a training did. Null where there is no accuracy.
    """
    metrics = {metric for (metric, _), value in values.items() if not pd.isna(value)}
    if "top1" not in metrics:
        return {"trained_resolution": None}
    if "trained_resolution" in metrics:
        return {}
    notes = [each["note"] for each in group if each["metric"] == "top1"]
    told = [found for note in notes if (found := _TRAINED_AT.match(str(note)))]
    return {"trained_resolution": int(told[-1][1])} if told else {}


def _others(rows: list[dict[str, Any]], known: list[str]) -> set[str]:
    return {name for row in rows for name in row} - set(known)


def _front(frame: pd.DataFrame, cost: str) -> list[bool]:
    """On the frontier of top-1 over `cost`; a point without both numbers is on none."""
    both = frame[cost].notna() & frame["top1"].notna()
    flags = pareto.front(
        frame.loc[both, cost].astype(float).tolist(), frame.loc[both, "top1"].tolist()
    )
    on_front = np.zeros(len(frame), bool)
    on_front[both.to_numpy()] = flags
    return on_front.tolist()
