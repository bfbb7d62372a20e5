"""The engine that is a Ray cluster: the contract of this machine's, and what is its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep.contracts import Ended, Event, Progressed, Said, Started
from sweep.host.machine import this_machine
from sweep.results.load import load
from sweep.results.points import with_points
from sweep.results.store import Store
from sweep.running.local import LocalEngine
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import parse
from sweep.testing import Check, EngineContract, call
from sweep.testing.engine import wait_for
from sweep.types import Progress, Reading, SettingsError
from tests.support.commands import SHORT, sweep
from tests.support.engines import Where
from tests.support.ray_cluster import SimulatedCluster
from tests.support.runs import Watcher

ray = pytest.importorskip("ray")
from sweep.running.ray_engine import RayEngine, connect  # noqa: E402

ROOT = Path(__file__).parents[2]
WEIGHTS = """
family = "tests.support.short:Short"
measures = ["tests.faults.training:Weights", "tests.support.toys:Perimeter"]
[grid]
alpha = [0.125]
resolution = [128, 96]
[custom."tests.faults.training:Weights"]
epochs = 1
seeds = 2
"""


# Ray puts the driver's own paths first.
OTHER_CODE = """
import sys
from importlib.machinery import PathFinder

class First:
    def find_spec(self, name, *_):
        return PathFinder.find_spec(name, [{!r}]) if name in ("sweep", "mnv1_flax") else None

sys.meta_path.insert(0, First())
"""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[SimulatedCluster]:
    """Two machines of one core each."""
    with closing(SimulatedCluster()) as there, pytest.MonkeyPatch.context() as patch:
        for _ in range(2):
            there.add()
        patch.setenv("RAY_ADDRESS", there.address)
        connect("")
        yield there
        ray.shutdown()


class TestRayEngine(EngineContract):
    make = "tests.support.engines:on_ray"


def stored(folder: Path, engine: Any) -> pd.DataFrame:
    """Of the toys, executed by the engine."""
    settings, store, machine = parse(WEIGHTS, source="test"), Store(folder), this_machine()
    plan = make_plan(settings, store, machine, engine=engine)
    outcome = execute(plan, settings, store, machine, Watcher(), engine=engine)
    assert outcome.failures == ()
    columns = ["alpha", "resolution", "metric", "seed", "value"]
    readings: Any = load(folder).readings[columns]
    return readings.sort_values(columns, ignore_index=True)


def test_readings_are_those_of_the_other_engine_weights_to_the_bit(tmp_path):
    here = stored(tmp_path / "here", LocalEngine(this_machine()))
    there = stored(tmp_path / "there", RayEngine())
    assert len(here) == 2 * 2 + 2
    pd.testing.assert_frame_equal(here, there)


def test_a_light_measures_calls_go_many_in_a_process_and_all_are_stored():
    measure = Where()
    measure.light, measure.threads = True, 0
    calls = [replace(call(), measure=measure, estimate_s=1.0) for _ in range(15)]
    ends = [event for event in run(RayEngine(), calls) if isinstance(event, Ended)]
    assert sorted(end.index for end in ends) == list(range(15))
    processes = {item.value for end in ends for item in end.readings if isinstance(item, Reading)}
    assert len(processes) == 2  # of ten seconds and five


def test_a_call_has_a_core_to_itself():
    measure = Where()
    ends = run(RayEngine(), [replace(call(), measure=measure) for _ in range(2)])
    readings = [item for end in ends if isinstance(end, Ended) for item in end.readings]
    assert [len(each.samples) for each in readings if isinstance(each, Reading)] == [1, 1]


def run(engine: RayEngine, calls: Any) -> list[Event]:
    with closing(engine.run(calls)) as events:
        return list(events)


class Waiting(Check):
    """Tells the process of its machine's that Ray keeps there, and waits until it may go on."""

    def __call__(self, networks: Any, progress: Progress) -> Iterator[Any]:
        progress(0.1, str(parent_of(os.getppid())))
        wait_for((Path(self.folder) / "go on").exists)
        yield from super().__call__(networks, progress)


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return int(stat.rpartition(")")[2].split()[1])


def test_a_machine_that_dies_costs_its_call_another_try_and_no_other(cluster, tmp_path):
    died, lost = 0, -1
    calls = [replace(call(), measure=Waiting("", str(tmp_path))) for _ in range(2)]
    seen: list[Event] = []
    with closing(RayEngine().run(calls)) as events:
        for event in events:
            seen.append(event)
            if isinstance(event, Progressed) and not died:
                died, lost = int(event.text), event.index
                cluster.kill(died)
            elif isinstance(event, Said):
                (tmp_path / "go on").touch()
    cluster.add()
    told = [event for event in seen if isinstance(event, Said)]
    assert [event.index for event in told] == [lost]
    assert told[0].text.startswith("lost on ")
    assert [event.index for event in seen if isinstance(event, Started)].count(lost) == 2
    ends = [event for event in seen if isinstance(event, Ended)]
    assert sorted(end.index for end in ends) == [0, 1]
    assert not any(end.failure for end in ends)


