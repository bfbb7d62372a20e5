"""Which part of an image is shown to the network, and its pixels at the network's size."""

from __future__ import annotations

import math
from typing import NamedTuple

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


def central_box(height: int, width: int, share: float) -> Box:
    """The middle `share` (0..1] of each side, whatever the aspect, as TensorFlow's central_crop
    has it: the evaluation of the published checkpoints takes 0.875.
    """
    top, left = (int((side - side * share) / 2) for side in (height, width))
    return Box(top, left, height - 2 * top, width - 2 * left)


def random_box(
    height: int,
    width: int,
    area: tuple[float, float],
    aspect: tuple[float, float],
    rng: np.random.Generator,
) -> Box:
    """A box of a share of the image in `area` (0..1] and of width / height in `aspect`, its
    logarithm uniform: Szegedy et al. 2015, section 6.

    Ten draws that don't fit the image end in the largest central box of an allowed aspect.
    """
    for _ in range(_TRIES):
        pixels = rng.uniform(*area) * height * width
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        box_height, box_width = round(math.sqrt(pixels / ratio)), round(math.sqrt(pixels * ratio))
        if 1 <= box_height <= height and 1 <= box_width <= width:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return Box(top, left, box_height, box_width)
    box_width = min(width, max(1, round(height * aspect[1])))
    box_height = min(height, max(1, round(width / aspect[0])))
    return Box((height - box_height) // 2, (width - box_width) // 2, box_height, box_width)


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
