"""What the data sets of files share: their error, random order, and a split by share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sweep.config import SettingsError

_WORDNET_ID = re.compile(r"^(n\d{8})\s.*$")

Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]


class DatasetError(SettingsError):
    """A data set isn't as its settings say; the message names the place."""


def checked_labels(labels: npt.ArrayLike, source: str, classes: int) -> Labels:
    """i32[N] in 0..classes-1. Raises DatasetError naming the first label that isn't."""
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DatasetError(f"{source}: labels are {array.dtype}{list(array.shape)}: must be int[N]")
    wrong = np.flatnonzero((array < 0) | (array >= classes))
    if wrong.size:
        at = int(wrong[0])
        raise DatasetError(
            f"{source}: row {at} has label {array[at]}: must be in 0..{classes - 1}, "
            "one of the classes"
        )
    return array.astype(np.int32)


def split_by_share(labels: Labels, share: float, seed: int) -> tuple[Indices, Indices]:
    """(train, validation): of every class `share` of its images, drawn by `seed`, is validation.

    Rounded up or down such that `share` of all images is. Both are in rising order.
    """
    rng = np.random.default_rng(seed)
    # Shuffled, then class by class in random order: every stretch of 1 / share images gives one.
    order = rng.permutation(len(labels))
    rank = rng.permutation(int(labels.max()) + 1)
    order = order[np.argsort(rank[labels[order]], kind="stable")]
    ends = np.floor(share * np.arange(len(labels) + 1) + rng.random())
    chosen = np.diff(ends) > 0
    return np.sort(order[~chosen]), np.sort(order[chosen])


def class_list(path: str) -> list[list[str]]:
    """Rows of a list of classes in the order of their indices, each a list of its columns.

    .tsv: columns between tabs, with or without a heading; a column that counts 0, 1, 2, .. must
    count in order. Anything else: one class a line, of which only the WordNet id is taken where it
    starts with one ("n01440764 tench"). Raises DatasetError.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"classes = {path!r}: can't be read: {error}") from None
    rows = [
        line.split("\t") if path.endswith(".tsv") else [_WORDNET_ID.sub(r"\1", line.strip())]
        for line in lines
        if line.strip()
    ]
    if not rows:
        raise DatasetError(f"classes = {path!r}: the file is empty")
    if len({len(row) for row in rows}) > 1:
        raise DatasetError(f"classes = {path!r}: its rows have different numbers of columns")
    return _without_heading_and_index(rows, path)


def _without_heading_and_index(rows: list[list[str]], path: str) -> list[list[str]]:
    body = rows[1:] if rows[0][0].lower() in ("index", "id", "wnid", "synset", "class") else rows
    columns = [
        column for column in range(len(rows[0])) if all(row[column].isdecimal() for row in body)
    ]
    if len(rows[0]) > 1 and columns:
        index = columns[0]
        for expected, row in enumerate(body):
            if int(row[index]) != expected:
                raise DatasetError(
                    f"classes = {path!r}: row {expected} has index {row[index]}: must count from 0"
                )
        body = [[cell for at, cell in enumerate(row) if at != index] for row in body]
    return body


def names_of(rows: Sequence[Sequence[str]], wanted: Sequence[str], source: str) -> tuple[str, ...]:
    """The column of a class list that holds the names in `wanted`.

    Raises DatasetError where a name is in none, naming it, or where a name stands there twice.
    """
    columns = [tuple(row[at] for row in rows) for at in range(len(rows[0]))]
    found = max(columns, key=lambda column: len(set(column) & set(wanted)))
    if missing := sorted(set(wanted) - set(found)):
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DatasetError(f"{source}: the folder {missing[0]!r} is no class of that list{more}")
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise DatasetError(f"{source}: the class {twice!r} is there twice")
    return found
