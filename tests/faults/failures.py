"""Points that fail, each in its own way: the reason is stored and said, the others are measured,
and the next run tries again.

python -m tests.faults failures --times 20
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.contracts import Measure, Network
from sweep.results.load import load
from sweep.types import Better, CurvePoint, Metric, Point, Progress, Reading
from tests.faults import Row, row, says
from tests.faults.sweeps import COLD, Ended, ended, started

EDGE = Metric("edge", "Edge", "1", Better.NEITHER)
ESCAPES = "\x1b[31mred\x1b[0m \x07\udc80"
BAD = 0.5  # alpha of the points that fail
TEXT = """
name = "toy"
family = "tests.faults.parts:Family"
measures = ["tests.faults.failures:{measure}"]
[grid]
alpha = [0.5, 0.25, 0.1]
resolution = [64, 32]
[custom."tests.faults.failures:{measure}"]
fault = "{fault}"
"""


class Failing(Measure):
    """Reads the side of the input; what its settings say happens to the points of one alpha, as
    long as there is a file called `broken`.
    """

    name = "failing"
    metrics = (EDGE,)

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def identity(self) -> dict[str, Any]:
        return {}

    def bytes_of(self, networks: Sequence[Network]) -> int:
        large = self.fault == "too large" and any(each.point.alpha == BAD for each in networks)
        return 10**15 if large and Path("broken").exists() else 1

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint]:
        point = networks[0].point
        if point.alpha == BAD and Path("broken").exists():
            yield from _go_wrong(self.fault, point)
        else:
            yield Reading(EDGE, point, float(point.resolution))


class FailingBeside(Failing):
    """The same, in processes of its own."""

    threads = 1


def _go_wrong(fault: str, point: Point) -> Iterator[Any]:
    match fault:
        case "error":
            raise RuntimeError(f"{ESCAPES} a stone in the way")
        case "long":
            raise RuntimeError("stone " * 2000)
        case "exit":
            sys.exit(3)
        case "other":
            yield Reading(EDGE, Point("toy", "separable", 9.0, 1.0, 9), 1.0)
        case "nan":
            yield Reading(EDGE, point, float("nan"))
        case "junk":
            yield {"edge": point.resolution}
        case "memory":
            import numpy as np

            # In a process of its own, which ends after that.
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + (32 << 20)
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            yield Reading(EDGE, point, float(np.ones(1 << 28)[0]))
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Kind:
    """A way to fail, and what is said of it; ".." stands for anything."""

    fault: str
    words: str
    shows: str
    measure: str = "Failing"


KINDS = (
    Kind(
        "error", "an exception in a measure, with control characters",
        r"RuntimeError: \x1b[31mred\x1b[0m \x07\udc80 a stone in the way",
    ),
    Kind("long", "an exception of 12 kB", "RuntimeError: stone stone .. [..]"),
    Kind("exit", "a measure that calls sys.exit()", "the measure asked to end the process"),
    Kind("other", "a reading of another point", "failing read another point, 9.0-9, than it was"),
    Kind("nan", "a reading that is NaN", "ValueError: edge of .. NaN; give a reason instead"),
    Kind("junk", "something that is no reading", "failing gave a dict where readings are asked"),
    Kind("memory", "out of memory (RLIMIT_AS)", "out of memory (", "FailingBeside"),
    Kind("kill", "a process that is killed, as where memory runs out",
         "the process was ended by SIGKILL; the system does that where memory runs out",
         "FailingBeside"),
    Kind("too large", "a point that would not fit in memory",
         "not begun: it would take about 1000000.0 GB of memory; max_memory_share allows .."),
)  # fmt: skip
AGAIN = "`failed: ..`, `The same command tries again.`"


def harness(times: int, folder: Path) -> Iterator[Row]:
    """Every kind, less often; and the run itself, killed over points again and again."""
    times = max(1, times // 5)
    yield from of_kinds(times, folder, KINDS)
    yield deadly(times, folder)


def of_kinds(times: int, folder: Path, kinds: Sequence[Kind]) -> Iterator[Row]:
    """A row for each kind."""
    for kind in kinds:
        lost = [
            wrong
            for number in range(times)
            for wrong in _failed(Experiment(folder / kind.fault / str(number), kind), kind)
        ]
        told = f"`{kind.shows}`"
        yield row(f"a point fails: {kind.words}", times, lost, told)


def deadly(times: int, folder: Path) -> Row:
    """Points in the run's own process that end it, as where memory runs out."""
    lost = [wrong for number in range(times) for wrong in _deadly(folder / "deadly" / str(number))]
    words = "points that the whole run is killed over, each time"
    told = "after two deaths over a point it comes last: all others are measured, the report drawn"
    return row(words, times, lost, told)


