"""A full disk, a folder that can't be written, and files that were damaged while nobody looked.

python -m tests.faults disk --times 200
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sweep.results.check import State, check
from sweep.results.load import Results, load
from sweep.results.repair import repair
from sweep.results.schema import Stamp
from sweep.results.store import Store
from sweep.types import ResultsError
from tests.faults import Row, row, says
from tests.faults.parts import CURVE, of_point
from tests.faults.sweeps import CONTINUES, Ended, Sweep, content, contents, tables

SEED = 6
FULL = f"exit 1, `results/toy.. can't be written: No space left on device. {CONTINUES}`"
READ_ONLY = "exit 1, `results/toy.. can't be written: .. " + CONTINUES + "`"
# What a reader is told where a file is damaged.
DAMAGED = {
    "readings.parquet": "exit 2, `readings.parquet: can't be read: ..`",
    "training.parquet": "the report has a caution: `training.parquet can't be read: ..; curves of "
    "training are missing.`",
    "journal": "the report has a caution: `journal can't be read..`",
    "run.json": "exit 2, `..run.json..`, and what is wrong with it; the next run writes it anew",
    "machine.json": "the report has a caution: `machine.json can't be read: ..`",
    "settings.toml": "the report has a caution: `settings.toml can't be ..; the next run writes it "
    "anew.`",
}
SMALL_DISKS_KB = (24, 48, 64, 96, 128, 192, 256, 512, 1024)


def full_disk(times: int, folder: Path) -> Row:
    """Refuses one of the store's disk operations, each in turn, and all that takes space after it;
    then there is space again.
    """
    whole = Sweep(folder / "whole")
    whole.run(SWEEP_FAULT_COUNT=folder / "count")
    count, wanted = int((folder / "count").read_text()), tables(whole.results)
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
            sweep.run(SWEEP_FAULT="kill", SWEEP_FAULT_AT=200 + 100 * number)  # the last: it ends
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


@dataclass(frozen=True)
class Harm:
    """Something that happens to a file's bytes."""

    name: str
    does: Callable[[bytes, random.Random], bytes | None]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _zeroed(data: bytes, chance: random.Random) -> bytes:
    first = chance.randrange(len(data))
    length = min(len(data) - first, chance.choice([16, 512, len(data)]))
    return data[:first] + bytes(length) + data[first + length :]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


HARMED = "vanished, was cut short, zeroed in part, or had bits flipped"
HARMS = (
    Harm("vanished", lambda data, chance: None),
    Harm("was cut short", _cut),
    Harm("has zeros in it", _zeroed),
    Harm("has flipped bits", _flipped),
)


def damaged_files(times: int, folder: Path) -> list[Row]:
    """Harms each file of a finished run, and of one that was killed, at random places."""
    chance = random.Random(SEED)  # noqa: S311 - places, no secret
    sweep, killed = Sweep(folder / "sweep"), Sweep(folder / "killed")
    sweep.run(SWEEP_SMALL_GROUP=32)
    killed.run(SWEEP_SMALL_GROUP=32, SWEEP_FAULT="kill", SWEEP_FAULT_AT=800)
    rows = []
    for name, shows in DAMAGED.items():
        lost: list[str] = []
        tried = max(len(HARMS), times // len(DAMAGED))
        for number in range(tried):
            source = killed if name == "journal" or number % 5 == 4 else sweep
            harm = HARMS[number % len(HARMS)]
            lost += _harmed_wrong(source, name, harm, folder / "case", chance)
        rows.append(row(f"{name} {HARMED}", tried, lost, shows))
    return rows


def _harmed_wrong(
    source: Sweep, name: str, harm: Harm, case: Path, chance: random.Random
) -> list[str]:
    """What went wrong where one file of a copy of the results was harmed."""
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(source.results, case)
    whole = contents(load(case))
    data = (case / name).read_bytes()
    harmed = harm.does(data, chance)
    if harmed is None:
        (case / name).unlink()
    else:
        (case / name).write_bytes(harmed)
    what = f"{name} {harm.name}"
    found, told = _looked_at(case)
    wrong = []
    if not told and (found is None or contents(found) != whole):
        wrong.append(f"{what}: readings changed without a word")
    if told and not says(DAMAGED[name], told):
        wrong.append(f"{what}: {told}")
    if found is not None and name not in ("readings.parquet", "training.parquet", "journal"):
        wrong += [f"{what}: readings are gone"] if contents(found) != whole else []
    fine = (State.OK, State.STRAY)
    unlike = [each.file for each in check(case).files if each.state not in fine]
    if unlike != ([name] if told else []):
        wrong.append(f"{what}: check finds {unlike}")
    return wrong + _repaired_wrong(source, name, case, what)


def _repaired_wrong(source: Sweep, name: str, case: Path, what: str) -> list[str]:
    """What went wrong in `check --repair` and the run after it."""
    repair(case)
    store = Store(case)
    before = Store(source.results).finished()
    after = store.finished()
    wrong = [] if after <= before else [f"{what}: repair made something up"]
    if name not in ("readings.parquet", "journal") and after != before:
        wrong.append(f"{what}: repair lost readings")
    hashes = load(source.results).run["measures"]["numbers"]["settings_hash"]
    stamp = Stamp(hashes, "", "unknown", "{}", "2026-01-01T00:00:00+00:00")
    with store.writing():  # as a run does
        kept = load(source.results)
        store.write_run(kept.settings, kept.machine, kept.run)
        for point in source.all_points:
            if (point.key, "numbers", hashes, "") not in after:
                store.add("numbers", list(of_point(point, source.rows)), stamp)
        store.write_run(kept.settings, kept.machine, kept.run | {"finished": "now"})
    wrong += [f"{what}: check still finds {each.file}" for each in check(case).files
              if each.state is not State.OK and each.file != "points.parquet"]  # fmt: skip
    now = contents(load(case))
    for point in source.all_points:
        wanted = content(point, source.rows)
        curve = wanted[-CURVE:]
        lost_curve = name == "training.parquet" and now.get(point.label) == wanted[:-CURVE]
        if now.get(point.label) != wanted and not lost_curve:
            wrong.append(f"{what}: {point.label} is not as measured, curve of {len(curve)}")
    return wrong


def _looked_at(case: Path) -> tuple[Results | None, str]:
    """What a reader gets, and what it is told."""
    try:
        found = load(case)
    except ResultsError as error:
        told = str(error)
        return None, told if "\n" not in told else ""
    return found, " ".join(found.damages)


def harness(times: int, folder: Path) -> Iterator[Row]:
    """All of them; a small or read-only file system less often."""
    yield full_disk(max(2, times), folder / "full")
    yield from small_disk(max(2, times // 4), folder / "small")
    yield from read_only(max(1, times // 20), folder / "read-only")
    yield from damaged_files(max(len(HARMS), times) * len(DAMAGED), folder / "damaged")
