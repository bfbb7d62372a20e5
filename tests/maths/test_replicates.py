"""Intervals of replicates: by hand, against scipy's, and how often they hold in made-up sweeps."""

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp, ttest_ind

from sweep.maths.replicates import Replicates, change
from sweep.maths.statistics import wilson

ALPHAS = np.array([0.30, 0.32, 0.34, 0.36, 0.38, 0.40])


def counted(right):
    """Replicates of which images were right, bool[P,K,N]."""
    return Replicates(right.mean(axis=2), right)


def constant(values):
    """Accuracies whose images have no part: each of so many that the rest is nothing."""
    values = np.asarray(values, np.float64)
    return Replicates(values, np.zeros((*values.shape, 1), bool))


def made_up(rng, truth, *, seeds, images, own=0.0, shift=0.0, easy=0.0, lucky=0.0):
    """bool[P,K,N]. own, shift: standard deviations of a training's accuracy; easy, lucky: how far
    an image's own chance may be from it, for all alike and for one training. Chances stay within
    0..1, so that their mean is the truth.
    """
    points = len(truth)
    level = truth[:, None] + rng.normal(0, own, (points, seeds)) + rng.normal(0, shift, seeds)
    of_image = rng.uniform(-easy, easy, images)
    by_chance = rng.uniform(-lucky, lucky, (points, seeds, images))
    return rng.random((points, seeds, images)) < level[..., None] + of_image + by_chance


def test_variances_by_hand():
    replicates = constant([[0.30, 0.34], [0.50, 0.52]])
    # Around their means: 2 * 0.02^2 + 2 * 0.01^2 over 2 degrees of freedom.
    assert replicates.seeds_variance == (pytest.approx(5e-4), 2)
    # The second seed adds 0.03 to both; what is left is 0.005, four times, over 1.
    assert replicates.own_variance == (pytest.approx(1e-4), 1)
    half = 4.3027 * np.sqrt(5e-4 / 2)  # t of 2 degrees of freedom at 0.975, from a printed table
    interval = replicates.interval(0)
    assert (interval.low, interval.high) == pytest.approx((0.32 - half, 0.32 + half), abs=1e-5)
    difference = replicates.difference(1, 0)
    assert difference.value == pytest.approx(0.19)
    assert difference.half == pytest.approx(12.7062 * np.sqrt(2 * 1e-4 / 2), rel=1e-4)
    assert difference.told_apart


def test_one_point_has_the_interval_of_the_t_test():
    values = [0.31, 0.35, 0.33, 0.36]
    ends = ttest_1samp(values, 0).confidence_interval()
    interval = constant([values]).interval(0)
    assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high))


def test_trained_once_it_is_wilsons_and_nothing_is_told_apart():
    right = np.arange(200).reshape(2, 1, 100) % 4 == 0
    right[1] = True
    replicates = counted(right)
    assert replicates.interval(0) == wilson(25, 100)
    assert replicates.difference(1, 0).half is None
    assert not replicates.difference(1, 0).told_apart
    assert np.isnan(replicates.frontier_shares([2.0, 1.0])).all()


def test_a_training_that_is_not_there_is_left_out():
    values = [[0.30, 0.34, np.nan], [0.50, 0.52, 0.54]]
    replicates = constant(values)
    assert replicates.means == pytest.approx([0.32, 0.52])
    # 2 * 0.02^2 + 2 * 0.02^2 over 1 + 2; and the shift of the two seeds that both have.
    assert replicates.seeds_variance == (pytest.approx(16e-4 / 3), 3)
    assert replicates.own_variance == constant([row[:2] for row in values]).own_variance


def test_with_images_alone_it_is_the_binomial_interval():
    """Trainings that all get the same images right: what is left is which images were drawn."""
    right = np.zeros((1, 3, 1000), bool)
    right[:, :, :400] = True
    interval = counted(right).interval(0)
    half = t.ppf(0.975, 2) * np.sqrt(0.4 * 0.6 / 999)
    assert interval.high - interval.low == pytest.approx(2 * half)


