"""The engine that is this machine and others that join it, for trainings that lie on all of them.

A call of a measure that spans hosts is performed by a process on each, which `jax.distributed`
joins: this machine's is the first, whose readings count and which alone writes. All other calls are
this machine's. A host that goes costs the call its try: when another has joined it is begun again,
and goes on from what the first process has put down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import wait as wait_for_any
from typing import Any

from sweep.contracts import Call, Event, Measure, Network, Progressed, Said, Started
from sweep.host.failures import reason_of
from sweep.host.machine import cores
from sweep.running.calls import Joining, Packed, Result, pickled, pickled_rest
from sweep.running.hosts import Address, Door, GoneError, Remote, free_port
from sweep.running.local import GRACE_S, LocalEngine
from sweep.running.surroundings import Surroundings
from sweep.running.worker import PARTING_S, Worker
from sweep.types import Machine, SettingsError, digest_of

RETRIES = 3  # of a call that has lost a host
LOOK_S = 0.2  # between two looks whether a host has come
# Where one process fails, those that wait for it do so, too, and have so long to say it.
GATHER_S = 3.0
# What the others make of it.
CONSEQUENCES = ("JaxRuntimeError", "SIGABRT")


class HostsEngine(LocalEngine):
    """hosts: how many there are, with this machine. address: at which the others find it."""

    def __init__(
        self,
        machine: Machine,
        *,
        hosts: int,
        address: Address,
        surroundings: Surroundings,
        most_bytes: int = 0,
        meanwhile: Callable[[Event], None] | None = None,
    ) -> None:
        super().__init__(machine, most_bytes=most_bytes, meanwhile=meanwhile)
        self.hosts, self.address = hosts, address
        self._surroundings = surroundings
        self._door: Door | None = None
        self._others: list[Remote] = []

    def open(self) -> str:
        """Hosts may join from now on; the command for each other one. Raises SettingsError where
        the port is taken.
        """
        self._door = self._door or Door(self.address)
        return self._door.command

    def close(self) -> None:
        """All part."""
        for each in self._others:
            each.part()
        if self._door is not None:
            self._door.close()

    def places(self, measure: Measure) -> tuple[tuple[int, ...], ...]:
        """() for calls that span hosts, too: each has all cores. Raises SettingsError where it is
        to have some alone.
        """
        if not measure.spans_hosts:
            return super().places(measure)
        if measure.threads:
            raise no_threads(measure)
        return ()

    def notes(self, measure: Measure, networks: Sequence[Network]) -> tuple[str, ...]:
        if not (measure.spans_hosts and networks):
            return ()
        return (f"performed by {self.hosts} hosts together",)

    def _alone(self, call: Call, index: int) -> Iterator[Event]:
        if not call.measure.spans_hosts:
            yield from super()._alone(call, index)
            return
        began = time.perf_counter()
        yield Started(index)
        try:
            packed = _packed(call)
        except Exception as error:  # noqa: BLE001 - somebody's measure can't be pickled
            result = Result(failure=f"can't be sent to a host: {reason_of(error)}")
        else:
            result = yield from self._together(call, packed, index)
        yield self._ended(call, index, result, time.perf_counter() - began)

    def _together(self, call: Call, packed: Packed, index: int) -> Generator[Event, None, Result]:
        for _ in range(1 + RETRIES):
            yield from self._gathered(index)
            try:
                return (yield from self._performed(call, packed, index))
            except GoneError as gone:
                yield Said(index, f"host {gone} is gone; begun again when another has joined")
        return Result(failure=f"lost a host {1 + RETRIES} times")

    def _gathered(self, index: int) -> Iterator[Event]:
        """Until there are as many hosts as there are to be."""
        self.open()
        assert self._door is not None  # noqa: S101 - it is open
        self._others = [each for each in self._others if not each.gone]
        while missing := self.hosts - 1 - len(self._others):
            while self._door.turned_away:
                yield Said(index, self._door.turned_away.popleft())
            if (host := self._door.next_host()) is not None:
                self._others.append(host)
                yield Said(index, f"host {host.name} has joined", logging.INFO)
                continue
            self._summon(missing, self._door)
            hosts = "another host" if missing == 1 else f"{missing} hosts"
            yield Progressed(index, 0.0, f"waiting for {hosts}")
            time.sleep(LOOK_S)

    def _summon(self, missing: int, door: Door) -> None:
        """Whoever types here has read what to type there."""

    def _performed(self, call: Call, packed: Packed, index: int) -> Generator[Event, None, Result]:
        """What it came to in the first process, or why it came to nothing in any. The processes are
        fresh: JAX is joined once a process. Raises GoneError.
        """
        first = Worker(cores(), daemon=False)  # it has processes that decode
        place = f"{self.address.host}:{free_port()}"
        files = tuple(call.measure.local_files(call.networks))
        try:
            for number, each in enumerate(self._others, start=1):
                own = replace(packed, joining=Joining(place, number, self.hosts))
                each.begin(index, own, self._surroundings, files)
            own = replace(packed, joining=Joining(place, 0, self.hosts))
            if refused := first.begin(index, own, call.bytes):
                return refused
            results = yield from self._results(first)
            return _cause(results) or results[0]
        finally:
            self._end_processes(first)

    def _results(self, first: Worker) -> Generator[Event, None, dict[int, Result]]:
        """Of each process, by its number; of some alone where one has failed. Raises GoneError."""
        members: list[Any] = [first, *self._others]
        results: dict[int, Result] = {}
        until = None
        while len(results) < len(members):
            waiting = {m.connection: n for n, m in enumerate(members) if n not in results}
            patience = None if until is None else max(0.0, until - time.monotonic())
            if not (ready := wait_for_any(list(waiting), patience)):
                break
            for connection in ready:
                number = waiting[connection]  # type: ignore[index] - ours are all Connections
                event = members[number].next_event()
                name = f"on {self._others[number - 1].name}: " if number else ""
                if isinstance(event, Result):
                    failure = f"{name}{event.failure}" if event.failure else ""
                    results[number] = replace(event, failure=failure)
                    until = until or (time.monotonic() + GATHER_S if failure else None)
                elif isinstance(event, Said):
                    yield replace(event, text=f"{name}{event.text}")
                elif not number:
                    yield event
        return results

    def _end_processes(self, first: Worker) -> None:
        """All in their own time where the call has come to its end. Else the first has some seconds
        to put down how far it is; the others' go on meanwhile, since a step takes all.
        """
        if first.busy:
            first.ask_to_end()
            first.wait(GRACE_S)
            first.end()
        first.part()
        for each in self._others:
            with suppress(GoneError):
                each.end_process()
        first.wait(PARTING_S)
        first.end()


def no_threads(measure: Measure) -> SettingsError:
    """Of a measure whose calls are to have some cores of a host alone."""
    return SettingsError(
        f"{measure.name}.threads = {measure.threads}: must be 0 on several hosts, where a call has "
        "all cores of each"
    )


def _packed(call: Call) -> Packed:
    """Raises whatever pickling it does."""
    paths = {str(path): str(path) for each in call.networks for path in each.artefacts.values()}
    measure = call.measure
    return Packed(pickled(measure), pickled_rest(call), digest_of(measure.identity()), "", paths)


def _cause(results: dict[int, Result]) -> Result | None:
    """Of those that have failed the one that the others have failed for."""
    failed = {number: each for number, each in results.items() if each.failure}

    def order(number: int) -> tuple[bool, int]:
        return any(each in failed[number].failure for each in CONSEQUENCES), number

    return failed[min(failed, key=order)] if failed else None
