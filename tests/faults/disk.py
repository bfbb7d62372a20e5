"""A full disk, a folder that can't be written, and files that were damaged while nobody looked.

python -m tests.faults disk --times 200
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.results import derived
from sweep.results.check import State, check
from sweep.results.load import Results, load
from sweep.results.repair import repair
from sweep.results.schema import Stamp
from sweep.results.store import Store
from sweep.types import CurvePoint, Point, Reading, ResultsError
from tests.faults import Row, row, says
from tests.faults.parts import of_point
from tests.faults.sweeps import CONTINUES, Ended, Sweep, content_of, contents, tables
from tests.support import stored
from tests.support.stored import POINTS

SEED = 6
SECOND = Path(__file__).parents[1] / "data" / "schema2"
LENGTH = 6  # of a place of a curve, as `content_of` has it; a reading has five
FULL = f"exit 1, `results/toy.. can't be written: No space left on device. {CONTINUES}`"
READ_ONLY = "exit 1, `results/toy.. can't be written: .. " + CONTINUES + "`"
DERIVED_ANEW = "nothing is lost; report, or the next run, derives it anew"
# What a reader is told where a file is damaged.
DAMAGED = {
    "readings.parquet": "exit 2, `readings.parquet: can't be read: ..`",
    "parts": "the report has a caution: `parts.. can't be read: ..; the same run command measures "
    "again what is missing.`; the last of them can't be missed, and is measured again",
    "run.json": "exit 2, `..run.json..`, and what is wrong with it; the next run writes it anew",
    "points.parquet": DERIVED_ANEW,
    "training.parquet": DERIVED_ANEW,
}
# And in a folder of schema 2.
DAMAGED_BEFORE = {
    "readings.parquet": DAMAGED["readings.parquet"],
    "training.parquet": "the report has a caution: `training.parquet can't be read: ..; curves of "
    "training are missing.`",
    "journal": "the report has a caution: `journal can't be read: ..; the same run command "
    "measures again what is missing.`",
    "run.json": DAMAGED["run.json"],
    "machine.json": "the report has a caution: `machine.json can't be read: ..`",
    "settings.toml": "the report has a caution: `settings.toml can't be read: ..; the next run "
    "writes it anew.`",
}
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


@dataclass(frozen=True)
class Measured:
    """A results folder, and what a run would store in it again."""

    folder: Path
    settings: dict[str, Any]
    machine: dict[str, Any]
    run: dict[str, Any]
    measure: str
    stamp: Stamp
    items: dict[Point, list[Reading | CurvePoint]]


def damaged_files(times: int, folder: Path) -> Iterator[Row]:
    """Harms each file of a finished run, and of one that was killed, at random places."""
    sweep, killed = Sweep(folder / "sweep"), Sweep(folder / "killed")
    count, _ = sweep.operations()
    killed.run(SWEEP_SMALL_GROUP=32, SWEEP_FAULT="kill", SWEEP_FAULT_AT=count // 2)
    shutil.rmtree(sweep.results)
    sweep.run(SWEEP_SMALL_GROUP=32)
    finished, broken_off = (_measured(each) for each in (sweep, killed))
    for name, shows in DAMAGED.items():
        sources = [broken_off] if name == "parts" else [finished]
        if name in ("readings.parquet", "run.json"):
            sources = [*[finished] * 4, broken_off]
        yield _harmed(name, name, shows, sources, times, folder)


def damaged_files_of_before(times: int, folder: Path) -> Iterator[Row]:
    """The same with a folder of schema 2, of a run that was broken off."""
    values = (0.0, 10.0, 200.0, 300.0, 400.0, 500.0)
    measured = {
        point: stored.items(point, value) for point, value in zip(POINTS, values, strict=True)
    }
    run = stored.run_of(*POINTS)
    source = Measured(
        SECOND, stored.SETTINGS, stored.MACHINE, run, "timing", stored.STAMP, measured
    )
    for name, shows in DAMAGED_BEFORE.items():
        yield _harmed(f"schema 2: {name}", name, shows, [source], times, folder)


def _measured(sweep: Sweep) -> Measured:
    kept = load(sweep.results)
    settings_hash = kept.run["measures"]["numbers"]["settings_hash"]
    stamp = Stamp(settings_hash, "", "unknown", "{}", "2026-01-01T00:00:00+00:00")
    run = {key: value for key, value in kept.run.items() if key != "finished"}
    items = {point: list(of_point(point, sweep.rows)) for point in sweep.all_points}
    return Measured(sweep.results, kept.settings, kept.machine, run, "numbers", stamp, items)


def _harmed(
    fault: str, name: str, shows: str, sources: Sequence[Measured], times: int, folder: Path
) -> Row:
    chance = random.Random(SEED)  # noqa: S311 - places, no secret
    lost: list[str] = []
    for number in range(times):
        source, harm = sources[number % len(sources)], HARMS[number % len(HARMS)]
        case = folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(source.folder, case)
        path = case / name
        if path.is_dir():
            path = chance.choice(sorted(path.iterdir()))
        wrong = _harmed_wrong(case, path, harm, shows, chance)
        wrong += _measured_again_wrong(source, case, path.name)
        lost += [f"{path.name} {harm.name}: {each}" for each in wrong]
    return row(f"{fault} {HARMED}", times, lost, shows)


def _harmed_wrong(
    case: Path, path: Path, harm: Harm, shows: str, chance: random.Random
) -> list[str]:
    """What went wrong where one file of a results folder was harmed, and in `check --repair`."""
    whole, finished = contents(load(case)), Store(case).finished()
    name, is_part = str(path.relative_to(case)), path.parent != case
    # Of the last part nothing tells that it was there: its batch is one that never finished.
    unseen = is_part and path == max(path.parent.iterdir())
    harmed = harm.does(path.read_bytes(), chance)
    if harmed is None:
        path.unlink()
    else:
        unseen = False
        path.write_bytes(harmed)
    results, told = _looked_at(case)
    there = contents(results) if results else {}
    wrong = []
    if there != whole and not told and not unseen:
        wrong.append("readings changed without a word")
    if told and not says(shows, told):
        wrong.append(told)
    if name != "journal" and any(not set(there[of]) <= set(whole[of]) for of in there):
        wrong.append("readings are others")
    fine = (State.OK, State.STRAY)
    unlike = [each.file for each in check(case).files if each.state not in fine]
    expected = [["parts" if is_part and harmed is None else name]] if told else [[]]
    # A derived table may be harmed where no row depends on it.
    if unlike not in (expected if shows != DERIVED_ANEW else [[], [name]]):
        wrong.append(f"check finds {unlike}")
    repair(case)
    after = Store(case).finished()
    wrong += [] if after <= finished else ["repair made something up"]
    if after != finished and not is_part and name not in ("readings.parquet", "journal"):
        wrong.append("repair lost readings")
    return wrong


def _measured_again_wrong(source: Measured, case: Path, name: str) -> list[str]:
    """What was wrong after a run that measured what was lost."""
    store = Store(case)
    finished = {key for key, *_ in store.finished()}
    with store.writing():  # as a run does
        store.write_run(source.settings, source.machine, source.run)
        for point, items in source.items.items():
            if point.key not in finished:
                store.add(source.measure, items, source.stamp)
        store.write_run(source.settings, source.machine, source.run | {"finished": "now"})
    derived.renew(case)
    wrong = [f"check still finds {each.file}" for each in check(case).files
             if each.state is not State.OK]  # fmt: skip
    now = contents(load(case))
    for point, items in source.items.items():
        there, wanted = set(now.get(point.label, ())), set(content_of(items))
        if there != wanted and not _may_be_older(source, name, wanted - there):
            wrong.append(f"{point.label} is not as measured")
    return wrong


def _may_be_older(source: Measured, name: str, lost: set[tuple[object, ...]]) -> bool:
    """In a folder of schema 2 curves lie apart from the readings, which count; and one point was
    measured again in the journal.
    """
    if source.folder != SECOND:
        return False
    curves = name == "training.parquet" and all(len(entry) == LENGTH for entry in lost)
    return curves or name == "journal"


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
    yield from damaged_files(max(len(HARMS), times), folder / "damaged")
    yield from damaged_files_of_before(max(len(HARMS), times), folder / "before")
