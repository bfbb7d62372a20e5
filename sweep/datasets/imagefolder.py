"""A folder of class folders: train/<class>/* and val/<class>/*, or class folders alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from sweep.contracts import Dataset
from sweep.datasets.class_folders import (
    Aside,
    Files,
    folders_in,
    holds_folders,
    holds_images,
    loose_in,
    scan,
)
from sweep.datasets.records import (
    DatasetError,
    SplitSettings,
    class_list,
    names_of,
    split_by_share,
)
from sweep.datasets.splits import KEYWORDS, Division, split_of
from sweep.types import listed

PURPOSES: tuple[Literal["train", "validation"], ...] = ("train", "validation")


class ImageFolderSettings(SplitSettings):
    path: Annotated[str, Field(min_length=1)]


class ImageFolder(Dataset):
    """Image files; the class of an image is the class folder that it lies in, however deep."""

    name = "imagefolder"
    Settings = ImageFolderSettings
    base_resolution = 224

    def __init__(self, settings: ImageFolderSettings) -> None:
        self.settings = settings
        self.root = Path(settings.path)
        if not self.root.is_dir():
            raise DatasetError(f"path = {settings.path!r}: there is no such folder")

    @cached_property
    def class_names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Folder names, in the order of their indices."""
        class_folders = [each for root in self._roots().values() for each in folders_in(root)]
        folders = sorted({each.name for each in class_folders})
        if not folders:
            raise DatasetError(f"{self._place}: there are no class folders in it")
        if not self.settings.classes:
            _check(folders, class_folders[0], self._place)
            return tuple(folders)
        source = f"classes = {self.settings.classes!r}"
        return names_of(class_list(self.settings.classes), folders, source, "folder")

    def class_order(self) -> str:
        """Of the folders, where no list says it."""
        return "" if self.settings.classes else "the names of the folders, sorted"

    def identity(self) -> dict[str, Any]:
        """A hash of the classes and of every file's name, under its class folder, and size."""
        digest = hashlib.sha256(os.fsencode("\0".join(self.class_names)))
        for split in self._roots():
            files = self._files(split)
            digest.update(split.encode())
            digest.update(files.names.tobytes())
            digest.update(files.sizes.tobytes())
        share = {"share": self.settings.validation_share, "seed": self.settings.split_seed}
        return {"name": self.name, "sha256": digest.hexdigest()} | (
            share if self.settings.validation_share else {}
        )

    def records(self, split: Literal["train", "validation"]) -> Files:
        """Class folders that are not split are all for evaluation, unless a share is set.

        Raises DatasetError where the folder lacks that split.
        """
        if self.settings.validation_share:
            files = self._files("all")
            share, seed = self.settings.validation_share, self.settings.split_seed
            train, validation = split_by_share(files.labels, share, seed)
            return files.at(train if split == "train" else validation)
        if "all" in self._roots() and split == "validation":
            return self._files("all")
        return self._files(split)

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """Which split is evaluated on, and what is not counted."""
        used = [each for each in self._roots() if trains or each != "train"]
        together = Aside()
        if self._division.told:
            together.kinds.update(loose_in(self.root))
        for root in used:
            self._files(root)
            aside = self._scanned[root][1]
            together.kinds.update(aside.kinds)
            if trains:  # else scores say which classes there was no image of
                together.empty += [each for each in aside.empty if each not in together.empty]
            together.deeper += aside.deeper
        return tuple(filter(None, [self._division.sentence(trains=trains), *together.sentences()]))

    @property
    def _place(self) -> str:
        return f"path = {self.settings.path!r}"

    @cached_property
    def _division(self) -> Division:
        """The folders of splits, where there are such: they hold class folders themselves. A class
        may have the name of a split ("train"), or one that looks like it ("test tube").
        """
        folders = sorted(f"{each.name}/" for each in folders_in(self.root))
        telling = [each for each in folders if split_of(each) and holds_folders(self.root / each)]
        named = [each for each in telling if each[:-1].lower() in KEYWORDS]
        if not named and telling != folders:
            return Division({})
        names = dict(Division.of(named or telling).names)
        if rest := tuple(each for each in folders if each not in (named or telling)):
            names[None] = rest
        return Division(names)

    def _roots(self) -> dict[str, Path]:
        """Folders that hold class folders, by what they are for; "all" where they aren't split."""
        division = self._division
        if not division.told:
            return {"all": self.root}
        if self.settings.validation_share:
            raise DatasetError(
                f"{self._place}: is split already, into {division.listed()}: validation_share is "
                "for class folders that are not; give one of these as path, or leave it away"
            )
        roots = {}
        for purpose in PURPOSES:
            names = division.for_purpose(purpose)
            if len(names) > 1:
                raise DatasetError(
                    f"{self._place}: {listed(names)} are all of the split {split_of(names[0])}: "
                    "give the one that is meant as path, or move the others away"
                )
            if names:
                roots[purpose] = self.root / names[0]
        return roots

    def _files(self, purpose: str) -> Files:
        if purpose not in self._scanned:
            root = self._roots().get(purpose)
            if root is None:
                raise DatasetError(f"{self._place}: {self._lacking(purpose)}")
            self._scanned[purpose] = scan(root, self.class_names)
        return self._scanned[purpose][0]

    def _lacking(self, purpose: str) -> str:
        if purpose == "train":
            return (
                "has no train/ (to train on a share of class folders that are not split, set "
                "validation_share)"
            )
        there = f"; there is {self._division.listed()}" if self._division.told else ""
        return f"has no val/ or test/ with class folders in it{there}"

    @cached_property
    def _scanned(self) -> dict[str, tuple[Files, Aside]]:
        return {}


def _check(folders: Sequence[str], first: Path, place: str) -> None:
    """Raises DatasetError for class folders that are something else, a level too high."""
    if all(each.lower() in KEYWORDS for each in folders):
        raise DatasetError(
            f"{place}: holds {listed([f'{each}/' for each in folders])}, but no class folders in "
            "them: must be <class>/*, or train/<class>/* and val/<class>/*"
        )
    if len(folders) == 1 and not holds_images(first) and len(inner := folders_in(first)) > 1:
        names = listed(sorted(each.name for each in inner), 3)
        raise DatasetError(
            f"{place}: holds one folder alone, {first.name}/, and that {names}: where these are "
            f"the classes, give path = {str(first)!r}"
        )
