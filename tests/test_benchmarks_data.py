"""The benchmark of loading: all show the network the same images. No test asserts a time."""

import math
import random

import numpy as np
import pytest
from PIL import Image

from benchmarks.loading import ratio
from benchmarks.loading_contenders import (
    AREA,
    ASPECT,
    WAYS,
    Corners,
    make_images,
    ours,
    random_corners,
    torch_loader,
)
from sweep.loading.crops import Box, ResizedCrop
from sweep.loading.images import decode, size_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photographs")
    make_images(path, 64)
    return path


def test_the_images_are_of_both_shapes_in_class_folders(folder):
    paths = sorted(folder.glob("train/*/*.jpg"))
    sizes = [size_of(path.read_bytes(), str(path))[::-1] for path in paths]
    assert (sizes.count((500, 375)), sizes.count((375, 500))) == (32, 32)
    assert len({path.parent for path in paths}) >= 5


def pixels_of_ours(path, box: Box) -> np.ndarray:
    """What the network is shown of a file."""
    pixels = decode(path.read_bytes(), str(path))
    return ResizedCrop(AREA, ASPECT).resize(pixels, box, 224).astype(int)


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 375, 500), Box(20, 131, 280, 300), Box(87, 3, 200, 255)],
    ids=["all", "shrunk", "about the same size"],
)
@pytest.mark.parametrize("way", list(WAYS))
def test_the_same_box_gives_the_same_pixels_in_every_loader(way, box, folder):
    for path in sorted(folder.glob("train/*/*0.jpg"))[:4]:
        corners = Corners(box.left, box.top, box.left + box.width, box.top + box.height)
        found, plain = (
            WAYS[each](str(path), lambda *_, corners=corners: corners).astype(int)
            for each in (way, "plain")
        )
        expected = pixels_of_ours(path, box)
        if way == "as_ours":
            assert np.array_equal(found, expected)
            continue
        # Theirs are one another's. At an edge Pillow's `box` lets the neighbours outside count.
        assert np.abs(found - plain)[1:-1, 1:-1].max() <= 3, path
        assert np.abs(found - plain).mean() <= 1, path
        # Ours is of the same place, by another filter: turned round it is far from them.
        apart, turned = (np.abs(each - expected).mean() for each in (found, found[::-1, ::-1]))
        assert apart < min(4, turned / 4), path


def test_a_large_part_is_decoded_smaller_and_looks_the_same(folder, tmp_path):
    path = tmp_path / "large.jpg"
    with Image.open(next(folder.glob("train/coffee/*.jpg"))) as source:
        source.resize((1500, 1125), Image.Resampling.BICUBIC).save(path, quality=95)
    corners = Corners(200, 100, 1400, 1100)
    full, smaller = (
        WAYS[way](str(path), lambda *_: corners).astype(int) for way in ("plain", "in_one")
    )
    # Halving in the frequencies is sharper than averaging: as far apart as two filters are.
    assert np.abs(full - smaller).mean() <= 4
    assert np.abs(full - full[::-1]).mean() > 20


def test_both_draw_boxes_of_the_same_kind():
    random.seed(0)
    rng = np.random.default_rng(0)
    theirs = [random_corners(500, 375) for _ in range(4000)]
    boxes = [ResizedCrop(AREA, ASPECT)(375, 500, rng) for _ in range(4000)]
    assert all(0 <= each.left < each.right <= 500 for each in theirs)
    assert all(0 <= each.top < each.bottom <= 375 for each in theirs)
    sizes = (
        np.array([(each.right - each.left, each.bottom - each.top) for each in theirs]),
        np.array([(box.width, box.height) for box in boxes]),
    )
    # Four standard errors of a mean of 4000.
    shares = [each.prod(axis=1) / (500 * 375) for each in sizes]
    assert shares[0].mean() == pytest.approx(shares[1].mean(), abs=4 * 0.2 * math.sqrt(2 / 4000))
    aspects = [np.log(each[:, 0] / each[:, 1]) for each in sizes]
    assert aspects[0].mean() == pytest.approx(aspects[1].mean(), abs=4 * 0.17 * math.sqrt(2 / 4000))
    assert all(np.abs(each).max() < 0.3 for each in aspects)


def test_both_hand_over_batches_of_one_form(folder):
    expected = [64, 224, 224, 3, "uint8"]
    assert ours(str(folder), 0)() == expected
    pytest.importorskip("torch")
    assert torch_loader(str(folder), 0, way="plain")() == expected


def test_the_ratio_is_taken_round_by_round():
    # The second round was slow for both; of the medians it would be 2 / 3.
    assert ratio([2.0, 20.0, 2.0], [1.0, 10.0, 3.0]) == 2
