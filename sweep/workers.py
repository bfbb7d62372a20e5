"""Points measured side by side, each in a process that keeps to cores of its own.

Two trainings on one core each finish sooner than one after the other on two: the maps are too small
to share out, and threads that wait for each other do nothing else. A process also starts with the
allocator as it should be, and one that dies takes no other with it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from sweep.allocator import keep_freed_memory
from sweep.contracts import Measure, Network
from sweep.interrupts import held_back
from sweep.types import CurvePoint, Reading

# What the largest training of the default sweep keeps resident, twice over.
WORKER_BYTES = 3 << 30


@dataclass(frozen=True)
class Started:
    """The call at `index` has begun."""

    index: int


@dataclass(frozen=True)
class Progressed:
    """How far the call at `index` is: the share done, 0..1, and what is going on."""

    index: int
    share: float
    text: str


@dataclass(frozen=True)
class Said:
    """A warning that the call at `index` has for the log."""

    index: int
    text: str


@dataclass(frozen=True)
class Ended:
    """All that the call at `index` read, and what it took; `failure` is empty where it went well.

    `trace` is the traceback of a failure, for the log.
    """

    index: int
    items: tuple[Reading | CurvePoint, ...]
    seconds: float
    failure: str = ""
    trace: str = ""


Event = Started | Progressed | Said | Ended


def places(threads: int, memory_bytes: int) -> tuple[tuple[int, ...], ...]:
    """The groups of cores that processes of `threads` threads each can have to themselves, as many
    as this process's cores and the machine's memory allow; one group of all where threads is 0.
    """
    cores = _cores()
    size = min(threads or len(cores), len(cores))
    groups = [tuple(cores[at : at + size]) for at in range(0, len(cores) - size + 1, size)]
    return tuple(groups[: max(1, memory_bytes // WORKER_BYTES)])


def side_by_side(
    calls: Sequence[tuple[Measure, Network]], groups: Sequence[tuple[int, ...]]
) -> Generator[Event, None, None]:
    """Calls each measure on its network, one at a time on each group of cores, in order.

    A call that raises ends with its reason, and so does one whose process dies. Closing the
    iterator ends all processes.
    """
    workers = [_Worker(group) for group in groups[: len(calls)]]
    waiting = list(enumerate(calls))[::-1]
    busy: dict[Connection, _Worker] = {}
    try:
        for worker in workers:
            yield _give(worker, waiting.pop(), busy)
        while busy:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index] - ours are all Connections
                event = worker.next_event()
                yield event
                if isinstance(event, Ended):
                    del busy[worker.connection]
                    if waiting:
                        yield _give(worker, waiting.pop(), busy)
    finally:
        for worker in workers:
            worker.end()


def _give(
    worker: _Worker, numbered: tuple[int, tuple[Measure, Network]], busy: dict[Connection, _Worker]
) -> Started:
    index, call = numbered
    worker.start(index, call)
    busy[worker.connection] = worker
    return Started(index)


class _Worker:
    """A process and the pipe to it. Made anew after it died."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self._cores = cores
        self._process: Any = None
        self.connection: Connection
        self._index = 0
        self._began = 0.0

    def start(self, index: int, call: tuple[Measure, Network]) -> None:
        if self._process is None or not self._process.is_alive():
            # Spawned, not forked: a child must not inherit JAX's threads half-way through.
            context = multiprocessing.get_context("spawn")
            self.connection, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other, self._cores), daemon=True)
            with held_back():  # half a process can be neither used nor ended
                self._process.start()
            other.close()
        self._index, self._began = index, time.perf_counter()
        self.connection.send(call)

    def next_event(self) -> Event:
        try:
            kind, *what = self.connection.recv()
        except EOFError:
            self._process.join()
            status = self._process.exitcode
            return self._ended((), f"the process ended with status {status}", "")
        if kind == "progress":
            return Progressed(self._index, *what)
        if kind == "said":
            return Said(self._index, *what)
        return self._ended(*what)

    def _ended(self, items: tuple[Any, ...], failure: str, trace: str) -> Ended:
        return Ended(self._index, items, time.perf_counter() - self._began, failure, trace)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()


class _ToParent(logging.Handler):
    """Log records go to the parent, whose log is the run's."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self._connection.send(("said", record.getMessage()))


def _serve(connection: Connection, cores: tuple[int, ...]) -> None:
    """A worker's life: a call in, progress and a result out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    # Before the first call arrives: unpickling it imports JAX.
    keep_freed_memory()
    logging.basicConfig(handlers=[_ToParent(connection)], force=True)

    def progress(share: float, text: str) -> None:
        connection.send(("progress", share, text))

    while True:
        try:
            measure, network = connection.recv()
        except EOFError:
            return
        try:
            items = tuple(measure(network, progress))
            connection.send(("ended", items, "", ""))
        except Exception as error:  # noqa: BLE001 - told to the parent, with its trace
            import traceback

            connection.send(("ended", (), reason_of(error), traceback.format_exc()))


def reason_of(error: Exception) -> str:
    """Why a point failed. Errors of this project are sentences; any other needs its type's name."""
    own = type(error).__module__.partition(".")[0] in ("sweep", "mnv1_flax")
    return str(error) if own else f"{type(error).__name__}: {error}"


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
