"""Two runs on one folder, a report while a run goes on, and a run after one that was killed.

python -m tests.faults neighbours --times 50
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweep.results.check import check
from sweep.results.load import load
from sweep.types import ResultsError
from tests.faults import Row, row, says
from tests.faults.sweeps import Running, Sweep, content, contents, ended, tables

BUSY = (
    "exit 2, `results/toy: is being written by process .. on .. since ..: wait until it has ended; "
    "report, show and all that only read are free to look`"
)
AT_ONCE = "one of them runs; the other, exit 2: `results/toy: .. written ..`"
SHOWN = "`report: results/toy/report.html`, of what was finished then"
AT_WORK = "`stored ..`, at once"
# A run with time for looks at it.
STEADY: dict[str, Any] = {"points": 24, "pause_s": 0.1}


def second_run(times: int, folder: Path) -> Row:
    """Starts a run on the folder of one that goes on."""
    lost: list[str] = []
    wanted = _whole(folder, points=12)
    for number in range(times):
        go = folder / f"go-{number}"
        sweep = Sweep(folder / f"{number}", points=12, hold=str(go))
        first = sweep.start()
        said = _first_stored(first)
        second = sweep.run()
        go.touch()
        if second.status != 2 or not second.in_words or not says(BUSY, second.err):
            lost.append(f"status {second.status}: {second.err}")
        if str(first.pid) not in second.err:
            lost.append(f"names another process: {second.err}")
        out, err = first.communicate(timeout=300)
        if first.returncode:
            lost.append(f"the first: status {first.returncode}: {err}")
        lost += sweep.lost(sweep.reported(said + out)) + sweep.strays()
        lost += ["other tables"] if tables(sweep.results) != wanted else []
    return row("a second run while one goes on", times, lost, BUSY)


def same_moment(times: int, folder: Path) -> Row:
    """Starts two runs together, where there is no folder yet."""
    lost: list[str] = []
    wanted = _whole(folder)
    for number in range(times):
        sweep = Sweep(folder / f"{number}")
        processes = [sweep.start() for _ in range(2)]
        both = [ended(each) for each in processes]
        for each in both:
            if each.status not in (0, 2) or not each.in_words:
                lost.append(f"status {each.status}: {each.err}")
            if each.status == 2 and not says(AT_ONCE, each.err):
                lost.append(each.err)
        if all(each.status for each in both):
            lost.append("neither ran")
        lost += sweep.lost(sweep.reported()) + sweep.strays()
        lost += ["other tables"] if tables(sweep.results) != wanted else []
    return row("two runs started at the same moment", times, lost, AT_ONCE)


def after_a_dead_one(times: int, folder: Path) -> Row:
    """Starts a run as soon as another one is killed."""
    lost: list[str] = []
    for number in range(times):
        sweep = Sweep(folder / f"{number}", points=12, pause_s=0.05)
        first = sweep.start()
        said = _first_stored(first)
        first.kill()
        second = sweep.run()
        first.communicate(timeout=60)
        if second.status or not says(AT_WORK, second.out):
            lost.append(f"status {second.status}: {second.err}")
        lost += sweep.lost(sweep.reported(said)) + sweep.strays()
    return row("a run after one that was killed, and its lock", times, lost, AT_WORK)


def reader(times: int, folder: Path) -> Row:
    """Reads again and again while a run stores points and puts them into the tables."""
    lost: list[str] = []
    looks, number = 0, 0
    while looks < times:
        sweep = Sweep(folder / f"{number}", **STEADY)
        wanted = {point.label: content(point, sweep.rows) for point in sweep.all_points}
        run, most = sweep.start(), 0
        _first_stored(run)
        report = None
        while run.poll() is None:
            looks += 1
            try:
                found = load(sweep.results)
            except ResultsError as error:
                lost.append(str(error))
                continue
            stored = contents(found)
            lost += [f"{label} in part" for label in stored if stored[label] != wanted[label]]
            lost += [each for each in found.damages if "points.parquet" not in each]
            lost += ["fewer than before"] if len(stored) < most else []
            most = max(most, len(stored))
            if looks % 10 == 0 and not check(sweep.results).whole:
                lost.append("check finds damage")
            if report is None and len(stored) > len(wanted) // 3:
                report = sweep.command("report", "results/toy")
                if report.status or not says(SHOWN, report.out):
                    lost.append(f"report: status {report.status}: {report.err}")
        _, err = run.communicate(timeout=60)
        lost += [err] if run.returncode else sweep.strays()
        number += 1
    return row("a look at the folder while a run writes to it", looks, lost, SHOWN)


def harness(times: int, folder: Path) -> Iterator[Row]:
    """All of them."""
    few = max(1, times // 2)
    yield second_run(few, folder / "second")
    yield same_moment(few, folder / "same")
    yield after_a_dead_one(few, folder / "dead")
    yield reader(5 * times, folder / "reader")


def _whole(folder: Path, points: int = 24) -> str:
    """The tables of an experiment that nobody disturbs. The pause is no part of its identity."""
    sweep = Sweep(folder / "whole", points)
    sweep.run()
    return tables(sweep.results)


def _first_stored(process: Running) -> str:
    """What a run says up to its first stored point."""
    said = ""
    for line in process.stdout or ():
        said += line
        if line.startswith("stored"):
            break
    return said
