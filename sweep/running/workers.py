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
import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from sweep.contracts import Measure, Network
from sweep.host.allocator import keep_freed_memory
from sweep.host.failures import OUT_OF_MEMORY, end_of, reason_of
from sweep.host.interrupts import TERMINATED, end_with_parent, held_back
from sweep.types import CurvePoint, Reading

# What a process of a measure that can't say how much it takes is thought to take.
WORKER_BYTES = 3 << 30
# A process that is asked to end has so long: a step of a large training, and a write.
GRACE_S = 10.0


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
    """What the call at `index` has for the log; level as in `logging`."""

    index: int
    text: str
    level: int = logging.WARNING


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


def places(threads: int) -> tuple[tuple[int, ...], ...]:
    """The groups of cores that processes of `threads` threads each can have to themselves, as many
    as this process's cores allow; one group of all where threads is 0. Raises ValueError where it
    has fewer cores.
    """
    cores = _cores()
    size = threads or len(cores)
    if size > len(cores):
        raise ValueError(f"must be at most {len(cores)}, the cores that this run has; 0 takes all")
    return tuple(tuple(cores[at : at + size]) for at in range(0, len(cores) - size + 1, size))


def side_by_side(
    calls: Sequence[tuple[Measure, Network]],
    groups: Sequence[tuple[int, ...]],
    *,
    needs: Sequence[int] = (),
    limit: int = 0,
) -> Generator[Event, None, None]:
    """Calls each measure on its network, one at a time on each group of cores, in order.

    A call that raises ends with its reason, and so does one whose process dies. Closing the
    iterator ends all processes: one that is in the middle of a call has some seconds to put down
    how far it is. needs: bytes of memory that each call takes, of which no more than `limit` are
    taken at once, except by a call on its own; 0: as many calls as there are groups.
    """
    hall = _Hall(
        [_Worker(group) for group in groups[: len(calls)]], calls, needs or [0] * len(calls), limit
    )
    try:
        yield from hall.begin_what_fits()
        while hall.busy:
            for connection in wait(list(hall.busy)):
                worker = hall.busy[connection]  # type: ignore[index] - ours are all Connections
                event = worker.next_event()
                yield event
                if isinstance(event, Ended):
                    del hall.busy[worker.connection]
                    yield from hall.begin_what_fits()
    finally:
        _end(hall.workers, list(hall.busy.values()))


class _Hall:
    """The workers, and the calls that wait for one."""

    def __init__(
        self,
        workers: list[_Worker],
        calls: Sequence[tuple[Measure, Network]],
        needs: Sequence[int],
        limit: int,
    ) -> None:
        self.workers = workers
        self.busy: dict[Connection, _Worker] = {}
        self._calls = calls
        self._needs = needs
        self._limit = limit
        self._waiting = list(range(len(calls)))

    def begin_what_fits(self) -> Iterator[Started | Ended]:
        """Gives calls to free workers, the first first; one that has to wait for memory is passed
        over by smaller ones.
        """
        while free := [each for each in self.workers if each not in self.busy.values()]:
            worker = free[0]
            index = next((each for each in self._waiting if self._fits(each)), None)
            if index is None:
                return
            self._make_room(worker, self._needs[index])
            self._waiting.remove(index)
            yield Started(index)
            ended = worker.start(index, self._calls[index], self._needs[index])
            if ended is None:
                self.busy[worker.connection] = worker
            else:
                yield ended

    def _fits(self, index: int) -> bool:
        taken = sum(worker.holds for worker in self.busy.values())
        return not self._limit or not self.busy or taken + self._needs[index] <= self._limit

    def _make_room(self, chosen: _Worker, need: int) -> None:
        """A process keeps the memory of its largest call: idle ones end where it is wanted."""
        if not self._limit:
            return
        idle = [each for each in self.workers if each not in self.busy.values()]
        taken = sum(each.holds for each in self.workers if each is not chosen)
        if taken + max(need, chosen.holds) > self._limit:
            for worker in idle:
                worker.end()


def _end(workers: Sequence[_Worker], busy: Sequence[_Worker]) -> None:
    try:
        for worker in busy:
            worker.ask_to_end()
        until = time.monotonic() + GRACE_S
        for worker in busy:
            worker.wait(until - time.monotonic())
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process and the pipe to it. Made anew after it died. `holds`: bytes of its largest call."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self._cores = cores
        self._process: Any = None
        self.connection: Connection
        self._index = 0
        self._began = 0.0
        self.holds = 0

    def start(self, index: int, call: tuple[Measure, Network], need: int) -> Ended | None:
        """None where the call is under way."""
        if self._process is None or not self._process.is_alive():
            # Spawned, not forked: a child must not inherit JAX's threads half-way through.
            context = multiprocessing.get_context("spawn")
            self.connection, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other, self._cores), daemon=True)
            with held_back():  # half a process can be neither used nor ended
                self._process.start()
            other.close()
            self.holds = 0
        self._index, self._began = index, time.perf_counter()
        self.holds = max(self.holds, need)
        try:
            self.connection.send(call)
        except Exception as error:  # noqa: BLE001 - somebody's measure can't be pickled
            self.end()
            return self._ended((), f"can't be sent to a process: {reason_of(error)}", "")
        return None

    def next_event(self) -> Event:
        try:
            kind, *what = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return self._ended((), end_of(self._process.exitcode), "")
        except Exception as error:  # noqa: BLE001 - what it sent can't be taken out of the pipe
            return self._ended((), f"its readings can't be passed on: {reason_of(error)}", "")
        if kind == "progress":
            return Progressed(self._index, *what)
        if kind == "said":
            return Said(self._index, *what)
        ended = self._ended(*what)
        if ended.failure.startswith(OUT_OF_MEMORY):
            self.end()  # what it holds is in pieces
        return ended

    def _ended(self, items: tuple[Any, ...], failure: str, trace: str) -> Ended:
        return Ended(self._index, items, time.perf_counter() - self._began, failure, trace)

    def ask_to_end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        if self._process is not None:
            self._process.join(max(0.0, seconds))

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.holds = 0


class _ToParent(logging.Handler):
    """Log records go to the parent, whose log is the run's: warnings, and news of our own."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.INFO)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self._connection.send(("said", record.getMessage(), record.levelno))


def _serve(connection: Connection, cores: tuple[int, ...]) -> None:
    """A worker's life: a call in, progress and a result out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    end_with_parent()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    # Before the first call arrives: unpickling it imports JAX.
    keep_freed_memory()
    logging.basicConfig(handlers=[_ToParent(connection)], force=True)
    logging.getLogger("sweep").setLevel(logging.INFO)

    def progress(share: float, text: str) -> None:
        connection.send(("progress", share, text))

    while True:
        try:
            measure, network = connection.recv()
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - somebody's measure can't be unpickled here
            connection.send(("ended", (), reason_of(error), traceback.format_exc()))
            continue
        try:
            items = tuple(measure((network,), progress))
            connection.send(("ended", items, "", ""))
        except KeyboardInterrupt:
            os._exit(TERMINATED)  # what there was to put down is put down
        except BaseException as error:  # noqa: BLE001 - told to the parent, with its trace
            connection.send(("ended", (), reason_of(error), traceback.format_exc()))


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
