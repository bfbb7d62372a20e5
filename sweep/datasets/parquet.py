"""Parquet files in the image layout of Hugging Face: a struct {bytes, path} and a label a row."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

from sweep.datasets.in_files import ImagesInFiles, Purpose
from sweep.datasets.parquet_files import Table, addresses_of, read_table
from sweep.datasets.records import DatasetError, SplitSettings
from sweep.datasets.splits import Division
from sweep.loading.images import BadImageError
from sweep.loading.reading import pixels_of

USUAL_SIDE = 224


class ParquetSettings(SplitSettings):
    """[accuracy.data] of `parquet`. Addresses are paths, or whatever fsspec knows: s3://, hf://,
    memory://; a folder stands for the .parquet files in it.
    """

    path: str = ""  # a folder or file whose splits are told by the names of files, or folders
    train: tuple[str, ...] = ()  # or, in its place, the files of each split; * allowed
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()  # held back, beside validation
    image_column: str = ""  # empty: the only column that holds structs with `bytes`
    label_column: str = ""  # empty: "label", or the only column of integers


class Parquet(ImagesInFiles):
    """Labelled images in Parquet files, local or anywhere that fsspec reaches."""

    name = "parquet"
    Settings = ParquetSettings
    settings: ParquetSettings
    _several = True

    def __init__(self, settings: ParquetSettings) -> None:
        super().__init__(settings)
        listed = settings.train or settings.validation or settings.test
        if bool(settings.path) == bool(listed):
            raise DatasetError("parquet: give either path, or train and validation")
        if listed and settings.split:
            raise DatasetError("parquet: split is of what lies under path: give that in its place")
        if settings.test and not settings.validation:
            raise DatasetError(
                "parquet: test is held back beside validation: give the files to evaluate on as "
                "validation"
            )
        if not settings.path:
            given = [*settings.train], [*settings.validation]
            self._place = "train = {}, validation = {}".format(*given)

    @cached_property
    def base_resolution(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The height of the first image, but 224 where that is more."""
        first = self.records(next(iter(self._stored())))
        with suppress(BadImageError):
            return min(USUAL_SIDE, len(pixels_of(first, 0)))
        return USUAL_SIDE

    def _content(self) -> dict[str, Any]:
        """Labels, and from each file's footer the place, size and statistics of every column."""
        tables: dict[Purpose, Any] = dict(self._used())
        return {"files": {split: table.fingerprint for split, table in tables.items()}}

    @cached_property
    def _under(self) -> dict[str, str]:
        """Addresses of all files under `path`, and what tells their splits."""
        return addresses_of(self.settings.path) if self.settings.path else {}

    @cached_property
    def _division(self) -> Division:
        return Division.of(self._under.values())

    def _names(self, split: Purpose) -> tuple[str, ...]:
        """Addresses."""
        if self.settings.path:
            taken = super()._names(split)
            return tuple(address for address, name in self._under.items() if name in taken)
        patterns = getattr(self.settings, split)
        return tuple(address for pattern in patterns for address in addresses_of(pattern))

    def _open(self, names: tuple[str, ...]) -> Table:
        return read_table(names, self.settings.image_column, self.settings.label_column)
