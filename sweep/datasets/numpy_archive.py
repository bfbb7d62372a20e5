"""NumPy .npz archives with images and labels."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sweep.contracts import Dataset
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
from sweep.types import listed

PURPOSES: tuple[Literal["train", "validation"], ...] = ("train", "validation")


class NumpySettings(SplitSettings):
    # A folder of archives whose names tell the split, such as train.npz and val.npz; or one .npz.
    path: Annotated[str, Field(min_length=1)]
    image_key: str = "images"
    label_key: str = "labels"


class NumpyArchive(Dataset):
    """images u8[N,H,W] or u8[N,H,W,1 or 3], labels int[N]. Nothing is unpickled."""

    name = "numpy"
    Settings = NumpySettings

    def __init__(self, settings: NumpySettings) -> None:
        self.settings = settings
        self.path = Path(settings.path)
        try:
            there = self.path.is_file() or self.path.is_dir()  # no pipe: it would be waited on
        except OSError as error:
            raise DatasetError(f"path = {settings.path!r}: {error.strerror}") from None
        if not there:
            raise DatasetError(f"path = {settings.path!r}: there is no such file or folder")

    @property
    def class_names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """From the list, or "0", "1", .. up to the largest label."""
        return self._classes.names

    def class_order(self) -> str:
        """Of the labels, which have no names."""
        return self._classes.order

    @cached_property
    def _classes(self) -> NumberedClasses:
        stored = [self._arrays(file)[1] for file in self._files()]
        return numbered_classes(stored, (), self.settings.classes, self.settings.path)

    @cached_property
    def base_resolution(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The images' own height."""
        return self._arrays(self._files()[0])[0].shape[1]

    def identity(self) -> dict[str, Any]:
        """A hash of the files, the classes, and how they are split."""
        digest = hashlib.sha256()
        for file in self._files():
            digest.update(file.read_bytes())
        used = {"image_key", "label_key"}
        if self.settings.validation_share:
            used |= {"validation_share", "split_seed"}
        return (
            {"name": self.name, "classes": self.class_names, "sha256": digest.hexdigest()}
            | self._classes.identity()
            | self.settings.model_dump(mode="json", include=used)
        )

    def records(self, split: Literal["train", "validation"]) -> ArrayRecords:
        """One file is all for evaluation, unless a share is set.

        Raises DatasetError where the split isn't there.
        """
        share = self.settings.validation_share
        if self.path.is_dir():
            if split not in self._split_files:
                raise self._lacking(split)
            file = self._split_files[split]
        elif share or split == "validation":
            file = self.path
        else:
            raise DatasetError(
                f"path = {self.settings.path!r}: to train on a share of one file, set "
                "validation_share"
            )
        stored = self._arrays(file)[1]
        labels = self._classes.labels(stored, lambda row: f"{file}, row {row}")
        rows = np.arange(len(labels))
        if share:
            train, validation = split_by_share(labels, share, self.settings.split_seed)
            rows = train if split == "train" else validation
        return ArrayRecords(file, self._keys, rows, labels[rows])

    @property
    def _keys(self) -> tuple[str, str]:
        return self.settings.image_key, self.settings.label_key

    def _arrays(self, file: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        return _arrays(file, self._keys)

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """Which split is evaluated on, and which archives are left aside."""
        sentence = self._division.sentence(trains=trains)
        return (sentence,) if sentence else ()

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        if not self._split_files:
            raise self._lacking("validation")
        return [*self._split_files.values()]

    @cached_property
    def _division(self) -> Division:
        names = self.path.glob("[!.]*.npz") if self.path.is_dir() else []
        return Division.of(sorted(each.name for each in names))

    @cached_property
    def _split_files(self) -> dict[str, Path]:
        """The archive for each purpose, of a folder. Raises DatasetError where it could be several,
        or all are to be split by a share.
        """
        if self.settings.validation_share:
            raise DatasetError(
                f"path = {self.settings.path!r}: is a folder of archives: validation_share is for "
                "one .npz that is not split"
            )
        archives = {}
        for purpose in PURPOSES:
            names = self._division.for_purpose(purpose)
            if len(names) > 1:
                raise DatasetError(
                    f"path = {self.settings.path!r}: {listed(names)} could all be the "
                    f"{purpose} split: give the one that is meant, or move the others away"
                )
            if names:
                archives[purpose] = self.path / names[0]
        return archives

    def _lacking(self, split: str) -> DatasetError:
        wanted = "train.npz" if split == "train" else "val.npz or test.npz"
        there = f"; there is {self._division.listed()}" if self._division.names else ""
        return DatasetError(f"path = {self.settings.path!r}: has no {wanted}{there}")


@dataclass(frozen=True)
class ArrayRecords:
    """Some rows of an archive. Pickled as their numbers: each process reads the file itself."""

    file: Path
    keys: tuple[str, str]
    rows: Indices
    labels: Labels

    def name(self, index: int) -> str:
        return f"{self.file}, row {self.rows[index]}"

    def read(self, index: int) -> npt.NDArray[np.uint8]:
        """u8[H,W,3]."""
        return _arrays(self.file, self.keys)[0][self.rows[index]]

    def order(self, rng: np.random.Generator) -> Indices:
        """Any order is as good as any other."""
        return rng.permutation(len(self.labels))


def _check_sizes(file: Path, raw: IO[bytes], keys: tuple[str, str]) -> None:
    """Raises DatasetError where the arrays, once unpacked, would not fit into this machine: some
    kilobytes of a zip can stand for terabytes.
    """
    with zipfile.ZipFile(raw) as archive:
        members = {each.filename: each.file_size for each in archive.infolist()}
    total = sum(members.get(f"{key}.npy", 0) for key in keys)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if total > memory:
        raise DatasetError(
            f"{file}: has {total:,} bytes of arrays, this machine {memory:,} bytes of memory"
        )


@lru_cache(maxsize=2)
def _arrays(
    file: Path, keys: tuple[str, str]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """(images u8[N,H,W,3], labels int[N]) under two keys. Raises DatasetError."""
    try:
        with file.open("rb") as raw:  # NumPy would leave it open where it finds no archive
            archive = np.load(raw, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DatasetError(f"{file}: holds one array: must be an .npz of {', '.join(keys)}")
            if missing := [key for key in keys if key not in archive]:
                there = ", ".join(archive.files)
                raise DatasetError(f"{file}: has no array {missing[0]!r}, but {there}")
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