@dataclass(frozen=True)
class Experiment:
    """Six points, of which two fail, in a folder of their own."""

    folder: Path
    kind: Kind

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        text = TEXT.format(measure=self.kind.measure, fault=self.kind.fault)
        (self.folder / "sweep.toml").write_text(text)
        (self.folder / "broken").touch()

    @property
    def results(self) -> Path:
        return self.folder / "results" / "toy"

    def run(self) -> Ended:
        """Without JAX."""
        return ended(started(self.folder, "run", *COLD))

    def stored(self) -> dict[tuple[float, int], float | str]:
        """Value or reason, by alpha and resolution."""
        rows = load(self.results).readings
        return {
            (alpha, side): reason or value
            for alpha, side, value, reason in rows[
                ["alpha", "resolution", "value", "reason"]
            ].itertuples(index=False)
        }


GOOD = {(alpha, side): float(side) for alpha in (0.25, 0.1) for side in (64, 32)}
WHOLE = GOOD | {(BAD, side): float(side) for side in (64, 32)}


def _failed(experiment: Experiment, kind: Kind) -> list[str]:
    """What was wrong with a run in which points fail, and the one after that."""
    run = experiment.run()
    wrong = [] if run.status == 1 else [f"status {run.status}: {run.err}"]
    wrong += [] if "Traceback" not in run.err else [run.err]
    wrong += _not_said(f"`{kind.shows}`", run.err) + _not_said(AGAIN, run.err)
    if set(run.out + run.err) & {"\x1b", "\x07"}:
        wrong.append("control characters reach the terminal")
    stored = experiment.stored()
    if {key: stored.get(key) for key in GOOD} != GOOD:
        wrong.append(f"others are lost: {stored}")
    reasons = [value for key, value in stored.items() if key not in GOOD]
    if len(reasons) != 2 or not all(isinstance(reason, str) for reason in reasons):
        wrong.append(f"no reasons: {reasons}")
    return wrong + _mended(experiment)


def _mended(experiment: Experiment) -> list[str]:
    """What was wrong with the next run, once nothing is broken."""
    (experiment.folder / "broken").unlink()
    run = experiment.run()
    wrong = [] if run.status == 0 else [f"status {run.status}: {run.err}"]
    again = run.out.count("stored failing")
    wrong += [] if again == 2 else [f"{again} points were measured again"]
    if (experiment.results / "unfinished").exists():
        wrong.append("unfinished/ is left")
    return wrong + ([] if experiment.stored() == WHOLE else [f"lost: {experiment.stored()}"])


def _deadly(folder: Path) -> list[str]:
    """Runs are killed over the same two points: twice each, then the others have their turn."""
    experiment = Experiment(folder, Kind("kill", "", ""))
    runs = [experiment.run() for _ in range(5)]
    wrong = [f"status {each.status}" for each in runs if each.status != -9]
    stored = experiment.stored()
    if {key: stored.get(key) for key in GOOD} != GOOD:
        wrong.append(f"others are lost: {stored}")
    if "were killed or crashed" not in str(stored.get((BAD, 64))):
        wrong.append(f"no reason: {stored}")
    if not (experiment.results / "report.html").exists():
        wrong.append("no report")
    return wrong + _mended(experiment)


def _not_said(shows: str, text: str) -> list[str]:
    return [] if says(shows, text) else [f"did not say {shows}: {text}"]
