"""Encoded images: each is read right, or refused by name with a plain reason.

Written by Pillow or byte by byte; the pixels are those of hand arithmetic, or Pillow's own.
"""

import io
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sweep.loading import images
from sweep.loading.images import FORMATS, BadImageError, decode, size_of
from sweep.loading.reading import pixels_of
from tests.support.image_files import (
    InMemory,
    agreed,
    encoded,
    noise,
    png,
    smooth,
    with_orientation,
)


def refusal(data: bytes) -> str:
    with pytest.raises(BadImageError) as caught:
        decode(data, "folder/one.jpg")
    name, _, reason = str(caught.value).partition(": ")
    assert name == "folder/one.jpg"
    return reason


@pytest.mark.parametrize("options", [{}, {"quality": 95, "subsampling": 0}, {"quality": 30}])
@pytest.mark.parametrize("progressive", [False, True])
def test_an_ordinary_jpeg_has_the_pixels_that_pillow_gives_it(options, progressive, monkeypatch):
    data = encoded(smooth(37, 50), "JPEG", progressive=progressive, **options)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    # The way around Pillow is really taken.
    monkeypatch.setattr(images, "_by_pillow", None)
    assert np.abs(decode(data, "x") - expected).max() <= 1
    assert size_of(data, "x") == (37, 50)


def test_a_grey_jpeg_is_repeated_over_the_channels():
    data = encoded(smooth(20, 30)[..., 0], "JPEG", quality=95)
    pixels = agreed(data)
    assert np.array_equal(
        pixels, np.repeat(np.asarray(Image.open(io.BytesIO(data)))[..., None], 3, 2)
    )


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_formats_without_loss_give_every_pixel_back(form):
    pixels = noise(23, 31)
    assert np.array_equal(agreed(encoded(pixels, form, lossless=True)), pixels)


def test_the_format_is_told_by_the_content_and_not_by_the_name(tmp_path):
    pixels = noise(8, 9)
    path = tmp_path / "really.png.jpg"
    path.write_bytes(encoded(pixels))
    assert np.array_equal(decode(path.read_bytes(), str(path)), pixels)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_image_is_refused(form, share):
    data = encoded(noise(64, 64), form)
    reason = refusal(data[: int(len(data) * share)])
    assert reason.startswith(("can't be decoded: ", "can't be read: ", "not a JPEG, PNG, WebP"))


def test_a_jpeg_followed_by_something_else_is_read():
    data = encoded(smooth(24, 24), "JPEG")
    assert np.array_equal(agreed(data + b"\0garbage\xff" * 50), decode(data, "x"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"a list of things to do\n", "not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"),
        (encoded(noise(8, 8), "ICO"), "not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"),
        (encoded(np.zeros((8, 8), np.float32), "TIFF"), "can't be decoded: its pixels are numbers"),
        (encoded(np.zeros((8, 8), np.int32), "TIFF"), "can't be decoded: its pixels are numbers"),
        (b"\xff\xd8\xff", "not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"),
        (
            png(30_000, 30_000, depth=8, colour=2, rows=b""),
            "too many pixels: Image size (900000000 pixels) exceeds limit",
        ),
        (
            # Above the limit, but not so far that Pillow itself would refuse it.
            png(10_000, 10_000, depth=8, colour=2, rows=b""),
            "too many pixels: 10000 x 10000 pixels, more than 89478485 in all",
        ),
    ],
    ids=["empty", "text", "ico", "floats", "whole numbers", "start of a jpeg", "bomb", "large"],
)
def test_what_is_no_image_of_ours_is_refused_in_words(data, reason):
    assert refusal(data).startswith(reason)
    if data and "pixels are" not in reason:  # of these nothing in the header is wrong, or is there
        with pytest.raises(BadImageError, match=r"^x: "):
            size_of(data, "x")


