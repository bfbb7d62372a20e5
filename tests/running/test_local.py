"""The engine that is this machine: what all engines keep, and what is its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from sweep.contracts import Call, Ended, Event, Progressed, Started
from sweep.host.machine import cores
from sweep.running.local import LocalEngine, shared_out
from sweep.testing import Check, EngineContract, call, is_alive
from sweep.types import Reading
from tests.support.engines import MACHINE, Where

CORES = cores()


class TestLocalEngine(EngineContract):
    make = "tests.support.engines:local"


def where(count: int, threads: int = 1) -> list[Call]:
    measure = Where()
    measure.threads = threads
    return [replace(call(), measure=measure) for _ in range(count)]


def readings(events: Sequence[Event]) -> list[Reading]:
    items = [item for event in events if isinstance(event, Ended) for item in event.readings]
    return [item for item in items if isinstance(item, Reading)]


def test_processes_keep_to_their_cores_serve_call_after_call_and_end():
    events = list(LocalEngine(MACHINE).run(where(len(CORES) + 1)))
    taken = readings(events)
    assert {each.samples for each in taken} == {(float(core),) for core in CORES}
    pids = {int(each.value or 0) for each in taken}
    assert len(pids) == len(CORES)
    assert not any(map(is_alive, pids))
    assert [event.index for event in events if isinstance(event, Started)] == list(
        range(len(CORES) + 1)
    )


def test_without_threads_calls_are_made_here_where_progress_is_told_at_once():
    told: list[Event] = []
    here = LocalEngine(MACHINE, meanwhile=told.append)
    checks = [replace(call("", ""), measure=Check()) for _ in range(2)]
    for each in checks:
        each.measure.threads = 0
    seen = []
    for event in here.run(checks):
        seen.append((type(event), event.index, len(told)))
        if isinstance(event, Started):
            assert event.here
    assert seen == [(Started, 0, 0), (Ended, 0, 1), (Started, 1, 1), (Ended, 1, 2)]
    assert {type(event) for event in told} == {Progressed}
    assert told[0].text == str(os.getpid())  # type: ignore[union-attr]


def test_no_more_calls_run_at_once_than_fit_in_memory():
    sizes = [8, 8, 1, 1]
    calls = [replace(call(), bytes=size, estimate_s=9.0 - at) for at, size in enumerate(sizes)]
    calls[3] = replace(calls[3], bytes=100)  # alone it may have more
    under_way: set[int] = set()
    order = []
    with closing(LocalEngine(MACHINE, most_bytes=10).run(calls)) as events:
        for event in events:
            if isinstance(event, Started):
                order.append(event.index)
                under_way.add(event.index)
            elif isinstance(event, Ended):
                assert event.failure == ""
                under_way.discard(event.index)
            taken = sum(calls[index].bytes for index in under_way)
            assert taken <= 10 or under_way == {3}
    assert sorted(order) == [0, 1, 2, 3]
    if len(CORES) > 1:
        assert order[:2] == [0, 2]  # the second large one waits, and a small one goes before it


def test_the_longest_are_begun_first():
    calls = [replace(call(), estimate_s=seconds) for seconds in (1.0, 3.0, 2.0)]
    events = LocalEngine(MACHINE).run(calls)
    assert [event.index for event in events if isinstance(event, Started)] == [1, 2, 0]


def test_cores_are_shared_out():
    assert shared_out((3, 5, 7), 1) == ((3,), (5,), (7,))
    assert shared_out((3, 5, 7), 2) == ((3, 5),)
    with pytest.raises(ValueError, match="must be at most 3, the cores that this run has"):
        shared_out((3, 5, 7), 4)


def test_a_process_on_one_core_is_of_the_same_machine():
    code = (
        "from sweep.host import machine\n"
        "before, of_all = machine.this_cpu(), machine.cores()\n"
        "machine.pin(of_all[:1]); machine.pin(of_all[:1])\n"
        "assert machine.this_cpu() == before\n"
        "assert machine.cores() == of_all[:1]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
