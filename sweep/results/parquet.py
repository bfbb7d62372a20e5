"""Parquet files that can tell whether they are whole, and what of them still is.

Every page has a checksum, and the footer a digest of the content of each row group
(`sweep_groups`). Rows of one batch and point are never parted by a row group, so that what can be
read of a damaged file is whole points.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.host.files import opened_plain, why
from sweep.results.digests import digest
from sweep.results.schema import NULLABLE, SCHEMA_VERSION, upgraded
from sweep.results.soundness import too_large
from sweep.types import ResultsError

SMALL_GROUP, LARGE_GROUP = 256, 1 << 16  # rows of a row group
GROUPS = 64  # about as many a file has, within these bounds
CHANGED = "it was changed since it was written: its checksum differs"
MISSING = "it is missing"
UNREADABLE = (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError)


class DamagedError(ResultsError):
    """A file at the top of a results folder, or a part, is damaged or missing; reason says how."""

    def __init__(self, path: Path, reason: str) -> None:
        folder = path.parent.parent if path.parent.name == "parts" else path.parent
        super().__init__(
            f"{path}: can't be read: {reason} (python -m sweep check {folder} tells what is left)"
        )
        self.path, self.reason = path, reason


@dataclass(frozen=True)
class TableFile:
    """A Parquet file in memory. version: of its schema; told: (rows, digest) of each row group,
    none in files of the first version; whole: the row groups that are read.
    """

    path: Path
    parquet: pq.ParquetFile
    version: int
    metadata: Mapping[bytes, bytes]
    told: tuple[tuple[int, str], ...]
    whole: tuple[int, ...]

    def stored(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The row groups as they are. Raises DamagedError where one can't be read."""
        for index in self.whole:
            try:
                group = self.parquet.read_row_group(index, columns=columns, use_threads=False)
            except UNREADABLE as error:
                raise DamagedError(self.path, first_line(error)) from None
            yield group

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The row groups as readings of today's columns, or those `columns` alone, which all
        versions have. Raises DamagedError where one can't be read.
        """
        for group in self.stored(columns):
            whole = without_holes(self.path, group)
            yield whole if columns else upgraded(whole)

    def number(self, name: str) -> int:
        """What the footer tells under `name`; 0 where it doesn't."""
        told = self.metadata.get(f"sweep_{name}".encode(), b"")
        return int(told) if told.isdigit() else 0

    def check(self) -> None:
        """Reads it from end to end. Raises DamagedError where a row group can't be read, or its
        content is not what the footer tells.
        """
        digests = [(group.num_rows, digest(group)) for group in self.stored()]
        if digests != list(self.told) and (self.told or self.version > 1):
            raise DamagedError(self.path, CHANGED)

    def salvaged(self) -> TableFile:
        """The same without the row groups whose content is not what the footer tells."""
        whole = []
        for index, told in enumerate(self.told[: self.parquet.num_row_groups]):
            with suppress(DamagedError):
                (group,) = replace(self, whole=(index,)).stored()
                if (group.num_rows, digest(group)) == told:
                    whole.append(index)
        return replace(self, whole=tuple(whole))


def without_holes(path: Path, rows: pa.Table) -> pa.Table:
    """The rows. Raises DamagedError where a cell is empty that none of ours is."""
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if column.null_count and name not in NULLABLE:
            raise DamagedError(path, f"its column {name} has empty cells")
    return rows


def bytes_of(path: Path) -> bytes | None:
    """A file's content, None where there is none. Raises ResultsError where it is a link or can't
    be read.
    """
    try:
        with opened_plain(path) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ResultsError(f"{path}: can't be read: {why(error)}") from None


def opened(path: Path, data: bytes, columns: pa.Schema | None = None, wrong: str = "") -> TableFile:
    """The file at `path`, whose content is `data`. Raises DamagedError, also where, upgraded, it
    is of other columns than `columns`, and ResultsError where it is of a newer version.

    wrong: why the content can't be right, where that is known.
    """
    if reason := _plainly_damaged(data) or wrong:
        raise DamagedError(path, reason)
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        stored = parquet.schema_arrow
        version = int((stored.metadata or {}).get(b"sweep_schema_version", b"1"))
        metadata = parquet.metadata.metadata or {}
    except UNREADABLE as error:
        raise DamagedError(path, first_line(error)) from None
    if reason := too_large(parquet.metadata):
        raise DamagedError(path, reason)
    if version > SCHEMA_VERSION:
        raise ResultsError(f"{path}: was written by a newer version (schema {version})")
    if columns is not None and stored != columns and _upgraded(stored) != columns:
        raise DamagedError(path, f"its columns are not those of schema {SCHEMA_VERSION}")
    groups = tuple(range(parquet.num_row_groups))
    return TableFile(path, parquet, version, metadata, _told(metadata), groups)


def _upgraded(stored: pa.Schema) -> pa.Schema | None:
    try:
        return upgraded(stored.empty_table()).schema
    except (*UNREADABLE, LookupError):
        return None  # columns that no version has had


def _plainly_damaged(data: bytes) -> str:
    """Why the bytes can't be whole, or ""."""
    if not data:
        return "it is empty"
    if not any(data):
        return "it is all zeros"
    if data[:4] != b"PAR1":
        return "its beginning is not that of a Parquet file"
    return "" if data[-4:] == b"PAR1" else "it is cut short"


def _told(metadata: Mapping[bytes, bytes]) -> tuple[tuple[int, str], ...]:
    try:
        told = json.loads(metadata.get(b"sweep_groups", b"[]"))
        return tuple((int(each["rows"]), str(each["sha256"])) for each in told)
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()


def write_table(
    file: IO[bytes], tables: Iterable[pa.Table], columns: pa.Schema, rows: int, **told: str
) -> str:
    """Writes a Parquet file, and returns its SHA-256 in hex. Rows of one identity are all in one of
    `tables`, which no row group parts.

    rows: about as many as there will be, for the size of row groups. told: goes into the footer as
    `sweep_..`.
    """
    target = min(max(rows // GROUPS, SMALL_GROUP), LARGE_GROUP)
    written: list[dict[str, Any]] = []
    with pq.ParquetWriter(file, columns, compression="zstd", write_page_checksum=True) as writer:
        for group in _groups(tables, target):
            if group.num_rows:
                writer.write_table(group, row_group_size=group.num_rows)
                written.append({"rows": group.num_rows, "sha256": digest(group)})
        footer = {f"sweep_{name}": text for name, text in told.items()}
        writer.add_key_value_metadata(footer | {"sweep_groups": json.dumps(written)})
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _groups(tables: Iterable[pa.Table], target: int) -> Iterator[pa.Table]:
    """The rows in row groups of at least `target` rows, but for the last one."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(each.num_rows for each in waiting) >= target:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def first_line(error: BaseException) -> str:
    """A library's words, cut to one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
