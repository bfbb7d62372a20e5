"""A folder of class folders: train/<class>/* and val/<class>/*, or one level of class folders."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sweep.datasets.records import (
    DatasetError,
    Indices,
    Labels,
    SplitSettings,
    class_list,
    names_of,
    split_by_share,
)

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SPLIT_FOLDERS = {"train": "train", "validation": "val"}


class ImageFolderSettings(SplitSettings):
    """[accuracy.data] of `imagefolder`."""

    path: Annotated[str, Field(min_length=1)]


class ImageFolder:
    """JPEG, PNG and WebP files; the class of an image is the folder it lies in."""

    name = "imagefolder"
    Settings = ImageFolderSettings
    base_resolution = 224

    def __init__(self, settings: ImageFolderSettings) -> None:
        self.settings = settings
        self.root = Path(settings.path)
        if not self.root.is_dir():
            raise DatasetError(f"path = {settings.path!r}: there is no such folder")

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Folder names, in the order of their indices."""
        folders = sorted({folder.name for root in self._roots().values() for folder in _in(root)})
        if not folders:
            raise DatasetError(f"path = {self.settings.path!r}: there are no class folders in it")
        if not self.settings.classes:
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

    def _roots(self) -> dict[str, Path]:
        """Folders that hold class folders, by split; "all" where they aren't split."""
        found = {
            split: self.root / folder
            for split, folder in SPLIT_FOLDERS.items()
            if (self.root / folder).is_dir()
        }
        if self.settings.validation_share or not found:
            return {"all": self.root}
        return found

    def _files(self, split: str) -> Files:
        if split not in self._scanned:
            root = self._roots().get(split)
            if root is None:
                raise DatasetError(
                    f"path = {self.settings.path!r}: has no {SPLIT_FOLDERS[split]}/ (to train on a "
                    "share of class folders that are not split, set validation_share)"
                )
            self._scanned[split] = _scan(root, self.class_names)
        return self._scanned[split]

    @cached_property
    def _scanned(self) -> dict[str, Files]:
        return {}


@dataclass(frozen=True)
class Files:
    """Records of files under `root`: names S[N] (paths under it, encoded as the file system has
    them), labels i32[N], sizes i64[N] in bytes.
    """

    root: Path
    names: npt.NDArray[np.bytes_]
    labels: Labels
    sizes: npt.NDArray[np.int64]

    def name(self, index: int) -> str:
        """The file's path."""
        return str(self.root / os.fsdecode(bytes(self.names[index])))

    def read(self, index: int) -> bytes:
        """The whole file."""
        return Path(self.name(index)).read_bytes()

    def order(self, rng: np.random.Generator) -> Indices:
        """Any order is as good as any other."""
        return rng.permutation(len(self.labels))

    def at(self, indices: Indices) -> Files:
        """Some of them."""
        return Files(self.root, self.names[indices], self.labels[indices], self.sizes[indices])


def _in(root: Path) -> list[Path]:
    return [each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")]


def _scan(root: Path, class_names: tuple[str, ...]) -> Files:
    """Every image under root/<class>/, class by class, names sorted."""
    names: list[bytes] = []
    labels: list[int] = []
    sizes: list[int] = []
    for label, folder in enumerate(class_names):
        if not (root / folder).is_dir():
            continue  # a list may have classes that this folder has no image of
        with os.scandir(root / folder) as entries:
            found = sorted((entry.name, _size(entry)) for entry in entries if _is_image(entry))
        if not found:
            raise DatasetError(f"{root / folder}: has no {', '.join(SUFFIXES)} files")
        names += [os.fsencode(f"{folder}/{name}") for name, _ in found]
        labels += [label] * len(found)
        sizes += [size for _, size in found]
    if not names:
        raise DatasetError(f"{root}: none of the classes has images there")
    return Files(
        root, np.array(names, np.bytes_), np.array(labels, np.int32), np.array(sizes, np.int64)
    )


def _is_image(entry: os.DirEntry[str]) -> bool:
    named = entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".")
    return named and not entry.is_dir()


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nowhere: told by name when it is to be read
        return 0
