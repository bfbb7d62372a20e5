"""Which part of an image is shown to the network, and its pixels at the network's size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

from sweep.loading.images import Pixels

_TRIES = 10


class Box(NamedTuple):
    """A part of an image, in whole pixels."""

    top: int
    left: int
    height: int
    width: int


def resized(pixels: Pixels, box: Box, side: int) -> Pixels:
    """The box of u8[H,W,3] as u8[side,side,3]: bilinear, averaging where it shrinks, the aspect
    given up.
    """
    part = _part(pixels, box)
    if part.shape[:2] == (side, side):
        return part
    image = Image.fromarray(part).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image)


def resized_quickly(pixels: Pixels, box: Box, side: int) -> Pixels:
    """As `resized`, in a sixth of its time, for random boxes: between the four nearest pixels alone
    where a side shrinks to no less than half, as TensorFlow trained the published checkpoints; by
    area where it shrinks more.
    """
    part = _part(pixels, box)
    how = cv2.INTER_AREA if max(part.shape[:2]) > 2 * side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (side, side), interpolation=how), np.uint8)


def _part(pixels: Pixels, box: Box) -> Pixels:
    return pixels[box.top : box.top + box.height, box.left : box.left + box.width]


@dataclass(frozen=True)
class CentralCrop:
    """The middle `share` (0..1] of each side, whatever the aspect, as TensorFlow's central_crop has
    it: the evaluation of the published checkpoints takes 0.875. Resized as the device does it.
    """

    share: float
    resize = staticmethod(resized)

    def __call__(self, height: int, width: int, rng: np.random.Generator | None = None) -> Box:  # noqa: ARG002
        """The same box each time."""
        top, left = (int((side - side * self.share) / 2) for side in (height, width))
        return Box(top, left, height - 2 * top, width - 2 * left)


@dataclass(frozen=True)
class ResizedCrop:
    """A box of a share of the image in `area` (0..1] and of width / height in `aspect`, its
    logarithm uniform: Szegedy et al. 2015, section 6. Resized quickly.
    """

    area: tuple[float, float]
    aspect: tuple[float, float]
    resize = staticmethod(resized_quickly)

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> Box:
        """Another box each time. Ten draws that don't fit the image end in the largest central box
        of an allowed aspect.
        """
        narrow, wide = self.aspect
        for _ in range(_TRIES):
            pixels = rng.uniform(*self.area) * height * width
            ratio = math.exp(rng.uniform(math.log(narrow), math.log(wide)))
            box_height, box_width = (
                round(math.sqrt(pixels / ratio)),
                round(math.sqrt(pixels * ratio)),
            )
            if 1 <= box_height <= height and 1 <= box_width <= width:
                top = int(rng.integers(height - box_height + 1))
                left = int(rng.integers(width - box_width + 1))
                return Box(top, left, box_height, box_width)
        box_width = min(width, max(1, round(height * wide)))
        box_height = min(height, max(1, round(width / narrow)))
        return Box((height - box_height) // 2, (width - box_width) // 2, box_height, box_width)


Crop = CentralCrop | ResizedCrop


def shown(crop: Crop, side: int, pixels: Pixels, rng: Any = None) -> Pixels:
    """What a network sees of an image: u8[H,W,3] -> u8[side,side,3]. rng: for random boxes."""
    height, width, _ = pixels.shape
    return crop.resize(pixels, crop(height, width, rng), side)
