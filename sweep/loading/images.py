"""One encoded image -> pixels, read right or refused by name.

Ordinary JPEGs go straight through libjpeg-turbo (simplejpeg); everything else, and every JPEG that
has something about it (CMYK, an EXIF orientation, damage), through Pillow.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageChops

Pixels = npt.NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_WORDS = "a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"
# Above this many pixels an image is taken for a decompression bomb. Pillow's own limit: 256 MiB as
# one byte a channel.
MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3
_ORIENTATION = 0x0112
# What undoes each EXIF orientation but the first, which is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")


class BadImageError(ValueError):
    """An image can't be read; the message names it and says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)  # both, or it could not be pickled to another process

    def __str__(self) -> str:
        return ": ".join(self.args)


def decode(data: bytes, name: str) -> Pixels:
    """An encoded image of one of FORMATS -> u8[H,W,3], RGB.

    Turned as its EXIF orientation says; grey repeated over the channels; 16-bit grey divided by
    257; CMYK converted; transparent pixels laid on white; of several images or pages the first.
    Raises BadImageError, naming `name`, where that can't be done or the image has more than
    MAX_PIXELS.
    """
    if not data:
        raise BadImageError(name, "the file is empty")
    plain = _plain_jpeg(data)
    return _by_pillow(data, name) if plain is None else plain


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """(height, width) of an encoded image as `decode` would return it, from its header alone.

    Raises BadImageError where there is no header to read.
    """
    image = _opened(data, name)
    width, height = image.size
    return (width, height) if _orientation(image, data) in (5, 6, 7, 8) else (height, width)


def _plain_jpeg(data: bytes) -> Pixels | None:
    """u8[H,W,3], or None where the data is anything but an undamaged, upright, ordinary JPEG."""
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("YCbCr", "RGB", "Gray") or int(height) * int(width) > MAX_PIXELS:
            return None
        if b"Exif\0\0" in data and _orientation(_opened(data, ""), data) in _UPRIGHT:
            return None
        return simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError:  # Pillow has the last word, and a better one
        return None


def _opened(data: bytes, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bomb is refused below, broken EXIF is no matter
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise BadImageError(name, f"too many pixels: {error}") from None
    except Image.UnidentifiedImageError:
        raise BadImageError(name, f"not {_WORDS}") from None
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise what they please
        raise BadImageError(name, f"can't be read: {error}") from None
    if image.width * image.height > MAX_PIXELS:
        words = f"{image.width} x {image.height} pixels, more than {MAX_PIXELS} in all"
        raise BadImageError(name, f"too many pixels: {words}")
    return image


def _orientation(image: Image.Image, data: bytes) -> Any:
    """The EXIF orientation, 1..8; anything where there is none, or the EXIF is broken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if b"eXIf" in data or b"Raw profile type exif" in data:
                image.load()  # of a PNG it may come after the pixels
            if image.format == "PNG":  # also in a raw profile, as ImageMagick writes it
                return image.getexif().get(_ORIENTATION)
            exif = Image.Exif()
            exif.load(image.info["exif"])
            return exif.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - Pillow raises what it pleases; the image lies as it lies
        return None


def _by_pillow(data: bytes, name: str) -> Pixels:
    image = _opened(data, name)
    try:
        image.load()
        turn = _UPRIGHT.get(_orientation(image, data))
        turned = image if turn is None else image.transpose(turn)
        return np.asarray(_to_rgb(turned, image.format))
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise what they please
        raise BadImageError(name, f"can't be decoded: {error}") from None


def _to_rgb(image: Image.Image, form: str | None) -> Image.Image:
    """form: of the file, which an image that has been turned no longer knows."""
    if image.mode == "F" or (image.mode == "I" and form == "TIFF"):
        raise ValueError("its pixels are numbers of 32 bits, and nothing says which is white")
    if image.mode in _SIXTEEN_BIT_MODES:
        # Pillow's own conversion clips at 255. 65535 / 257 = 255.
        deep = np.asarray(image, np.int64).clip(0, 65535)
        grey = ((deep + 128) // 257).astype(np.uint8)
        grey[deep == image.info.get("transparency", -1)] = 255
        image = Image.fromarray(grey)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    if image.mode == "CMYK" and form == "JPEG" and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes every one for Adobe's, which are inverted
    return image.convert("RGB")
