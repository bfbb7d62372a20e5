"""Latencies by several runtimes, in several precisions, on several threads: each but the first a
metric of its own, so that it has its own axis, frontier, map and limit (docs/decisions/0027).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pandas as pd

from sweep.metrics import LATENCY, PEAK_MEMORY, metric_of
from sweep.types import Deployment, Metric, slug

MEASURE = "latency"
RUNTIMES = {
    "xla": "XLA",
    "onnxruntime": "ONNX Runtime",
    "litert": "LiteRT",
    "openvino": "OpenVINO",
}
_FLOAT = "float32"
_UNITS = ("_bytes", "_s")  # at the end of a metric's name


@dataclass(frozen=True)
class Deployed:
    """A deployment that latencies were read of. words: "LiteRT in int8 on 1 thread", as much as
    tells it from the first. metric: its latency.
    """

    deployment: Deployment
    words: str
    metric: Metric


def deployments_of(readings: pd.DataFrame, settings: Mapping[str, Any]) -> tuple[Deployed, ...]:
    """Those that have latencies, that which the settings name first in front, then in the settings'
    order. settings: as in run.json.
    """
    rows = readings.loc[(readings["metric"] == LATENCY.name) & (readings["runtime"] != "")]
    found = rows[["runtime", "precision", "threads"]].drop_duplicates()
    threads = [0 if pd.isna(each) else int(each) for each in found["threads"]]
    whole = max(threads, default=0)
    asked = settings.get("latency", {})
    runtimes, precisions = asked.get("runtimes") or ["xla"], asked.get("precisions") or [_FLOAT]
    counts = [each or whole for each in _listed(asked.get("threads") or [0])]

    def order(each: Deployment) -> tuple[int, ...]:
        return (
            _place(each.runtime, runtimes),
            _place(each.precision, precisions),
            _place(each.threads, counts),
        )

    pairs = zip(found["runtime"], found["precision"], threads, strict=True)
    known = sorted((Deployment(*each) for each in pairs), key=lambda each: (order(each), each))
    if not known:
        return ()
    first, *others = known
    named = [(each, words_of(each, first)) for each in others]
    return (
        Deployed(first, words_of(first, first), LATENCY),
        *(Deployed(each, words, by(LATENCY, words)) for each, words in named),
    )


def words_of(of: Deployment, first: Deployment) -> str:
    """The runtime; and what differs from float32, and from the first's threads."""
    words = RUNTIMES.get(of.runtime, of.runtime)
    words += "" if of.precision in ("", _FLOAT) else f" in {of.precision}"
    if of.threads != first.threads:
        words += f" on {of.threads} thread{'' if of.threads == 1 else 's'}"
    return words


def by(metric: Metric, words: str) -> Metric:
    """A metric of one deployment: LATENCY is `latency_by_litert_in_int8_s`. Whatever else was read
    of it stands beside that.
    """
    return replace(
        metric,
        name=_by(metric.name, words),
        title=f"{metric.title} by {words}",
        short=f"{metric.short} by {words}",
        beside="" if metric == LATENCY else _by(LATENCY.name, words),
    )


def _by(metric: str, words: str) -> str:
    unit = next((unit for unit in _UNITS if metric.endswith(unit)), "")
    return f"{metric.removesuffix(unit)}_by_{slug(words)}{unit}"


def base_of(name: str) -> str:
    """Of a metric of one deployment the metric: "latency_by_litert_s" is of "latency_s"."""
    stem, _, of = name.partition("_by_")
    units = [unit for unit in _UNITS if of.endswith(unit)]
    return f"{stem}{next(iter(units), '')}" if of else name


def renamed(readings: pd.DataFrame, known: tuple[Deployed, ...]) -> pd.DataFrame:
    """The readings, row by row, those of all deployments but the first under metrics of their own.
    The account that XLA keeps of memory has a name of its own already: the first that has one keeps
    it.
    """
    accounted = readings["metric"] == PEAK_MEMORY.name
    keeps = next((each for each in known if any(_of(readings, each) & accounted)), None)
    readings = readings.copy()
    for each in known[1:]:
        rows = _of(readings, each) & (readings["measure"] == MEASURE)
        rows &= ~accounted if each is keeps else True
        for own in readings.loc[rows].groupby("metric").groups.values():
            metric = by(metric_of(readings.loc[own[0]].to_dict()), each.words)
            told = ["metric", "title", "short", "beside"]
            readings.loc[own, told] = [metric.name, metric.title, metric.short, metric.beside]
    return readings


def _of(readings: pd.DataFrame, each: Deployed) -> pd.Series:
    of = each.deployment
    told = {"runtime": of.runtime, "precision": of.precision, "threads": of.threads}
    own = readings[list(told)].fillna({"threads": 0}) == pd.Series(told)
    return cast("pd.Series", own.all(axis="columns"))


def _listed(value: Any) -> list[int]:
    """Of runs that had one number of threads."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _place(value: Any, values: list[Any]) -> int:
    return values.index(value) if value in values else len(values)
