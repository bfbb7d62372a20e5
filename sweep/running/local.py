"""The engine that is this machine.

Calls of measures that ask for some threads are executed side by side, each in a process that keeps
to cores of its own: two trainings on one core each finish sooner than one after the other on two,
since the maps are too small to share out, and threads that wait for each other do nothing else. A
process also starts with the allocator as it should be, and one that dies takes no other with it.
All other calls come one after the other in this process, as on an accelerator that they would
share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import groupby
from multiprocessing.connection import wait as wait_for_any

from sweep.contracts import Call, Device, Ended, Engine, Event, Limit, Measure, Progressed, Started
from sweep.host.machine import PACKAGES, cores, device_bytes, versions_of
from sweep.host.memory import limit
from sweep.running.calls import Result, perform, turn
from sweep.running.worker import Worker
from sweep.types import Machine, SettingsError

# What a process of a measure that can't say how much it takes is thought to take.
WORKER_BYTES = 3 << 30
# A process that is asked to end has so long: a step of a large training, and a write.
GRACE_S = 10.0


class LocalEngine(Engine):
    """most_bytes: of memory that calls side by side may take together, but for a call that takes
    more on its own; 0 for any. meanwhile: told of progress in this process as it happens; without
    it, such progress comes when the call is over.
    """

    name = "local"

    def __init__(
        self,
        machine: Machine,
        *,
        most_bytes: int = 0,
        meanwhile: Callable[[Event], None] | None = None,
    ) -> None:
        self.machine = machine
        self.most_bytes = most_bytes
        self.meanwhile = meanwhile

    def places(self, measure: Measure) -> tuple[tuple[int, ...], ...]:
        """The cores of each call that is executed beside others; () where calls are executed one
        after the other in this process.

        Raises SettingsError where a call is to have more cores than there are: with fewer, its sums
        would be taken in another order than the settings say.
        """
        if not measure.threads or self.machine.platform != "cpu":
            return ()
        try:
            return shared_out(cores(), measure.threads)
        except ValueError as error:
            threads = measure.threads
            raise SettingsError(f"{measure.name}.threads = {threads}: {error}") from None

    def devices(self, measure: Measure) -> tuple[Device, ...]:
        """This machine; raises SettingsError where the measure names others."""
        if measure.nodes:
            raise SettingsError(
                f"{measure.name}.nodes = {list(measure.nodes)}: is of a cluster's machines; "
                'run.engine = "ray", or --on ray, has such'
            )
        return (Device("", self.machine),)

    def limit(self, share: float) -> Limit:
        """On an accelerator of its memory, where JAX knows that."""
        device = device_bytes() if self.machine.platform != "cpu" else 0
        return limit(share, self.machine.memory_bytes, device)

    def at_once(self, measure: Measure) -> int:
        """Raises SettingsError as `places` does."""
        return len(self.places(measure)) or 1

    def run(self, tasks: Sequence[Call]) -> Generator[Event, None, None]:
        """Those that follow each other and have the same places, side by side."""
        indices = range(len(tasks))
        for places, group in groupby(indices, key=lambda index: self.places(tasks[index].measure)):
            if places:
                yield from self._side_by_side(tasks, list(group), places)
            else:
                for index in group:
                    yield from self._alone(tasks[index], index)

    def _side_by_side(
        self, tasks: Sequence[Call], waiting: list[int], places: Sequence[tuple[int, ...]]
    ) -> Iterator[Event]:
        waiting.sort(key=lambda index: turn(tasks[index]))
        workers = [Worker(place) for place in places[: len(waiting)]]
        try:
            while True:
                yield from self._begin_what_fits(tasks, waiting, workers)
                busy = {worker.connection: worker for worker in workers if worker.busy}
                if not busy:
                    return
                for connection in wait_for_any(list(busy)):
                    worker = busy[connection]  # type: ignore[index] - ours are all Connections
                    index, event = worker.index, worker.next_event()
                    if isinstance(event, Result):
                        event = self._ended(tasks[index], index, event, worker.seconds)
                    yield event
        finally:
            _end(workers)

    def _begin_what_fits(
        self, tasks: Sequence[Call], waiting: list[int], workers: Sequence[Worker]
    ) -> Iterator[Event]:
        """Gives calls to free workers, the first first; one that has to wait for memory is passed
        over by smaller ones.
        """
        while free := [worker for worker in workers if not worker.busy]:
            taken = sum(worker.holds for worker in workers if worker.busy)
            sizes = {index: tasks[index].bytes or WORKER_BYTES for index in waiting}
            fitting = (
                index
                for index in waiting
                if not self.most_bytes or not taken or taken + sizes[index] <= self.most_bytes
            )
            if (index := next(fitting, None)) is None:
                return
            waiting.remove(index)
            self._make_room(free, sizes[index], taken)
            yield Started(index)
            if refused := free[0].begin(index, tasks[index], sizes[index]):
                yield self._ended(tasks[index], index, refused, 0.0)

    def _make_room(self, free: Sequence[Worker], size: int, taken: int) -> None:
        """A process keeps the memory of its largest call: idle ones end where it is wanted. The
        first of them is to have a call of this size.
        """
        chosen, *others = free
        idle = sum(worker.holds for worker in others)
        if self.most_bytes and taken + idle + max(size, chosen.holds) > self.most_bytes:
            for worker in free:
                worker.end()

    def _alone(self, call: Call, index: int) -> Iterator[Event]:
        """In this thread: Ctrl-C comes to no other."""
        yield Started(index, here=True)
        began, late = time.perf_counter(), []
        tell = self.meanwhile or late.append
        result = perform(call, lambda share, text: tell(Progressed(index, share, text)))
        yield from late
        yield self._ended(call, index, result, time.perf_counter() - began)

    def _ended(self, call: Call, index: int, result: Result, seconds: float) -> Ended:
        return Ended(
            index,
            self.machine,
            versions_of((*PACKAGES, *call.measure.versions)),
            seconds,
            result.items,
            result.artefacts,
            result.failure,
            result.trace,
        )


def shared_out(numbers: Sequence[int], threads: int) -> tuple[tuple[int, ...], ...]:
    """The groups of cores that calls of `threads` threads each can have to themselves, as many as
    there are. Raises ValueError where there are fewer cores than that.
    """
    most = len(numbers)
    if threads > most:
        raise ValueError(f"must be at most {most}, the cores that this run has; 0 takes all")
    starts = range(0, most - threads + 1, threads)
    return tuple(tuple(numbers[start : start + threads]) for start in starts)


def _end(workers: Sequence[Worker]) -> None:
    """Those in the middle of a call have some seconds to put down how far they are."""
    busy = [worker for worker in workers if worker.busy]
    try:
        for worker in busy:
            worker.ask_to_end()
        until = time.monotonic() + GRACE_S
        for worker in busy:
            worker.wait(until - time.monotonic())
    finally:
        for worker in workers:
            worker.end()
