"""Latencies of several sessions: what may stand beside what. The processes are made up here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep.host import machine
from sweep.report.content.bearing import cautions
from sweep.report.content.cautions import warnings
from sweep.results.load import Results, load
from sweep.results.points import derive, with_points
from sweep.results.sessions import bridges
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import SettingsError, parse
from tests.support.commands import flat
from tests.support.runs import MACHINE, Watcher
from tests.support.timing import Processes

PROCESSES, ROUNDS = 6, 4
# Of each process, in shares of what a network takes: their standard deviation is 1.1 %.
SPREAD = (0.985, 0.99, 1.0, 1.0, 1.01, 1.015)
ROOMY = replace(MACHINE, memory_bytes=2**34)


class Mood:
    """In place of the timing processes: a network takes its side in milliseconds, times the mood of
    the machine.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_all = 1.0
        self.timed: list[list[int]] = []  # sides, by session
        self.day = 0
        self.processes = Processes(monkeypatch, self.takes)

    def takes(self, process: int, program: dict[str, Any], sample: int) -> float:
        share = self.of_all * SPREAD[process % PROCESSES] * (1 + 0.001 * (sample % ROUNDS))
        return share * program["resolution"] / 1e3

    def run(
        self,
        folder: Path,
        sides: Sequence[int],
        *,
        measures: str = '"cost", "latency"',
        latency: str = 'runtimes = ["xla"]',
        **how: Any,
    ) -> Results:
        settings = parse(
            f"measures = [{measures}]\n"
            f"[grid]\nalpha = [0.25]\nresolution = {list(sides)}\n"
            f"[cost]\nfvcore = false\nxla = false\n[latency]\n{latency}\n",
            source="test",
        )
        store = Store(folder)
        plan = make_plan(settings, store, ROOMY, **how)
        self.day += 1
        when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self.day)
        self.processes.jobs.clear()
        execute(plan, settings, store, ROOMY, Watcher(), lambda: when)
        opened = [each for each in self.processes.jobs if each["module"] == "timing_worker"]
        if opened:
            self.timed.append([each["resolution"] for each in opened[0]["programs"]])
        return load(folder)

    def timed_by(self) -> list[str]:
        """The runtimes whose programs the last session timed."""
        opened = [each for each in self.processes.jobs if each["module"] == "timing_worker"]
        return list(dict.fromkeys(each["runtime"] for each in opened))


@pytest.fixture
def mood(monkeypatch):
    return Mood(monkeypatch)


def latencies(results: Results) -> dict[int, float | None]:
    """In milliseconds, by side."""
    points = derive(results.readings)
    return {
        side: None if pd.isna(seconds) else 1e3 * seconds
        for side, seconds in zip(points["resolution"], points["latency_s"], strict=True)
    }


def test_a_session_that_agrees_stands_beside_the_first_and_the_page_tells_by_how_much(
    mood, tmp_path
):
    mood.run(tmp_path / "r", [64, 32])
    mood.of_all = 1.004  # less than the intervals' 1 %: a median of six such processes
    results = mood.run(tmp_path / "r", [64, 48, 32])
    # The new network, and the old ones once more, whose first readings stay.
    assert mood.timed == [[64, 32], [48, 32, 64]]
    found = latencies(results)
    assert found[64] == pytest.approx(64, rel=0.003)
    assert found[48] == pytest.approx(48 * 1.004, rel=0.003)
    (bridge,) = bridges(results.readings)
    assert bridge.comparable
    assert bridge.drift == pytest.approx(1.004)
    assert bridge.again == "0.25-32 and 0.25-64"
    (caution,) = [each for each in warnings(results, ()) if "later session" in each]
    assert caution.startswith("0.25-48: timed in a later session than the others.")
    assert "0.4" in caution


def test_a_session_that_drifted_is_withheld_and_all_can_be_timed_together_again(mood, tmp_path):
    mood.run(tmp_path / "r", [64, 32])
    mood.of_all = 1.1
    results = mood.run(tmp_path / "r", [64, 48, 32])
    assert latencies(results)[48] is None
    (reason,) = results.readings.loc[
        (results.readings["metric"] == "latency_s") & results.readings["value"].isna(), "reason"
    ]
    assert "networks that were timed in both take 10.0% longer in it" in reason
    assert "run --again latency" in reason
    # It is stored all the same.
    stored = pd.read_parquet(tmp_path / "r" / "readings.parquet")
    of_new = stored.loc[(stored["metric"] == "latency_s") & (stored["resolution"] == 48)]
    assert of_new["value"].item() == pytest.approx(0.048 * 1.1, rel=0.003)
    results = mood.run(tmp_path / "r", [64, 48, 32], again=("latency",))
    assert mood.timed[2:] == [[64, 48, 32]]
    assert bridges(results.readings) == ()
    assert latencies(results)[48] == pytest.approx(48 * 1.1, rel=0.003)


