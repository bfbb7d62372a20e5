"""Points side by side: what each process is given, and what becomes of calls that go wrong."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.running.workers import Ended, Progressed, Said, Started, places, side_by_side
from sweep.types import Better, Metric, Progress, Reading
from tests.support.toys import Perimeter, point

CORES = sorted(os.sched_getaffinity(0))
CORE = Metric("core", "Core", "1", Better.NEITHER)


class Core(Perimeter):
    """The cores that the process may use, after a word on the way; dies at 32 px, fails at 64."""

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Reading]:
        (network,) = networks
        if network.point.resolution == 32:
            os._exit(7)
        if network.point.resolution == 64:
            raise RuntimeError("a stone in the way")
        logging.getLogger("core").warning("%s px is large", network.point.resolution)
        progress(0.5, "half")
        cores = tuple(float(core) for core in sorted(os.sched_getaffinity(0)))
        yield Reading(CORE, network.point, float(os.getpid()), samples=cores)


def calls(*resolutions: int):
    return [(Core(), Network(point(0.25, side), MobileNetV1Family())) for side in resolutions]


def events(resolutions, groups):
    with closing(side_by_side(calls(*resolutions), groups)) as stream:
        return list(stream)


def reading(event: Ended) -> Reading:
    (item,) = event.items
    assert isinstance(item, Reading)
    return item


def test_each_process_keeps_to_its_cores_and_serves_call_after_call():
    seen = events((128, 160, 192), [(CORES[0],), (CORES[-1],)])
    ended = {event.index: event for event in seen if isinstance(event, Ended)}
    assert sorted(ended) == [0, 1, 2]
    assert all(not event.failure for event in ended.values())
    readings = [reading(event) for event in ended.values()]
    assert {each.samples for each in readings} == {(float(CORES[0]),), (float(CORES[-1]),)}
    assert len({each.value for each in readings}) == 2  # processes, for three calls
    # Started in order; each call says half before it ends.
    assert [event.index for event in seen if isinstance(event, Started)] == [0, 1, 2]
    assert sorted(e.index for e in seen if isinstance(e, Progressed) and e.share == 0.5) == [
        0,
        1,
        2,
    ]


def test_what_a_process_warns_of_is_told_by_call():
    seen = events((128, 160), [(CORES[0],)])
    said = [event for event in seen if isinstance(event, Said)]
    assert said == [Said(0, "128 px is large"), Said(1, "160 px is large")]


def test_a_call_that_fails_or_dies_is_told_and_the_rest_goes_on():
    seen = events((64, 32, 128), [(CORES[0],)])
    failures = {event.index: event.failure for event in seen if isinstance(event, Ended)}
    assert failures == {
        0: "RuntimeError: a stone in the way",
        1: "the process ended with status 7",
        2: "",
    }
    traces = [event.trace for event in seen if isinstance(event, Ended)]
    assert "raise RuntimeError" in traces[0]


def test_closing_early_ends_the_processes():
    stream = side_by_side(calls(128, 160), [(CORES[0],)])
    pids = [int(reading(event).value or 0) for event in stream if isinstance(event, Ended)]
    assert len(set(pids)) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_places_share_the_cores_out():
    assert places(1) == tuple((core,) for core in CORES)
    assert places(0) == (tuple(CORES),)
    with pytest.raises(ValueError, match=f"must be at most {len(CORES)}, the cores that"):
        places(len(CORES) + 1)
