"""Files of a results folder that were damaged while nobody looked: what is told, kept and lost."""

from __future__ import annotations

import random
import shutil
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
from tests.faults.sweeps import Sweep, content_of, contents
from tests.support import stored
from tests.support.stored import POINTS

SEED = 6
SECOND = Path(__file__).parents[1] / "data" / "schema2"
LENGTH = 6  # of a place of a curve, as `content_of` has it; a reading has five
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
Harm = Callable[[bytes, random.Random], bytes | None]
HARMS: dict[str, Harm] = {
    "vanished": lambda data, chance: None,
    "was cut short": _cut,
    "has zeros in it": _zeroed,
    "has flipped bits": _flipped,
}


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


def files(times: int, folder: Path) -> Iterator[Row]:
    """Harms each file of a finished run, and of one that was killed, at random places."""
    sweep, killed = (Sweep(folder / name, points=12) for name in ("sweep", "killed"))
    count, _ = sweep.operations()
    killed.run(SWEEP_SMALL_GROUP=32, SWEEP_FAULT="kill", SWEEP_FAULT_AT=3 * count // 4)
    shutil.rmtree(sweep.results)
    sweep.run(SWEEP_SMALL_GROUP=32)
    finished, broken_off = (_measured(each) for each in (sweep, killed))
    for name, shows in DAMAGED.items():
        sources = [broken_off] if name == "parts" else [finished]
        if name in ("readings.parquet", "run.json"):
            sources = [*[finished] * 4, broken_off]
        yield _harmed(name, name, shows, sources, times, folder)


def files_of_before(times: int, folder: Path) -> Iterator[Row]:
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
        source, harm = sources[number % len(sources)], list(HARMS)[number % len(HARMS)]
        case = folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(source.folder, case)
        path = case / name
        if path.is_dir():
            path = chance.choice(sorted(path.iterdir()))
        wrong = _harmed_wrong(case, path, HARMS[harm], shows, chance)
        wrong += _measured_again_wrong(source, case, path.name)
        lost += [f"{path.name} {harm}: {each}" for each in wrong]
    return row(f"{fault} {HARMED}", times, lost, shows)


def _harmed_wrong(
    case: Path, path: Path, harm: Harm, shows: str, chance: random.Random
) -> list[str]:
    """What went wrong where one file of a results folder was harmed, and in `check --repair`."""
    whole, finished = contents(load(case)), Store(case).finished()
    name, is_part = str(path.relative_to(case)), path.parent != case
    # Of the last part nothing tells that it was there: its batch is one that never finished.
    unseen = is_part and path == max(path.parent.iterdir())
    harmed = harm(path.read_bytes(), chance)
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