def test_a_jpeg_that_claims_to_be_huge_is_refused_before_any_memory_is_taken():
    data = bytearray(encoded(smooth(16, 16), "JPEG"))
    at = data.index(b"\xff\xc0") + 5  # marker, length, precision; then height and width
    data[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    assert refusal(bytes(data)).startswith("too many pixels: ")


@pytest.mark.parametrize("form", FORMATS)
def test_the_limit_is_one_of_pixels_whatever_the_format(form, monkeypatch):
    data = encoded(smooth(37, 50), form)
    monkeypatch.setattr(images, "MAX_PIXELS", 37 * 50)
    assert agreed(data).shape == (37, 50, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 37 * 50 - 1)
    assert refusal(data) == "too many pixels: 50 x 37 pixels, more than 1849 in all"


def test_a_file_that_has_vanished_is_a_bad_image():
    records = InMemory([FileNotFoundError(2, "No such file or directory")])
    with pytest.raises(BadImageError, match=r"^image 0: can't be read: .*No such file"):
        pixels_of(records, 0)


def test_the_refusal_travels_between_processes():
    error = pickle.loads(pickle.dumps(BadImageError("a.png", "is bad")))  # noqa: S301
    assert str(error) == "a.png: is bad"


# Colours


def cmyk(c: int, m: int, y: int, k: int) -> bytes:
    return encoded(Image.new("CMYK", (16, 16), (c, m, y, k)), "JPEG", quality=100)


ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # then the transform: 0 none, 2 YCCK


@pytest.mark.parametrize("ink", [(255, 0, 0, 0), (30, 90, 200, 40), (0, 0, 0, 255), (0, 0, 0, 0)])
@pytest.mark.parametrize("adobe", [True, False])
def test_inks_become_colours_by_the_formula(ink, adobe):
    """r = (1 - c)(1 - k), and so on. Adobe's files hold the inks inverted and say so in a marker;
    a file without the marker holds them as they are.
    """
    data = cmyk(*ink)
    assert ADOBE in data
    if not adobe:
        data = cmyk(*(255 - each for each in ink)).replace(ADOBE + b"\0", b"")
    expected = [(255 - each) * (255 - ink[3]) / 255 for each in ink[:3]]
    assert np.abs(agreed(data).astype(float) - expected).max() <= 2


def test_ycck_becomes_colours_by_the_formula():
    """Adobe's other form: cyan, magenta and yellow stored as luma and chroma, black beside them."""
    luma, black = 180, 200
    data = cmyk(255 - luma, 127, 127, 255 - black)  # as stored: 180, 128, 128, 200
    data = data.replace(ADOBE + b"\0", ADOBE + b"\2")
    # By the definition of YCCK: r = g = b = 255 - luma before black, which is stored inverted.
    expected = (255 - luma) * black / 255
    assert np.abs(agreed(data).astype(float) - expected).max() <= 2


def test_sixteen_bit_grey_is_divided_by_257():
    values = np.array([[0, 128, 129, 257, 300, 32768, 65406, 65535]], np.uint16)
    pixels = agreed(encoded(values))
    # v / 257 to the nearest: 65535 is 255, and 128 is just below a half.
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 1, 128, 254, 255]
    assert (pixels == pixels[..., :1]).all()


def test_sixteen_bit_colour_keeps_its_high_byte_within_a_level():
    values = np.array([[0x1234, 0xFFFF, 0x0000], [0x80FF, 0x7F00, 0xABCD]], ">u2")
    data = png(2, 1, depth=16, colour=2, rows=b"\0" + values.tobytes())
    assert np.abs(agreed(data)[0] - values / 257).max() <= 1


def test_one_bit_and_palettes_become_their_colours():
    bits = np.array([[0, 1, 1], [1, 0, 1]], bool)
    assert np.array_equal(agreed(encoded(bits))[..., 0], bits * np.uint8(255))
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 200, 100, 0, 1, 2, 3])
    assert agreed(encoded(palette))[0].tolist() == [[10, 20, 30], [200, 100, 0], [1, 2, 3]]


def test_what_is_transparent_is_laid_on_white():
    """alpha * colour + (1 - alpha) * 255."""
    colours = Image.fromarray(
        np.array([[[10, 20, 30, 255], [0, 100, 200, 51], [9, 9, 9, 0]]], np.uint8)
    )
    on_white = [[10, 20, 30], [204, 224, 244], [255, 255, 255]]
    assert agreed(encoded(colours))[0].tolist() == on_white
    lossless = encoded(colours, "WEBP", lossless=True, exact=True)
    assert agreed(lossless)[0].tolist() == on_white

    grey = Image.fromarray(np.array([[[10, 255], [100, 51], [9, 0]]], np.uint8))
    assert agreed(encoded(grey))[0, :, 0].tolist() == [10, 224, 255]

    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 0, 100, 200, 9, 9, 9])
    translucent = encoded(palette, transparency=bytes([255, 51, 0]))
    assert agreed(translucent)[0].tolist() == on_white
    one_colour = encoded(palette, transparency=2)
    assert agreed(one_colour)[0].tolist() == [[10, 20, 30], [0, 100, 200], [255, 255, 255]]


