"""The default data set: its protocol, checked on the photographs themselves."""

import numpy as np
import pytest
from PIL import Image

from sweep.datasets import photo_patches
from sweep.datasets.photo_patches import PATCH, PhotoPatches, photographs


def test_twenty_photographs_each_with_room_for_a_patch_in_either_half():
    assert len(photographs()) == len(PhotoPatches.class_names) == 20
    for photograph in photographs():
        height, width = photograph.shape
        assert height >= PATCH
        assert width // 2 >= PATCH
        assert 0 <= photograph.min() < photograph.max() <= 1


def test_training_sees_left_halves_and_testing_right_halves_only(monkeypatch):
    # Photographs whose every pixel tells its half: 0.25 and 0.5 on the left, more on the right.
    columns = np.where(np.arange(200) < 100, 0.0, 10.0)
    flat = np.tile((columns + np.arange(200) % 2).astype(np.float32), (120, 1))
    monkeypatch.setattr(photo_patches, "photographs", lambda: (flat,))
    monkeypatch.setattr(photo_patches, "_normalised", lambda patches: patches)
    splits = PhotoPatches().load(PATCH, train=40, test=40, seed=3)
    assert splits.train.images.max() <= 1
    assert splits.test.images.min() >= 10
    assert PhotoPatches().held_back(PATCH, test=40, seed=3).images.min() >= 10


def test_what_is_held_back_is_a_draw_of_its_own_of_the_same_classes():
    held_back = PhotoPatches().held_back(PATCH, test=200, seed=0)
    chosen_by = PhotoPatches().load(PATCH, train=20, test=200, seed=0).test
    np.testing.assert_array_equal(held_back.labels, chosen_by.labels)
    # Two draws of a patch are the same one in 8 * (height - 47) * (half the width - 47) cases.
    same = np.all(held_back.images == chosen_by.images, axis=(1, 2, 3))
    assert same.sum() <= 2


@pytest.mark.parametrize("side", [48, 41, 27])
def test_patches_have_zero_mean_and_unit_variance(side):
    splits = PhotoPatches().load(side, train=60, test=40, seed=0)
    for images in (splits.train.images, splits.test.images):
        assert images.shape[1:] == (side, side, 1)
        assert images.dtype == np.float32
        np.testing.assert_allclose(images.mean(axis=(1, 2)), 0, atol=1e-4)
        spread = images.std(axis=(1, 2))
        # A flat patch stays flat rather than being blown up to noise.
        assert np.all(spread < 1 + 1e-3)
        assert np.mean(np.abs(spread - 1) < 1e-3) > 0.9


def test_the_same_seed_gives_the_same_patches_and_another_gives_others():
    one, same, other = (PhotoPatches().load(34, train=40, test=20, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.train.images, same.train.images)
    np.testing.assert_array_equal(one.test.images, same.test.images)
    assert not np.array_equal(one.train.images, other.train.images)
    np.testing.assert_array_equal(np.bincount(one.train.labels), [2] * 20)


@pytest.mark.parametrize("side", [41, 34, 27])
def test_smaller_sizes_are_the_same_patches_shrunk_as_pillow_shrinks_them(side):
    full = PhotoPatches().load(48, train=40, test=1, seed=1).train.images[..., 0]
    small = PhotoPatches().load(side, train=40, test=1, seed=1).train.images[..., 0]
    for patch, shrunk in zip(full, small, strict=True):
        # Pillow's bilinear filter widens with the scale: an antialiasing triangle.
        by_pillow = np.asarray(
            Image.fromarray(patch).resize((side, side), Image.Resampling.BILINEAR)
        )
        by_pillow = (by_pillow - by_pillow.mean()) / by_pillow.std()
        np.testing.assert_allclose(shrunk, by_pillow, atol=2e-3)


def test_the_networks_train_at_sizes_that_a_patch_can_give():
    assert PhotoPatches.base_resolution <= PATCH


def test_only_sizes_up_to_the_patch():
    with pytest.raises(ValueError, match="resolution = 49: must be between 1 and 48"):
        PhotoPatches().load(49, train=1, test=1, seed=0)
