"""Parquet files that can tell whether they are whole, and what of them still is.

Beside its columns, such a file holds in its footer

    sweep_seal          SHA-256 of the whole file, with zeros in place of the seal itself
    sweep_groups        rows and a digest of the content of each row group
    sweep_generation    which journal belongs to it (see `sweep.results.journal`)

and a checksum in each page. Rows of one batch and point are never parted by a row group, so that
what can be read of a damaged file is whole points. Files of earlier versions have none of these;
they are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sweep.results.digests import digest, one_array
from sweep.results.schema import NULLABLE, READINGS, READINGS_2, SCHEMA_VERSION, upgraded
from sweep.results.soundness import too_large
from sweep.types import Point, ResultsError

# (the point's key, measure, settings hash, machine id): what a new batch replaces.
Identity = tuple[str, str, str, str]
IDENTITY = ["family", "kind", "alpha", "resolution", "measure", "settings_hash", "machine_id"]

SMALL_GROUP, LARGE_GROUP = 256, 1 << 16  # rows of a row group
GROUPS = 64  # about as many a file has, within these bounds
# As Thrift writes a key and its value, their lengths before them.
_SEAL_KEY, _SEAL = b"\nsweep_seal\x18\x40", re.compile(rb"\nsweep_seal\x18\x40([0-9a-f]{64})")
_SEALED = b"\x10sweep_generation\x18"  # files that have this have a seal as well
CHANGED = "it was changed since it was written: its checksum differs"
MISSING = "it is missing"
_NO_SEAL = "0" * 64
UNREADABLE = (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError)


@dataclass(frozen=True)
class TableFile:
    """A Parquet file in memory. generation is 0 and `sealed` False for earlier versions."""

    path: Path
    parquet: pq.ParquetFile
    generation: int = 0
    sealed: bool = False

    @property
    def rows(self) -> int:
        """In all row groups."""
        return self.parquet.metadata.num_rows

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The row groups, one at a time. Raises ResultsError where one can't be read."""
        for index in range(self.parquet.num_row_groups):
            try:
                group = self.parquet.read_row_group(index, columns=columns, use_threads=False)
            except UNREADABLE as error:
                raise DamagedError(self.path, first_line(error)) from None
            for field, column in zip(group.schema, group.columns, strict=True):
                if column.null_count and field.name not in NULLABLE:
                    raise DamagedError(self.path, f"its column {field.name} has empty cells")
            yield upgraded(group)


class DamagedError(ResultsError):
    """A file of a results folder is damaged or missing; reason says how."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path}: can't be read: {reason} (python -m sweep check {path.parent} tells what is "
            "left)"
        )
        self.path, self.reason = path, reason


def opened(path: Path, data: bytes, schema: pa.Schema) -> TableFile:
    """The file at `path`, whose content is `data`. Raises ResultsError where it is damaged or of
    other columns.
    """
    file = parsed(path, data)
    check_columns(file, schema)
    return file


def parsed(path: Path, data: bytes) -> TableFile:
    """As `opened`, whatever its columns."""
    sealed = _seal_of(data)
    if reason := _damage(data, sealed):
        raise DamagedError(path, reason)
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        generation = int((parquet.metadata.metadata or {}).get(b"sweep_generation", b"0"))
    except UNREADABLE as error:
        raise DamagedError(path, first_line(error)) from None
    if reason := too_large(parquet.metadata):
        raise DamagedError(path, reason)
    return TableFile(path, parquet, generation, sealed is not None)


def check_columns(file: TableFile, schema: pa.Schema) -> None:
    """Raises ResultsError where the columns are not those of `schema`."""
    try:
        found = file.parquet.schema_arrow
        version = int((found.metadata or {}).get(b"sweep_schema_version", b"1"))
    except UNREADABLE as error:
        raise DamagedError(file.path, first_line(error)) from None
    if version > SCHEMA_VERSION:
        raise ResultsError(f"{file.path}: was written by a newer version (schema {version})")
    if found != schema and (schema, found) != (READINGS, READINGS_2):
        raise ResultsError(f"{file.path}: its columns are not those of schema {SCHEMA_VERSION}")


def _damage(data: bytes, seal: re.Match[bytes] | None) -> str:
    """Why the bytes can't be whole, or ""."""
    if not data:
        return "it is empty"
    if not any(data):
        return "it is all zeros"
    if data[:4] != b"PAR1":
        return "its beginning is not that of a Parquet file"
    if data[-4:] != b"PAR1":
        return "it is cut short"
    if seal is None:
        return "its checksum is gone" if _SEALED in data else ""
    return "" if _sealed_digest(data, seal.start(1)) == seal[1].decode() else CHANGED


