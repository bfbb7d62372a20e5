"""Processes that die or don't end, side by side and when timing: what is told, and what goes on."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sweep.contracts import Failed, Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.host.failures import end_of
from sweep.measures.latency import Latency
from sweep.running.workers import Ended, Started, side_by_side
from sweep.settings.config import LatencySettings
from sweep.types import Progress, Reading
from tests.support.toys import Perimeter, point, quiet

FAMILY = MobileNetV1Family()


class Dying(Perimeter):
    """Dies in its own ways in a process of its own, by resolution."""

    name = "dying"
    threads = 1

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        (network,) = networks
        match network.point.resolution:
            case 32:
                os.kill(os.getpid(), signal.SIGKILL)
            case 40:
                sys.exit(5)
            case 48:
                import numpy as np

                pages = int(Path("/proc/self/statm").read_text().split()[0])
                most = pages * resource.getpagesize() + (64 << 20)
                resource.setrlimit(resource.RLIMIT_AS, (most, most))
                yield Reading(self.metrics[0], network.point, float(np.ones(1 << 30)[0]))
            case 56:
                yield lambda: 5  # can't be pickled
            case 64:
                os.abort()
            case _:
                yield from super().__call__(networks, progress)


class Hanging(Perimeter):
    """Never ends by itself, and puts something down when it is asked to."""

    name = "hanging"

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        from sweep.host.interrupts import heard

        progress(0.5, "hanging")
        with heard():
            try:
                time.sleep(600)
            except KeyboardInterrupt:
                Path(self.file).write_text("put down")
                raise
        yield


def test_processes_that_die_are_told_apart_and_the_rest_goes_on():
    sides = (32, 40, 48, 56, 64, 128)
    calls = [(Dying(), Network(point(0.25, side), FAMILY)) for side in sides]
    with closing(side_by_side(calls, [(0,), (0,)])) as stream:
        ended = {event.index: event for event in stream if isinstance(event, Ended)}
    told = [ended[index].failure for index in range(len(sides))]
    assert told[0] == end_of(-9)
    assert told[1] == "the measure asked to end the process (SystemExit: 5)"
    assert told[2].startswith("out of memory (")
    assert "pickle" in told[3]
    assert told[4] == end_of(-6)
    assert told[5] == ""
    assert len(ended[5].items) == 1


def test_a_measure_that_can_not_be_sent_to_a_process_fails_alone():
    bad = Perimeter()
    bad.factor = lambda: 4  # type: ignore[assignment]
    calls = [(each, Network(point(0.25, 128), FAMILY)) for each in (bad, Perimeter())]
    with closing(side_by_side(calls, [(0,)])) as stream:
        events = [event for event in stream if isinstance(event, Started | Ended)]
    assert [(type(each), each.index) for each in events] == [
        (Started, 0), (Ended, 0), (Started, 1), (Ended, 1),
    ]  # fmt: skip
    first, second = (each for each in events if isinstance(each, Ended))
    assert first.failure.startswith("can't be sent to a process: ")
    assert second.failure == ""


def test_a_process_that_is_ended_can_put_down_how_far_it_is(tmp_path):
    file = tmp_path / "file"
    calls = [(Hanging(str(file)), Network(point(0.25, 128), FAMILY))]
    with closing(side_by_side(calls, [(0,)])) as stream:
        for event in stream:
            if getattr(event, "text", "") == "hanging":
                time.sleep(0.2)  # until it sleeps
                break
        began = time.monotonic()
    assert file.read_text() == "put down"
    assert time.monotonic() - began < 8  # and nobody waits longer than that takes


def test_no_more_calls_run_at_once_than_fit_in_memory():
    calls = [(Perimeter(), Network(point(0.25, side), FAMILY)) for side in (128, 160, 192, 224)]
    needs = [8, 8, 1, 1]
    under_way: set[int] = set()
    most = 0
    order: list[int] = []
    with closing(side_by_side(calls, [(0,), (0,)], needs=needs, limit=10)) as stream:
        for event in stream:
            if isinstance(event, Started):
                under_way.add(event.index)
                order.append(event.index)
            elif isinstance(event, Ended):
                assert event.failure == ""
                under_way.discard(event.index)
            most = max(most, sum(needs[index] for index in under_way))
    assert most <= 10
    assert sorted(order) == [0, 1, 2, 3]
    assert order[:2] == [0, 2]  # the second large one waits, and a small one goes before it


class Fragile(MobileNetV1Family):
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
