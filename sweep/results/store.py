"""Writes a run's readings; `sweep.results.load` reads them. In results/<name>/:

    run.json           what the last run covers, its settings, the machines (`run_file`)
    parts/             while a run goes on: a Parquet file a finished batch, never changed
    readings.parquet   long: a row a reading, raw samples, curves of training; the one truth
    points.parquet     wide: one tidy row per point, and
    training.parquet   loss and accuracy over steps; both derived from the readings
    networks/          what was trained, named by content

A batch is in parts/, and on disk, before it counts as finished. Every few hundred parts, and at a
run's end, they are merged into the table. Every other file is replaced whole. One process writes a
folder at a time; readers see one moment of it (`contents`). Readings of older settings or other
machines stay beside the new ones; `load` hands out only those of the last run's identities.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sweep.host.failures import storable
from sweep.host.files import CONTINUES, FolderLock, WriteError, replace_file, sync_folder, why
from sweep.host.interrupts import held_back
from sweep.results import contents, derived, parts, run_file
from sweep.results.contents import READINGS_FILE, Contents
from sweep.results.identity import IDENTITY, Identity, finished_in, identities_in
from sweep.results.load import Results, damages
from sweep.results.run_file import RUN
from sweep.results.schema import Stamp
from sweep.results.soundness import Kept
from sweep.results.writing import NETWORKS, BusyError, merge, put_aside, strays_of, taken
from sweep.types import CurvePoint, Reading, ResultsError

log = logging.getLogger(__name__)

MERGE_AT = 250  # parts: to read so many takes a quarter of a second
# Once there are more batches, parts may be so many of all: to write ten thousand, the table is
# written fifteen times, not forty, and a start never reads more than one in five from parts.
MERGE_SHARE = 5


class Store:
    """Writer of one results folder. Looks at it when it is made; makes and locks it when it first
    writes. A run writes within `writing`.

    damages: sentences about what is damaged, left out and to be measured again.
    """

    def __init__(self, path: Path) -> None:
        """Raises DamagedError where the table is damaged."""
        self.path = path
        self._lock: FolderLock | None = None
        self._within = False  # `writing`
        self._state = contents.state(path)
        folder = contents.read(path, Kept)
        if READINGS_FILE in folder.wrong:
            raise folder.wrong[READINGS_FILE]
        self.damages = tuple(damages(folder))
        self._unsettled = RUN in folder.wrong or _is_begun(folder)  # until this writes
        self._may_make_parts = True
        self._table = folder.whole_table
        self._machines = folder.machines
        # What a dead run left is merged with what this one adds, not before its first batch.
        self._last = folder.last
        self._waiting = max(0, len(folder.parts) - self._merge_at)
        self._finished: set[Identity] = set()
        for rows in folder.table_groups([*IDENTITY, "failed"]):
            self._finished |= finished_in(rows)
        for part in folder.parts:
            self._finished -= part.identities
            self._finished |= part.finished

    def finished(self) -> set[Identity]:
        """(point key, measure, settings hash, machine id) of every batch that did not fail."""
        return set(self._finished)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Within it, this process alone writes the folder; at its end, parts go into the table.
        Raises BusyError where another process writes it, WriteError where it can't be written.
        Within another, it does nothing.
        """
        if self._within:
            yield
            return
        with self._disk():
            self._begin()
        self._within = True
        try:
            yield
            self.merge()
        except OSError:
            raise  # from the disk: what is there stays as it is
        except BaseException:
            with contextlib.suppress(OSError, ResultsError):
                self.merge()
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
        rows = parts.batch(measure, items, stamp, failed=failed)
        if not rows.num_rows:
            return
        with self._disk(), held_back():
            self._begin()
            self._make_parts()
            parts.write(self.path, self._last + 1, rows)
            self._last += 1
            self._waiting += 1
            own = identities_in(rows)
            if failed:
                self._finished -= own
            else:
                self._finished |= own
        if self._waiting >= self._merge_at:
            self.merge()

    @property
    def _merge_at(self) -> int:
        """Parts that may wait."""
        return max(MERGE_AT, self._last // MERGE_SHARE)

    def merge(self) -> None:
        """Puts the parts into the table, and removes them."""
        with self._disk():
            self._begin()
            folder = contents.read(self.path, Kept)
            if READINGS_FILE in folder.wrong:
                raise folder.wrong[READINGS_FILE]
            for sentence in damages(folder):
                log.warning("%s", sentence)
            if folder.parts or folder.leftover or folder.table is None:
                self._table = [merge(folder)]
            self._waiting = 0

    def write_run(
        self, settings: dict[str, Any], machine: dict[str, Any], run: dict[str, Any]
    ) -> None:
        """run.json: the settings as run, the machine, and what the run covers; earlier, different
        machines are kept. A run with "finished" has come to its end: its parts go into the table.
        """
        run = run_file.checked(self.path, run | {"settings": settings, "machines": [machine]})
        ended = "finished" in run
        if ended:
            self.merge()
        with self._disk():
            self._begin()
            if not ended:
                self._make_parts()
            others = [each for each in self._machines if each.get("id") != machine.get("id")]
            self._machines = [machine, *others]
            run_file.write(self.path, run | {"machines": self._machines, "table": self._table})
            if ended:
                with contextlib.suppress(OSError):  # where something else lies in it
                    (self.path / parts.FOLDER).rmdir()
                self._may_make_parts = True
                sync_folder(self.path)

    def add_machine(self, machine: dict[str, Any]) -> None:
        """One more beside those of run.json, which has to be there; all else there stays."""
        with self._disk():
            self._begin()
            run = contents.read(self.path).run
            if run is None:
                raise ResultsError(f"{self.path}: has no run.json that can be read")
            others = [each for each in self._machines if each.get("id") != machine["id"]]
            self._machines = [*others, machine]
            run_file.write(self.path, run | {"machines": self._machines})

    def _make_parts(self) -> None:
        """parts/, once: where it goes away under a run, so have batches."""
        if self._may_make_parts:
            (self.path / parts.FOLDER).mkdir(exist_ok=True)
            sync_folder(self.path)
            self._may_make_parts = False

    def write_derived(self, results: Results) -> None:
        """points.parquet and training.parquet, for pandas users."""
        with self._disk():
            self._begin()
            derived.write(results)

    def keep(self, path: Path, kind: str) -> str:
        """Moves a file into networks/, whole and on disk, and returns its name there: its kind and
        the start of its content's SHA-256.
        """
        with self._disk(), path.open("rb") as file:
            self._begin()
            name = f"{kind}-{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}{path.suffix}"
            (self.path / NETWORKS).mkdir(exist_ok=True)
            file.seek(0)  # written also where it lies there: that one may be damaged
            replace_file(self.path / NETWORKS / name, lambda to: shutil.copyfileobj(file, to))
            sync_folder(self.path)
            path.unlink()
        return name

    def close(self) -> None:
        """Lets others write; a further write takes the folder again."""
        if self._lock is not None:
            self._state = contents.state(self.path)
            self._lock.release()
            self._lock = None
            self._may_make_parts = True

    def _begin(self) -> None:
        """Makes the folder and takes it, and clears what dead writers have left."""
        if self._lock is not None:
            if not self._lock.is_of(self.path):
                raise OSError(errno.ENOENT, "the folder was moved or removed meanwhile")
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = taken(self.path)
        if not lock.supported:
            log.warning("%s: no locks here; let one run at a time write to it", self.path)
        if contents.state(self.path) != self._state:
            lock.release()
            raise BusyError(
                f"{self.path}: another run has written to it since this one looked at it; the same "
                "command again measures what is still missing"
            )
        self._lock = lock
        for stray in strays_of(self.path):
            stray.unlink()
        if self._unsettled:  # read anew, as it was: its rows are not held until now
            self._settle(contents.read(self.path, Kept))
            self._unsettled = False

    def _settle(self, folder: Contents) -> None:
        """Brings to an end what a dead writer began, and a folder of an earlier version to the form
        of this one. Keeps a copy of a run.json that will be replaced because it is damaged.
        """
        if RUN in folder.wrong:
            put_aside(self.path, RUN)
        if _is_begun(folder):
            self._table = [merge(folder)]
            self._waiting = 0

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


def _is_begun(folder: Contents) -> bool:
    """Whether a merge was not brought to its end, or an earlier version wrote it."""
    run = folder.run or {}
    begun = run.get("anew") or len(run.get("table", ())) > 1
    return bool(folder.earlier or folder.leftover or begun)


def writer(since: str) -> dict[str, Any]:
    """Who writes, for run.json: this process, since when (ISO 8601)."""
    return {"pid": os.getpid(), "host": storable(platform.node()), "since": since}
