"""What lies in a results folder at one moment, also while a run writes to it.

A writer replaces files whole and only ever appends to the journal. So a set of files that have all
been open while each was still the current one of its name is of one moment, and can be read in
peace: what is replaced meanwhile stays readable through the open file. Readers need no lock, and
hold up nobody.

The tables and the journal of one moment make one state: the journal's batches, in order, in place
of the table's rows of the same identities. That holds between any two steps of a compaction, which
writes the tables of the next generation and then an empty journal of it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from sweep.host.files import FolderLock, opened_plain, why
from sweep.results import journal
from sweep.results.digests import data_digest
from sweep.results.journal import Journal
from sweep.results.parquet import (
    CHANGED,
    MISSING,
    DamagedError,
    Identity,
    TableFile,
    chosen,
    identities,
    opened,
    without,
)
from sweep.results.schema import READINGS, TRAINING
from sweep.types import ResultsError

SETTINGS, MACHINE, RUN = "settings.toml", "machine.json", "run.json"
READINGS_FILE, TRAINING_FILE = "readings.parquet", "training.parquet"
TABLES = {READINGS_FILE: READINGS, TRAINING_FILE: TRAINING}
TRUTH = (*TABLES, journal.NAME)  # what readings and curves are in
FILES = (SETTINGS, MACHINE, RUN, *TRUTH)
# Everything that is ever replaced through a temporary.
REPLACED = (*FILES, "points.parquet", "report.html")
_TRIES = 100
State = tuple[int, int, int]  # inode, bytes, time of the last change: of another content, another


@dataclass(frozen=True)
class Snapshot:
    """The files' content at one moment; those that were not there are not in it."""

    path: Path
    contents: dict[str, bytes]
    states: dict[str, State]


def snapshot(path: Path) -> Snapshot:
    """Raises ResultsError where a file can't be read."""
    for _ in range(_TRIES):
        with contextlib.ExitStack() as stack:
            files: dict[str, IO[bytes]] = {}
            for name in FILES:
                file = _open(path / name)
                if file is not None:
                    files[name] = stack.enter_context(file)
            if _all_current(path, files):
                try:
                    states = {name: _state(os.fstat(file.fileno())) for name, file in files.items()}
                    return Snapshot(path, {n: file.read() for n, file in files.items()}, states)
                except OSError as error:
                    raise ResultsError(f"{path}: can't be read: {why(error)}") from None
    raise ResultsError(f"{path}: changes faster than it can be read")


def states(path: Path, names: tuple[str, ...] = TRUTH) -> dict[str, State]:
    """Of the files that are there now."""
    found = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found[name] = _state(os.stat(path / name))  # noqa: PTH116 - as fstat's
    return found


def _open(path: Path) -> IO[bytes] | None:
    try:
        return opened_plain(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ResultsError(f"{path}: can't be read: {why(error)}") from None


def _all_current(path: Path, files: dict[str, IO[bytes]]) -> bool:
    """Whether every open file is still the one of its name, and no name has come up."""
    for name in FILES:
        try:
            now = os.stat(path / name)  # noqa: PTH116 - as fstat's
        except OSError:
            now = None
        file = files.get(name)
        if (now is None) != (file is None):
            return False
        if now and file and not os.path.samestat(now, os.fstat(file.fileno())):
            return False
    return True


def _state(found: os.stat_result) -> State:
    return found.st_ino, found.st_size, found.st_mtime_ns


def json_of(found: Snapshot, name: str, *, sealed: bool = False) -> dict[str, Any]:
    """A JSON file without its own digest; `sealed` where it must have one. Raises DamagedError
    where it is missing or damaged.
    """
    path = found.path / name
    data = parsed_json(found, name)
    told = data.pop("sha256", None)
    if told is not None and told != data_digest(data):
        raise DamagedError(path, CHANGED)
    if told is None and (sealed or "schema" in data):
        raise DamagedError(path, "its checksum is gone")
    return data


def parsed_json(found: Snapshot, name: str) -> dict[str, Any]:
    """A JSON object as it stands. Raises DamagedError where it is missing or no such."""
    path = found.path / name
    if name not in found.contents:
        raise DamagedError(path, MISSING)
    text = found.contents[name]
    if not any(text):
        raise DamagedError(path, "it is all zeros" if text else "it is empty")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, str(error)) from None
    if not isinstance(data, dict):
        raise DamagedError(path, "it is no JSON object")
    return data


