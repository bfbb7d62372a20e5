"""NumPy .npz archives with images and labels."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sweep.datasets.in_files import ImagesInFiles, Stored
from sweep.datasets.records import DatasetError, SplitSettings
from sweep.datasets.splits import Division, split_of
from sweep.host.machine import memory_bytes

Images = npt.NDArray[np.uint8]
Arrays = tuple[Images, npt.NDArray[np.integer]]


# What arrays of a whole data set in one file are called, beside their split: Keras's mnist.npz has
# x_train and y_train, MedMNIST train_images and train_labels.
_IMAGES = ("x", "image", "images", "data", "pixels")
_LABELS = ("y", "label", "labels", "target", "targets")


class NumpySettings(SplitSettings):
    """path: a folder of archives whose names tell the split, such as train.npz and val.npz; or one
    .npz, which may have arrays of each split.
    """

    image_key: str = ""  # empty: "images", or by the names that arrays of a split have
    label_key: str = ""


class NumpyArchive(ImagesInFiles):
    """images u8[N,H,W] or u8[N,H,W,1 or 3], labels int[N]. Nothing is unpickled."""

    name = "numpy"
    Settings = NumpySettings
    settings: NumpySettings

    def __init__(self, settings: NumpySettings) -> None:
        super().__init__(settings)
        self.path = Path(settings.path)
        self._keys = settings.image_key or "images", settings.label_key or "labels"
        if not (self.path.is_file() or self.path.is_dir()):  # no pipe: it would be waited on
            raise DatasetError(f"{self._place}: there is no such file or folder")

    @cached_property
    def base_resolution(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The images' own height."""
        return len(next(iter(self._stored().values())).read(0))

    def _content(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for split in self._used():
            file = self.path if self._arrays_of else self.path / self._names(split)[0]
            digest.update(file.read_bytes())
        if self._arrays_of:
            keys = {split: self._arrays_of[self._names(split)[0]] for split in self._used()}
            return {"sha256": digest.hexdigest(), "keys": keys}
        image_key, label_key = self._keys
        return {"sha256": digest.hexdigest(), "image_key": image_key, "label_key": label_key}

    @cached_property
    def _arrays_of(self) -> dict[str, tuple[str, str]]:
        """Of one file with arrays of each split: the images' name -> the keys of both; none where
        it has but one pair, or the settings say which.
        """
        if not self.path.is_file() or self.settings.image_key or self.settings.label_key:
            return {}
        keys = _keys_in(self.path)
        if set(self._keys) <= set(keys):
            return {}
        labels = {split_of(key): key for key in keys if _called(key, _LABELS)}
        return {
            key: (key, labels[split])
            for key in keys
            if _called(key, _IMAGES) and (split := split_of(key)) and split in labels
        }

    @cached_property
    def _division(self) -> Division:
        if self._arrays_of:
            return Division.of(self._arrays_of)
        if self.path.is_file():
            return Division.of([""])
        return Division.of(sorted(each.name for each in self.path.glob("[!.]*.npz")))

    def _open(self, names: tuple[str, ...]) -> Archive:
        if keys := self._arrays_of.get(names[0]):
            return Archive(self.path, keys)
        return Archive(self.path / names[0], self._keys)


def _called(key: str, words: Sequence[str]) -> bool:
    """Whether an array's name has one of the words: "x_train", "trainImages" not."""
    return any(part in words for part in re.split(r"[^a-z]+", key.lower()))


def _keys_in(file: Path) -> list[str]:
    """Names of the arrays, without reading one. None of a file that is no archive: `_arrays` says
    so.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile):
        return []


@dataclass(frozen=True)
class Archive(Stored):
    """Pickled as its name: each process reads the file itself."""

    class_names = ()
    file: Path
    keys: tuple[str, str]

    @property
    def labels(self) -> npt.NDArray[np.integer]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return _arrays(self.file, self.keys)[1]

    def name(self, row: int) -> str:
        return f"{self.file}, row {row}"

    def read(self, row: int) -> Images:
        return _arrays(self.file, self.keys)[0][row]


def _check_sizes(file: Path, raw: IO[bytes], keys: tuple[str, str]) -> None:
    """Raises DatasetError where the arrays, once unpacked, would not fit into this machine: some
    kilobytes of a zip can stand for terabytes.
    """
    with zipfile.ZipFile(raw) as archive:
        members = {each.filename: each.file_size for each in archive.infolist()}
    total = sum(members.get(f"{key}.npy", 0) for key in keys)
    memory = memory_bytes()
    if 0 < memory < total:
        raise DatasetError(
            f"{file}: has {total:,} bytes of arrays, this machine {memory:,} bytes of memory"
        )


@lru_cache(maxsize=2)
def _arrays(file: Path, keys: tuple[str, str]) -> Arrays:
    """(images u8[N,H,W,3], labels int[N]) under two keys. Raises DatasetError."""
    try:
        with file.open("rb") as raw:  # NumPy would leave it open where it finds no archive
            archive = np.load(raw, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DatasetError(f"{file}: holds one array: must be an .npz of {', '.join(keys)}")
            if missing := [key for key in keys if key not in archive]:
                there = ", ".join(archive.files)
                raise DatasetError(
                    f"{file}: has no array {missing[0]!r}, but {there}: give image_key and "
                    "label_key (evaluate: --image-key, --label-key)"
                )
            _check_sizes(file, raw, keys)
            images, labels = (archive[key] for key in keys)
    except DatasetError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{file}: can't be read as .npz: {error}") from None
    except MemoryError:
        raise DatasetError(f"{file}: its arrays don't fit into memory") from None
    images = images[..., None] if images.ndim == 3 else images
    shaped = images.ndim == 4 and images.shape[-1] in (1, 3) and 0 not in images.shape[1:]
    if images.dtype != np.uint8 or not shaped:
        raise DatasetError(
            f"{file}: {keys[0]} are {images.dtype}{list(images.shape)}: must be "
            "uint8[N,H,W], [N,H,W,1] or [N,H,W,3] in 0..255"
        )
    labels = labels.ravel() if labels.shape == (len(images), 1) else labels
    whole = np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.shape != (len(images),) or not len(images):
        raise DatasetError(
            f"{file}: {keys[1]} are {labels.dtype}{list(labels.shape)}: must be a whole number for "
            f"each of {len(images)} images, and at least one"
        )
    return np.broadcast_to(images, (*images.shape[:3], 3)), labels
