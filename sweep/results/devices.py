"""Latencies of other devices than the run's own machine: each a metric of its own, so that it has
its own axis, frontier, map and limit, and no frontier can mix machines.

They are of kinds of machine that the run names (`latency.nodes`), which stand in run.json under
"devices", or were measured elsewhere and imported; those are told by their machine's platform.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from sweep.metrics import BUILT_IN, LATENCY, PROCESS, metric_of
from sweep.results.deployments import MEASURE, deployments_of, renamed
from sweep.results.sessions import bridges, withheld
from sweep.types import Machine, Metric, digest_of, slug

IMPORTED = "imported"  # platform
# What imported latencies are stored under, in place of a hash of settings: nobody knows those.
IMPORTED_HASH = digest_of([MEASURE, IMPORTED])


def imported(device: str) -> Machine:
    """A device of which its name is known alone."""
    return Machine(device, 0, 0, "unknown", IMPORTED, device, "unknown", "", "")


def on_device(metric: Metric, device: str) -> Metric:
    """A metric of one device: LATENCY is `latency_on_pixel_9_s`."""
    return replace(
        metric,
        name=_on(metric.name, device),
        title=f"{metric.title} on {device}",
        short=f"{metric.short} on {device}",
        beside=_on(metric.beside, device) if metric.beside else "",
    )


def _on(metric: str, device: str) -> str:
    stem = metric.removesuffix("_s")
    return f"{stem}_on_{slug(device)}{metric.removeprefix(stem)}"


def devices_of(run: dict[str, Any]) -> dict[str, str]:
    """Machine id -> what people call it, of run.json: the other kinds of machine that the last run
    names, and what was imported. Two whose names differ in signs alone are told apart by their ids.
    """
    told = {id: name for name, id in run.get("devices", {}).items() if id != run["machine_id"]}
    for each in run.get("machines", []):
        if each.get("platform") == IMPORTED and each.get("id"):
            told.setdefault(each["id"], str(each.get("device", "")))
    names: dict[str, str] = {}
    for id, name in told.items():
        taken = {slug(each) for each in names.values()}
        names[id] = name if slug(name) and slug(name) not in taken else f"{name} {id[:6]}"
    return names


def as_metrics(
    readings: pd.DataFrame, names: dict[str, str], settings: Mapping[str, Any]
) -> Iterator[pd.DataFrame]:
    """The latencies of each device, by machine id in `names`, under metrics of its own, and what
    measures from outside read there. settings: of the run, as in run.json. Latencies of an
    imported device are taken as of one session: nobody knows more.
    """
    for id, name in names.items():
        own = readings.loc[readings["machine_id"] == id]
        if (own["settings_hash"] != IMPORTED_HASH).any():
            own = withheld(own, bridges(own))
            own = renamed(own, deployments_of(own, settings))
        for _, rows in own.groupby("metric", sort=False):
            first = rows.to_dict("records")[0]
            metric = metric_of(first)
            if metric in (LATENCY, PROCESS) or metric.name not in BUILT_IN:
                on, measure = on_device(metric, name), f"{first['measure']} on {name}"
                told = {"metric": on.name, "title": on.title, "short": on.short}
                yield rows.assign(measure=measure, beside=on.beside, **told)
