"""Parquet files in the image layout of Hugging Face: a struct {bytes, path} and a label a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from sweep.contracts import Dataset
from sweep.datasets.parquet_files import Table, addresses_of, read_table
from sweep.datasets.records import (
    DatasetError,
    Indices,
    Labels,
    NumberedClasses,
    SplitSettings,
    numbered_classes,
    split_by_share,
)
from sweep.datasets.splits import Division
from sweep.loading.images import BadImageError, size_of

PURPOSES: tuple[Literal["train", "validation"], ...] = ("train", "validation")
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


class Parquet(Dataset):
    """Labelled images in Parquet files, local or anywhere that fsspec reaches."""

    name = "parquet"
    Settings = ParquetSettings

    def __init__(self, settings: ParquetSettings) -> None:
        self.settings = settings
        if bool(settings.path) == bool(settings.train or settings.validation):
            raise DatasetError("parquet: give either path, or train and validation")

    @property
    def class_names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
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
    def base_resolution(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
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
            division = Division.of(self._under.values())
            there = f"; there is {division.listed()}" if division.told else ""
            raise DatasetError(f"{where}: has no {split} files (or set validation_share){there}")
        labels = self._classes.labels(table.labels, table.name)
        rows = np.arange(len(labels))
        if share:
            parts = split_by_share(labels, share, self.settings.split_seed)
            rows = parts[0] if split == "train" else parts[1]
        return Rows(table, rows, labels[rows])

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """Which split is evaluated on, and which files are left aside."""
        division = Division.of(self._under.values())
        if not self.settings.validation_share:
            sentence = division.sentence(trains=trains)
        elif division.told:
            sentence = f"validation_share is taken of all files alike: {division.listed()}"
        else:
            sentence = ""
        return (sentence,) if sentence else ()

    @cached_property
    def _tables(self) -> dict[str, Table]:
        """By split; where a share of one is to be split off, "train" holds all."""
        settings = self.settings
        columns = (settings.image_column, settings.label_column)
        return {
            split: read_table(addresses, *columns)
            for split in PURPOSES
            if (addresses := self._addresses(split))
        }

    @cached_property
    def _under(self) -> dict[str, str]:
        """Addresses of all files under `path`, and what tells their splits."""
        return addresses_of(self.settings.path) if self.settings.path else {}

    def _addresses(self, split: Literal["train", "validation"]) -> list[str]:
        if not self.settings.path:
            return [
                each for pattern in getattr(self.settings, split) for each in addresses_of(pattern)
            ]
        if self.settings.validation_share:
            return [*self._under] if split == "train" else []
        taken = set(Division.of(self._under.values()).for_purpose(split))
        return [address for address, name in self._under.items() if name in taken]


@dataclass(frozen=True)
class Rows:
    table: Table
    rows: Indices
    labels: Labels

    def name(self, index: int) -> str:
        return self.table.name(int(self.rows[index]))

    def read(self, index: int) -> bytes:
        return self.table.read(int(self.rows[index]))

    def order(self, rng: np.random.Generator) -> Indices:
        """A window of row groups at a time."""
        return self.table.order(self.rows, rng)
