"""What a new batch replaces: the earlier rows of the same point, measure, settings and machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sweep.types import Point

# (the point's key, measure, settings hash, machine id).
Identity = tuple[str, str, str, str]
IDENTITY = ["family", "kind", "alpha", "resolution", "measure", "settings_hash", "machine_id"]


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


def identities_in(table: pa.Table) -> set[Identity]:
    return set(identities(table)[1])


def finished_in(table: pa.Table) -> set[Identity]:
    """Those that have rows which are not of a failure."""
    return identities_in(table.filter(~pc.field("failed")))


def rows_of(table: pa.Table, keep: Callable[[Identity], bool]) -> pa.Table:
    """The rows of the identities that are to be kept."""
    begins, of = identities(table)
    return chosen(table, begins, [keep(each) for each in of])


def chosen(table: pa.Table, begins: npt.NDArray[np.int64], keep: list[bool]) -> pa.Table:
    """The runs of rows that are to be kept."""
    if all(keep):
        return table
    lengths = np.diff([*begins, table.num_rows])
    return table.filter(pa.array(np.repeat(np.array(keep, dtype=bool), lengths)))


def contiguous(table: pa.Table) -> pa.Table:
    """The rows with those of one identity side by side, else in their order."""
    if not set(IDENTITY) <= set(table.column_names):
        return table
    begins, of = identities(table)
    first: dict[Identity, int] = {}
    for each in of:
        first.setdefault(each, len(first))
    if len(first) == len(of):
        return table
    lengths = np.diff([*begins, table.num_rows])
    order = np.repeat([first[each] for each in of], lengths)
    return table.take(pa.array(np.argsort(order, kind="stable")))


def apart(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of one identity after another, of a table in which they stand side by side."""
    begins = [*starts(table), table.num_rows]
    for begin, end in itertools.pairwise(begins):
        yield table.slice(begin, end - begin)


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
    whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return np.asarray(whole.dictionary_encode().indices.fill_null(-1))