def test_a_machine_with_other_code_is_refused_by_name(cluster, tmp_path):
    for package in ("sweep", "mnv1_flax"):
        shutil.copytree(ROOT / package, tmp_path / package)
    with (tmp_path / "sweep/types.py").open("a", encoding="utf-8") as file:
        file.write("# another version\n")
    (tmp_path / "sitecustomize.py").write_text(OTHER_CODE.format(str(tmp_path)), encoding="utf-8")
    other = cluster.add(env={"PYTHONPATH": str(tmp_path)})
    try:
        engine = RayEngine()
        (told,) = engine.refused
        assert "is given nothing: it has another version of mobilenet-sweep" in told
        assert len(engine.members) == 2
        ends = [
            event for event in run(engine, [call(), call(), call()]) if isinstance(event, Ended)
        ]
        assert [end.failure for end in ends] == [""] * 3
    finally:
        cluster.kill(other)


def test_a_machine_without_the_files_is_told_by_name_and_given_nothing(monkeypatch, tmp_path):
    engine = RayEngine()
    lacks, _ = engine.members
    path = str(tmp_path / "images")
    measure = Where()
    monkeypatch.setattr(Where, "local_files", lambda self, networks: (path,))
    with pytest.raises(SettingsError, match=f"is given none of it: it has no {path}"):
        engine.notes(measure, ())
    (tmp_path / "images").touch()
    engine = RayEngine()
    assert engine.notes(measure, ()) == ()
    # Machines that are simulated have one disk; this is what one with another would have answered.
    engine._nodes._lacking[lacks.id, (path,)] = [path]
    assert engine.notes(measure, ()) == (f"{lacks.name} is given none of it: it has no {path}",)
    assert engine.at_once(measure) == 1
    ends = run(engine, [replace(call(), measure=measure) for _ in range(2)])
    assert sum(isinstance(event, Ended) for event in ends) == 2


def test_each_named_kind_of_machine_is_a_device_of_its_own(cluster):
    fast = cluster.add(kinds={"fast": 1})
    slow = cluster.add(kinds={"slow": 1}, env={"XLA_FLAGS": "--xla_cpu_max_isa=AVX"})
    try:
        engine = RayEngine()
        measure = Where()
        measure.nodes = ("fast", "slow")
        one, two = engine.devices(measure)
        assert (one.name, two.name) == ("fast", "slow")
        assert one.machine.id != two.machine.id
        assert two.machine.xla_flags == "--xla_cpu_max_isa=AVX"
        calls = [
            replace(call(), measure=measure, machine=each.machine.id) for each in (two, one, two)
        ]
        ends = {each.index: each for each in run(engine, calls) if isinstance(each, Ended)}
        executed = [ends[index].machine.id for index in range(3)]
        assert executed == [two.machine.id, one.machine.id, two.machine.id]

        measure.nodes = ("phone",)
        with pytest.raises(SettingsError, match=r"nodes = .phone.: no machine of the cluster"):
            engine.devices(measure)
    finally:
        cluster.kill(fast)
        cluster.kill(slow)


def test_run_on_ray_times_each_kind_of_machine_and_the_page_has_them_both(cluster, tmp_path):
    fast = cluster.add(cpus=2, kinds={"fast": 1})
    slow = cluster.add(kinds={"slow": 1}, env={"XLA_FLAGS": "--xla_cpu_max_isa=AVX"})
    file, place = tmp_path / "sweep.toml", (tmp_path / "unfinished").as_uri()
    file.write_text(SHORT.replace("[latency]", '[latency]\nnodes = ["fast", "slow"]'))
    try:
        run = sweep(
            *("run", file, "--on", f"ray:{cluster.address}", "--checkpoints", place),
            folder=tmp_path,
        )
        assert run.returncode == 0, run.stderr
        assert f"trainings that are cut off are kept in {place}" in run.stderr
        results = with_points(load(tmp_path / "results" / "quick"))
        (other,) = results.devices.values()
        assert (results.device, other) == ("fast", "slow")
        columns = results.points[["latency_s", "latency_on_slow_s", "top1"]]
        assert columns.notna().to_numpy().all()
        assert "Latency on slow, batch 1" in (results.path / "report.html").read_text()
        again = sweep("run", file, "--on", f"ray:{cluster.address}", folder=tmp_path)
        # Two points: their costs, accuracies, and each timed on two machines.
        assert "8 readings of points are stored already" in again.stdout
    finally:
        cluster.kill(fast)
        cluster.kill(slow)
