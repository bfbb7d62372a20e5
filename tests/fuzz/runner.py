"""Starts workers, looks after them, and sums up. A worker that dies or hangs loses one case: it is
written down, and another goes on.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.engines import ATHERIS
from tests.fuzz.worker import CASE_S, FAILURES, JOB, STATE, Job, State, keep

ROOT = Path(__file__).parents[2]
MOST_DEATHS = 50
START_S = 180.0  # until the first case
_COVERAGE = re.compile(r"cov: (\d+) ft: \d+ corp: (\d+)")
NO_ATHERIS = (
    f"atheris has no wheel for {platform.system()} {platform.machine()} with Python "
    f"{platform.python_version()}: coverage-guided cases were not tried"
)


@dataclass(frozen=True)
class Failure:
    """One kind of failure, its shortest case, and how it shows."""

    kind: str
    case: Path
    story: str


@dataclass(frozen=True)
class Summary:
    """What came of one target and engine. lines: of the program that atheris saw run, and how many
    cases it kept because they reached new ones; None under Hypothesis.
    """

    target: str
    engine: str
    tried: int
    taken: int
    failed: int
    lines: int | None
    kept: int | None
    seconds: float
    failures: tuple[Failure, ...]


class WorkerError(RuntimeError):
    """A worker could not even start; the message is the end of what it said."""


def has_atheris() -> bool:
    """Whether there is a coverage-guided engine here."""
    return find_spec("atheris") is not None


def fuzz(
    target: str, engine: str, *, cases: int, seed: int, place: Path, case_s: float = CASE_S
) -> Summary:
    """Tries `cases` cases in processes of their own; `place` is an empty folder for what is found.

    Raises WorkerError where the target itself can't be set up.
    """
    began, deaths = time.perf_counter(), 0
    log = place / "said.txt"
    while True:
        done = State(place / STATE).counts.tried
        if done >= cases:
            break
        job = Job(target, engine, cases, done, seed + done, case_s)
        (place / JOB).write_text(json.dumps(asdict(job)))
        how = _one_worker(place, log, case_s)
        state = State(place / STATE)
        if state.counts.tried == done:
            raise WorkerError(log.read_text("utf-8", "replace")[-3000:])
        if not how:
            continue
        deaths += 1
        keep(place / FAILURES, state.case, how, log.read_text("utf-8", "replace")[-1000:])
        counts = state.counts
        counts.failed += 1
        state.counts = counts
        if deaths >= MOST_DEATHS:
            break
    counts = State(place / STATE).counts
    lines, kept = _coverage(log) if engine == ATHERIS else (None, None)
    return Summary(
        target, engine, counts.tried, counts.taken, counts.failed, lines, kept,
        time.perf_counter() - began, _failures(place / FAILURES),
    )  # fmt: skip


def _one_worker(place: Path, log: Path, case_s: float) -> str:
    """Runs one to its end; how it died, or "" where it did not."""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    with log.open("ab") as said:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", str(place)],
            cwd=ROOT,
            stdout=said,
            stderr=said,
            env=environment,
        )
        try:
            state, tried, since = State(place / STATE), -1, time.monotonic()
            while worker.poll() is None:
                time.sleep(0.05)
                now = state.counts.tried
                if now != tried:
                    tried, since = now, time.monotonic()
                # Code that is not Python's does not hear the alarm.
                if time.monotonic() - since > (3 * case_s if tried > 0 else START_S):
                    worker.kill()
                    worker.wait()
                    return "hang that no signal ends"
            status = worker.wait()
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    if status > 0:  # not a case's doing: what a case raises is caught
        raise WorkerError(log.read_text("utf-8", "replace")[-3000:])
    return f"ended by {signal.Signals(-status).name}" if status else ""


def _coverage(log: Path) -> tuple[int, int]:
    found = _COVERAGE.findall(log.read_text("utf-8", "replace"))
    return (max(int(lines) for lines, _ in found), int(found[-1][1])) if found else (0, 0)


def _failures(folder: Path) -> tuple[Failure, ...]:
    stories = sorted(folder.glob("*.txt")) if folder.exists() else []
    return tuple(
        Failure(story.partition("\n")[0], path.with_suffix(".case"), story)
        for path in stories
        if (story := path.read_text("utf-8"))
    )
