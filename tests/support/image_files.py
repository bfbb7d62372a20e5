"""Encoded images and folders of them, written by the tests that read them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sweep.loading.images import decode, size_of

ORIENTATION = 0x0112


def noise(height: int, width: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Random colours u8[H,W,3]: no two pixels can be mixed up."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(height: int, width: int) -> npt.NDArray[np.uint8]:
    """u8[H,W,3], rising to the right in red and downwards in green: survives JPEG."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = (columns * 255) // max(1, width - 1), (rows * 255) // max(1, height - 1)
    return np.stack([red, green, np.full_like(red, 100)], axis=-1).astype(np.uint8)


def plain(value: int, height: int = 16, width: int = 16) -> npt.NDArray[np.uint8]:
    """u8[H,W,3] of one grey: an image that tells which one it is."""
    return np.full((height, width, 3), value, np.uint8)


def encoded(image: Image.Image | npt.NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    """An image in a format of Pillow's."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def with_orientation(value: int) -> Image.Exif:
    """EXIF that says no more than how the image is to be turned."""
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


def png(
    width: int,
    height: int,
    *,
    depth: int,
    colour: int,
    rows: bytes,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG from raw rows (each with its filter byte), for what Pillow does not write.

    before and after: further (name, content) chunks around the pixels.
    """
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = (b"IDAT", zlib.compress(rows))
    chunks = [(b"IHDR", header), *before, pixels, *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def write_folder(root: Path, images: Mapping[str, npt.NDArray[np.uint8] | bytes]) -> Path:
    """Files by their paths under root: arrays as PNG, bytes as they are."""
    for name, image in images.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image if isinstance(image, bytes) else encoded(image))
    return root


def agreed(data: bytes) -> npt.NDArray[np.uint8]:
    """The decoded pixels, after a look at what the header says of their size."""
    pixels = decode(data, "x")
    assert pixels.dtype == np.uint8
    assert size_of(data, "x") == pixels.shape[:2]
    return pixels


class InMemory:
    """Records that a test has at hand: encoded images, pixels, or an error to raise."""

    def __init__(self, images: Sequence[bytes | npt.NDArray[np.uint8] | OSError]) -> None:
        self.images = images
        self.labels = np.arange(len(images), dtype=np.int32)

    def name(self, index: int) -> str:
        return f"image {index}"

    def read(self, index: int) -> bytes | npt.NDArray[np.uint8]:
        image = self.images[index]
        if isinstance(image, OSError):
            raise image
        return image

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        return rng.permutation(len(self.labels))
