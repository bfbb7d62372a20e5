"""What the timing of a point that fails, or that kills its process, does to the others."""

from __future__ import annotations

import os
import signal
from typing import Any

from sweep.contracts import Failed, Network
from sweep.measures.latency import Latency
from sweep.settings.config import LatencySettings
from sweep.types import Reading
from tests.support.short import Short
from tests.support.toys import point, quiet


class Fragile(Short):
    """Can't be built at 40 px, dies at 48 px."""

    def build(self, point: Any, **arguments: Any) -> Any:
        if point.resolution == 40:
            raise RuntimeError("no such network")
        if point.resolution == 48:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().build(point, **arguments)


def test_latency_of_a_point_that_fails_or_kills_its_process_loses_no_other():
    settings = LatencySettings(processes=2, rounds=3, min_sample_s=1e-3, warmup_s=0.05)
    networks = [Network(point(0.25, side), Fragile(), 10) for side in (32, 40, 48, 56)]
    items = list(Latency(settings)(networks, quiet))
    failed = {item.point.resolution: item.reason for item in items if isinstance(item, Failed)}
    assert failed[40] == "batch 1: RuntimeError: no such network"
    assert failed[48].startswith("batch 1: the timing process was ended by SIGKILL")
    readings = {
        (item.point.resolution, item.metric.name): item
        for item in items
        if isinstance(item, Reading)
    }
    for side in (32, 56):
        assert len(readings[side, "latency_s"].samples) == 2 * 3
    for side in (40, 48):
        assert readings[side, "latency_s"].reason == failed[side].removeprefix("batch 1: ")
