"""Which part of an image is seen: by hand, against Pillow, and on the device as in files."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sweep.loading.crops import Box, CentralCrop, ResizedCrop, resized, resized_quickly
from sweep.training.augment import (
    as_floats,
    mirrored,
    random_boxes,
    resampled,
    turned_and_mirrored,
)
from tests.support.image_files import encoded, noise, smooth


@pytest.mark.parametrize(
    ("height", "width", "share", "box"),
    [
        # TensorFlow's central_crop: int((side - side * share) / 2) is cut off on either side.
        (256, 256, 0.875, (16, 16, 224, 224)),
        (224, 224, 0.875, (14, 14, 196, 196)),
        (100, 37, 0.875, (6, 2, 88, 33)),  # 6.25 and 2.3125
        (5, 3, 0.5, (1, 0, 3, 3)),  # 1.25 and 0.75
        (64, 48, 1.0, (0, 0, 64, 48)),
        (1, 1, 0.01, (0, 0, 1, 1)),
        (2, 3, 0.01, (0, 1, 2, 1)),
    ],
)
def test_the_central_box_is_that_of_tensorflow(height, width, share, box):
    assert CentralCrop(share)(height, width) == box


sides = st.integers(1, 300)
shares = st.floats(0.01, 1)


@given(sides, sides, shares)
def test_the_central_box_lies_in_the_middle_and_is_never_empty(height, width, share):
    box = CentralCrop(share)(height, width)
    for start, length, side in ((box.top, box.height, height), (box.left, box.width, width)):
        assert start + length + start == side
        assert length >= max(1, side * share)


@given(
    height=sides,
    width=sides,
    area=st.tuples(shares, shares).map(sorted).map(tuple),
    aspect=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted).map(tuple),
    seed=st.integers(0, 1000),
)
def test_a_random_box_lies_in_the_image(height, width, area, aspect, seed):
    box = ResizedCrop(area, aspect)(height, width, np.random.default_rng(seed))
    assert 0 <= box.top <= box.top + 1 <= box.top + box.height <= height
    assert 0 <= box.left <= box.left + 1 <= box.left + box.width <= width


def test_random_boxes_keep_area_and_aspect_and_reach_everywhere():
    draw = ResizedCrop((0.25, 1.0), (0.75, 4 / 3))
    rng = np.random.default_rng(0)
    boxes = np.array([draw(300, 400, rng) for _ in range(4000)])
    top, left, height, width = boxes.T
    area, aspect = height * width / (300 * 400), width / height
    # Sides are whole pixels: half a pixel of 150 or more.
    assert 0.24 < area.min() < 0.27
    assert 0.97 < area.max() <= 1
    assert aspect.min() > 0.74
    assert aspect.max() < 1.35
    # Both places reach both edges.
    assert top.min() == left.min() == 0
    assert (top + height).max() == 300
    assert (left + width).max() == 400
    # All aspects fit into an image of 4 : 3 up to half of it: there, the area is uniform.
    quarters, _ = np.histogram(area, bins=[0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    assert quarters.max() < 1.25 * quarters.min()  # about 270 each, standard deviation 16
    # The logarithm of the aspect is uniform there: as many wide boxes as tall ones.
    small = area < 0.5
    assert 0.45 < (aspect[small] < 1).mean() < 0.55


def test_every_place_is_as_likely_and_the_aspect_is_that_of_width_to_height():
    quarter = ResizedCrop((0.25, 0.25), (4.0, 4.0))  # of 64 pixels: 2 high and 8 wide
    rng = np.random.default_rng(0)
    boxes = [quarter(8, 8, rng) for _ in range(1400)]
    assert {(box.left, box.height, box.width) for box in boxes} == {(0, 2, 8)}
    counts = np.bincount([box.top for box in boxes])
    assert len(counts) == 7
    assert counts.min() > 150  # 200 each, standard deviation 13
    tall = ResizedCrop((0.25, 0.25), (0.25, 0.25))
    assert tall(8, 8, rng)[2:] == (8, 2)


def test_an_image_in_which_no_draw_fits_gives_its_largest_central_box_of_an_allowed_aspect():
    never = (0.9, 1.0), (0.75, 4 / 3)
    rng = np.random.default_rng(0)
    # A strip of 12 x 300: at most 12 * 4 / 3 = 16 wide; the same on end.
    assert ResizedCrop(*never)(12, 300, rng) == (0, 142, 12, 16)
    assert ResizedCrop(*never)(300, 12, rng) == (142, 0, 16, 12)


@pytest.mark.parametrize("box", [Box(0, 0, 60, 90), Box(7, 11, 40, 23), Box(50, 80, 3, 5)])
@pytest.mark.parametrize("side", [8, 32, 70])
def test_a_resized_box_is_pillows_own(box, side):
    pixels = noise(60, 90)
    part = Image.fromarray(pixels).crop(
        (box.left, box.top, box.left + box.width, box.top + box.height)
    )
    expected = np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))
    assert np.array_equal(resized(pixels, box, side), expected)


def test_a_box_of_the_right_size_is_not_resampled():
    pixels = noise(40, 50)
    assert np.array_equal(resized(pixels, Box(3, 4, 32, 32), 32), pixels[3:35, 4:36])


def test_grey_pixels_that_share_their_memory_are_resized_like_others():
    grey = noise(20, 20)[..., :1]
    shared = np.broadcast_to(grey, (20, 20, 3))
    copied = resized(np.ascontiguousarray(shared), Box(2, 2, 15, 15), 8)
    assert np.array_equal(resized(shared, Box(2, 2, 15, 15), 8), copied)


# On the device

resample = jax.jit(resampled, static_argnums=2)
BOXES = [(0, 0, 48, 64), (4, 6, 40, 48), (10, 20, 20, 13), (30, 5, 8, 8), (47, 63, 1, 1)]


@pytest.mark.parametrize("side", [12, 80])
def test_the_device_resamples_like_pillow(side):
    images = np.stack([noise(48, 64, seed=seed) for seed in range(len(BOXES))])
    found = resample(jnp.asarray(images, jnp.float32), jnp.asarray(BOXES, jnp.float32), side)
    for image, box, ours in zip(images, BOXES, found, strict=True):
        theirs = resized(image, Box(*box), side).astype(int)
        # Pillow rounds to whole levels after each of its two passes.
        assert np.abs(np.asarray(ours) - theirs).max() <= 1


def test_the_box_of_the_whole_image_at_its_own_size_changes_nothing():
    images = jnp.asarray(noise(24, 24)[None], jnp.float32)
    whole = jnp.array([[0.0, 0.0, 24.0, 24.0]])
    np.testing.assert_allclose(resample(images, whole, 24), images, atol=1e-4)


def test_a_box_between_pixels_takes_from_both():
    # A ramp stays one wherever the box begins: value = place, away from the box's own edges.
    ramp = jnp.broadcast_to(jnp.arange(32.0)[None, None, :, None], (1, 32, 32, 1))
    found = resample(ramp, jnp.array([[2.25, 3.75, 16.0, 16.0]]), 16)[0, 0, 1:-1, 0]
    np.testing.assert_allclose(found, np.arange(1, 15) + 3.75, atol=1e-4)


def test_boxes_drawn_on_the_device_lie_in_the_image_and_keep_area_and_aspect():
    drawn = random_boxes(jax.random.key(0), 4000, 300, 400, (0.25, 1.0), (0.75, 4 / 3))
    top, left, height, width = np.asarray(drawn, np.float64).T
    assert min(top.min(), left.min()) >= 0
    assert (top + height).max() <= 300 + 1e-3
    assert (left + width).max() <= 400 + 1e-3
    area = height * width / (300 * 400)
    assert 0.25 - 1e-3 < area.min() < 0.27
    quarters, _ = np.histogram(area, bins=[0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    assert quarters.max() < 1.35 * quarters.min()  # about 267 each, standard deviation 16
    uncut = (height < 299) & (width < 399)
    aspect = (width / height)[uncut]
    assert aspect.min() > 0.75 - 1e-3
    assert aspect.max() < 4 / 3 + 1e-3


def test_a_box_of_next_to_nothing_is_still_a_pixel():
    """The smallest share that the settings allow is above zero, and no more."""
    key = jax.random.key(0)
    boxes = random_boxes(key, 500, 16, 16, (1e-6, 1e-6), (0.01, 100.0))
    images = jnp.asarray(np.broadcast_to(noise(16, 16), (500, 16, 16, 3)), jnp.float32)
    assert float(boxes[:, 2:].min()) >= 1
    found = resample(images, boxes, 8)
    assert bool(jnp.isfinite(found).all())
    assert float(found.min()) >= 0
    assert float(found.max()) <= 255.001


def test_levels_become_minus_one_to_one():
    levels = jnp.array([0, 51, 255], jnp.uint8)
    np.testing.assert_allclose(as_floats(levels), [-1, -0.6, 1], atol=1e-6)
    already = jnp.array([0.3])
    assert as_floats(already) is already


def test_mirroring_gives_each_image_or_its_mirror_image_evenly():
    image = noise(5, 7)
    batch = jnp.asarray(np.broadcast_to(image, (2000, 5, 7, 3)))
    drawn = np.asarray(mirrored(batch, jax.random.key(0)))
    same = (drawn == image).all(axis=(1, 2, 3))
    other = (drawn == image[:, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ other).all()
    assert 900 < same.sum() < 1100  # standard deviation 22


def test_turning_keeps_every_colour_and_its_channels():
    images = np.stack([noise(6, 6, seed=seed) for seed in range(64)])
    drawn = np.asarray(turned_and_mirrored(jnp.asarray(images), jax.random.key(1)))
    for image, turned in zip(images, drawn, strict=True):
        symmetries = [np.rot90(side, k) for side in (image, image[:, ::-1]) for k in range(4)]
        assert any(np.array_equal(turned, each) for each in symmetries)


def test_a_photograph_shrinks_as_in_files_and_on_the_device():
    """The way of evaluation beside the way of training, from the same file."""
    pixels = np.asarray(Image.open(io.BytesIO(encoded(smooth(60, 60)))))
    box = CentralCrop(0.875)(60, 60)
    there = resample(jnp.asarray(pixels[None], jnp.float32), jnp.array([box], jnp.float32), 32)
    assert np.abs(np.asarray(there[0]) - resized(pixels, box, 32)).max() <= 1


@pytest.mark.parametrize("side", [24, 40, 70])
def test_quick_resizing_is_bilinear_between_the_four_nearest_pixels(side):
    """By the formula: output pixel i lies at (i + 0.5) * scale - 0.5 in the box."""
    box = Box(3, 5, 45, 37)
    pixels = noise(60, 50)
    part = pixels[3:48, 5:42].astype(np.float64)

    def along(image: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
        length = image.shape[axis]
        place = ((np.arange(side) + 0.5) * length / side - 0.5).clip(0, length - 1)
        low = np.floor(place).astype(int)
        share = np.expand_dims(place - low, tuple(at for at in range(3) if at != axis))
        high = np.minimum(low + 1, length - 1)
        return image.take(low, axis) * (1 - share) + image.take(high, axis) * share

    expected = along(along(part, 0), 1)
    found = resized_quickly(pixels, box, side).astype(np.float64)
    assert np.abs(found - expected).max() <= 1


def test_quick_resizing_averages_where_it_shrinks_by_more_than_two():
    pixels = noise(48, 48)
    expected = pixels.reshape(12, 4, 12, 4, 3).mean(axis=(1, 3))
    found = resized_quickly(pixels, Box(0, 0, 48, 48), 12).astype(np.float64)
    assert np.abs(found - expected).max() <= 0.5
