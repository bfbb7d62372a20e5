"""The latency measure's protocol. How fast a network is, benchmarks say; no test does."""

import time

import pytest
from toys import point, quiet

from sweep.config import LatencySettings
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures import latency_worker
from sweep.measures.latency import Latency, LatencyError
from sweep.types import Reading

QUICK = {"rounds": 3, "min_sample_s": 1e-3, "warmup_s": 0.05}


def test_every_point_and_batch_has_a_sample_of_every_round_of_every_process():
    settings = LatencySettings(processes=2, batch_sizes=(1, 2), **QUICK)
    family = MobileNetV1Family()
    networks = [Network(point(0.25, side), family, num_classes=10) for side in (32, 64)]
    shares = []
    items = Latency(settings).measure_together(networks, lambda share, text: shares.append(share))
    readings = [item for item in items if isinstance(item, Reading)]
    found = {(r.point.resolution, r.variant, r.metric.name): r for r in readings}
    assert len(found) == len(readings) == 2 * 2 * 4
    for side in (32, 64):
        for batch in (1, 2):
            latency = found[side, f"batch={batch}", "latency_s"]
            assert len(latency.samples) == 2 * 3
            assert latency.value == pytest.approx(sorted(latency.samples)[2:4][0], rel=1)
            assert len(found[side, f"batch={batch}", "reference_s"].samples) == 2 * 3
            assert len(found[side, f"batch={batch}", "compile_s"].samples) == 2
            # The weights alone, four bytes each, are a lower bound.
            weights = sum(row.weights for row in networks[0].layers())
            memory = found[side, f"batch={batch}", "peak_memory_bytes"].value
            assert memory is not None
            assert memory > 4 * weights
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_worker_that_fails_is_quoted():
    settings = LatencySettings(threads=4096, processes=1, **QUICK)
    with pytest.raises(LatencyError, match=r"latency\.threads = 4096: this machine has"):
        list(Latency(settings).measure_together([Network(point(), MobileNetV1Family())], quiet))


def test_a_sample_is_the_mean_of_its_calls():
    def nap() -> None:
        time.sleep(0.002)

    assert 0.002 <= latency_worker.sample(nap, 5) < 0.02
    # 0.02 s of 2 ms calls: ten, or a little fewer where the machine is late.
    assert 3 <= latency_worker.calls_per_sample(nap, 0.02, 0.1) <= 11


def test_rounds_take_the_executables_in_another_order_each_time():
    order: list[str] = []
    executables = [
        latency_worker.Executable(name, name, 1, lambda name=name: order.append(name), 0.0, None)
        for name in "abcdefgh"
    ]
    settings = {"min_sample_s": 1e-9, "warmup_s": 1e-9, "rounds": 6, "seed": 0}
    events = list(latency_worker.rounds(executables, lambda: None, settings, process=0))
    orders = {tuple(key for key, _, _ in event["samples"]) for event in events}
    assert len(orders) == 6
    assert all(sorted(each) == list("abcdefgh") for each in orders)
