"""Folders of class folders, and what the data set makes of them."""

from pathlib import Path

from sweep.contracts import Dataset
from sweep.datasets.imagefolder import ImageFolder
from sweep.loading.reading import pixels_of
from sweep.settings.registry import make_dataset
from tests.support.image_files import plain, write_folder


def folder(path: Path, **data) -> ImageFolder:
    """The data set of a folder, with further settings."""
    dataset = make_dataset("imagefolder", {"path": str(path), **data})
    assert isinstance(dataset, ImageFolder)
    assert isinstance(dataset, Dataset)
    return dataset


def content(dataset: ImageFolder, split) -> list[tuple[str, int, int]]:
    """(file under the folder, label, grey of its first pixel) of every image."""
    records = dataset.records(split)
    return [
        (
            Path(records.name(at)).relative_to(dataset.root).as_posix(),
            int(records.labels[at]),
            int(pixels_of(records, at)[0, 0, 0]),
        )
        for at in range(len(records.labels))
    ]


def animals(root: Path) -> Path:
    """Two classes to train on, three to evaluate on; greys 1 to 6."""
    return write_folder(
        root,
        {
            "train/cat/1.png": plain(1),
            "train/cat/2.png": plain(2),
            "train/ant/1.png": plain(3),
            "val/cat/9.png": plain(4),
            "val/ant/8.png": plain(5),
            "val/bee/7.png": plain(6),
        },
    )