@dataclass(frozen=True)
class Tables:
    """The tables and the journal of one moment. A table is None where there is none yet."""

    files: dict[str, TableFile | None]
    journal: Journal | None

    @property
    def rows(self) -> int:
        """Of the tables, without the journal's."""
        return sum(file.rows for file in self.files.values() if file)

    def groups(self, name: str) -> Iterator[pa.Table]:
        """The row groups of one table, without the journal's rows. Raises DamagedError."""
        file = self.files[name]
        return file.groups() if file else iter(())

    @property
    def generation(self) -> int:
        """What a journal of these tables continues."""
        if self.journal and self.journal.generation is not None:
            return self.journal.generation
        return max((file.generation for file in self.files.values() if file), default=0)


def table_of(found: Snapshot, name: str, generation: int | None = None) -> TableFile | None:
    """One table, None where there is none yet. Raises DamagedError where it is damaged, missing,
    or of an earlier generation than the one given.
    """
    path = found.path / name
    if name not in found.contents:
        if RUN in found.contents or journal.NAME in found.contents:
            raise DamagedError(path, MISSING)
        return None
    file = opened(path, found.contents[name], TABLES[name])
    if generation is not None and file.generation < generation:
        raise DamagedError(path, "it is older than the files beside it")
    return file


def journal_of(found: Snapshot) -> Journal | None:
    """The journal, None where there is none, or one that the tables have had long since."""
    if journal.NAME not in found.contents:
        return None
    return journal.scan(found.path / journal.NAME, found.contents[journal.NAME])


def tables_of(found: Snapshot) -> Tables:
    """Raises DamagedError where a table or the journal is damaged or missing."""
    read = journal_of(found)
    if read is None and journal_expected(found):
        raise DamagedError(found.path / journal.NAME, MISSING)
    files = {name: table_of(found, name, read.generation if read else None) for name in TABLES}
    newest = max((file.generation for file in files.values() if file), default=0)
    if read is None:
        for file in files.values():
            if file and file.generation < newest:
                raise DamagedError(file.path, "it is older than the files beside it")
    elif read.damage or read.lost or read.generation is None:
        raise DamagedError(read.path, damage_of(read))
    elif newest > read.generation + 1:
        # Its removal did not reach the disk before the power failed; the tables have it all.
        read = None
    return Tables(files, read)


def journal_expected(found: Snapshot) -> bool:
    """Whether run.json tells of a run that has not come to its end: then there is a journal."""
    with contextlib.suppress(ResultsError):
        run = json_of(found, RUN)
        return "schema" in run and "finished" not in run
    return False


def damage_of(read: Journal) -> str:
    """What is wrong with a journal, beside a last entry that is not whole."""
    if not read.frames and read.generation is None:
        return "its beginning is damaged, and no batch in it is whole"
    if read.lost:
        return f"{read.lost} of {len(read.frames) + read.lost} batches in it are damaged"
    return "its beginning is damaged"


def newest(read: Journal | None) -> dict[Identity, int]:
    """The last entry, by its place, that has rows of each identity."""
    if read is None:
        return {}
    return {
        identity: place
        for place, entry in enumerate(read.entries())
        for identity in entry.identities
    }


def merged(
    name: str, groups: Iterable[pa.Table], read: Journal | None, last: dict[Identity, int]
) -> Iterator[pa.Table]:
    """All rows of one table, the journal's in place of those that they replace; a row group or a
    batch at a time. groups: the table's own; last: `newest` of the journal.
    """
    for group in groups:
        yield without(group, last)
    for place, entry in enumerate(read.entries() if read else ()):
        if all(last[each] != place for each in entry.identities):
            continue
        table = entry.readings() if name == READINGS_FILE else entry.training()
        if all(last[each] == place for each in entry.identities):
            yield table
            continue
        begins, found = identities(table)
        yield chosen(table, begins, [last.get(each) == place for each in found])


class BusyError(ResultsError):
    """Another process writes the folder; the message says which."""


def taken(path: Path) -> FolderLock:
    """The right to write the folder. Raises BusyError, OSError."""
    try:
        return FolderLock(path)
    except BlockingIOError:
        told: Any = {}
        with contextlib.suppress(ResultsError):
            told = parsed_json(snapshot(path), RUN).get("writer")
    who = "another process"
    if isinstance(told, dict) and {"pid", "host", "since"} <= told.keys():
        who = f"process {told['pid']} on {told['host']} since {told['since']}"
    raise BusyError(
        f"{path}: is being written by {who}: wait until it has ended; report, show and all that "
        "only read are free to look"
    )
