"""The image files under class folders, and what else lies there."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from sweep.datasets.records import DatasetError, Indices, Labels
from sweep.types import listed

# What torchvision's ImageFolder or Keras's image_dataset_from_directory counts.
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".ppm", ".pgm"),
)
# Left by systems, not by people: no image of theirs is anybody's data, and nobody misses them.
_SYSTEM_FOLDERS = ("__macosx", "@eadir", "lost+found", "$recycle.bin", "system volume information")
_SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini")
MOST_KINDS = 5  # in a sentence
LONGEST_SUFFIX = 12


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
        return str(self.root / os.fsdecode(bytes(self.names[index])))

    def read(self, index: int) -> bytes:
        return Path(self.name(index)).read_bytes()

    def order(self, rng: np.random.Generator) -> Indices:
        """Any order is as good as any other."""
        return rng.permutation(len(self.labels))

    def at(self, indices: Indices) -> Files:
        return Files(self.root, self.names[indices], self.labels[indices], self.sizes[indices])


@dataclass
class Aside:
    """What is not counted: files by their kind, and class folders that hold no image. deeper:
    images that are counted, though they lie in folders of their class folder.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)
    deeper: int = 0

    def sentences(self) -> list[str]:
        """A line for each, as far as there is something to say."""
        said = []
        if files := self.kinds.total():
            ordered = sorted(self.kinds.items(), key=lambda each: (-each[1], each[0]))
            kinds = [f"{count} {kind}" for kind, count in ordered[:MOST_KINDS]]
            if len(self.kinds) > MOST_KINDS:
                kinds.append(f"{len(self.kinds) - MOST_KINDS} more kinds")
            said.append(f"{files} {'file' if files == 1 else 'files'} left aside: {listed(kinds)}")
        if self.empty:
            where = "folder" if len(self.empty) == 1 else "folders"
            said.append(f"no images in the class {where} {listed(self.empty, MOST_KINDS)}")
        if self.deeper:
            said.append(f"{self.deeper} of the images lie in folders within their class folder")
        return said


def folders_in(root: Path) -> list[Path]:
    """Those that somebody may have made to hold images."""
    with os.scandir(root) as entries:
        return [
            root / entry.name
            for entry in entries
            if not _is_passed_over(entry.name) and entry.is_dir()
        ]


def holds_folders(folder: Path) -> bool:
    """Whether class folders may lie in it."""
    with os.scandir(folder) as entries:
        return any(entry.is_dir() and not _is_passed_over(entry.name) for entry in entries)


def holds_images(folder: Path) -> bool:
    """Whether an image lies in it itself."""
    with os.scandir(folder) as entries:
        return any(_is_image(entry.name) and not entry.is_dir() for entry in entries)


def loose_in(root: Path) -> Iterator[str]:
    """The kind of each image that lies beside the folders."""
    with os.scandir(root) as entries:
        for entry in entries:
            if _is_image(entry.name) and not entry.is_dir():
                yield f"{_suffix(entry.name)} beside the folders"


def scan(root: Path, class_names: Sequence[str]) -> tuple[Files, Aside]:
    """Every image under root/<class>/ or deeper, class by class, names sorted.

    Raises DatasetError where there is none at all.
    """
    names: list[bytes] = []
    labels: list[int] = []
    sizes: list[int] = []
    aside = Aside()
    aside.kinds.update(loose_in(root))
    for label, folder in enumerate(class_names):
        if not (root / folder).is_dir():
            continue  # a list may have classes that this folder has no image of
        images = sorted(_images(root / folder, aside))
        if not images:
            aside.empty.append(folder)
        names += [os.fsencode(f"{folder}/{name}") for name, _ in images]
        labels += [label] * len(images)
        sizes += [size for _, size in images]
    if not names:
        raise DatasetError(
            f"{root}: none of the classes has images there: {', '.join(SUFFIXES)} are read"
            + "".join(f"; {each}" for each in aside.sentences()[:1] if aside.kinds)
        )
    files = Files(
        root, np.array(names, np.bytes_), np.array(labels, np.int32), np.array(sizes, np.int64)
    )
    return files, aside


def _images(folder: Path, aside: Aside) -> Iterator[tuple[str, int]]:
    """(path under the folder, bytes) of each image; of all else, `aside` is told."""
    for name, entry in _walk(folder):
        if not _is_image(entry.name):
            if kind := _kind(entry.name):
                aside.kinds[kind] += 1
            continue
        size = _size(entry)
        if size is None:
            aside.kinds["no ordinary file"] += 1
            continue
        aside.deeper += "/" in name
        yield name, size


def _walk(top: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(path under top, entry) of every file. Links to folders are followed, never in a circle."""
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while waiting:
        under, above = waiting.pop()
        folder = (top / under).stat()
        own = folder.st_dev, folder.st_ino
        if own in above:
            continue
        with os.scandir(top / under) as entries:
            for entry in entries:
                name = f"{under}{entry.name}"
                if not entry.is_dir():
                    yield name, entry
                elif not _is_passed_over(entry.name):
                    waiting.append((f"{name}/", above | {own}))


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _is_passed_over(folder: str) -> bool:
    return folder.startswith(".") or folder.lower() in _SYSTEM_FOLDERS


def _kind(name: str) -> str:
    """What to call a file that is no image of ours; empty where there is nothing to say of it."""
    if name.startswith("._") or name.lower() in _SYSTEM_FILES:
        return ""
    if name.startswith("."):
        return f"hidden {_suffix(name)}" if name.lower().endswith(SUFFIXES) else ""
    return _suffix(name)


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if 0 < len(suffix) <= LONGEST_SUFFIX else "without a suffix"


def _size(entry: os.DirEntry[str]) -> int | None:
    """None where it is a pipe or a device, which would be waited on."""
    try:
        status = entry.stat()
    except OSError:  # a link to nowhere: told by name when it is to be read
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None
