"""Which way up an image is shown."""

import zlib

import numpy as np
import pytest

from sweep.loading.images import decode
from tests.support.image_files import ORIENTATION, agreed, encoded, png, with_orientation

# Where the stored corners (top left, top right, bottom left, bottom right) are to be seen: the
# table of the EXIF standard, 2.32, section 4.6.4 A, tag 274. "6: row 0 is the right-hand side of
# the picture, column 0 its top", and so on.
SEEN = {
    1: ["red", "green", "blue", "white"],
    2: ["green", "red", "white", "blue"],
    3: ["white", "blue", "green", "red"],
    4: ["blue", "white", "red", "green"],
    5: ["red", "blue", "green", "white"],
    6: ["blue", "red", "white", "green"],
    7: ["white", "green", "blue", "red"],
    8: ["green", "white", "red", "blue"],
}
COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255,) * 3}


def corners() -> np.ndarray:
    """u8[32,48,3] of four coloured quarters."""
    image = np.zeros((32, 48, 3), np.uint8)
    image[:16, :24], image[:16, 24:] = COLOURS["red"], COLOURS["green"]
    image[16:, :24], image[16:, 24:] = COLOURS["blue"], COLOURS["white"]
    return image


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", SEEN)
def test_an_image_is_turned_as_its_exif_says(orientation, form):
    pixels = agreed(encoded(corners(), form, exif=with_orientation(orientation), quality=95))
    assert pixels.shape == ((32, 48, 3) if orientation < 5 else (48, 32, 3))
    seen = [pixels[2, 2], pixels[2, -3], pixels[-3, 2], pixels[-3, -3]]
    expected = [COLOURS[name] for name in SEEN[orientation]]
    assert np.abs(np.array(seen, int) - expected).max() < 40


@pytest.mark.parametrize("orientation", SEEN)
def test_a_tiff_is_turned_as_its_tag_says(orientation):
    pixels = agreed(encoded(corners(), "TIFF", tiffinfo={ORIENTATION: orientation}))
    seen = [pixels[2, 2], pixels[2, -3], pixels[-3, 2], pixels[-3, -3]]
    assert [tuple(each) for each in seen] == [COLOURS[name] for name in SEEN[orientation]]


def test_a_png_may_say_its_orientation_after_the_pixels():
    rows = b"".join(b"\0" + row.tobytes() for row in corners())
    exif = with_orientation(6).tobytes().removeprefix(b"Exif\0\0")
    data = png(48, 32, depth=8, colour=2, rows=rows, after=[(b"eXIf", exif)])
    assert np.array_equal(agreed(data), np.rot90(corners(), -1))


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_png_may_say_it_in_a_raw_profile_as_imagemagick_does(place):
    exif = with_orientation(6).tobytes()
    profile = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    text = b"Raw profile type exif\0\0" + zlib.compress(profile)  # a zTXt chunk
    rows = b"".join(b"\0" + row.tobytes() for row in corners())
    data = png(48, 32, depth=8, colour=2, rows=rows, **{place: [(b"zTXt", text)]})
    assert np.array_equal(agreed(data), np.rot90(corners(), -1))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense"]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_broken_exif_leaves_the_image_as_it_lies(exif, form):
    whole = encoded(corners(), form, exif=exif)
    assert np.array_equal(agreed(whole), decode(encoded(corners(), form), "x"))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_there_is_not_is_no_matter(orientation):
    data = encoded(corners(), exif=with_orientation(orientation))
    assert np.array_equal(agreed(data), corners())
