"""What every data set of images in files does alike: splits by names or by share, numbered classes.

A source says which names there are (`_division`), what lies under them (`_open`), and what of it an
identity holds (`_content`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sweep.contracts import Dataset
from sweep.datasets.records import (
    DatasetError,
    Indices,
    NumberedClasses,
    SplitSettings,
    numbered_classes,
    split_by_share,
)
from sweep.datasets.splits import Division
from sweep.loading.subset import Subset
from sweep.types import listed

Purpose = Literal["train", "validation", "test"]
PURPOSES: tuple[Purpose, ...] = ("train", "validation")  # whose images say which classes there are
_LACKING: dict[Purpose, str] = {
    "train": "to train on: those of a split named train",
    "validation": "to evaluate on: must be named val or test",
    "test": "to hold back: must be named test, beside val",
}


class Stored(ABC):
    """Images where they lie. Pickled to the processes that decode.

    labels: int[N] as they are stored. class_names: as the files have them, or none.
    """

    labels: Any
    class_names: tuple[str, ...]

    @abstractmethod
    def name(self, row: int) -> str: ...

    @abstractmethod
    def read(self, row: int) -> bytes | npt.NDArray[np.uint8]:
        """An encoded image, or pixels u8[H,W,3]. Raises OSError where it can't."""

    def order(self, rows: Indices, rng: np.random.Generator) -> Indices:
        """The positions in `rows` at random: any order is as quick to read as any other."""
        return rng.permutation(len(rows))


class Rows(Subset):
    """Some of the images that are stored, in an order of their own."""

    def order(self, rng: np.random.Generator) -> Indices:
        return self.records.order(self.indices, rng)


class ImagesInFiles(Dataset):
    """Images under names that may tell their split. Where none does they are for evaluation, or a
    share of them is.
    """

    _several = False  # whether one split may be under several names

    def __init__(self, settings: SplitSettings) -> None:
        self.settings = settings
        self._place = f"path = {settings.path!r}"
        self._opened: dict[Purpose, Stored] = {}

    @cached_property
    @abstractmethod
    def _division(self) -> Division:
        """The names that there are; "" for all that lies under the path where it is not split."""

    @cached_property
    def _splits(self) -> Division:
        """With the one that the settings ask for. Raises DatasetError where it isn't there."""
        division, wanted = self._division, self.settings.split
        if not wanted:
            return division
        if wanted not in division.names:
            there = division.listed() if division.told else "no name that tells a split"
            raise DatasetError(f"{self._place}: split = {wanted!r}: there is {there}")
        return replace(division, wanted=wanted)

    @abstractmethod
    def _open(self, names: tuple[str, ...]) -> Stored:
        """What lies under some names. Raises DatasetError."""

    def _content(self) -> dict[str, Any]:
        """Tells other images, or other labels, from these."""
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """From the list, from the files themselves, or "0", "1", .. to the largest label."""
        return self._classes.names

    def class_order(self) -> str:
        return self._classes.order

    @cached_property
    def _classes(self) -> NumberedClasses:
        stored = self._stored().values()
        source = self.settings.path or self.name
        if len(named := {each.class_names for each in stored if each.class_names}) > 1:
            raise DatasetError(f"{source}: its splits name the classes in different ways")
        labels, own = [each.labels for each in stored], next(iter(named), ())
        return numbered_classes(labels, own, self.settings.classes, source)

    def identity(self) -> dict[str, Any]:
        """What the images are, which class each is of, and how they are split; not where."""
        split = {"validation_share", "split_seed"} if self.settings.validation_share else set()
        return (
            {"name": self.name, "classes": self.class_names}
            | self._content()
            | self._classes.identity()
            | self.settings.model_dump(mode="json", include=split)
        )

    def records(self, split: Purpose) -> Rows:
        """Raises DatasetError where that split isn't there."""
        share = self.settings.validation_share
        stored = self._images("train" if share else split)
        labels = self._classes.labels(stored.labels, stored.name)
        rows = np.arange(len(labels))
        if share:
            train, validation = split_by_share(labels, share, self.settings.split_seed)
            rows = train if split == "train" else validation
        return Rows(stored, rows, labels[rows])

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """Which split is evaluated on, what is held back, and what is left aside."""
        division, (holds_back, why_not) = self._splits, self._held_back
        sentence = division.sentence(trains=trains, holds_back=holds_back)
        if self.settings.validation_share:
            all_alike = f"validation_share is taken of all files alike: {division.listed()}"
            sentence = all_alike if division.told else ""
        refused = f"the split test can't be held back: {why_not}" if why_not else ""
        return tuple(filter(None, (sentence, refused)))

    @property
    def holds_back(self) -> bool:
        """Whether there is a test split beside the validation split."""
        return self._held_back[0]

    @cached_property
    def _held_back(self) -> tuple[bool, str]:
        """Whether there is such a split, and why it is no use where it is not: published ones often
        have no labels.
        """
        try:
            if not self._names("test"):
                return False, ""
            self.records("test")
        except (DatasetError, OSError) as error:
            return False, str(error)
        return True, ""

    def _names(self, split: Purpose) -> tuple[str, ...]:
        """Of a split; of "train" those of all, where a share of them is to be split off."""
        division = self._splits
        names = division.for_purpose(split)
        if self.settings.validation_share:
            if division.told and not self._several:
                raise DatasetError(
                    f"{self._place}: is split already, into {division.listed()}: validation_share "
                    "is for images that are not; give one of these as path, or leave it away"
                )
            names = sum(division.names.values(), ()) if split == "train" else ()
        if len(names) > 1 and not self._several:
            raise DatasetError(
                f"{self._place}: {listed(names)} could all be the {split} split: give the one that "
                "is meant as path, or move the others away"
            )
        return names

    def _images(self, split: Purpose) -> Stored:
        if split not in self._opened:
            names = self._names(split)
            if not names and split == "train" and not self._splits.told:
                raise DatasetError(
                    f"{self._place}: its images are not split, and all are evaluated on: set "
                    "validation_share = 0.2, say, to train on the others, or give them names (or "
                    "folders) with train and val in them"
                )
            if not names:
                there = f"; there is {self._splits.listed()}" if self._splits.told else ""
                raise DatasetError(f"{self._place}: has no images {_LACKING[split]}{there}")
            self._opened[split] = self._open(names)
        return self._opened[split]

    def _stored(self) -> dict[Purpose, Stored]:
        """By split. Raises DatasetError where there is none."""
        there: list[Purpose] = [each for each in PURPOSES if self._names(each)]
        return {each: self._images(each) for each in there or PURPOSES[1:]}

    def _used(self) -> dict[Purpose, Stored]:
        """What an identity is of: what is held back, too."""
        held_back: dict[Purpose, Stored] = {}
        if self.holds_back:
            held_back["test"] = self._images("test")
        return self._stored() | held_back
