"""parts/: one Parquet file a finished batch, never changed, until it is merged into the table.

    parts/00000017-3f0c52d8a9b1e647.parquet

The number says in which order batches came; the digits are the start of the content's SHA-256, so
that a file tells whether it is whole. A part takes the place of all earlier rows of the identities
that its own rows have.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sweep.host.files import replace_file, why
from sweep.results.curves import curve_readings
from sweep.results.identity import Identity, contiguous, finished_in, identities_in
from sweep.results.parquet import CHANGED, DamagedError, bytes_of, opened
from sweep.results.schema import READINGS, Stamp, reading_row
from sweep.types import CurvePoint, Reading, ResultsError

FOLDER = "parts"
NAME = re.compile(r"([0-9]{8})-([0-9a-f]{16})\.parquet")


@dataclass(frozen=True)
class Part:
    """A batch: rows of READINGS, curves among them."""

    number: int
    name: str
    rows: pa.Table
    identities: frozenset[Identity]
    finished: frozenset[Identity]

    @classmethod
    def of(cls, number: int, name: str, rows: pa.Table) -> Part:
        """The part with such rows."""
        own = frozenset(identities_in(rows))
        failed = pc.call_function("any", [rows.column("failed")]).as_py()
        return cls(number, name, rows, own, frozenset(finished_in(rows)) if failed else own)


def batch(
    measure: str, items: Sequence[Reading | CurvePoint], stamp: Stamp, *, failed: bool
) -> pa.Table:
    """The rows of one call's readings and curves, those of one point side by side."""
    readings = [item for item in items if isinstance(item, Reading)]
    curves = curve_readings(item for item in items if isinstance(item, CurvePoint))
    rows = [reading_row(each, measure, stamp, failed) for each in [*readings, *curves]]
    table = pa.Table.from_pylist(rows, READINGS)
    return table if len({item.point for item in items}) < 2 else contiguous(table)


def write(folder: Path, number: int, rows: pa.Table) -> None:
    """The batch is on disk, whole, once this returns. Raises WriteError where it can't be."""
    content = io.BytesIO()
    # Unpacked: it is read and written in a third of the time, and is gone soon.
    pq.write_table(rows, content, compression="none")
    data = content.getvalue()
    replace_file(folder / FOLDER / _name(number, data), lambda file: file.write(data))


def _name(number: int, data: bytes) -> str:
    return f"{number:08d}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"


def numbered(folder: Path) -> list[tuple[int, str]] | None:
    """(number, name) of the parts of a results folder, in order; None where there is no parts/.
    Raises ResultsError where it can't be read.
    """
    try:
        handle = os.open(folder / FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"{folder / FOLDER}: can't be read: {why(error)}") from None
    try:
        names = [match for name in os.listdir(handle) if (match := NAME.fullmatch(name))]  # noqa: PTH208
    finally:
        os.close(handle)
    return sorted((int(match[1]), match[0]) for match in names)


def read(folder: Path, number: int, name: str) -> Part | None:
    """None where the part is gone. Raises DamagedError where it is not what its name says."""
    path = folder / FOLDER / name
    data = bytes_of(path)
    if data is None:
        return None
    if _name(number, data) != name:
        raise DamagedError(path, CHANGED if data else "it is empty")
    tables = [READINGS.empty_table(), *opened(path, data, READINGS).groups()]
    return Part.of(number, name, pa.concat_tables(tables))
