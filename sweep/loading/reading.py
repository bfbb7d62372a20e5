"""Records -> images of one size, one by one: what a decoding process does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweep.contracts import Records
from sweep.loading.crops import Box, central_box, random_box, resized, resized_quickly
from sweep.loading.images import BadImageError, Pixels, decode


def pixels_of(records: Records, index: int) -> Pixels:
    """u8[H,W,3]. Raises BadImageError, naming the image, where it can't be had."""
    try:
        data = records.read(index)
    except OSError as error:
        raise BadImageError(records.name(index), f"can't be read: {error}") from None
    return decode(data, records.name(index)) if isinstance(data, bytes) else data


def why_bad(records: Records, index: int) -> BadImageError:
    """Read once more: a process that decodes sends back no more than the index."""
    try:
        pixels_of(records, index)
    except BadImageError as error:
        return error
    return BadImageError(records.name(index), "could not be read at first, then could")


@dataclass(frozen=True)
class CentralCrop:
    """The middle `share` (0..1] of each side, resized as the device does it."""

    share: float
    resize = staticmethod(resized)

    def __call__(self, height: int, width: int, rng: np.random.Generator | None = None) -> Box:
        """The same box each time."""
        del rng
        return central_box(height, width, self.share)


def cropped(crop: CentralCrop, side: int, pixels: Pixels) -> Pixels:
    """u8[H,W,3] -> u8[side,side,3]."""
    return crop.resize(pixels, crop(pixels.shape[0], pixels.shape[1]), side)


@dataclass(frozen=True)
class ResizedCrop:
    """A random box, resized quickly: of a share of the image in `area`, of a width / height in
    `aspect`.
    """

    area: tuple[float, float]
    aspect: tuple[float, float]
    resize = staticmethod(resized_quickly)

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> Box:
        """Another box each time."""
        return random_box(height, width, self.area, self.aspect, rng)


Crop = CentralCrop | ResizedCrop
