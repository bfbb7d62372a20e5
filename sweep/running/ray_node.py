"""What a Ray cluster's machines execute: they tell their facts, and perform calls.

Ray's worker supervises alone. The measure is in a fresh process of its own, as on one machine
(`Worker`): with its cores, allocator and folder settled before JAX is imported, and with the same
words for how it died. So what Ray loses is a machine, or the supervisor, and never a point.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sweep.contracts import Event, Limit, Progressed, Said, Started
from sweep.host.claims import claimed
from sweep.host.interrupts import held_back, interruptible
from sweep.host.machine import PACKAGES, cores, this_machine, versions_of
from sweep.host.memory import limit
from sweep.running.calls import ElsewhereError, Packed, Result
from sweep.running.local import GRACE_S
from sweep.running.provenance import commit, source_digest
from sweep.running.shared_place import Place
from sweep.running.surroundings import Surroundings
from sweep.running.worker import Worker
from sweep.types import Machine

LOOK_S = 0.2  # between two looks whether the call is to end
TOLD_S = 0.5  # between two messages about how far a call is


@dataclass(frozen=True)
class Facts:
    """What a machine tells of itself. source: the digest of the code there; told: its version, in
    words. unfinished: names of files of broken-off trainings.
    """

    machine: Machine
    versions: Mapping[str, str]
    source: str
    told: str
    limit: Limit
    unfinished: frozenset[str]


def facts(surroundings: Surroundings) -> Facts:
    """Starts JAX. Raises SettingsError where it can't."""
    surroundings.settle()
    machine = this_machine()
    names = surroundings.place().names()
    told = f"{versions_of(['mobilenet-sweep'])['mobilenet-sweep']}, {commit()}"
    most = limit(1.0, machine.memory_bytes)
    return Facts(machine, versions_of(PACKAGES), source_digest(), told, most, frozenset(names))


def forget(surroundings: Surroundings, names: Sequence[str]) -> None:
    """Removes what is unfinished no more."""
    surroundings.place().remove(names)


@dataclass(frozen=True)
class Job:
    """Calls of one measure, to be performed one after the other in one process.

    calls: each one's index, itself without the measure, and the names of what it may leave
    unfinished. threads: cores; 0 for all. source: the digest of the driver's code. paths: of the
    networks' files on the driver's machine.
    """

    calls: tuple[tuple[int, bytes, tuple[str, ...]], ...]
    identity: str
    threads: int
    source: str
    packages: tuple[str, ...]
    paths: tuple[str, ...]
    surroundings: Surroundings


@dataclass(frozen=True)
class Delivered:
    """What a call came to, with the files that it has made, by their paths there."""

    index: int
    result: Result
    versions: Mapping[str, str]
    seconds: float
    files: Mapping[str, bytes]


def perform_all(job: Job, measure: bytes, *files: bytes) -> Iterator[str | Event | Delivered]:
    """A Ray generator: the machine's name in the cluster, what is told of each call, and what it
    came to.
    """
    import ray

    interruptible()
    yield ray.get_runtime_context().get_node_id()
    if source_digest() != job.source:  # it has come since the cluster was looked at
        raise ElsewhereError("this machine has another version of mobilenet-sweep than the driver")
    job.surroundings.settle()
    numbers = cores()
    with (
        TemporaryDirectory(prefix="sweep-") as temporary,
        claimed(numbers, job.threads or len(numbers)) as own,
    ):
        paths = dict(zip(job.paths, _written(files, job.paths, Path(temporary)), strict=True))
        worker = Worker(own, daemon=False)
        place = job.surroundings.place()
        try:
            for index, rest, names in job.calls:
                place.fetch(names)
                call = Packed(measure, rest, job.identity, str(place.folder), paths)
                yield from _performed(worker, index, call, place, names, job.packages)
        finally:
            _ended(worker)


def _performed(
    worker: Worker,
    index: int,
    call: Packed,
    place: Place,
    names: Sequence[str],
    packages: Sequence[str],
) -> Iterator[Event | Delivered]:
    yield Started(index)
    told = 0.0
    result = worker.begin(index, call, 0)
    try:
        while result is None:
            if not worker.has_said(LOOK_S):
                place.keep(names)
                continue
            event = worker.next_event()
            if isinstance(event, Result):
                result = event
            elif isinstance(event, Said) or time.monotonic() - told > TOLD_S:
                told = time.monotonic() if isinstance(event, Progressed) else told
                yield event
    except BaseException:
        _ended(worker)  # it puts down how far it is
        place.keep(names)
        raise
    files = {str(each.path): each.path.read_bytes() for each in result.artefacts}
    yield Delivered(index, result, versions_of((*PACKAGES, *packages)), worker.seconds, files)


def _ended(worker: Worker) -> None:
    """A worker that is at something has some seconds to put down how far it is."""
    with held_back():
        if worker.busy:
            worker.ask_to_end()
            worker.wait(GRACE_S)
        worker.end()
        worker.busy = False


def _written(files: Sequence[bytes], paths: Sequence[str], folder: Path) -> Iterator[str]:
    """The networks' files, each under its own name."""
    for number, (content, path) in enumerate(zip(files, paths, strict=True)):
        own = folder / str(number) / Path(path).name
        own.parent.mkdir()
        own.write_bytes(content)
        yield str(own)


def at(result: Result, files: Mapping[str, Path]) -> Result:
    """The result with its files where they are now."""
    moved: Any = tuple(replace(each, path=files[str(each.path)]) for each in result.artefacts)
    return replace(result, artefacts=moved)
