"""What the data sets of files share: their error, labels and classes, and a split by share."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sweep.settings.config import Section, Seed, SettingsError
from sweep.types import listed

_WORDNET_ID = re.compile(r"^(n\d{8})\s.*$")

_HEADINGS = {"index", "id", "wnid", "synset", "class", "name", "label"}
MOST_LIST_BYTES = 1 << 26  # of a list of classes; that of ImageNet-21k has one million
MOST_CLASSES = 1_000_000  # a label above is no index of a class
MOST_NAMED = 3  # classes, in a message

Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]


class DatasetError(SettingsError):
    """A data set isn't as its settings say; the message names the place."""


class SplitSettings(Section):
    """What [accuracy.data] has for every data set of files."""

    path: Annotated[str, Field(min_length=1)]
    split: Literal["", "validation", "test"] = ""  # evaluated on; empty: as `EVALUATED_ON` has it
    classes: str = ""  # a .tsv or .txt list in index order; empty: as the images themselves say
    # Above 0: this share of each class is for evaluation, of images that are not split.
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    split_seed: Seed = 0


@dataclass(frozen=True)
class NumberedClasses:
    """Classes of images whose labels are whole numbers.

    order: what their order was taken from; empty where the user's list says it.
    places: of label i the index of its class, -1 where no image has it; none: label i is class i.
    """

    names: tuple[str, ...]
    order: str
    places: tuple[int, ...] = ()

    def identity(self) -> dict[str, Any]:
        """What the names leave open: nothing where label i is class i."""
        same = self.places == tuple(range(len(self.places)))
        return {} if same else {"places": self.places}

    def labels(self, stored: npt.NDArray[np.integer], name: Callable[[int], str]) -> Labels:
        """int[N] as the files have them -> i32[N] in 0..classes-1. Raises DatasetError with the
        `name` of the first row whose label is no class.
        """
        known = len(self.places or self.names)
        wrong = np.flatnonzero((stored < 0) | (stored >= known))
        if wrong.size:
            at = int(wrong[0])
            raise DatasetError(
                f"{name(at)}: has label {stored[at]}: must be in 0..{known - 1}, one of the classes"
            )
        labels = stored.astype(np.int32)
        return np.array(self.places, np.int32)[labels] if self.places else labels


def numbered_classes(
    stored: Sequence[npt.NDArray[np.integer]], own: tuple[str, ...], classes: str, source: str
) -> NumberedClasses:
    """stored: the labels of each split. own: the names that the images themselves bring for labels
    0, 1, ..; or none. classes: a list in the order that is wanted; or empty.

    Where labels have names, the list is for them; else its line i is for label i. Raises
    DatasetError where the list lacks a class that there are images of.
    """
    if not classes:
        if own:
            return NumberedClasses(own, f"the names in {source}")
        return NumberedClasses(_numbers(stored, source), "the labels, which are plain numbers")
    rows = class_list(classes)
    first = tuple(row[0] for row in rows)
    numbers = tuple(map(str, range(len(rows))))
    if not own and set(first) == set(numbers):
        own = numbers  # a list of the labels themselves
    if not own:
        told = f"label i is line i of {classes}, since the labels have no names in {source}"
        return NumberedClasses(first, told)
    if own in zip(*rows, strict=True):  # as it is, though a name may be there twice
        return NumberedClasses(own, "")
    used = np.unique(np.concatenate(stored)).tolist()
    wanted = [own[label] for label in used if 0 <= label < len(own)]
    names = names_of(rows, wanted, f"classes = {classes!r}", "class")
    place = {name: at for at, name in enumerate(names)}
    return NumberedClasses(names, "", tuple(place.get(name, -1) for name in own))


def _numbers(stored: Iterable[npt.NDArray[np.integer]], source: str) -> tuple[str, ...]:
    """As many as the largest label of any split says: "0", "1", .. Raises DatasetError."""
    largest = max(int(each.max()) for each in stored)
    if not 0 <= largest < MOST_CLASSES:
        raise DatasetError(
            f"{source}: the largest label is {largest}: must be in 0..{MOST_CLASSES}"
        )
    return tuple(str(label) for label in range(largest + 1))


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

    .tsv: columns between tabs, with or without a heading; a column of numbers must count 0, 1, 2,
    .. and is left away. Anything else: one class a line, of which only the WordNet id is taken
    where it starts with one ("n01440764 tench"). Raises DatasetError.
    """
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_LIST_BYTES:
            raise ValueError(f"must be an ordinary file of at most {MOST_LIST_BYTES} bytes")
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DatasetError(f"classes = {path!r}: can't be read: {why}") from None
    rows = [
        line.split("\t") if path.endswith(".tsv") else [_WORDNET_ID.sub(r"\1", line.strip())]
        for line in lines
        if line.strip()
    ]
    if not rows:
        raise DatasetError(f"classes = {path!r}: the file is empty")
    if len({len(row) for row in rows}) > 1:
        raise DatasetError(f"classes = {path!r}: its rows have different numbers of columns")
    return _without_heading_and_index(rows, path) if len(rows[0]) > 1 else rows


def _without_heading_and_index(rows: list[list[str]], path: str) -> list[list[str]]:
    """Of several columns: the index is the first that holds nothing but numbers. A heading is known
    by its words, or by standing above the index.
    """
    columns = range(len(rows[0]))
    numbers = [at for at in columns if all(row[at].isdecimal() for row in rows[1:] or rows)]
    headed = bool(_HEADINGS & {cell.strip().lower() for cell in rows[0]})
    headed |= any(not rows[0][at].isdecimal() for at in numbers)
    body = rows[1:] if headed else rows
    if not body:
        raise DatasetError(f"classes = {path!r}: holds a heading alone")
    if not numbers:
        return body
    index = numbers[0]
    for expected, row in enumerate(body):
        if int(row[index]) != expected:
            raise DatasetError(
                f"classes = {path!r}: row {expected} has index {row[index]}: must count from 0"
            )
    return [[cell for at, cell in enumerate(row) if at != index] for row in body]


def names_of(
    rows: Sequence[Sequence[str]], wanted: Sequence[str], source: str, kind: str
) -> tuple[str, ...]:
    """The column of a class list that holds the names in `wanted`, each the name of a `kind`, such
    as "folder".

    Raises DatasetError where a name is in none, naming it, or where a name is there twice.
    """
    columns = [tuple(row[at] for row in rows) for at in range(len(rows[0]))]
    matching = max(columns, key=lambda column: len(set(column) & set(wanted)))
    if missing := sorted(set(wanted) - set(matching)):
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DatasetError(
            f"{source}: the {kind} {missing[0]!r} is no class of that list{more}; it has "
            f"{listed(matching, MOST_NAMED)}"
        )
    for names in (matching, wanted):
        twice, count = Counter(names).most_common(1)[0] if names else ("", 0)
        if count > 1:
            raise DatasetError(f"{source}: the class {twice!r} is there twice")
    return matching
