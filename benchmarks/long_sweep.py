"""A cost-only sweep of ten thousand points: its memory as it grows, resuming it, and its report.

    python -m benchmarks.long_sweep          # about an hour on one core
    python -m benchmarks.long_sweep --quick  # two hundred points

The run is killed (SIGKILL) half-way and started again, three times over. Goals: memory that does
not grow with the points, and under 5 s from starting it again to the first new point. Counters from
outside (fvcore, XLA) are off: fvcore's takes longer than all else, and PyTorch's tracer, on which
it is built, keeps about 0.4 MB for each network.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness import ROOT, options, publish, table

GOAL_S = 5.0
AGAIN = 2  # times that it is killed at its first new point, before it may go on to the end
SAMPLES = 20  # of memory, over the run
STORED = "stored cost "
TEXT = """
name = "long"
measures = ["cost"]
cost = {{fvcore = false, xla = false}}
[grid]
alpha = {alphas}
resolution = {resolutions}
"""


@dataclass
class Course:
    """What was seen of one process: seconds to its first stored point (None: there was none), and
    (points stored by now in all, MB that the process holds).
    """

    first_s: float | None = None
    memory: list[tuple[int, float]] = field(default_factory=list)


def main() -> None:
    """Runs, kills, runs on, reads."""
    arguments = options(__doc__)
    a_side = 100 if not arguments.quick else 14
    points = a_side**2
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        alphas = [round(0.02 * (n + 1), 2) for n in range(a_side)]
        text = TEXT.format(alphas=alphas, resolutions=[32 + 2 * n for n in range(a_side)])
        (folder / "sweep.toml").write_text(text)
        first = _followed(folder, points, start=0, kill_at=points // 2)
        again = [
            _followed(folder, points, start=points // 2 + n, kill_at=points // 2 + n + 1)
            for n in range(AGAIN)
        ]
        second = _followed(folder, points, start=points // 2 + AGAIN)
        resumed = statistics.median(each.first_s or math.inf for each in (*again, second))
        results = folder / "results" / "long"
        readers = [
            (name, *_timed(words, folder))
            for name, words in (
                ("run, with nothing to do but the report", ["run"]),
                ("report", ["report", str(results)]),
                ("show", ["show", str(results)]),
                ("check", ["check", str(results)]),
            )
        ]
        sizes = {
            name: (results / name).stat().st_size for name in ("readings.parquet", "report.html")
        }
    load = os.getloadavg()[0]
    publish("Long sweep", _text(points, first, second, resumed, readers, sizes, load), arguments)


def _followed(folder: Path, points: int, *, start: int, kill_at: int = 0) -> Course:
    """A run, watched to its end, or killed once so many points are stored."""
    seen, stored = Course(), start
    began = time.perf_counter()
    process = subprocess.Popen(
        _command("run"), cwd=folder, env=_environment(), stdout=subprocess.PIPE, text=True
    )
    done = threading.Event()

    def watch() -> None:
        taken = -1
        while not done.wait(0.2):
            if stored * SAMPLES // points > taken and seen.first_s is not None:
                taken = stored * SAMPLES // points
                seen.memory.append((stored, _resident_mb(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for line in process.stdout or ():
            if not line.startswith(STORED):
                continue
            stored += 1
            if seen.first_s is None:
                seen.first_s = time.perf_counter() - began
            if kill_at and stored >= kill_at:
                process.kill()
                break
    finally:
        done.set()
        watcher.join()
    status = process.wait()
    if status != (-9 if kill_at else 0):
        raise RuntimeError(f"the run ended with status {status}")
    return seen


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _timed(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds and peak MB of a command, as a whole process."""
    began = time.perf_counter()
    process = subprocess.Popen(
        _command(*words), cwd=folder, env=_environment(), stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {process.returncode}")
    return time.perf_counter() - began, used.ru_maxrss * 1024 / 1e6


def _command(*words: str) -> list[str]:
    return [sys.executable, "-u", "-m", "sweep", *words]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _text(
    points: int,
    first: Course,
    second: Course,
    resumed: float,
    readers: Sequence[tuple[str, float, float]],
    sizes: dict[str, int],
    load: float,
) -> str:
    size = ", ".join(f"{name} has {each / 1e6:.1f} MB" for name, each in sizes.items())
    return "\n\n".join(
        [
            f"{points:,} points, costs alone, without counters from outside; killed "
            f"after {points // 2:,} and started again. At the end, {size}. The machine's load, "
            f"this benchmark's own 1 among it, was {load:.1f} at the end.",
            f"The first point was stored {first.first_s:.1f} s after the start, the first after "
            f"starting again {resumed:.1f} s (median of {AGAIN + 1}): under {GOAL_S:.0f} s: "
            f"{'met' if resumed < GOAL_S else 'missed'}.",
            table(
                ("points stored", "MB that the process holds"),
                [(f"{n:,}", f"{mb:.0f}") for n, mb in (*first.memory, *second.memory)],
            ),
            table(
                ("command on the finished folder", "seconds", "peak MB"),
                [(name, f"{seconds:.1f}", f"{mb:.0f}") for name, seconds, mb in readers],
            ),
        ]
    )


if __name__ == "__main__":
    main()
