"""The image files under class folders, and what else lies there."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from sweep.datasets.in_files import Stored
from sweep.datasets.records import DatasetError, Labels
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
class Files(Stored):
    """Images under `root`: names S[N] (paths under it, encoded as the file system has them),
    labels i32[N], sizes i64[N] in bytes.

    aside: what is not counted, by kind. empty: class folders that hold no image.
    """

    root: Path
    names: npt.NDArray[np.bytes_]
    labels: Labels
    sizes: npt.NDArray[np.int64]
    aside: Counter[str]
    empty: tuple[str, ...]

    def name(self, row: int) -> str:
        return str(self.root / os.fsdecode(bytes(self.names[row])))

    def read(self, row: int) -> bytes:
        return Path(self.name(row)).read_bytes()


def told(scanned: Sequence[Files], loose: Iterable[str], *, trains: bool) -> Iterator[str]:
    """What is not counted, and what is though it lies deeper: a sentence for each. loose: kinds of
    files beside all that was scanned.
    """
    kinds = sum((each.aside for each in scanned), Counter(loose))
    if kinds:
        yield _aside(kinds)
    empty = list(dict.fromkeys(name for each in scanned for name in each.empty))
    if empty and trains:  # else scores say which classes there was no image of
        where = "folder" if len(empty) == 1 else "folders"
        yield f"no images in the class {where} {listed(empty, MOST_KINDS)}"
    deeper = sum(name.count(b"/") > 1 for each in scanned for name in each.names)
    if deeper:
        yield f"{deeper} of the images lie in folders within their class folder"


def _aside(kinds: Counter[str]) -> str:
    ordered = sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
    words = [f"{count} {kind}" for kind, count in ordered[:MOST_KINDS]]
    if len(kinds) > MOST_KINDS:
        words.append(f"{len(kinds) - MOST_KINDS} more kinds")
    files = kinds.total()
    return f"{files} {'file' if files == 1 else 'files'} left aside: {listed(words)}"


def folders_in(root: Path) -> list[Path]:
    """Those that somebody may have made to hold images."""
    with os.scandir(root) as entries:
        return [root / each.name for each in entries if _holds_images(each)]


def loose_in(root: Path) -> list[str]:
    """The kind of each image that lies in it itself, beside folders."""
    with os.scandir(root) as entries:
        images = [each.name for each in entries if _is_image(each.name) and not each.is_dir()]
    return [f"{_suffix(name)} beside the folders" for name in images]


def scan(root: Path, class_names: Sequence[str]) -> Files:
    """Every image under root/<class>/ or deeper, class by class, names sorted.

    Raises DatasetError where there is none at all.
    """
    images: list[tuple[bytes, int, int]] = []
    aside, empty = Counter(loose_in(root)), []
    for label, folder in enumerate(class_names):
        if not (root / folder).is_dir():
            continue  # a list may have classes that this folder has no image of
        of_class = sorted(_images(root / folder, aside))
        images += [(os.fsencode(f"{folder}/{name}"), label, size) for name, size in of_class]
        empty += [] if of_class else [folder]
    if not images:
        raise DatasetError(
            f"{root}: none of the classes has images there: {', '.join(SUFFIXES)} are read"
            + (f"; {_aside(aside)}" if aside else "")
        )
    names, labels, sizes = map(np.array, zip(*images, strict=True))
    return Files(root, names, labels.astype(np.int32), sizes, aside, tuple(empty))


def _images(folder: Path, aside: Counter[str]) -> Iterator[tuple[str, int]]:
    """(path under the folder, bytes) of each image; of all else, `aside` is told the kind."""
    for entry in _walk(str(folder), frozenset()):
        size = _size(entry) if _is_image(entry.name) else None
        if size is not None:
            yield entry.path.removeprefix(f"{folder}/"), size
        elif kind := _kind(entry.name):
            aside[kind] += 1


def _walk(folder: str, above: frozenset[str]) -> Iterator[os.DirEntry[str]]:
    """Every file. Links to folders are followed, never in a circle."""
    own = os.path.realpath(folder)
    if own in above:
        return
    for entry in list(os.scandir(folder)):  # all at once: no file stays open on the way down
        if not entry.is_dir():
            yield entry
        elif _holds_images(entry):
            yield from _walk(entry.path, above | {own})


def _holds_images(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, and none that is hidden or that systems leave."""
    passed_over = entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FOLDERS
    return not passed_over and entry.is_dir()


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _kind(name: str) -> str:
    """What to call a file that is not counted; empty where there is nothing to say of it."""
    if name.startswith("._") or name.lower() in _SYSTEM_FILES:
        return ""
    if name.startswith("."):
        return f"hidden {_suffix(name)}" if name.lower().endswith(SUFFIXES) else ""
    return "no ordinary file" if _is_image(name) else _suffix(name)


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