def test_drifts_add_up_along_a_chain_of_sessions(mood, tmp_path):
    mood.run(tmp_path / "r", [96, 64])
    mood.of_all = 1.002
    mood.run(tmp_path / "r", [96, 64, 48, 40, 32])  # the later session is now the larger one
    mood.of_all = 1.005
    results = mood.run(tmp_path / "r", [96, 64, 48, 40, 36, 32])
    of_first, of_third = sorted(bridges(results.readings), key=lambda bridge: bridge.session)
    # Against the second: 1 / 1.002, and 1.005 / 1.002.
    assert of_first.drift == pytest.approx(1 / 1.002)
    assert of_third.drift == pytest.approx(1.005 / 1.002)


def test_sessions_without_a_network_in_common_are_not_compared(mood, tmp_path):
    mood.run(tmp_path / "r", [96, 64, 48])
    mood.run(tmp_path / "r", [40, 32])  # nothing of the first grid is in the plan
    results = mood.run(tmp_path / "r", [96, 64, 48, 40, 32])
    assert mood.timed == [[96, 64, 48], [40, 32]]
    readings = results.readings
    lost = readings.loc[(readings["metric"] == "latency_s") & readings["value"].isna()]
    assert lost["resolution"].tolist() == [40, 32]
    assert lost["reason"].str.contains("no network was timed in both").all()
    assert latencies(results)[96] is not None


def test_one_measure_alone_leaves_the_others_as_they_are(mood, tmp_path):
    mood.run(tmp_path / "r", [64])
    results = mood.run(tmp_path / "r", [64, 32], only=("cost",))
    assert mood.timed == [[64]]
    points = derive(results.readings)
    assert [pd.isna(each) for each in points["mult_adds"].tolist()] == [False, False]
    assert latencies(results) == {64: pytest.approx(64, rel=0.01), 32: None}


def test_a_measure_can_not_be_left_away_and_be_measured_anew(mood, tmp_path):
    with pytest.raises(SettingsError, match="--again cost: goes together with --only cost"):
        mood.run(tmp_path / "r", [64], only=("latency",), again=("cost",))


@pytest.mark.parametrize("option", ["again", "only"])
def test_a_measure_that_is_not_asked_for_is_named(mood, tmp_path, option):
    with pytest.raises(SettingsError, match=rf"--{option} energy: must be one of measures"):
        mood.run(tmp_path / "r", [64], **{option: ("energy",)})


def test_the_version_of_a_runtime_bears_on_its_own_latencies_alone(mood, tmp_path, monkeypatch):
    both = 'runtimes = ["xla", "litert"]'
    first = mood.run(tmp_path / "r", [64, 32], latency=both)
    assert mood.timed_by() == ["xla", "litert"]
    monkeypatch.setattr(machine, "_version", machine._version.__wrapped__)
    monkeypatch.setattr(
        machine, "version", lambda name: "99" if name == "ai-edge-litert" else version(name)
    )
    later = mood.run(tmp_path / "r", [64, 32], latency=both)
    # XLA's are read once more, to tell how the two sessions compare, and stay as they were.
    stored = pd.read_parquet(tmp_path / "r" / "readings.parquet")
    sessions = stored.loc[stored["metric"] == "latency_s"].groupby("runtime")["time"].nunique()
    assert sessions.to_dict() == {"xla": 1, "litert": 2}
    of_litert = [each for each in later.readings["metric"].unique() if "litert" in each]
    assert "latency_by_litert_s" in of_litert
    before, after = (
        set(each.readings.loc[each.readings["metric"] == "latency_s", "time"])
        for each in (first, later)
    )
    assert before == after


def test_a_runtime_that_is_added_is_timed_and_no_other_anew(mood, tmp_path):
    mood.run(tmp_path / "r", [64, 32], latency='runtimes = ["xla"]')
    mood.of_all = 1.02
    results = mood.run(tmp_path / "r", [64, 32], latency='runtimes = ["xla", "litert"]')
    drift = results.readings.loc[results.readings["metric"] == "latency_drift_by_litert", "value"]
    assert drift.tolist() == pytest.approx([1.02, 1.02])
    assert latencies(results)[64] == pytest.approx(64, rel=0.003)
    by_litert = derive(results.readings).set_index("resolution")["latency_by_litert_s"]
    assert by_litert.to_dict()[64] == pytest.approx(0.064 * 1.02, rel=0.003)
    told = [flat(each.text) for each in cautions(with_points(results))]
    assert (
        "Latencies by LiteRT were timed in another session than those by XLA: networks that were "
        "timed in both took 2 % longer in it. run --again latency times all together."
    ) in told
