"""The surface over the grid: against the published networks, by hand, and in made-up sweeps."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit, logit

from sweep.maths.replicates import Replicates
from sweep.maths.surface import fitted, pooled, smoothed
from sweep.paper.published import tfslim_rows

ALPHAS, RHOS = (
    np.array(each)
    for each in zip(
        *product((1.0, 0.75, 0.5, 0.25), (1.0, 192 / 224, 160 / 224, 128 / 224)), strict=True
    )
)
COEFFICIENTS = np.array([-0.5, 0.30, -0.03, 0.45, 0.05])


def accuracies(a=None, r=None):
    a, r = np.log2(ALPHAS if a is None else a), np.log2(RHOS if r is None else r)
    b0, b1, b2, b3, b4 = COEFFICIENTS
    return expit(b0 + b1 * a + b2 * a**2 + b3 * r + b4 * a * r)


def test_it_is_the_formula():
    surface = fitted(ALPHAS, RHOS, accuracies(), np.zeros(16))
    assert surface.coefficients == pytest.approx(COEFFICIENTS)
    assert surface.tau_squared == pytest.approx(0, abs=1e-12)
    assert surface.at([0.6], [176 / 224]) == pytest.approx(accuracies([0.6], [176 / 224]))


def test_it_fits_the_published_sixteen():
    """tf-slim's checkpoints, as well as 50,000 images and one training each are known."""
    rows = tfslim_rows()
    assert len(rows) == 16
    published = np.array([row.top1.value for row in rows])
    alphas, rhos = [row.alpha for row in rows], [row.resolution / 224 for row in rows]
    left = fitted(alphas, rhos, published, np.zeros(16)).at(alphas, rhos) - published
    assert 100 * np.sqrt(np.sum(left**2) / 16) < 0.45


def test_the_variance_around_it_is_found():
    rng = np.random.default_rng(1)
    tau, own = 0.08, 0.05
    found = [
        fitted(
            ALPHAS,
            RHOS,
            expit(logit(accuracies()) + rng.normal(0, np.hypot(tau, own), 16)),
            own**2 * (accuracies() * (1 - accuracies())) ** 2,
        ).tau_squared
        for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(tau**2, rel=0.1)


def test_what_is_known_well_keeps_its_own_and_what_is_not_takes_the_surfaces():
    shares = accuracies()
    shares[5] += 0.05
    variances = np.full(16, 1e-12)
    surface = fitted(ALPHAS, RHOS, shares, variances)
    assert pooled(surface, ALPHAS, RHOS, shares, variances).values == pytest.approx(shares)
    variances[5] = 1.0
    values = pooled(surface, ALPHAS, RHOS, shares, variances).values
    assert values[5] == pytest.approx(surface.at(ALPHAS, RHOS)[5], abs=1e-3)


@pytest.mark.parametrize("tau", [0.0, 0.05])
def test_pooled_accuracies_are_nearer_and_their_intervals_hold(tau):
    rng = np.random.default_rng(2)
    held, nearer = [], []
    for _ in range(150):
        truth = expit(logit(accuracies()) + rng.normal(0, tau, 16))
        seen = truth + rng.normal(0, 0.012, 16)
        variances = np.full(16, 0.012**2)
        result = pooled(fitted(ALPHAS, RHOS, seen, variances), ALPHAS, RHOS, seen, variances)
        held += ((result.low <= truth) & (truth <= result.high)).tolist()
        nearer.append(np.sum((result.values - truth) ** 2) < np.sum((seen - truth) ** 2))
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.mean(nearer) > 0.8


def test_too_few_points_are_refused():
    few = slice(0, 8)  # two alphas
    with pytest.raises(ValueError, match="three alphas"):
        fitted(ALPHAS[few], RHOS[few], accuracies()[few], np.zeros(8))
    with pytest.raises(ValueError, match="no logit"):
        fitted(ALPHAS, RHOS, np.ones(16), np.zeros(16))


def trained(rng, truth, seeds, *, own=0.015, shift=0.005, images=600):
    """Replicates of points whose accuracies, over all trainings and images there could be, are the
    truth: f64[P]. own, shift: standard deviations of a training's accuracy, alone and in common.
    """
    points = len(truth)
    level = truth[:, None] + rng.normal(0, own, (points, seeds)) + rng.normal(0, shift, seeds)
    hardness = rng.uniform(-0.2, 0.2, images)
    right = rng.random((points, seeds, images)) < level[..., None] + hardness
    return Replicates(right.mean(axis=2), right)


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_the_smoothed_are_nearer_and_hold_the_truth_as_often_as_they_say(seeds):
    """Truths off the surface by what the published sixteen are off by."""
    rng = np.random.default_rng(seeds)
    held, raw_off, off = [], [], []
    for _ in range(120):
        truth = expit(logit(accuracies()) + rng.normal(0, 0.019, 16))
        replicates = trained(rng, truth, seeds)
        result = smoothed(replicates, ALPHAS, RHOS)
        held += ((result.low <= truth) & (truth <= result.high)).tolist()
        raw_off += ((replicates.means - truth) ** 2).tolist()
        off += ((result.values - truth) ** 2).tolist()
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.sqrt(np.mean(off)) < 0.93 * np.sqrt(np.mean(raw_off))


def test_of_one_training_each_the_values_are_the_surfaces_and_of_many_they_are_not():
    rng = np.random.default_rng(5)
    truth = accuracies()
    truth[5] += 0.15  # a point that is no part of any surface
    for seeds, is_surface in ((1, True), (8, False)):
        replicates = trained(rng, truth, seeds, own=0.005, images=4000)
        values = smoothed(replicates, ALPHAS, RHOS).values
        # On the surface again, the surface leaves them where they are.
        again = fitted(ALPHAS, RHOS, values, np.ones(16)).at(ALPHAS, RHOS)
        assert (np.abs(values - again).max() < 1e-6) == is_surface
    assert values[5] == pytest.approx(truth[5], abs=0.02)
