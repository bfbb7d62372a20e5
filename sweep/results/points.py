"""Readings, long -> points, wide: one tidy row per design point."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sweep.maths import pareto
from sweep.maths.statistics import wilson
from sweep.metrics import (
    BUILT_IN,
    HELD_BACK,
    HELD_BACK_IMAGES,
    LATENCY,
    TEST_IMAGES,
    TOP1,
    TOP1_INT8,
    TOP5,
    TRAINED,
    has_column,
    is_axis,
    metric_of,
)
from sweep.paper import published
from sweep.results.sessions import interval_of, processes_of
from sweep.results.smoothing import COLUMNS, smoothed_points
from sweep.results.trainings import Trainings, key_of, mean_over_seeds, trainings_of
from sweep.types import Better, Form, Metric

if TYPE_CHECKING:
    from sweep.results.load import Results

POINT = ["family", "kind", "alpha", "rho", "resolution"]
# Of the paper's numbers, those that stand beside: its field -> the column.
PAPERS = {
    "top1": "paper_top1",
    "mult_adds": "paper_mult_adds",
    "params": "paper_params",
    "published_top1": "published_top1",
}
PERCENTILES = (5, 95)
SOURCE = "accuracy_source"  # column: accuracy.source
TRAININGS = "trainings"  # column: how many an accuracy is the mean of
_TRAINED_AT = re.compile(r"trained at ([0-9]{1,4}) px")


def with_points(results: Results) -> Results:
    """The results with their points derived anew, with the columns of every batch size, as a report
    reads them: the readings are the truth.
    """
    return replace(results, points=_with_source(derive(results.readings, _title(results)), results))


def tidy(results: Results) -> pd.DataFrame:
    """points.parquet: the primary reading of each metric, which is that at the batch size that the
    settings name first.
    """
    sizes = results.settings.get("latency", {}).get("batch_sizes") or [1]
    points = _wide(results.readings, _title(results), sizes[0], every_batch=False)
    return _with_source(points, results)


def derive(readings: pd.DataFrame, title: str = "") -> pd.DataFrame:
    """One row per point, kind by kind, the widest first, of these the largest: batch 1 under plain
    names, columns such as latency_batch8_s beside them.

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


def front_of(column: str) -> str:
    """Where it stands whether a point is on the frontier over a column: "on_front_latency"."""
    return f"on_front_{column.removesuffix('_s').removesuffix('_bytes')}"


def share_of(column: str) -> str:
    """Where it stands in which share of tables that might as well have come out the point is on
    that frontier: "front_share_latency".
    """
    return front_of(column).replace("on_front", "front_share", 1)


def _infixed(name: str, part: str) -> str:
    stem, _, unit = name.rpartition("_")
    return f"{stem}_{part}_{unit}" if stem and unit in ("s", "bytes") else f"{name}_{part}"


def _with_source(points: pd.DataFrame, results: Results) -> pd.DataFrame:
    """With what the settings say of where accuracies come from: "train", "shared" .."""
    source = str(results.settings.get("accuracy", {}).get("source", ""))
    has = points[TOP1.name].notna()
    return points.assign(**{SOURCE: pd.Series(source, points.index, "string").where(has)})


def _title(results: Results) -> str:
    return str(results.settings.get("accuracy", {}).get("title", ""))


def _wide(readings: pd.DataFrame, title: str, batch: int, *, every_batch: bool) -> pd.DataFrame:
    keys = list(readings[POINT].drop_duplicates().itertuples(index=False, name=None))
    kinds = list(dict.fromkeys(key[:2] for key in keys))
    keys.sort(key=lambda key: (kinds.index(key[:2]), -key[2], -key[-1]))
    by_point: dict[tuple[Any, ...], list[dict[str, Any]]] = {key: [] for key in keys}
    metrics = _metrics(readings)
    # Sixty of a point's seventy readings are of its layers, which have no column here, nor has what
    # differs in a way that only its measure knows.
    of_points = readings.loc[
        readings["metric"].isin(list(metrics))
        & (readings["layer"] == "")
        & (readings["variant"] == "")
    ]
    of_points = of_points.assign(at=of_points["batch"].astype("float64").fillna(0).astype(int))
    for reading in of_points.to_dict("records"):
        by_point[tuple(reading[name] for name in POINT)].append(reading)
    if of_points["seed"].nunique() > 1:
        by_point = {key: mean_over_seeds(group) for key, group in by_point.items()}
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
    int8 = [each for each in metrics.values() if each.name.startswith(TOP1_INT8)]
    trained = {each: trainings_of(of_points, each) for each in (TOP1, TOP5, HELD_BACK, *int8)}
    for row, (metric, trainings) in product(rows, trained.items()):
        row.update(_over_trainings(row, trainings, metric))
    smooth = smoothed_points(counted) if (counted := trained[TOP1]) else {}
    for row in rows:
        row.update(each.columns if (each := smooth.get(key_of(row))) else {})
    columns = (*POINT, *_types(), *(COLUMNS if smooth else ()), *_names(rows))
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))
    for name, dtype in _types().items():
        frame[name] = frame[name].astype("float64" if dtype == "Int64" else dtype).astype(dtype)
    over = [each for each in metrics.values() if is_axis(each) and each.name in frame]
    fronts: dict[str, Any] = {front_of(each.name): _front(frame, each) for each in over}
    if trainings := trained[TOP1]:
        fronts |= {share_of(each.name): _front_shares(frame, each, trainings) for each in over}
    return frame.assign(**fronts)


