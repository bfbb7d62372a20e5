"""The latency measure's protocol. How fast a network is, benchmarks say; no test does."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sweep.contracts import Failed, Network
from sweep.host.compile_cache import KEEP_EVERYTHING
from sweep.measures import latency_session, latency_worker
from sweep.measures.latency import LATENCY, Latency, LatencyError
from sweep.settings.config import LatencySettings, SettingsError
from sweep.types import Reading
from tests.support.short import Short
from tests.support.toys import point, quiet

METRICS = ("latency_s", "latency_process", "latency_calls", "reference_s", "compile_s")
METRICS += ("peak_memory_bytes",)
QUICK = {"rounds": 3, "min_sample_s": 1e-3, "warmup_s": 0.05}


def networks_at(*sides: int) -> list[Network]:
    return [Network(point(0.25, side), Short(), num_classes=10) for side in sides]


def test_every_point_and_batch_has_a_sample_of_every_round_of_every_process():
    settings = LatencySettings(processes=2, batch_sizes=(1, 2), **QUICK)
    shares: list[float] = []
    networks = networks_at(32, 64)
    items = Latency(settings)(networks, lambda share, text: shares.append(share))
    readings = [item for item in items if isinstance(item, Reading)]
    found = {(r.point.resolution, r.batch, r.metric.name): r for r in readings}
    assert len(found) == len(readings) == 2 * 2 * 6
    for side in (32, 64):
        for batch in (1, 2):
            of = {name: found[side, batch, name] for name in METRICS}
            latency = of["latency_s"]
            assert len(latency.samples) == 2 * 3
            assert latency.value == np.median(latency.samples)
            assert of["latency_process"].samples == (0, 0, 0, 1, 1, 1)
            # A sample lasts a millisecond at the least, by what the warm-up took for a call.
            assert len(of["latency_calls"].samples) == 2 * 3
            assert len(of["reference_s"].samples) == 2 * 3
            # One process compiles, all others load its programs.
            assert len(of["compile_s"].samples) == 1
            # The weights alone, four bytes each, are a lower bound.
            weights = sum(row.weights for row in networks[0].layers())
            memory = of["peak_memory_bytes"].value
            assert memory is not None
            assert memory > 4 * weights
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_cache_of_programs_changes_nothing(monkeypatch, tmp_path):
    # A program that came from JAX's cache can't be put into a file for other processes.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    for name, value in KEEP_EVERYTHING.items():
        monkeypatch.setenv(name, value)
    settings = LatencySettings(processes=2, **QUICK)
    for _ in range(2):
        items = list(Latency(settings)(networks_at(32), quiet))
        found = {item.metric.name: item for item in items if isinstance(item, Reading)}
        assert len(found) == len(items)
        assert len(found["latency_s"].samples) == 2 * 3
        assert len(found["compile_s"].samples) == 1


def test_a_worker_that_fails_is_quoted():
    settings = LatencySettings(threads=4096, processes=1, **QUICK)
    with pytest.raises(LatencyError, match=r"latency\.threads = 4096: this machine has"):
        list(Latency(settings)([Network(point(), Short())], quiet))


def test_more_cores_than_there_are_are_refused_before_anything_is_timed():
    with pytest.raises(SettingsError, match=r"latency\.threads = 4096: must be at most \d+"):
        Latency(LatencySettings(threads=4096)).check_points(networks_at(32))


class Workers:
    """In place of the processes: says what a worker would say of three rounds, and dies as told.

    dies: in which of the processes that are started, in which round, over which side, or over None,
    the reference computation. kept: whether programs can be put into files.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *dies: tuple[int, int, int | None]) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.dies, self.kept = dies, True
        monkeypatch.setattr(latency_session, "events", self.events)

    def events(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        started = len(self.jobs)
        self.jobs.append(job)
        out = {tuple(each) for each in job["left_out"]}
        names = [
            {"key": key, "batch": 1}
            for spec in job["networks"]
            if ((key := latency_worker.key_of(spec)), 1) not in out
        ]
        for name in names:
            yield {"event": "at", **name}
            if job["stage"] == "compile" or not job["folder"]:
                told = {"seconds": 1.0, "memory_bytes": 1, "kept": self.kept}
                yield {"event": "compiled", **name, **told}
        for number in range(3 if job["stage"] == "time" else 0):
            yield {"event": "at", "what": "the reference computation"}
            self._die(started, number, None)
            samples = []
            for name in names:
                yield {"event": "at", **name}
                self._die(started, number, int(name["key"].rpartition("/")[2]))
                samples.append([name["key"], 1, 1.0 + job["process"], 5])
            yield {"event": "round", "reference_s": 1.0, "samples": samples}

    def _die(self, *where: int | None) -> None:
        if where in self.dies:
            raise LatencyError("the timing process was ended by SIGKILL")


def measured(processes: int = 3) -> tuple[dict[tuple[int, str], Reading], dict[int, str]]:
    """(readings by side and metric, reasons of what failed by side) of 32 and 64 px."""
    items = list(Latency(LatencySettings(processes=processes))(networks_at(32, 64), quiet))
    readings = {(i.point.resolution, i.metric.name): i for i in items if isinstance(i, Reading)}
    return readings, {i.point.resolution: i.reason for i in items if isinstance(i, Failed)}


def test_a_process_that_dies_over_a_network_costs_that_network_alone(monkeypatch):
    # Process 0 compiles; the third that times dies over 64 px, in its second round.
    workers = Workers(monkeypatch, (3, 1, 64))
    readings, failed = measured()
    assert list(failed) == [64]
    assert failed[64].startswith("batch 1: the timing process was ended by SIGKILL")
    assert readings[32, "latency_process"].samples == (0, 0, 0, 1, 1, 1, 2, 2, 2)
    # What processes that came to their end have read of it stands.
    assert readings[64, "latency_process"].samples == (0, 0, 0, 1, 1, 1)
    assert readings[64, "latency_s"].value == 1.5
    assert [job["left_out"] for job in workers.jobs[3:]] == [
        [],
        [[networks_at(64)[0].point.key, 1]],
    ]


def test_a_process_that_dies_over_the_reference_is_begun_again_and_nobody_is_blamed(monkeypatch):
    Workers(monkeypatch, (2, 0, None))
    readings, failed = measured()
    assert not failed
    assert readings[64, "latency_process"].samples == (0, 0, 0, 1, 1, 1, 2, 2, 2)


def test_what_other_processes_have_timed_stands_where_one_dies_again(monkeypatch):
    Workers(monkeypatch, (2, 2, None), (3, 2, None))
    readings, failed = measured()
    assert set(failed) == {32, 64}
    assert failed[64] == (
        "1 of 3 processes timed it; then the timing process was ended by SIGKILL (over the "
        "reference computation)"
    )
    assert readings[32, "latency_s"].samples == (1.0, 1.0, 1.0)


def test_where_no_process_times_there_is_nothing(monkeypatch):
    Workers(monkeypatch, (1, 0, None), (2, 0, None))
    with pytest.raises(LatencyError, match="over the reference computation"):
        measured()


def test_all_processes_compile_or_none_does(monkeypatch):
    workers = Workers(monkeypatch)
    measured()
    assert all(job["folder"] for job in workers.jobs)
    workers = Workers(monkeypatch)
    workers.kept = False
    readings, _ = measured()
    assert [job["folder"] for job in workers.jobs[1:]] == ["", "", ""]
    assert len(readings[32, "compile_s"].samples) == 4


def test_a_later_session_tells_how_it_drifted(monkeypatch):
    Workers(monkeypatch)  # every process is slower by the first one's time: a median of 2
    earlier = {
        network: [Reading(LATENCY, network.point, then, batch=1)]
        for network, then in zip(networks_at(32, 64), (1.6, 2.5), strict=True)
    }
    items = list(
        Latency(LatencySettings(processes=3)).measure_bridged(networks_at(96), earlier, quiet)
    )
    assert {item.point.resolution for item in items} == {96}  # the earlier readings stay theirs
    (drift,) = [i for i in items if isinstance(i, Reading) and i.metric.name == "latency_drift"]
    assert drift.samples == (2 / 1.6, 2 / 2.5)
    assert drift.value == pytest.approx(1.0)  # the geometric mean of 1.25 and 0.8


def test_a_bridge_reaches_from_the_smallest_to_the_largest():
    networks = networks_at(*range(32, 192, 16))
    bridge = Latency(LatencySettings()).bridge(networks)
    assert [each.point.resolution for each in bridge] == [32, 64, 96, 144, 176]
    assert Latency(LatencySettings()).bridge(networks[:3]) == tuple(networks[:3])


def test_a_sample_is_the_mean_of_its_calls(monkeypatch):
    """On a clock of the test's own: the machine's is late whenever somebody else has work."""
    now = 0.0

    def nap() -> None:
        nonlocal now
        now += 0.002

    monkeypatch.setattr(latency_worker, "time", SimpleNamespace(perf_counter=lambda: now))
    assert latency_worker.sample(nap, 5) == pytest.approx(0.002)
    # 0.021 s of 2 ms calls: rounded up, so that a sample is never shorter than it was asked to be.
    assert latency_worker.calls_per_sample(nap, 0.021, 0.1) == 11


def test_rounds_take_the_executables_in_another_order_each_time():
    order: list[str] = []
    runs = {(name, 1): lambda name=name: order.append(name) for name in "abcdefgh"}
    settings = {"min_sample_s": 1e-9, "warmup_s": 1e-9, "rounds": 6, "seed": 0}
    events: list[dict[str, Any]] = []
    latency_worker.rounds(runs, lambda: None, settings, 0, events.append)
    taken = [event["samples"] for event in events if event["event"] == "round"]
    orders = {tuple(key for key, *_ in samples) for samples in taken}
    assert len(orders) == 6
    assert all(sorted(each) == list("abcdefgh") for each in orders)