@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize(
    "luck",
    [
        {"own": 0.017},
        {"easy": 0.25},
        {"own": 0.01, "easy": 0.2, "lucky": 0.06},
        {"own": 0.008, "shift": 0.02, "easy": 0.2},
    ],
    ids="-".join,
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(seeds, luck):
    """Differences within one table do; means too, but that a shift of all points is one draw."""
    rng = np.random.default_rng(3)
    held, apart = [], []
    for _ in range(120):
        right = made_up(rng, ALPHAS, seeds=seeds, images=500, **luck)
        replicates = counted(right)
        differences = [replicates.difference(i + 1, i) for i in range(len(ALPHAS) - 1)]
        apart += [abs(each.value - 0.02) <= (each.half or 0) for each in differences]
        intervals = [replicates.interval(i) for i in range(len(ALPHAS))]
        held += [
            each.low <= truth <= each.high for each, truth in zip(intervals, ALPHAS, strict=True)
        ]
    assert 0.92 <= np.mean(apart) <= 0.98
    if "shift" not in luck:
        assert 0.92 <= np.mean(held) <= 0.98


def test_a_share_of_the_frontier_is_how_often_the_points_come_out_in_that_order():
    """Two points 0.01 apart, each known to within a standard error of 0.01: the dearer one is above
    the other in Phi(0.01 / (0.01 * sqrt 2)) = 76 % of tables.
    """
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (2, 400))
    values -= values.mean(axis=1, keepdims=True)
    whole = constant(values)
    scale = 0.01 * np.sqrt(400 / whole.own_variance[0])
    replicates = constant(values * scale + [[0.30], [0.31]])
    cheap, dear = replicates.frontier_shares([1.0, 2.0])
    assert cheap == 1.0
    assert dear == pytest.approx(0.760, abs=0.03)


def test_a_share_of_another_s_accuracy_by_hand():
    replicates = constant([[0.30, 0.34], [0.50, 0.52]])
    # Own variance 1e-4 over 1 degree of freedom, of it the shift of 5e-4 - 1e-4 stays to a tenth:
    # in all half of 1e-4 times (1 + 0.9^2), and half of 4e-4 times 0.1^2.
    less = replicates.difference(0, 1, share=0.9)
    assert less.value == pytest.approx(0.32 - 0.9 * 0.51)
    assert less.half == pytest.approx(12.7062 * np.sqrt(9.05e-5 + 2e-6), rel=1e-4)


def test_what_is_apart_of_all_points_is_so_pair_by_pair():
    rng = np.random.default_rng(1)
    replicates = counted(made_up(rng, ALPHAS, seeds=3, images=500, own=0.012, easy=0.2))
    pairs = [[replicates.difference(j, i).told_apart for j in range(6)] for i in (4, 0)]
    assert replicates.apart([4, 0]).tolist() == pairs
    assert any(pairs[1])
    assert not all(pairs[0][:4])


def test_a_change_between_tables_is_welch_s():
    before, after = [0.31, 0.35, 0.33], [0.36, 0.365, 0.37, 0.362]
    found = change(constant([before]), 0, constant([after]), 0)
    ends = ttest_ind(after, before, equal_var=False).confidence_interval()
    assert found.value == pytest.approx((ends.low + ends.high) / 2)
    assert found.half == pytest.approx((ends.high - ends.low) / 2)


def test_a_single_training_is_held_against_what_the_other_table_s_are_off_by():
    # The variance 5e-4 of 2 degrees of freedom, of one training and of the mean of two.
    before, after = constant([[0.40], [0.60]]), constant([[0.30, 0.34], [0.50, 0.52]])
    for found in (change(before, 0, after, 0), change(after, 0, before, 0)):
        assert abs(found.value) == pytest.approx(0.08)
        freedom = (1 + 0.5) ** 2 / (1 / 2 + 0.25 / 2)
        half = t.ppf(0.975, freedom) * np.sqrt(5e-4 * 1.5)
        assert found.half == pytest.approx(half)
    assert change(before, 0, before, 1).half is None


def test_shares_of_few_trainings_know_their_variance_no_better_than_students_t():
    # 0.02 apart, the difference off by sqrt(1e-4) of 1 degree of freedom: t's distribution at 2.
    replicates = constant([[0.30, 0.34], [0.33, 0.35]])
    assert replicates.own_variance == (pytest.approx(1e-4), 1)
    cheap, dear = replicates.frontier_shares([1.0, 2.0])
    assert cheap == 1.0
    assert dear == pytest.approx(t.cdf(2, 1), abs=0.04)


def test_the_images_part_that_all_points_share_is_the_mean_between_two_of_them():
    rng = np.random.default_rng(4)
    replicates = counted(made_up(rng, ALPHAS, seeds=3, images=200, easy=0.2, lucky=0.1))
    covariance = replicates.images_covariance
    variances, shared = replicates.images_parts
    assert variances == pytest.approx(np.diag(covariance), abs=1e-9)  # float32 on the way
    between = [covariance[p, q] for p in range(6) for q in range(6) if p != q]
    assert shared == pytest.approx(np.mean(between), abs=1e-9)
    assert shared > 0
