"""What a results folder holds at one moment, also while a run writes to it.

Files are replaced whole and parts never change, so readers take no lock. The state is that of the
table and of the parts whose number is above the highest one that is merged in it: parts up to that
are passed over wherever they still lie. A reader begins again where a part has gone, or run.json
has changed, meanwhile.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sweep.results import earlier, parts, run_file
from sweep.results.earlier import Earlier
from sweep.results.identity import rows_of
from sweep.results.parquet import CHANGED, MISSING, DamagedError, TableFile, bytes_of, opened
from sweep.results.parts import Part
from sweep.results.run_file import RUN
from sweep.results.schema import READINGS
from sweep.results.soundness import Kept, Run
from sweep.types import ResultsError

READINGS_FILE = "readings.parquet"
_TRIES = 100


@dataclass(frozen=True)
class Contents:
    """run: run.json, with settings and machines whatever version wrote it, None where it is missing
    or damaged. table: None where there is none, what is whole of a damaged one; sha256: of its
    file. parts: those that the table has not, in order. last: the highest number that a part has
    had. leftover: whether parts lie there that the table has. wrong: what is damaged or missing, by
    file. earlier: what a folder of schema 1 or 2 has beside its table.
    """

    path: Path
    run: dict[str, Any] | None
    table: TableFile | None
    sha256: str | None
    parts: tuple[Part, ...]
    last: int
    leftover: bool
    wrong: dict[str, DamagedError]
    earlier: Earlier | None

    def readings(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows, a part's in place of those that it replaces; a row group or a part at a time.
        Raises DamagedError.
        """
        newest = {
            identity: place for place, part in enumerate(self.parts) for identity in part.identities
        }
        for group in self.table_groups(columns):
            yield rows_of(group, lambda identity: identity not in newest)
        for place, part in enumerate(self.parts):
            rows = part.rows.select(columns) if columns else part.rows
            if all(newest[identity] == place for identity in part.identities):
                yield rows
            else:
                yield rows_of(rows, lambda identity, own=place: newest[identity] == own)

    def table_groups(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows of the table, those that a part replaces among them. Raises DamagedError."""
        if self.table:
            yield from self.table.groups(columns)
        if self.earlier:
            yield self.earlier.curves.select(columns or READINGS.names)

    @property
    def machines(self) -> list[dict[str, Any]]:
        """Those that are known, that of the last run first."""
        facts = self.run or (self.earlier.facts if self.earlier else {})
        return facts.get("machines", [])

    @property
    def rows(self) -> int:
        """About how many there are."""
        of_table = self.table.parquet.metadata.num_rows if self.table else 0
        return of_table + sum(part.rows.num_rows for part in self.parts)

    @property
    def whole_table(self) -> list[str | None]:
        """The table's digest for run.json, None for no table; empty where it is damaged."""
        return [] if READINGS_FILE in self.wrong else [self.sha256]


def read(path: Path, form: type[Kept] = Run) -> Contents:
    """form: what is asked of run.json. Raises ResultsError where a file can't be read, or is of a
    newer version.
    """
    for _ in range(_TRIES):
        text = bytes_of(path / RUN)
        with suppress(_PartGoneError):
            contents = _read(path, text, form)
            if bytes_of(path / RUN) == text:
                return contents
    raise ResultsError(f"{path}: changes faster than it can be read")


class _PartGoneError(Exception):
    """A part was merged into the table, and removed, after it was listed."""


def _read(path: Path, text: bytes | None, form: type[Kept]) -> Contents:
    wrong: dict[str, DamagedError] = {}
    numbered = parts.numbered(path)
    run = None
    if text is not None:
        try:
            run = run_file.read(path / RUN, text, form)
        except DamagedError as error:
            wrong[RUN] = error
    told = run.get("table") if run else None
    table, sha256 = _table(path, told, wrong, expected=run is not None)
    merged = table.number("merged") if table else 0
    own = _parts(path, numbered or [], merged, wrong)
    before = earlier.read(path, run, table)
    if before:
        run = run and before.facts | run
        own = [Part.of(0, "", rows) for rows in before.batches] + own
        wrong |= before.wrong
    elif run and numbered is None and "finished" not in run:
        wrong[parts.FOLDER] = DamagedError(path / parts.FOLDER, MISSING)
    numbers = [number for number, _ in numbered or ()]
    last = max([merged, *numbers])
    leftover = any(number <= merged for number in numbers)
    return Contents(path, run, table, sha256, tuple(own), last, leftover, wrong, before)


def _table(
    path: Path, told: list[str | None] | None, wrong: dict[str, DamagedError], *, expected: bool
) -> tuple[TableFile | None, str | None]:
    """The table, what is whole of it where it is damaged, and its digest. told: what run.json says
    that this can be, None where it doesn't say; expected: whether there is a run.json.
    """
    file = path / READINGS_FILE
    data = bytes_of(file)
    if data is None:
        if expected and None not in (told or ()):
            wrong[READINGS_FILE] = DamagedError(file, MISSING)
        return None, None
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        table = opened(file, data, READINGS, CHANGED if told and sha256 not in told else "")
        if not told:
            table.check()
            for _ in table.groups():
                pass
        return table, sha256
    except DamagedError as error:
        wrong[READINGS_FILE] = error
    with suppress(ResultsError):
        return opened(file, data, READINGS).salvaged(), sha256
    return None, sha256


def _parts(
    path: Path, numbered: list[tuple[int, str]], merged: int, wrong: dict[str, DamagedError]
) -> list[Part]:
    """Those that the table has not, as far as they are whole."""
    found, gone, last = [], 0, merged
    for number, name in numbered:
        if number <= merged:
            continue
        gone += number - last - 1
        last = number
        try:
            part = parts.read(path, number, name)
        except DamagedError as error:
            wrong[f"{parts.FOLDER}/{name}"] = error
            continue
        if part is None:
            raise _PartGoneError
        found.append(part)
    if gone and READINGS_FILE not in wrong:  # else it isn't known which ones the table had
        reason = f"{gone} of its batches {'is' if gone == 1 else 'are'} missing"
        wrong[parts.FOLDER] = DamagedError(path / parts.FOLDER, reason)
    return found


def state(path: Path) -> tuple[object, ...]:
    """Another one where anything was stored in between."""
    table: object = None
    with suppress(FileNotFoundError, NotADirectoryError):
        now = os.stat(path / READINGS_FILE)  # noqa: PTH116 - without following a path of its own
        table = now.st_ino, now.st_size, now.st_mtime_ns
    return table, *(parts.numbered(path) or ())
