"""The coverage benchmark, on made-up sweeps: intervals that are known to hold, and that are not."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks import coverage
from sweep.maths.replicates import Replicates
from sweep.results.trainings import Trainings

GRID = list(product((1.0, 0.75, 0.5, 0.25), (224, 192, 160, 128)))
KEYS = [("mobilenet_v1", "separable", alpha, side) for alpha, side in GRID]


@pytest.fixture(scope="module")
def made_up():
    """Eight seeds of sixteen points; a training is off by 0.02, and there are 3,000 images."""
    rng = np.random.default_rng(7)
    truth = np.array(
        [0.4 + 0.04 * np.log2(alpha) + 0.08 * np.log2(side / 224) for alpha, side in GRID]
    )
    level = truth[:, None] + rng.normal(0, 0.02, (16, 8))
    right = rng.random((16, 8, 3000)) < level[..., None] + rng.uniform(-0.15, 0.15, 3000)
    places = {key: place for place, key in enumerate(KEYS)}
    return Trainings(places, Replicates(right.mean(axis=2), right))


@pytest.mark.parametrize("other_images", [False, True])
def test_intervals_of_several_seeds_hold_as_often_as_they_say(made_up, other_images):
    found = coverage.held(made_up, 3, 40, other_images=other_images)
    assert all(0.92 <= each.share <= 0.985 for each in found.values())
    assert found["smoothed"].off < found["raw"].off


def test_those_of_one_training_leave_its_luck_out(made_up):
    found = coverage.held(made_up, 1, 40, other_images=True)
    assert found["raw"].share < 0.92 < found["smoothed"].share
    assert "raw" not in coverage.held(made_up, 1, 2, other_images=False)


def test_intervals_that_are_too_short_are_found(made_up, monkeypatch):
    whole = coverage.estimates

    def halved(replicates):
        told = whole(replicates)
        half = (told.high - told.low) / 8
        return replace(told, low=told.values - half, high=told.values + half)

    monkeypatch.setattr(coverage, "estimates", halved)
    assert coverage.held(made_up, 3, 20, other_images=True)["raw"].share < 0.7
