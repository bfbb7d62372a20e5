"""Batches of randomly cropped photographs, from our loader and from PyTorch's.

Every maker takes the folder of an image folder and a number of processes, and returns a call that
waits for the next batch, u8[64,224,224,3] in this process, and gives its shape and dtype. Which
images come next does not end: an epoch's end would stall one loader more than another.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from sweep.datasets.photo_patches import PHOTOGRAPHS

SIDE, BATCH = 224, 64
AREA, ASPECT = (0.25, 1.0), (3 / 4, 4 / 3)
ENDLESS = 1_000_000  # batches: more than anybody waits for
LONG, SHORT, QUALITY = 500, 375, 90  # of the images made here

Pixels = npt.NDArray[np.uint8]
Next = Callable[[], list[Any]]


class Corners(NamedTuple):
    """A part of an image as Pillow has it, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


def ours(folder: str, processes: int) -> Next:
    """The sweep's own stream."""
    from sweep.loading.crops import ResizedCrop
    from sweep.loading.stream import training_batches

    batches = training_batches(
        records_in(folder),
        ResizedCrop(AREA, ASPECT),
        side=SIDE,
        batch_size=BATCH,
        seed=0,
        start=0,
        steps=ENDLESS,
        workers=processes,
    )
    return _next_of(batch.images for batch in batches)


def torch_loader(folder: str, processes: int, *, way: str) -> Next:
    """A DataLoader with the default collate; way: a key of WAYS."""
    import cv2
    from torch.utils.data import DataLoader, RandomSampler

    cv2.setNumThreads(1)  # as in our processes
    records = records_in(folder)
    paths = [records.name(index) for index in range(len(records.labels))]
    photographs: Any = Photographs(paths, records.labels.tolist(), way)
    loader = DataLoader(
        photographs,
        batch_size=BATCH,
        sampler=RandomSampler(photographs, num_samples=BATCH * ENDLESS),
        num_workers=processes,
    )
    return _next_of(images for images, _ in loader)


class Photographs:
    """A map-style data set: (u8[224,224,3], label), a random part of each image."""

    def __init__(self, paths: Sequence[str], labels: Sequence[int], way: str) -> None:
        self.paths = paths
        self.labels = labels
        self.pixels = WAYS[way]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        import torch

        pixels = self.pixels(self.paths[index], random_corners)
        return torch.from_numpy(pixels), self.labels[index]


Draw = Callable[[int, int], Corners]


def plain(path: str, draw: Draw) -> Pixels:
    """As anybody would write it: decode, crop, resize. draw: (width, height) -> the part."""
    image = Image.open(path).convert("RGB")
    part = image.crop(draw(image.width, image.height))
    return np.array(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def in_one(path: str, draw: Draw) -> Pixels:
    """Pillow at its best: decoded at a half, a quarter or an eighth where the part is so large
    that nothing is lost, and no copy of the part.
    """
    image = Image.open(path)
    width, height = image.size
    corners = draw(width, height)
    shares = (corners.right - corners.left, corners.bottom - corners.top)
    image.draft("RGB", (math.ceil(SIDE * width / shares[0]), math.ceil(SIDE * height / shares[1])))
    across, down = image.width / width, image.height / height
    box = (
        corners.left * across,
        corners.top * down,
        min(corners.right * across, image.width),
        min(corners.bottom * down, image.height),
    )
    image = image.convert("RGB")
    return np.array(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))


def turbo(path: str, draw: Draw) -> Pixels:
    """Our decoder in their loader."""
    import simplejpeg

    pixels = simplejpeg.decode_jpeg(Path(path).read_bytes(), colorspace="RGB")
    left, top, right, bottom = draw(pixels.shape[1], pixels.shape[0])
    part = Image.fromarray(pixels[top:bottom, left:right])
    return np.array(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def as_ours(path: str, draw: Draw) -> Pixels:
    """Our decoding and resizing in their loader: what is left is the loader alone."""
    from sweep.loading.crops import Box, resized_quickly
    from sweep.loading.images import decode

    pixels = decode(Path(path).read_bytes(), path)
    left, top, right, bottom = draw(pixels.shape[1], pixels.shape[0])
    return resized_quickly(pixels, Box(top, left, bottom - top, right - left), SIDE)


WAYS: dict[str, Callable[[str, Draw], Pixels]] = {
    "plain": plain,
    "in_one": in_one,
    "turbo": turbo,
    "as_ours": as_ours,
}


def random_corners(width: int, height: int) -> Corners:
    """A part of a share of the image in AREA and a width / height in ASPECT; the whole image where
    ten draws don't fit.
    """
    for _ in range(10):
        pixels = random.uniform(*AREA) * width * height  # noqa: S311 - a crop, no secret
        ratio = math.exp(random.uniform(*map(math.log, ASPECT)))  # noqa: S311
        across, down = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < across <= width and 0 < down <= height:
            left = random.randint(0, width - across)  # noqa: S311
            top = random.randint(0, height - down)  # noqa: S311
            return Corners(left, top, left + across, top + down)
    return Corners(0, 0, width, height)


def records_in(folder: str) -> Any:
    """The images to train on where there are such, else those to evaluate on."""
    from sweep.datasets.imagefolder import ImageFolder
    from sweep.datasets.records import DatasetError, SplitSettings

    images = ImageFolder(SplitSettings(path=folder))
    try:
        return images.records("train")
    except DatasetError:
        return images.records("validation")


def make_images(folder: Path, count: int) -> None:
    """JPEGs of 500 x 375 and 375 x 500 pixels in turn under folder/train, cut at random places out
    of the colour photographs that scikit-image and scikit-learn carry.
    """
    whole = list(_colour_photographs())
    draw = random.Random(0)  # noqa: S311 - places, no secret
    for number in range(count):
        width, height = (LONG, SHORT) if number % 2 == 0 else (SHORT, LONG)
        large = [each for each in whole if each[1].width >= width and each[1].height >= height]
        name, photograph = large[number // 2 % len(large)]
        left = draw.randint(0, photograph.width - width)
        top = draw.randint(0, photograph.height - height)
        path = folder / "train" / name / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = photograph.crop((left, top, left + width, top + height))
        part.save(path, "jpeg", quality=QUALITY)


def _colour_photographs() -> Iterator[tuple[str, Image.Image]]:
    for package, subfolder, name in PHOTOGRAPHS:
        source = files(package)
        source = source.joinpath(subfolder, name) if subfolder else source / name
        with as_file(source) as path, Image.open(path) as image:
            if image.mode == "RGB":
                yield name.partition(".")[0], image.copy()


def _next_of(batches: Iterator[Any]) -> Next:
    def take() -> list[Any]:
        images = next(batches)
        return [*images.shape, str(images.dtype).removeprefix("torch.")]

    return take
