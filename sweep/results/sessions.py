"""Which latencies may be compared: those of one session, and those that a bridge connects.

Networks that are timed together share the machine's mood. A later session times some networks of
an earlier one again, and stores with each of its own how long these took, as shares of what they
took in the first session (`latency_drift`). Where that is further from 1 than the latencies'
intervals are wide, the later session's latencies are withheld: no frontier, no choice and no order
can then be made across the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import pandas as pd

from sweep import metrics
from sweep.maths.statistics import Interval, median_interval
from sweep.results.schema import conditions_of

LATENCY, DRIFT, PROCESS = metrics.LATENCY.name, metrics.DRIFT.name, metrics.PROCESS.name
# All readings of a session are stored at once, at its end.
SESSION = "time"
_POINT = ["family", "kind", "alpha", "resolution"]


@dataclass(frozen=True)
class Bridged:
    """A later session against the one that most latencies are of. drift: the share of its time that
    the same networks took, None where none was timed in both; allowed: how far from 1 it may be,
    half the width of a typical interval; which rows of the readings are its latencies.
    """

    session: str
    drift: float | None
    allowed: float
    rows: tuple[int, ...]
    again: str  # the networks that were timed in both

    @property
    def comparable(self) -> bool:
        """Whether its latencies stand beside the others'."""
        return self.drift is not None and abs(log(self.drift)) <= self.allowed

    @property
    def change(self) -> str:
        """What the drift is, in words: "10.0% longer in it"."""
        drift = self.drift or 1.0
        return f"{abs(drift - 1):.1%} {'longer' if drift > 1 else 'less'} in it"

    @property
    def reason(self) -> str:
        if self.drift is None:
            why = "no network was timed in both"
        else:
            why = (
                f"networks that were timed in both take {self.change}, and latencies are known to "
                f"within {self.allowed:.1%}"
            )
        return (
            f"timed in another session ({self.session}) than most: {why}. "
            "run --again latency times all together"
        )


def main_session(readings: pd.DataFrame) -> str:
    """The session that most latencies are of, the later of equals; "" where there is none."""
    counts = readings.loc[readings["metric"] == LATENCY, SESSION].value_counts()
    return max(((count, session) for session, count in counts.items()), default=(0, ""))[1]


def bridges(readings: pd.DataFrame) -> tuple[Bridged, ...]:
    """Every session but the main one, at each batch size, on each runtime and so on."""
    latencies, drifts = (_alike(with_values(readings, name)) for name in (LATENCY, DRIFT))
    return tuple(
        bridge
        for conditions, rows in latencies.items()
        for bridge in _bridges(readings, rows, drifts.get(conditions, rows.head(0)))
    )


def _alike(readings: pd.DataFrame) -> dict[tuple[Any, ...], pd.DataFrame]:
    """Readings of one metric by the conditions that they were taken under."""
    rows = readings.to_dict("records")
    of_rows = [tuple(conditions_of(row).values()) for row in rows]
    return {
        conditions: readings.loc[[each == conditions for each in of_rows]]
        for conditions in dict.fromkeys(of_rows)
    }


def withheld(readings: pd.DataFrame, between: tuple[Bridged, ...]) -> pd.DataFrame:
    """The readings, with a reason in place of each latency that can't be compared with the rest.
    between: their `bridges`.
    """
    for bridge in between:
        if not bridge.comparable:
            readings = readings.copy()
            rows = list(bridge.rows)
            readings.loc[rows, "value"] = np.nan
            readings.loc[rows, "reason"] = bridge.reason
            readings.loc[rows, "samples"] = pd.Series([np.empty(0)] * len(rows), index=rows)
    return readings


def _bridges(
    readings: pd.DataFrame, latencies: pd.DataFrame, drifts: pd.DataFrame
) -> Iterator[Bridged]:
    sessions = list(dict.fromkeys(latencies[SESSION].tolist()))
    if len(sessions) < 2:
        return
    main, drifts = main_session(latencies), drifts.drop_duplicates(SESSION).set_index(SESSION)
    # Against the first session; two that were never bridged have no first one in common.
    first = [each for each in sessions if each not in drifts.index]
    offsets = dict.fromkeys(first, 1.0) | drifts["value"].to_dict() if len(first) < 2 else {}
    allowed = float(np.median(list(_half_widths(readings, latencies))))
    for session in sessions:
        if session != main:
            known = session in offsets and main in offsets
            other = session if session in drifts.index else main
            yield Bridged(
                session=session,
                drift=offsets[session] / offsets[main] if known else None,
                allowed=allowed,
                rows=tuple(latencies.index[latencies[SESSION] == session]),
                again=str(drifts["note"].get(other, "")).partition(": ")[2] if known else "",
            )


def _half_widths(readings: pd.DataFrame, latencies: pd.DataFrame) -> Iterator[float]:
    """Of each latency's interval, as a share of the latency."""
    processes = processes_of(readings)
    for row in latencies.to_dict("records"):
        if len(row["samples"]):
            interval = interval_of(row, processes)
            yield (interval.high - interval.low) / 2 / row["value"]


def with_values(readings: pd.DataFrame, metric: str) -> pd.DataFrame:
    return readings.loc[(readings["metric"] == metric) & readings["value"].notna()]


def processes_of(readings: pd.DataFrame) -> dict[tuple[Any, ...], Any]:
    """Which process took each sample, by the latency's metric, point and conditions."""
    timed = readings.loc[
        readings["metric"].str.startswith(PROCESS) & readings["value"].notna()
    ].to_dict("records")
    return {latency_key(row): row["samples"] for row in timed}


def latency_key(row: dict[str, Any]) -> tuple[Any, ...]:
    """The latency that a reading is, or stands beside, of the same point and conditions."""
    metric = metrics.metric_of(row)
    of = metric.beside or metric.name
    return (of, *(row[name] for name in _POINT), *conditions_of(row).values())


def interval_of(latency: dict[str, Any], processes: dict[tuple[Any, ...], Any]) -> Interval:
    """The 95 % interval of a row that is a latency. processes: as of `processes_of`."""
    samples = np.asarray(latency["samples"], np.float64)
    took = processes.get(latency_key(latency), ())
    return median_interval(samples, took if len(took) == len(samples) else None)
