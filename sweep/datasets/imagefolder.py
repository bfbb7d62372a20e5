"""A folder of class folders: train/<class>/* and val/<class>/*, or class folders alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from sweep.datasets.class_folders import Files, folders_in, loose_in, scan, told
from sweep.datasets.in_files import PURPOSES, ImagesInFiles
from sweep.datasets.records import (
    DatasetError,
    NumberedClasses,
    SplitSettings,
    class_list,
    names_of,
)
from sweep.datasets.splits import KEYWORDS, Division, split_of
from sweep.types import listed


class ImageFolder(ImagesInFiles):
    """Image files; the class of an image is the class folder that it lies in, however deep."""

    name = "imagefolder"
    Settings = SplitSettings
    base_resolution = 224

    def __init__(self, settings: SplitSettings) -> None:
        super().__init__(settings)
        self.root = Path(settings.path)
        if not self.root.is_dir():
            is_file = "is a file, must be a folder" if self.root.is_file() else ""
            raise DatasetError(f"{self._place}: {is_file or 'there is no such folder'}")

    @cached_property
    def _classes(self) -> NumberedClasses:
        """Folder names: sorted, or in the order of the list."""
        roots = [self.root / name for split in PURPOSES for name in self._names(split)]
        class_folders = [each for root in roots for each in folders_in(root)]
        folders = sorted({each.name for each in class_folders})
        if not folders:
            raise DatasetError(f"{self._place}: there are no class folders in it")
        classes = self.settings.classes
        if classes:
            return NumberedClasses(
                names_of(class_list(classes), folders, f"classes = {classes!r}", "folder"), ""
            )
        _check(folders, class_folders[0], self._place)
        return NumberedClasses(tuple(folders), "the names of the folders, sorted")

    def identity(self) -> dict[str, Any]:
        """A hash of the classes and of every file's name, under its class folder, and size."""
        digest = hashlib.sha256(os.fsencode("\0".join(self.class_names)))
        files: Any
        for split, files in self._used().items():
            digest.update((split if self._division.told else "all").encode())
            digest.update(files.names.tobytes())
            digest.update(files.sizes.tobytes())
        share, seed = self.settings.validation_share, self.settings.split_seed
        identity = {"name": self.name, "sha256": digest.hexdigest()}
        return identity | ({"share": share, "seed": seed} if share else {})

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """And what is not counted."""
        loose = loose_in(self.root) if self._division.told else ()
        all_used = trains or self.settings.validation_share > 0
        used = list(PURPOSES if all_used else PURPOSES[1:])
        if self.holds_back:
            used.append("test")
        scanned = cast(list[Files], [self._images(each) for each in used if self._names(each)])
        aside = told(scanned, loose, trains=trains)
        return (*super().notes(trains=trains), *aside)

    @cached_property
    def _division(self) -> Division:
        """The folders of splits, where there are such: they hold class folders themselves. A class
        may have the name of a split ("train"), or one that looks like it ("test tube").
        """
        folders = sorted(f"{each.name}/" for each in folders_in(self.root))
        telling = [each for each in folders if split_of(each) and folders_in(self.root / each)]
        named = [each for each in telling if each[:-1].lower() in KEYWORDS]
        if not telling or not (named or telling == folders):
            return Division.of([""])
        names = dict(Division.of(named or telling).names)
        if rest := tuple(each for each in folders if each not in (named or telling)):
            names[None] = rest
        return Division(names)

    def _open(self, names: tuple[str, ...]) -> Files:
        root = self.root / names[0]
        others = {each.name for each in folders_in(root)} - set(self.class_names)
        if others:  # of what is held back: the classes are those of all else
            raise DatasetError(f"{root}: {listed(sorted(others), 3)}: no class that is trained on")
        return scan(root, self.class_names)


def _check(folders: Sequence[str], first: Path, place: str) -> None:
    """Raises DatasetError for class folders that are something else, a level too high."""
    if all(each.lower() in KEYWORDS for each in folders):
        raise DatasetError(
            f"{place}: holds {listed([f'{each}/' for each in folders])}, but no class folders in "
            "them: must be <class>/*, or train/<class>/* and val/<class>/*"
        )
    inner = folders_in(first)
    if len(folders) == 1 and len(inner) > 1 and not loose_in(first):
        names = listed(sorted(each.name for each in inner), 3)
        raise DatasetError(
            f"{place}: holds one folder alone, {first.name}/, and that {names}: where these are "
            f"the classes, give path = {str(first)!r}"
        )
