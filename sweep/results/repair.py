"""Keeps what can be kept of a damaged results folder, so that a run measures only what was lost."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from sweep.host.files import in_words, replace_file, strays, sync_folder
from sweep.results import journal
from sweep.results.check import FileCheck, State, check, consistent, is_machine, salvaged
from sweep.results.digests import data_digest
from sweep.results.journal import Journal
from sweep.results.load import POINTS, load, machines_in, points_of, settings_of
from sweep.results.parquet import DamagedError, write_table
from sweep.results.points import with_points
from sweep.results.snapshot import (
    MACHINE,
    READINGS_FILE,
    REPLACED,
    RUN,
    SETTINGS,
    TABLES,
    BusyError,
    Snapshot,
    journal_expected,
    journal_of,
    json_of,
    merged,
    newest,
    parsed_json,
    snapshot,
    table_of,
    taken,
)
from sweep.types import ResultsError

KEPT = "damaged"  # the folder, inside the results folder, that damaged files go to


def repair(path: Path) -> tuple[str, ...]:
    """Puts right what can be, and says what it did. A damaged file is kept in `damaged/`.

    Safe to repeat. Raises BusyError where a run writes the folder, OSError where it can't be
    written.
    """
    lock = taken(path)
    try:
        found = snapshot(path)
        wrong = {each.file: each for each in check(path).files if each.state is not State.OK}
        done: list[str] = []
        if wrong.keys() & {*TABLES, journal.NAME}:
            done += _tables(found, wrong)
        if MACHINE in wrong:
            done += _machine(found)
        for name in wrong.keys() & {RUN, SETTINGS, POINTS}:
            if (path / name).exists() and not (name == SETTINGS and _readable(found)):
                done.append(f"{name}: moved to {_keep(path, name, move=True)}")
        for stray in strays(path, REPLACED):
            stray.unlink()
            done.append(f"{stray.name}: removed")
        sync_folder(path)
    finally:
        lock.release()
    return tuple(done)


def renew_points(path: Path) -> bool:
    """Derives points.parquet anew where it is missing, damaged or older than the readings, and says
    whether it did; where a run writes the folder it doesn't: the run will, at its end. Raises
    ResultsError where there are no readings to be read, WriteError where it can't be written.
    """
    try:
        lock = taken(path)
    except BusyError:
        return False
    try:
        found = snapshot(path)
        read, table = journal_of(found), table_of(found, READINGS_FILE)
        generation = table.generation if table else 0
        # A run that has not come to its end has left a journal, and may not have derived them.
        if read is None and _points_generation(path) == generation:
            return False
        points = pa.Table.from_pandas(with_points(load(path)).points, preserve_index=False)
        _write(path / POINTS, [points], points.schema, generation)
    finally:
        lock.release()
    return True


def _points_generation(path: Path) -> int | None:
    """Which readings they were derived from; None where they are missing or damaged."""
    with contextlib.suppress(DamagedError):
        points = points_of(path)
        return points[1] if points else None
    return None


def _tables(found: Snapshot, wrong: dict[str, FileCheck]) -> list[str]:
    """Writes both tables anew from what is whole in them and in the journal."""
    done, groups, generations = [], {}, []
    read: Journal | None = journal_of(found)
    for name in TABLES:
        groups[name], generation = _groups(found, name)
        generations.append(generation)
    newest_table = max(generations)
    if read and read.generation is not None and newest_table <= read.generation + 1:
        generation = read.generation + 1
    else:
        read, generation = None, newest_table + 1
    for name, each in wrong.items():
        if each.state is State.DAMAGED and name in (*TABLES, journal.NAME):
            done.append(f"{name}: a copy of it is in {_keep(found.path, name)}; {each.left}")
        elif name in (*TABLES, journal.NAME):
            done.append(f"{name}: made whole")
    last = newest(read)
    for name, schema in TABLES.items():
        _write(found.path / name, merged(name, groups[name], read, last), schema, generation)
    if journal.NAME in found.contents or journal_expected(found):
        journal.begin(found.path / journal.NAME, generation)
    return done


def _groups(found: Snapshot, name: str) -> tuple[list[pa.Table], int]:
    """The rows of a table that are whole, and its generation, 0 where that is unknown."""
    try:
        file = table_of(found, name)
        groups = [consistent(group) for group in file.groups()] if file else []
        return groups, file.generation if file else 0
    except ResultsError:
        return salvaged(found, name), 0


def _write(path: Path, tables: Iterable[pa.Table], schema: pa.Schema, generation: int) -> None:
    rows = list(tables)
    count = sum(table.num_rows for table in rows)
    replace_file(
        path, lambda file: write_table(file, rows, schema, generation=generation, rows=count)
    )


def _machine(found: Snapshot) -> list[str]:
    """Keeps the machines whose facts are those of their ids."""
    path = found.path / MACHINE
    if MACHINE not in found.contents:
        return []
    with contextlib.suppress(DamagedError):
        if all(map(is_machine, machines_in(path, json_of(found, MACHINE, sealed=True)))):
            return []  # it is whole: it is run.json that names another machine
    try:
        told = parsed_json(found, MACHINE)
        told.pop("sha256", None)
        whole = [each for each in machines_in(path, told) if is_machine(each)]
    except DamagedError:
        whole = []
    kept = _keep(found.path, MACHINE, move=not whole)
    if whole:
        data = whole[0] | ({"earlier": whole[1:]} if whole[1:] else {})
        text = in_words(data | {"sha256": data_digest(data)})
        replace_file(path, lambda file: file.write(text))
    return [f"{MACHINE}: {len(whole)} machines kept; the damaged file is {kept}"]


def _readable(found: Snapshot) -> bool:
    with contextlib.suppress(DamagedError):
        return bool(settings_of(found))
    return False


def _keep(path: Path, name: str, *, move: bool = False) -> str:
    """Puts a file into damaged/, under a name that is free; says which."""
    folder = path / KEPT
    folder.mkdir(exist_ok=True)
    to, count = folder / name, 1
    while to.exists():
        count += 1
        to = folder / f"{name}.{count}"
    if move:
        (path / name).rename(to)
    else:
        shutil.copy2(path / name, to)
    return f"{KEPT}/{to.name}"