@pytest.mark.parametrize(
    ("depth", "dtype", "white"), [(8, np.uint8, [7, 255, 9]), (16, ">u2", [7, 255, 9])]
)
def test_a_transparent_level_of_grey_is_white(depth, dtype, white):
    values = np.array([7, 8, 9], dtype) * (257 if depth == 16 else 1)
    clear = (b"tRNS", struct.pack(">H", int(values[1])))
    rows = b"\0" + values.astype(dtype).tobytes()
    data = png(3, 1, depth=depth, colour=0, rows=rows, before=[clear])
    assert agreed(data)[0, :, 0].tolist() == white


@pytest.mark.parametrize("form", ["WEBP", "PNG", "GIF", "TIFF"])
def test_of_several_images_it_is_the_first(form):
    frames = [Image.fromarray(noise(8, 8, seed=seed)) for seed in (1, 2)]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(agreed(data), noise(8, 8, seed=1))  # 64 colours: a palette holds them


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        *((form, mode, {}) for form in ("BMP", "GIF", "TIFF", "PPM") for mode in ("RGB", "L", "1")),
        *((form, "P", {}) for form in ("BMP", "GIF", "TIFF")),
        *(("TIFF", mode, {}) for mode in ("CMYK", "YCbCr")),
        *(("TIFF", "RGB", {"compression": each}) for each in ("tiff_lzw", "tiff_deflate", "jpeg")),
    ],
)
def test_other_formats_have_the_pixels_that_pillow_gives_them(form, mode, options):
    image = Image.fromarray(noise(23, 31)).convert(mode)
    data = encoded(image, form, **options)
    with Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(agreed(data), np.asarray(opened.convert("RGB")))


def test_sixteen_bits_of_grey_are_divided_by_257_whatever_the_format():
    values = np.array([[0, 128, 129, 257, 300, 32768, 65406, 65535]], np.uint16)
    for form in ("TIFF", "PPM"):
        assert agreed(encoded(values, form))[0, :, 0].tolist() == [0, 0, 1, 1, 1, 128, 254, 255]


# Anything at all

HEADERS = [
    b"",
    b"\xff\xd8\xff\xe0",
    encoded(smooth(16, 16), "JPEG")[:200],
    encoded(smooth(16, 16), "JPEG", exif=with_orientation(6))[:60],
    encoded(smooth(16, 16))[:33],
    encoded(smooth(16, 16))[:60],
    encoded(smooth(16, 16), "WEBP")[:30],
    *(encoded(smooth(16, 16), form)[:30] for form in ("BMP", "GIF", "TIFF", "PPM")),
]


@given(header=st.sampled_from(HEADERS), rest=st.binary(max_size=300))
def test_bytes_that_begin_like_an_image_raise_nothing_else(header, rest):
    for read in (decode, size_of):
        try:
            read(header + rest, "x")
        except BadImageError as error:
            assert str(error).startswith("x: ")  # noqa: PT017 - it need not be raised


WHOLE = [
    encoded(noise(16, 16), "JPEG", exif=with_orientation(6)),
    encoded(noise(16, 16), "PNG", exif=with_orientation(6)),
    encoded(noise(16, 16), "WEBP", exif=with_orientation(6)),
    cmyk(1, 2, 3, 4),
    *(encoded(noise(16, 16), form) for form in ("BMP", "GIF", "TIFF", "PPM")),
    encoded(noise(16, 16), "TIFF", compression="tiff_lzw"),
]


@given(
    data=st.sampled_from(WHOLE),
    at=st.floats(0, 0.999),
    byte=st.integers(0, 255),
    length=st.integers(1, 8),
)
def test_a_damaged_image_is_decoded_or_refused(data, at, byte, length):
    start = int(at * len(data))
    damaged = data[:start] + bytes([byte]) * length + data[start + length :]
    try:
        pixels = decode(damaged, "x")
    except BadImageError as error:
        assert str(error).startswith("x: ")  # noqa: PT017 - it need not be raised
    else:
        assert size_of(damaged, "x") == pixels.shape[:2]
