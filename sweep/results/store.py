"""The only writer of results/<name>/; `sweep.results.load` reads it.

    settings.toml      the settings as run
    machine.json       facts of the machine that ran it last (and of earlier ones)
    run.json           identity of each measure as last run, commit, time, command
    readings.parquet   long: one row per point x metric x variant, raw samples; the truth
    training.parquet   loss and accuracy over steps
    journal            batches that are not in these two yet, while a run goes on
    points.parquet     wide: one tidy row per point, derived from the readings

A batch is appended to the journal, and on disk, before it counts as finished. Now and then, and at
a run's end, the tables are written anew with what the journal holds. Every other file is replaced
whole. One process writes a folder at a time; readers see one moment of it (`results.snapshot`).
Readings of older settings or other machines stay beside the new ones; `load` hands out only those
of the last run's identities.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import platform
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import tomli_w

from sweep.host.failures import storable
from sweep.host.files import (
    CONTINUES,
    FolderLock,
    WriteError,
    in_words,
    replace_file,
    strays,
    sync_folder,
    why,
)
from sweep.host.interrupts import held_back
from sweep.results import journal
from sweep.results.batch import batch_of
from sweep.results.digests import data_digest, text_digest
from sweep.results.load import Results, load, machines_in
from sweep.results.parquet import IDENTITY, Identity, identities, write_table
from sweep.results.schema import READINGS, SCHEMA_VERSION, TRAINING, Stamp
from sweep.results.snapshot import (
    MACHINE,
    READINGS_FILE,
    REPLACED,
    RUN,
    SETTINGS,
    TABLES,
    TRUTH,
    BusyError,
    Snapshot,
    Tables,
    json_of,
    merged,
    newest,
    snapshot,
    states,
    tables_of,
    taken,
)
from sweep.results.soundness import Machine, Run, StoredSettings, unsound
from sweep.types import CurvePoint, Reading, ResultsError

__all__ = ["READINGS", "TRAINING", "BusyError", "Results", "Store", "load", "replace_file"]

log = logging.getLogger(__name__)

# The journal goes into the tables once it has more rows than they, and than this: all that is ever
# written is then a few times what is kept.
FEWEST_ROWS = 50_000


class Store:
    """Writer of one results folder. Looks at it when it is made; makes and locks it when it first
    writes. A run writes within `writing`.
    """

    def __init__(self, path: Path) -> None:
        """Raises DamagedError where readings, curves or the journal are damaged."""
        self.path = path
        self._lock: FolderLock | None = None
        self._within = False  # `writing`
        self._journal: journal.Writer | None = None
        found = snapshot(path)
        self._seen = {name: state for name, state in found.states.items() if name in TRUTH}
        tables = tables_of(found)
        self._table_rows, self._journal_rows = tables.rows, 0
        self._generation = tables.generation
        # What replaced it did not reach the disk; the tables have all of it, and newer rows.
        self._outlived = journal.NAME in found.contents and tables.journal is None
        self._finished: set[Identity] = set()
        self._index(tables)

    def _index(self, tables: Tables) -> None:
        """Notes what is finished, a row group or a batch at a time."""
        for name, file in tables.files.items():
            # A file without a checksum has to be read whole to be told whole.
            columns = [*IDENTITY, "failed"] if file and file.sealed else None
            if file and name == READINGS_FILE:
                for group in file.groups(columns):
                    self._finished |= _finished_in(group)
            elif file and not file.sealed:
                deque(file.groups(), maxlen=0)
        last = newest(tables.journal)
        self._finished -= last.keys()
        for place, entry in enumerate(tables.journal.entries() if tables.journal else ()):
            self._finished |= {each for each in entry.finished if last[each] == place}
            self._journal_rows += entry.rows

    def finished(self) -> set[Identity]:
        """(point key, measure, settings hash, machine id) of every batch that did not fail."""
        return set(self._finished)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Within it, this process alone writes the folder; at its end, the journal goes into the
        tables. Raises BusyError where another process writes it, WriteError where it can't be
        written. Within another, it does nothing.
        """
        if self._within:
            yield
            return
        with self._disk():
            self._begin()
        self._within = True
        try:
            yield
            self.compact()
        except OSError:
            raise  # from the disk: what is there stays as it is
        except BaseException:
            with contextlib.suppress(OSError, ResultsError):
                self.compact()
            raise
        finally:
            self._within = False
            self.close()

    def add(
        self,
        measure: str,
        items: Sequence[Reading | CurvePoint],
        stamp: Stamp,
        *,
        failed: bool = False,
    ) -> None:
        """Puts a batch on disk, whole, in place of an earlier one of the same point, measure and
        stamp identity. Raises WriteError where it can't, and leaves what was there.
        """
        batch = batch_of(measure, items, stamp, failed=failed)
        if not batch.identities:
            return
        with self._disk(), held_back():
            self._begin()
            self._check_place()
            if self._journal is None:
                self._journal = journal.Writer(self.path / journal.NAME, self._generation)
            self._journal.append(batch)
            self._finished -= set(batch.identities)
            self._finished |= set(batch.finished)
            self._journal_rows += batch.rows
        if self._journal_rows > max(FEWEST_ROWS, self._table_rows):
            self.compact()

    def compact(self) -> None:
        """Writes the tables anew with what the journal holds, and empties it."""
        with self._disk():
            self._begin()
            self._check_place()
            self._close_journal()
            tables = tables_of(snapshot(self.path))
            if tables.journal and tables.journal.frames:
                self._generation = tables.generation + 1
                last = newest(tables.journal)
                rows = self._table_rows + self._journal_rows
                self._table_rows = sum(
                    self._write_table(
                        name, merged(name, tables.groups(name), tables.journal, last), rows
                    )
                    for name in tables.files
                )
                journal.begin(self.path / journal.NAME, self._generation)
            self._journal_rows = 0

    def write_run(
        self, settings: dict[str, Any], machine: dict[str, Any], run: dict[str, Any]
    ) -> None:
        """Settings as run, the machine, and run.json; an earlier, different machine is kept.

        A run with "finished" has come to its end: the journal goes into the tables, and away.
        """
        _check_readable(self.path, settings, machine, run)
        ended = "finished" in run
        if ended:
            self.compact()
        with self._disk():
            self._begin()
            found = snapshot(self.path)
            if not ended and journal.NAME not in found.contents:
                journal.begin(self.path / journal.NAME, self._generation)
            machines = [machine]
            if MACHINE in found.contents:
                known = machines_in(self.path / MACHINE, json_of(found, MACHINE))
                machines += [each for each in known[1:] + known[:1] if each["id"] != machine["id"]]
            earlier = {"earlier": machines[1:]} if machines[1:] else {}
            self._write_json(MACHINE, machine | earlier)
            self._write_settings(found, tomli_w.dumps(_without_nones(settings)).encode(), run)
            if ended:
                (self.path / journal.NAME).unlink(missing_ok=True)
                sync_folder(self.path)

    def _write_settings(self, found: Snapshot, text: bytes, run: dict[str, Any]) -> None:
        """settings.toml and run.json. The latter goes first: it knows the settings before and
        after. A folder without it is none yet, so there it goes last.
        """
        before = found.contents.get(SETTINGS, text)
        digests = list(dict.fromkeys([text_digest(text), text_digest(before)]))
        marked = run | {"schema": SCHEMA_VERSION, "settings_sha256": digests}
        if RUN in found.contents:
            self._write_json(RUN, marked)
        replace_file(self.path / SETTINGS, lambda file: file.write(text))
        if RUN not in found.contents:
            self._write_json(RUN, marked)

    def write_points(self, points: pd.DataFrame) -> None:
        """The wide table, for pandas users."""
        table = pa.Table.from_pandas(points, preserve_index=False)
        with self._disk():
            self._begin()
            self._write_table("points.parquet", iter([table]), table.num_rows, table.schema)

    def close(self) -> None:
        """Lets others write; a further write takes the folder again."""
        self._close_journal()
        if self._lock is not None:
            self._seen = states(self.path)
            self._lock.release()
            self._lock = None

    def _begin(self) -> None:
        """Makes the folder and takes it, and clears what dead writers have left."""
        if self._lock is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = taken(self.path)
        if not lock.supported:
            log.warning("%s: no locks here; let one run at a time write to it", self.path)
        if states(self.path) != self._seen:
            lock.release()
            raise BusyError(
                f"{self.path}: another run has written to it since this one looked at it; the same "
                "command again measures what is still missing"
            )
        self._lock = lock
        for path in strays(self.path, REPLACED):
            path.unlink()
        if self._outlived:
            journal.begin(self.path / journal.NAME, self._generation)
            self._outlived = False
        for name, schema in TABLES.items():
            if not (self.path / name).exists():
                self._write_table(name, iter([schema.empty_table()]), 0)

    def _check_place(self) -> None:
        if self._lock is not None and not self._lock.is_of(self.path):
            raise OSError(errno.ENOENT, "the folder was moved or removed meanwhile")
        if self._journal is not None and not self._journal.in_place():
            raise OSError(errno.ENOENT, "its journal was moved or removed meanwhile")

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """What the disk refuses, as a sentence about this folder."""
        try:
            yield
        except OSError as error:
            reason = str(error) if isinstance(error, WriteError) else None
            reason = reason or f"{self.path}: can't be written: {why(error)}"
            if CONTINUES not in reason and not isinstance(
                error, (NotADirectoryError, FileExistsError)
            ):
                reason += f". {CONTINUES}"
            raise WriteError(reason) from None

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _write_json(self, name: str, data: dict[str, Any]) -> None:
        text = in_words(data | {"sha256": data_digest(data)})
        replace_file(self.path / name, lambda file: file.write(text))

    def _write_table(
        self, name: str, tables: Iterator[pa.Table], rows: int, schema: pa.Schema | None = None
    ) -> int:
        """The rows written. rows: about as many as there will be."""
        written: list[int] = []
        schema = schema or TABLES[name]
        replace_file(
            self.path / name,
            lambda file: written.append(
                write_table(file, tables, schema, generation=self._generation, rows=rows)
            ),
        )
        return written[0]


def _finished_in(group: pa.Table) -> set[Identity]:
    return set(identities(group.filter(~pc.field("failed")))[1])


def writer(since: str) -> dict[str, Any]:
    """Who writes, for run.json: this process, since when (ISO 8601)."""
    return {"pid": os.getpid(), "host": storable(platform.node()), "since": since}


def _check_readable(
    path: Path, settings: dict[str, Any], machine: dict[str, Any], run: dict[str, Any]
) -> None:
    """Raises ResultsError for what could be written, but not be read again: at a run's beginning,
    not once hours of measuring are behind it.
    """
    for name, data, form in (
        (SETTINGS, _without_nones(settings), StoredSettings),
        (MACHINE, machine, Machine),
        (RUN, run, Run),
    ):
        if reason := unsound(data, form):
            raise ResultsError(f"{path / name}: could not be read again: {reason}")


def _without_nones(value: Any) -> Any:
    """TOML has no null: a setting left at None is left out."""
    if isinstance(value, dict):
        return {key: _without_nones(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nones(each) for each in value]
    return value