def _seal_of(data: bytes) -> re.Match[bytes] | None:
    """The last of its kind: it is in the footer, whatever the rows hold."""
    at = data.rfind(_SEAL_KEY)
    return _SEAL.match(data, at) if at >= 0 else None


def _sealed_digest(data: bytes, at: int) -> str:
    whole = hashlib.sha256(memoryview(data)[:at])
    whole.update(_NO_SEAL.encode())
    whole.update(memoryview(data)[at + len(_NO_SEAL) :])
    return whole.hexdigest()


def write_table(
    file: IO[bytes], tables: Iterable[pa.Table], schema: pa.Schema, *, generation: int, rows: int
) -> int:
    """Writes and seals a Parquet file; a batch's rows of one point are all in one of `tables`.

    rows: about as many as there will be, for the size of row groups. Returns how many there are.
    """
    target = min(max(rows // GROUPS, SMALL_GROUP), LARGE_GROUP)
    written: list[dict[str, Any]] = []
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for group in _groups(tables, target, schema):
            if group.num_rows:
                writer.write_table(group, row_group_size=group.num_rows)
                written.append({"rows": group.num_rows, "sha256": digest(group)})
        writer.add_key_value_metadata(
            {
                "sweep_generation": str(generation),
                "sweep_groups": json.dumps(written),
                "sweep_seal": _NO_SEAL,
            }
        )
    file.seek(0)
    data = file.read()
    seal = _seal_of(data)
    if seal is None:
        raise AssertionError("Thrift has changed")
    file.seek(seal.start(1))
    file.write(_sealed_digest(data, seal.start(1)).encode())
    return sum(each["rows"] for each in written)


def _groups(tables: Iterable[pa.Table], target: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in row groups of at least `target` rows; the last may be smaller, or empty."""
    waiting, count = [schema.empty_table()], 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        if count >= target:
            *whole, rest = _cut(contiguous(pa.concat_tables(waiting)), target)
            yield from whole
            waiting, count = [rest], rest.num_rows
    yield contiguous(pa.concat_tables(waiting))


def _cut(table: pa.Table, target: int) -> list[pa.Table]:
    """The table in pieces of at least `target` rows, none ending within a batch's point."""
    pieces, begin = [], 0
    for end in [*starts(table)[1:], table.num_rows]:
        if end - begin >= target:
            pieces.append(table.slice(begin, end - begin))
            begin = end
    return [*pieces, table.slice(begin)]


def starts(table: pa.Table) -> npt.NDArray[np.int64]:
    """Where in the rows another identity begins, the first row included."""
    if not table.num_rows or not set(IDENTITY) <= set(table.column_names):
        return np.arange(min(1, table.num_rows))
    differs = np.zeros(table.num_rows - 1, dtype=bool)
    for name in IDENTITY:
        codes = _codes(table.column(name))
        differs |= codes[1:] != codes[:-1]
    return np.concatenate([[0], np.flatnonzero(differs) + 1])


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The column's values as numbers, equal where they are."""
    return np.asarray(one_array(column).dictionary_encode().indices.fill_null(-1))


def identities(table: pa.Table) -> tuple[npt.NDArray[np.int64], list[Identity]]:
    """Where each run of rows of one identity begins, and which it is."""
    begins = starts(table)
    rows = table.select(IDENTITY).take(pa.array(begins)).to_pylist()
    return begins, [
        (
            Point(row["family"], row["kind"], row["alpha"], 0.0, row["resolution"]).key,
            row["measure"],
            row["settings_hash"],
            row["machine_id"],
        )
        for row in rows
    ]


def without(table: pa.Table, gone: Container[Identity]) -> pa.Table:
    """The table less the rows of some identities."""
    begins, found = identities(table)
    return chosen(table, begins, [each not in gone for each in found])


def chosen(table: pa.Table, begins: npt.NDArray[np.int64], keep: Sequence[bool]) -> pa.Table:
    """The runs of rows that are to be kept."""
    if all(keep):
        return table
    lengths = np.diff([*begins, table.num_rows])
    return table.filter(pa.array(np.repeat(np.array(keep, dtype=bool), lengths)))


def contiguous(table: pa.Table) -> pa.Table:
    """The rows with those of one identity side by side, else in their order."""
    if not set(IDENTITY) <= set(table.column_names):
        return table
    begins, found = identities(table)
    first: dict[Identity, int] = {}
    for each in found:
        first.setdefault(each, len(first))
    if len(first) == len(found):
        return table
    lengths = np.diff([*begins, table.num_rows])
    order = np.repeat([first[each] for each in found], lengths)
    return table.take(pa.array(np.argsort(order, kind="stable")))


def first_line(error: BaseException) -> str:
    """A library's words, cut to one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
