"""points.parquet and training.parquet: for pandas users, derived from the readings.

Nothing is read from them here. Each tells in its footer which state of the folder it is of.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from sweep.host.files import replace_file
from sweep.results import contents
from sweep.results.load import Results, load, source
from sweep.results.parquet import TableFile, bytes_of, opened, write_table
from sweep.results.points import tidy
from sweep.results.schema import TRAINING
from sweep.results.writing import DERIVED, BusyError, taken
from sweep.types import ResultsError


def write(results: Results) -> None:
    """Writes both. Raises WriteError where they can't be."""
    points = pa.Table.from_pandas(tidy(results), preserve_index=False)
    training = pa.Table.from_pandas(results.training, TRAINING, preserve_index=False)
    for name, table in zip(DERIVED, (points, training), strict=True):
        replace_file(
            results.path / name,
            lambda file, table=table: write_table(
                file, [table], table.schema, table.num_rows, source=results.source
            ),
        )


def renew(path: Path) -> bool:
    """Derives them anew where one is missing, damaged or of an earlier state, and says whether it
    did. It doesn't where a run writes the folder: the run will, at its end; nor where the folder is
    of an earlier version, whose training.parquet is no derived one. Raises ResultsError
    where there are no readings to be read, WriteError where they can't be written.
    """
    try:
        lock = taken(path)
    except BusyError:
        return False
    try:
        folder = contents.read(path)
        now = source(folder)
        if folder.earlier or all(_source(path, name) == now for name in DERIVED):
            return False
        write(load(path))
    finally:
        lock.release()
    return True


def _source(path: Path, name: str) -> str:
    """The state that a table is of; "" where it is missing or damaged."""
    with suppress(ResultsError):
        if (data := bytes_of(path / name)) is not None:
            return checked(path / name, data).metadata.get(b"sweep_source", b"").decode()
    return ""


def checked(path: Path, data: bytes) -> TableFile:
    """Raises DamagedError where a derived table is not as it was written."""
    table = opened(path, data)
    table.check()
    return table
