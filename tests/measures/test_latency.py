"""The latency measure's protocol. How fast a network is, benchmarks say; no test does."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sweep.contracts import Failed, Network
from sweep.host import machine
from sweep.host.compile_cache import KEEP_EVERYTHING
from sweep.measures import timing_worker
from sweep.measures.latency import LATENCY, Latency, LatencyError
from sweep.running.artefacts import Artefacts
from sweep.running.identities import Hashes
from sweep.runtimes.xla import XLA
from sweep.settings.config import LatencySettings, SettingsError
from sweep.settings.registry import UnknownPartError
from sweep.types import Deployment, Reading
from tests.support.short import Short
from tests.support.timing import REFERENCE, Processes
from tests.support.toys import point, quiet

METRICS = ("latency_s", "latency_process", "latency_calls", "reference_s", "compile_s")
METRICS += ("peak_memory_bytes", "process_memory_bytes")
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
    assert len(found) == len(readings) == 2 * 2 * 7
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
    settings = LatencySettings(threads=(4096,), processes=1, **QUICK)
    with pytest.raises(LatencyError, match=r"latency\.threads = 4096: this machine has"):
        list(Latency(settings)([Network(point(), Short())], quiet))


def test_more_cores_than_there_are_are_refused_before_anything_is_timed():
    with pytest.raises(SettingsError, match=r"latency\.threads = 4096: must be at most \d+"):
        Latency(LatencySettings(threads=(4096,))).check_points(networks_at(32))


def of_side(process: int, program: dict[str, Any], sample: int) -> float:
    """The second process takes a second more than the first, the third one more."""
    return 1.0 + process


def measured(processes: int = 3) -> tuple[dict[tuple[int, str], Reading], dict[int, str]]:
    """(readings by side and metric, reasons of what failed by side) of 32 and 64 px."""
    items = list(Latency(LatencySettings(processes=processes))(networks_at(32, 64), quiet))
    readings = {(i.point.resolution, i.metric.name): i for i in items if isinstance(i, Reading)}
    return readings, {i.point.resolution: i.reason for i in items if isinstance(i, Failed)}


def test_a_process_that_dies_over_a_network_costs_that_network_alone(monkeypatch):
    processes = Processes(monkeypatch, of_side, (2, 1, 64))
    readings, failed = measured()
    assert list(failed) == [64]
    assert failed[64].startswith("batch 1: the timing process was ended by SIGKILL")
    assert set(readings[32, "latency_process"].samples) == {0, 1, 2}
    # What processes that came to their end have read of it stands.
    assert set(readings[64, "latency_process"].samples) == {0, 1}
    assert readings[64, "latency_s"].value == 1.5
    # One process makes files, three time; and the last is begun again without the large network.
    assert [len(job["programs"]) for job in processes.jobs] == [2, 2, 2, 2, 1]


def test_a_process_that_dies_over_the_reference_is_begun_again_and_nobody_is_blamed(monkeypatch):
    Processes(monkeypatch, of_side, (1, 0, REFERENCE))
    readings, failed = measured()
    assert not failed
    assert set(readings[64, "latency_process"].samples) == {0, 1, 2}


def test_what_other_processes_have_timed_stands_where_one_dies_again(monkeypatch):
    Processes(monkeypatch, of_side, (1, 2, REFERENCE), (2, 2, REFERENCE))
    readings, failed = measured()
    assert set(failed) == {32, 64}
    assert failed[64] == (
        "1 of 3 processes timed it; then the timing process was ended by SIGKILL (over the "
        "reference computation)"
    )
    assert set(readings[32, "latency_s"].samples) == {1.0}


def test_where_no_process_times_there_is_nothing(monkeypatch):
    Processes(monkeypatch, of_side, (0, 0, REFERENCE), (1, 0, REFERENCE))
    with pytest.raises(LatencyError, match="over the reference computation"):
        measured()


def test_runtimes_take_turns_and_one_that_computes_something_else_is_not_timed(monkeypatch):
    wrong = "its logits are 0.1 of the largest from the Flax network's"
    processes = Processes(monkeypatch, of_side, computes={"litert": wrong})
    settings = LatencySettings(
        processes=2, runtimes=("xla", "onnxruntime", "litert"), precisions=("float32", "int8")
    )
    measure = Latency(settings)
    networks = [
        replace(each, deployment=of) for of in measure.deployments for each in networks_at(32)
    ]
    items = list(measure(networks, quiet))
    failed = {i.deployment: i.reason for i in items if isinstance(i, Failed)}
    assert failed == {
        Deployment("litert", "float32", 0): f"batch 1: {wrong}",
        Deployment("litert", "int8", 0): f"batch 1: {wrong}",
    }
    timed = [i for i in items if isinstance(i, Reading) and i.metric == LATENCY and i.value]
    assert {(i.runtime, i.precision) for i in timed} == {
        ("xla", "float32"), ("onnxruntime", "float32"), ("onnxruntime", "int8"),
    }  # fmt: skip
    # A process of each runtime that is left, twice; XLA's holds no int8.
    opened = [job for job in processes.jobs if job["module"] == "timing_worker"]
    assert [job["runtime"] for job in opened] == 2 * ["xla", "onnxruntime"]
    assert [len(job["programs"]) for job in opened] == 2 * [1, 2]


def test_what_a_runtime_computes_is_held_against_the_flax_network_before_it_is_timed():
    careless = "tests.support.runtimes:Careless"
    settings = LatencySettings(processes=1, runtimes=("onnxruntime", careless), **QUICK)
    measure = Latency(settings)
    networks = [
        replace(each, deployment=of) for of in measure.deployments for each in networks_at(32)
    ]
    items = list(measure(networks, quiet))
    (failed,) = [item for item in items if isinstance(item, Failed)]
    assert failed.deployment == Deployment(careless)
    assert failed.reason == (
        "batch 1: its logits are 0.01 of the largest from the Flax network's, must be within 0.001"
    )
    (timed,) = [i for i in items if isinstance(i, Reading) and i.metric == LATENCY and i.value]
    assert timed.runtime == "onnxruntime"
    assert "from the Flax network's" in timed.note
    assert 0 < float(timed.note.split("logits within ")[1].split()[0]) < 1e-5


def test_a_runtime_that_is_not_installed_is_told_and_is_no_failure(monkeypatch):
    there = "needs pip install 'mobilenet-sweep[runtimes]'"
    Processes(monkeypatch, of_side, computes={"litert": there}, missing=("litert",))
    measure = Latency(LatencySettings(processes=1, runtimes=("xla", "litert")))
    networks = [
        replace(each, deployment=of) for of in measure.deployments for each in networks_at(32)
    ]
    items = list(measure(networks, quiet))
    assert not [item for item in items if isinstance(item, Failed)]
    found = {i.runtime: i for i in items if isinstance(i, Reading) and i.metric == LATENCY}
    assert (found["litert"].value, found["litert"].reason) == (None, there)
    assert found["xla"].value == 1.0


def test_what_no_runtime_has_is_refused_and_what_one_lacks_is_told():
    with pytest.raises(SettingsError, match=r"latency.precisions = \['bfloat16'\]: none of"):
        Latency(LatencySettings(runtimes=("litert",), precisions=("bfloat16",)))
    measure = Latency(LatencySettings(runtimes=("litert", "xla"), precisions=("bfloat16",)))
    assert measure.deployments == (Deployment("xla", "bfloat16", 0),)
    assert "litert has no bfloat16: left out" in measure.describe(networks_at(32))


def test_another_way_to_make_a_runtime_s_files_is_another_reading_of_its_own_alone(
    monkeypatch, tmp_path
):
    def identities():
        measure, (network,) = Latency(LatencySettings(runtimes=("xla", "litert"))), networks_at(32)
        deployed = [replace(network, deployment=each) for each in measure.deployments]
        hashes = Hashes(measure, deployed, 10, Artefacts(tmp_path))
        return [hashes.of(each) for each in deployed]

    before = identities()
    monkeypatch.setattr(XLA, "made", {**XLA.made, "vectors": 256})
    now = identities()
    assert (before[0] != now[0], before[1] == now[1]) == (True, True)


def test_a_later_session_tells_how_it_drifted(monkeypatch):
    Processes(monkeypatch, of_side)  # a median of 2 over three processes
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


def test_every_core_and_their_number_are_one_and_the_same():
    cores = machine.this_cpu().cores
    with pytest.raises(SettingsError, match=rf"\[0, {cores}\]: 0 is every core, and this run has"):
        Latency(LatencySettings(threads=(0, cores))).check_points(networks_at(32))


def test_a_runtime_that_does_not_exist_is_told_by_its_setting():
    with pytest.raises(UnknownPartError, match=r'^latency.runtimes = "tflite": must be one of lit'):
        Latency(LatencySettings(runtimes=("tflite",)))


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

    monkeypatch.setattr(timing_worker, "time", SimpleNamespace(perf_counter=lambda: now))
    assert timing_worker.sample(nap, 5) == pytest.approx(0.002)
    # 0.021 s of 2 ms calls: rounded up, so that a sample is never shorter than it was asked to be.
    assert timing_worker.calls_per_sample(nap, 0.021, 0.1) == 11


def test_rounds_take_the_programs_in_another_order_each_time(monkeypatch):
    order: list[int] = []

    def takes(process: int, program: dict[str, Any], sample: int) -> float:
        order.append(program["resolution"])
        return 1.0

    Processes(monkeypatch, takes)
    sides = tuple(range(32, 160, 16))
    list(Latency(LatencySettings(processes=1, rounds=6))(networks_at(*sides), quiet))
    taken = [side for side in order if side]
    rounds = {tuple(taken[at : at + len(sides)]) for at in range(0, len(taken), len(sides))}
    assert len(rounds) == 6
    assert all(sorted(each) == list(sides) for each in rounds)