def _metrics(readings: pd.DataFrame) -> dict[str, Metric]:
    """Those that have a column, ours and what else was read, by name."""
    rows = readings.drop_duplicates("metric").to_dict("records")
    known = dict(BUILT_IN) | {row["metric"]: metric_of(row) for row in rows}
    return {name: metric for name, metric in known.items() if has_column(metric)}


def _types() -> dict[str, str]:
    """Every column after the point's own that there always is, in order, with its type."""
    types: dict[str, str] = {}
    for metric in filter(has_column, BUILT_IN.values()):
        whole = metric.form in (Form.COUNT, Form.BYTES, Form.PIXELS)
        types[metric.name] = "Int64" if whole else "float64"
        if metric.form is Form.SHARE:
            types |= {end_of(metric.name, end): "float64" for end in ("low", "high")}
    ends = ("low", "high", *(f"p{each}" for each in PERCENTILES))
    types |= {end_of(LATENCY.name, end): "float64" for end in ends}
    return (
        types
        | {TRAININGS: "Int64", "dataset": "string"}
        | dict.fromkeys(PAPERS.values(), "float64")
    )


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return sorted({name for row in rows for name in row})


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
    return row | {column: getattr(paper, field) for field, column in PAPERS.items()}


def _columns(
    group: list[dict[str, Any]], processes: dict[tuple[Any, ...], Any], batch: int | None = None
) -> dict[str, Any]:
    """A column for each metric that has one, of readings at one batch size, with the interval of
    what was read several times.
    """
    columns: dict[str, Any] = {}
    for reading in group:
        samples = np.asarray(reading["samples"], np.float64)
        column = column_of(reading["metric"], batch)
        columns.setdefault(column, reading["value"])
        if samples.size and is_axis(metric_of(reading)):
            interval = interval_of(reading, processes)
            ends = {"low": interval.low, "high": interval.high}
            ends |= {f"p{each}": float(np.percentile(samples, each)) for each in PERCENTILES}
            columns |= {end_of(column, end): value for end, value in ends.items()}
    return columns


def _accuracy_columns(group: list[dict[str, Any]], title: str) -> dict[str, Any]:
    """The intervals of the accuracies, and what they are of."""
    scored = [each for each in group if each["dataset"] and not pd.isna(each["value"])]
    columns: dict[str, Any] = {each["metric"]: each["value"] for each in scored}
    if scored:  # of other measures of the same images, the accuracy's own names them
        last = ([each for each in scored if each["metric"] == TOP1.name] or scored)[-1]
        columns["dataset"] = (title if last["measure"] == "accuracy" else "") or last["dataset"]
    counts = {HELD_BACK.name: HELD_BACK_IMAGES} | {
        name: TEST_IMAGES
        for name in columns
        if name in (TOP1.name, TOP5.name) or name.startswith(TOP1_INT8)
    }
    for name, images in [(name, columns.get(of.name)) for name, of in counts.items()]:
        if images and name in columns:
            interval = wilson(round(columns[name] * images), int(images))
            columns[end_of(name, "low")] = interval.low
            columns[end_of(name, "high")] = interval.high
    return columns


def _over_trainings(
    row: dict[str, Any], trained: Trainings | None, metric: Metric
) -> dict[str, Any]:
    """How many trainings an accuracy is of, and its interval by them where there are several; the
    images' alone stays where each point was trained once.
    """
    if trained is None or (place := trained.places.get(key_of(row))) is None:
        return {}
    replicates = trained.replicates
    interval = replicates.interval(place)
    ends = {"low": interval.low, "high": interval.high}
    columns: dict[str, Any] = {end_of(metric.name, end): value for end, value in ends.items()}
    return columns | {TRAININGS: int(replicates.counts[place])}


def _trained_at(group: list[dict[str, Any]]) -> dict[str, Any]:
    """The side that an accuracy is of where no reading gives it: before there were such, the note
    of a training did. Null where there is no accuracy.
    """
    read = {each["metric"] for each in group if not pd.isna(each["value"])}
    if TOP1.name not in read:
        return {TRAINED.name: None}
    if TRAINED.name in read:
        return {}
    notes = (str(each["note"]) for each in group if each["metric"] == TOP1.name)
    sides = [told[1] for note in notes if (told := _TRAINED_AT.match(note))]
    return {TRAINED.name: int(sides[-1])} if sides else {}


def _front_shares(frame: pd.DataFrame, over: Metric, trained: Trainings) -> list[float]:
    """NaN of a point without both numbers, and where no replicate tells."""
    places = {
        trained.places[key]: row
        for row, key in enumerate(map(key_of, frame.to_dict("records")))
        if key in trained.places
    }
    costs = frame[over.name].astype(float).to_numpy()
    of_places = np.full(len(trained.places), np.nan)
    of_places[list(places)] = costs[list(places.values())]
    found = trained.replicates.frontier_shares(
        -of_places if over.better is Better.HIGHER else of_places
    )
    shares = np.full(len(frame), np.nan)
    shares[list(places.values())] = found[list(places)]
    return shares.tolist()


def _front(frame: pd.DataFrame, over: Metric) -> list[bool]:
    """On the frontier of top-1 over that cost; a point without both numbers is on none."""
    both = frame[over.name].notna() & frame[TOP1.name].notna()
    costs = frame.loc[both, over.name].astype(float)
    if over.better is Better.HIGHER:
        costs = -costs
    flags = pareto.front(costs.tolist(), frame.loc[both, TOP1.name].tolist())
    on_front = np.zeros(len(frame), bool)
    on_front[both.to_numpy()] = flags
    return on_front.tolist()
