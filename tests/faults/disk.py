"""A full disk, a folder that can't be written, and files that are damaged (`damage`).

python -m tests.faults disk --times 200
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults import Row, damage, row, says
from tests.faults.sweeps import CONTINUES, Ended, Sweep, tables

SEED = 6
FULL = f"exit 1, `results/toy.. can't be written: No space left on device. {CONTINUES}`"
READ_ONLY = "exit 1, `results/toy.. can't be written: .. " + CONTINUES + "`"
SMALL_DISKS_KB = (24, 48, 64, 96, 128, 192, 256, 512, 1024)


def full_disk(times: int, folder: Path) -> Row:
    """Refuses one of the store's disk operations, each in turn, and all that takes space after it;
    then there is space again.
    """
    whole = Sweep(folder / "whole")
    (count, _), wanted = whole.operations(), tables(whole.results)
    lost: list[str] = []
    for number in range(times):
        sweep = Sweep(folder / f"{number}")
        at = 1 + (number * (count - 1)) // max(1, times - 1)
        ended = sweep.run(SWEEP_FAULT="full", SWEEP_FAULT_AT=at)
        lost += [f"at {at}: {each}" for each in _refused_wrong(sweep, ended, FULL)]
        lost += _goes_on_wrong(sweep, wanted)
    return row("full disk, from a write of the store on, each in turn", times, lost, FULL)


def small_disk(times: int, folder: Path) -> list[Row]:
    """A file system with room for a part of the run; no row where mounting one is not allowed."""
    whole = Sweep(folder / "whole")
    whole.run()
    wanted = tables(whole.results)
    lost: list[str] = []
    sizes = SMALL_DISKS_KB[: max(2, times)]
    for size in sizes:
        sweep = Sweep(folder / f"{size}")
        place = sweep.folder / "results"
        with mounted(place, f"size={size}k") as there:
            if not there:
                return []
            ended = sweep.run()
            lost += [f"{size} kB: {each}" for each in _refused_wrong(sweep, ended, FULL)]
            _mount(place, "remount,size=64m")
            lost += _goes_on_wrong(sweep, wanted)
    return [row("full disk, a file system of 24 kB to 1 MB", len(sizes), lost, FULL)]


def read_only(times: int, folder: Path) -> list[Row]:
    """A results folder that can be read, and not written; no row where that can't be had."""
    lost: list[str] = []
    tried = 0
    for number in range(max(1, min(times, 5))):
        sweep = Sweep(folder / f"{number}")
        place = sweep.folder / "results"
        with mounted(place, "size=64m") as there:
            if not there and os.geteuid() == 0:
                return []  # root writes whatever the permissions say
            sweep.run(SWEEP_FAULT="kill", SWEEP_FAULT_AT=100 + 150 * number)
            reported = sweep.reported()
            with _unwritable(sweep.results, remount=there):
                ended = sweep.run()
                if ended.status != 1 or not ended.in_words or not says(READ_ONLY, ended.err):
                    lost.append(f"status {ended.status}: {ended.err}")
                lost += sweep.lost(reported)
            lost += sweep.lost(reported)
            again = sweep.run()
            lost += [again.err] if again.status else sweep.strays()
            tried += 1
    return [row("results folder that can't be written", tried, lost, READ_ONLY)]


def _refused_wrong(sweep: Sweep, ended: Ended, shows: str) -> list[str]:
    """What is lost, or not told, after a run that met a full disk."""
    wrong = sweep.lost(sweep.reported(ended.out)) if sweep.results.exists() else []
    if ended.status == 0:  # what was refused was not needed, such as making a name last
        return wrong
    # The page and the derived table are no part of what is kept: their sentence ends earlier.
    if ended.status != 1 or not ended.in_words or not says("No space left on device", ended.err):
        wrong.append(f"status {ended.status}: {ended.err}")
    elif "report.html" not in ended.err and not says(shows, ended.err):
        wrong.append(ended.err)
    return wrong


def _goes_on_wrong(sweep: Sweep, wanted: str) -> list[str]:
    """Where the same command did not end as if nothing had been."""
    ended = sweep.run()
    if ended.status:
        return [f"the same command: status {ended.status}: {ended.err}"]
    return sweep.strays() + (["other tables"] if tables(sweep.results) != wanted else [])


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[bool]:
    """A file system in memory at `place`; False where this process may not mount one."""
    place.mkdir(parents=True, exist_ok=True)
    there = os.geteuid() == 0 and _mount(place, options)
    try:
        yield there
    finally:
        if there:
            subprocess.run(["umount", str(place)], check=True)


def _mount(place: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def _unwritable(folder: Path, *, remount: bool) -> Iterator[None]:
    if remount:
        _mount(folder.parent, "remount,ro")
    else:
        folder.chmod(0o555)
    try:
        yield
    finally:
        if remount:
            _mount(folder.parent, "remount,rw")
        else:
            folder.chmod(0o755)


def harness(times: int, folder: Path) -> Iterator[Row]:
    """All of them; a small or read-only file system less often."""
    yield full_disk(max(2, times), folder / "full")
    yield from small_disk(max(2, times // 4), folder / "small")
    yield from read_only(max(1, times // 20), folder / "read-only")
    yield from damage.files(max(len(damage.HARMS), times), folder / "damaged")
    yield from damage.files_of_before(max(len(damage.HARMS), times), folder / "before")
