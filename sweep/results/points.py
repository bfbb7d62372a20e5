"""Readings, long -> points, wide: one tidy row per design point."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sweep.maths import pareto
from sweep.maths.statistics import wilson
from sweep.metrics import BUILT_IN
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
_TRAINED_AT = re.compile(r"trained at ([0-9]{1,4}) px")


def with_points(results: Results) -> Results:
    """The results with their points derived anew, with the columns of every batch size, as a report
    reads them: the readings are the truth.
    """
    return replace(results, points=derive(results.readings, _title(results)))


def tidy(results: Results) -> pd.DataFrame:
    """points.parquet: the primary reading of each metric, which is that at the batch size that the
    settings name first.
    """
    sizes = results.settings.get("latency", {}).get("batch_sizes") or [1]
    return _wide(results.readings, _title(results), sizes[0], every_batch=False)


def derive(readings: pd.DataFrame, title: str = "") -> pd.DataFrame:
    """One row per point, in the order of the readings' points: batch 1 under plain names, columns
    such as latency_batch8_s beside them.

    title: what the settings call the accuracies' data set; empty: its name, as in the readings. SI
    units; shares 0..1; null where a reading is missing (its reason is in the readings). All
    readings must be of one machine, as `store.load` hands them out.
    """
    return _wide(readings, title, 1, every_batch=True)


def column_of(metric: str, batch: int | None = None) -> str:
    """Where a metric's readings at a batch size stand: "latency_s", "latency_batch8_s"."""
    return metric if batch in (None, 1) else _infixed(metric, f"batch{batch}")


def end_of(column: str, end: str) -> str:
    """Where an end of a column's interval stands: "latency_low_s", "top1_high"."""
    return _infixed(column, end)


def front_of(name: str) -> str:
    """Where it stands whether a point is on the frontier over a cost: "on_front_latency"."""
    return f"on_front_{name}"


def _infixed(name: str, part: str) -> str:
    stem, _, unit = name.rpartition("_")
    return f"{stem}_{part}_{unit}" if stem and unit in ("s", "bytes") else f"{name}_{part}"


def _title(results: Results) -> str:
    return str(results.settings.get("accuracy", {}).get("title", ""))


def _wide(readings: pd.DataFrame, title: str, batch: int, *, every_batch: bool) -> pd.DataFrame:
    keys = readings[POINT].drop_duplicates().itertuples(index=False, name=None)
    by_point: dict[tuple[Any, ...], list[dict[str, Any]]] = {key: [] for key in keys}
    # Sixty of a point's seventy readings are of its layers, which have no column here, nor has what
    # differs in a way that only its measure knows.
    of_points = readings.loc[(readings["layer"] == "") & (readings["variant"] == "")]
    of_points = of_points.assign(at=of_points["batch"].astype("float64").fillna(0).astype(int))
    for reading in of_points.to_dict("records"):
        by_point[tuple(reading[name] for name in POINT)].append(reading)
    others = sorted(set(of_points["at"]) - {0, batch}) if every_batch else []  # 0: of none
    processes = processes_of(readings)
    rows = []
    for key, group in by_point.items():
        row = dict(zip(POINT, key, strict=True))
        row |= _row(row, [each for each in group if each["at"] in (0, batch)], title, processes)
        for other in others:
            at_batch = [each for each in group if each["at"] == other]
            row |= _columns(at_batch, processes, other)
        rows.append(row)
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
    """Columns of one point from its primary readings."""
    row = _columns(group, processes)
    row |= _accuracy_columns(group, title) | _trained_at(group)
    paper = published(point["kind"], point["alpha"], point["resolution"])
    return row | {
        "paper_top1": paper.top1,
        "paper_mult_adds": paper.mult_adds,
        "paper_params": paper.params,
        "published_top1": paper.published_top1,
    }


def _columns(
    group: list[dict[str, Any]], processes: dict[tuple[Any, ...], Any], batch: int | None = None
) -> dict[str, Any]:
    """A column for each metric that has one, of readings at one batch size; how a latency was taken
    (`latency_calls` and the like) stands in the readings alone.
    """
    columns: dict[str, Any] = {}
    for reading in group:
        metric, samples = reading["metric"], np.asarray(reading["samples"], np.float64)
        if metric in _EMPTY or metric not in BUILT_IN:
            columns.setdefault(column_of(metric, batch), reading["value"])
        if metric == "latency_s" and samples.size:
            interval = interval_of(reading, processes)
            low, high = (float(np.percentile(samples, percent)) for percent in (5, 95))
            ends = {"low": interval.low, "high": interval.high, "p5": low, "p95": high}
            columns |= {end_of(column_of(metric, batch), end): ends[end] for end in ends}
    return columns


def _accuracy_columns(group: list[dict[str, Any]], title: str) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for reading in group:
        if reading["metric"] in SCORES and not pd.isna(reading["value"]):
            columns[reading["metric"]] = reading["value"]
            own = title if reading["measure"] == "accuracy" else ""
            columns["dataset"] = own or reading["dataset"]
    images = columns.get("test_images")
    for metric in ("top1", "top5"):
        if images and metric in columns:
            interval = wilson(round(columns[metric] * images), int(images))
            columns[f"{metric}_low"], columns[f"{metric}_high"] = interval.low, interval.high
    return columns


def _trained_at(group: list[dict[str, Any]]) -> dict[str, Any]:
    """The side that an accuracy is of where no reading gives it: before there were such, the note
    of a training did. Null where there is no accuracy.
    """
    metrics = {each["metric"] for each in group if not pd.isna(each["value"])}
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
