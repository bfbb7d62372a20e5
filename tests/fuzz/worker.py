"""The process in which cases run: `python -m tests.fuzz.worker PLACE`, started by `runner`.

PLACE has the job as JSON. What is going on stands in a file in memory that outlives the process:
how many cases were tried, and the one that is tried now.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import pkgutil
import resource
import shutil
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz import engines, target_named
from tests.fuzz.mutations import MOST_BYTES

JOB, STATE, FAILURES, CORPUS, ROOM = "job.json", "state", "failures", "corpus", "room"
CASE_S = 10.0  # a case that takes longer hangs
MEMORY_BYTES = 1 << 30  # that a case may take beyond what sound ones do
_COUNTS = struct.Struct("<QQQQ")
_SOURCES = ("/sweep/", "/mnv1_flax/")
INSTRUMENTED = ("sweep", "mnv1_flax", "tomllib", "zipfile", "tflite", "flatbuffers")


class HangError(BaseException):
    """A case took too long. No `except Exception` catches it."""


@dataclass(frozen=True)
class Job:
    """What a worker is to do: `done` cases of `count` have been tried by workers before it."""

    target: str
    engine: str
    count: int
    done: int
    seed: int
    case_s: float = CASE_S


@dataclass
class Counts:
    """What became of the cases so far; `length` is that of the one that is tried now."""

    tried: int = 0
    taken: int = 0
    failed: int = 0
    length: int = 0


class State:
    """Counts and the present case, in a file that is shared with the parent."""

    def __init__(self, path: Path) -> None:
        size = _COUNTS.size + 2 * MOST_BYTES
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._held = mmap.mmap(file.fileno(), size)

    @property
    def counts(self) -> Counts:
        return Counts(*_COUNTS.unpack_from(self._held))

    @counts.setter
    def counts(self, counts: Counts) -> None:
        _COUNTS.pack_into(self._held, 0, *asdict(counts).values())

    @property
    def case(self) -> bytes:
        return self._held[_COUNTS.size : _COUNTS.size + self.counts.length]

    @case.setter
    def case(self, case: bytes) -> None:
        self._held[_COUNTS.size : _COUNTS.size + len(case)] = case


def keep(folder: Path, case: bytes, kind: str, told: str) -> None:
    """Writes a failure down; of several of one kind the shortest case stays."""
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(kind.encode()).hexdigest()[:12]
    file = folder / f"{name}.case"
    if not file.exists() or file.stat().st_size > len(case):
        file.write_bytes(case)
        (folder / f"{name}.txt").write_text(f"{kind}\n{told}\n", "utf-8", "backslashreplace")


def work(place: Path) -> None:
    """Tries the job's cases. With atheris it does not return."""
    job = Job(**json.loads((place / JOB).read_text()))
    target = _imported(job)
    state = State(place / STATE)
    room = place / ROOM
    shutil.rmtree(room, ignore_errors=True)  # a worker before this one may have left it
    room.mkdir()
    (place / CORPUS).mkdir(exist_ok=True)  # before the room: some let no folder be made
    with target.room(room) as check:
        for seed in target.seeds():
            if len(seed) <= MOST_BYTES:
                check(seed)
        _limit_memory()

        def one(case: bytes) -> None:
            counts = state.counts
            if counts.tried >= job.count:
                os._exit(0)
            if len(case) > MOST_BYTES:
                return
            state.case = case
            counts.tried, counts.length = counts.tried + 1, len(case)
            state.counts = counts
            try:
                with _limited(job.case_s), warnings.catch_warnings():
                    warnings.simplefilter("error")
                    counts.taken += check(case)
            except (Exception, HangError) as error:  # noqa: BLE001 - what a fuzzer looks for
                counts.failed += 1
                keep(place / FAILURES, case, *_told(error))
            state.counts = counts

        if job.engine == engines.ATHERIS:
            engines.by_atheris(target, one, job.count - job.done, job.seed, place / CORPUS)
        else:
            engines.by_hypothesis(target, one, job.count - job.done, job.seed)


def _imported(job: Job) -> Any:
    """The target. Under atheris its program is imported through atheris, which counts its lines:
    all of it, since what is imported later, in the middle of a case, would not be seen.
    """
    if job.engine != engines.ATHERIS:
        return target_named(job.target)
    import atheris

    instrumented = atheris.instrument_imports(  # type: ignore[attr-defined] - it has no types
        include=list(INSTRUMENTED), enable_loader_override=False
    )
    with instrumented:
        target = target_named(job.target)
        for name in target.instruments:
            _import_whole(name)
    return target


def _import_whole(name: str) -> None:
    """A module, and all that are in it where it is a package."""
    module = import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        import_module(found.name)


def _limit_memory() -> None:
    """What the process has now, and a part more."""
    status = Path("/proc/self/status").read_text()
    held = next(int(line.split()[1]) << 10 for line in status.splitlines() if "VmSize" in line)
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise HangError(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _told(error: BaseException) -> tuple[str, str]:
    """(kind, story): failures of one kind come from one place."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if any(part in each.filename for part in _SOURCES)]
    at = [f"{Path(each.filename).name}:{each.lineno}" for each in (own or frames)[-1:]]
    words = "" if at and own else str(error)[:60]
    kind = " ".join([type(error).__name__, *at, words]).strip()
    return kind, "".join(traceback.format_exception(error))[-4000:]


if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]))
    except Exception as error:
        error.__notes__ = []  # Hypothesis's quote whole files
        raise
