"""Parquet files in the image layout of Hugging Face: a struct {bytes, path} and a label a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from sweep.datasets.parquet_files import Table, found, read_table
from sweep.datasets.records import (
    DatasetError,
    Indices,
    Labels,
    NumberedClasses,
    SplitSettings,
    numbered_classes,
    split_by_share,
)
from sweep.loading.images import BadImageError, size_of

# Beginnings of the names of a split's files, or its folder's name, in the order in which they are
# looked for.
SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "val", "test")}
USUAL_SIDE = 224


class ParquetSettings(SplitSettings):
    """[accuracy.data] of `parquet`. Addresses are paths, or whatever fsspec knows: s3://, hf://,
    memory://; a folder stands for the .parquet files in it.
    """

    path: str = ""  # a folder or file whose splits are told by the names of files, or folders
    train: tuple[str, ...] = ()  # or, in its place, the files of each split; * allowed
    validation: tuple[str, ...] = ()
    image_column: str = ""  # empty: the only column that holds structs with `bytes`
    label_column: str = ""  # empty: "label", or the only column of integers


class Parquet:
    """Labelled images in Parquet files, local or anywhere that fsspec reaches."""

    name = "parquet"
    Settings = ParquetSettings

    def __init__(self, settings: ParquetSettings) -> None:
        self.settings = settings
        if bool(settings.path) == bool(settings.train or settings.validation):
            raise DatasetError("parquet: give either path, or train and validation")

    @property
    def class_names(self) -> tuple[str, ...]:
        """From the list, from the files themselves, or "0", "1", .. to the largest label."""
        return self._classes.names

    def class_order(self) -> str:
        """Of the names or labels in the files."""
        return self._classes.order

    @cached_property
    def _classes(self) -> NumberedClasses:
        tables = [*self._tables.values()]
        source = self.settings.path or "parquet"
        if len(named := {table.class_names for table in tables if table.class_names}) > 1:
            raise DatasetError(f"{source}: its splits name the classes in different ways")
        own = next(iter(named), ())
        stored = [table.labels for table in tables]
        return numbered_classes(stored, own, self.settings.classes, source)

    @cached_property
    def base_resolution(self) -> int:
        """The height of the first image, but 224 where that is more."""
        records = self.records("train" if "train" in self._tables else "validation")
        try:
            return min(USUAL_SIDE, size_of(records.read(0), records.name(0))[0])
        except (BadImageError, OSError):
            return USUAL_SIDE

    def identity(self) -> dict[str, Any]:
        """Labels, and from each file's footer the place, size and statistics of every column."""
        split = {"validation_share", "split_seed"} if self.settings.validation_share else set()
        return (
            {
                "name": self.name,
                "classes": self.class_names,
                "files": {name: table.fingerprint for name, table in self._tables.items()},
            }
            | self._classes.identity()
            | self.settings.model_dump(mode="json", include=split)
        )

    def records(self, split: Literal["train", "validation"]) -> Rows:
        """Files whose names tell no split are all for evaluation, unless a share is set.

        Raises DatasetError where that split has no files.
        """
        share = self.settings.validation_share
        table = self._tables.get("train" if share else split)
        if table is None:
            where = self.settings.path or f"{split} = []"
            raise DatasetError(f"{where}: has no {split} files (or set validation_share)")
        labels = self._classes.labels(table.labels, table.name)
        rows = np.arange(len(labels))
        if share:
            parts = split_by_share(labels, share, self.settings.split_seed)
            rows = parts[0] if split == "train" else parts[1]
        return Rows(table, rows, labels[rows])

    @cached_property
    def _tables(self) -> dict[str, Table]:
        """By split; where a share of one is to be split off, "train" holds all."""
        settings = self.settings
        columns = (settings.image_column, settings.label_column)
        return {
            split: read_table(addresses, *columns)
            for split in SPLIT_NAMES
            if (addresses := self._addresses(split))
        }

    def _addresses(self, split: str) -> list[str]:
        if not self.settings.path:
            return [each for pattern in getattr(self.settings, split) for each in found(pattern)]
        every = found(self.settings.path)
        if self.settings.validation_share:
            return every if split == "train" else []
        for start in SPLIT_NAMES[split]:
            if named := _starting(every, start):
                return named
        unsplit = split == "validation" and not _starting(every, *SPLIT_NAMES["train"])
        return every if unsplit else []


def _starting(addresses: list[str], *starts: str) -> list[str]:
    return [each for each in addresses if _told_by(each).startswith(starts)]


def _told_by(address: str) -> str:
    """The name that tells a split: the file's or, where that tells none, its folder's."""
    known = tuple(name for names in SPLIT_NAMES.values() for name in names)
    path = PurePosixPath(address)
    silent = not path.name.startswith(known) and path.parent.name in known
    return path.parent.name if silent else path.name


@dataclass(frozen=True)
class Rows:
    """Some rows of a table."""

    table: Table
    rows: Indices
    labels: Labels

    def name(self, index: int) -> str:
        """The file, and the row in it."""
        return self.table.name(int(self.rows[index]))

    def read(self, index: int) -> bytes:
        """The encoded image."""
        return self.table.read(int(self.rows[index]))

    def order(self, rng: np.random.Generator) -> Indices:
        """A window of row groups at a time."""
        return self.table.order(self.rows, rng)
