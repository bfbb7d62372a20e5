"""Intervals and lines against published values, other implementations and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from sweep.maths.statistics import (
    Interval,
    kendall_tau,
    least_squares,
    median_interval,
    ratio_interval,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score, no correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_newcombes_table(successes, trials, low, high):
    interval = wilson(successes, trials)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_a_share(counts):
    successes, trials = counts
    interval = wilson(successes, trials)
    assert 0 <= interval.low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= interval.high <= 1


def test_wilson_refuses_what_is_no_proportion():
    with pytest.raises(ValueError, match=r"k \(5\) must not be greater than n \(4\)"):
        wilson(5, 4)


def test_the_median_interval_covers_the_true_median_about_as_often_as_it_says():
    # 200 samples of 60 from an exponential distribution, whose median is ln 2.
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        interval = median_interval(rng.exponential(size=60).tolist())
        covered += interval.low <= np.log(2) <= interval.high
    assert 0.90 <= covered / 200 <= 0.99


def test_the_median_interval_covers_what_differs_from_process_to_process():
    # Six processes of eight samples, around 100; a process's own mean has a standard deviation of
    # 3, its samples one of 1. Drawn as if independent, 48 samples look surer than six processes.
    rng = np.random.default_rng(1)
    processes = np.repeat(np.arange(6), 8)
    covered = blindly = 0
    for _ in range(100):
        samples = 100 + 3 * np.repeat(rng.normal(size=6), 8) + rng.normal(size=48)
        intervals = median_interval(samples, processes), median_interval(samples)
        holds = [each.low <= 100 <= each.high for each in intervals]
        covered, blindly = covered + holds[0], blindly + holds[1]
    assert 88 <= covered <= 99
    assert blindly < 70


def test_a_ratios_interval_by_hand():
    # 12 (9 to 16) over 10 (8 to 12.5): in logs the halves ln(4/3) and ln(5/4) on either side.
    half = np.hypot(np.log(4 / 3), np.log(5 / 4))
    interval = ratio_interval(10, Interval(8, 12.5), 12, Interval(9, 16))
    assert interval.low == pytest.approx(1.2 * np.exp(-half))
    assert interval.high == pytest.approx(1.2 * np.exp(half))


def test_the_median_interval_of_equal_samples_is_that_value():
    interval = median_interval([3.0] * 10)
    assert (interval.low, interval.high) == (3.0, 3.0)


def test_kendalls_tau_by_hand():
    # Four items, six pairs; only (3, 4) is swapped: (5 - 1) / 6.
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1
    with pytest.raises(ValueError, match="all ties"):
        kendall_tau([1, 1, 1], [1, 2, 3])


def test_a_line_by_hand():
    # Anscombe 1973, The American Statistician 27: y = 3.00 + 0.500 x, R² 0.667, standard error of
    # the slope 0.118; with 9 degrees of freedom t is 2.262.
    x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    line = least_squares(x, y)
    assert line.intercept == pytest.approx(3.00, abs=0.005)
    assert line.slope == pytest.approx(0.500, abs=5e-4)
    assert line.r_squared == pytest.approx(0.667, abs=5e-4)
    assert line.slope_interval is not None
    assert line.slope_interval.low == pytest.approx(0.500 - 2.262 * 0.118, abs=1e-3)
    assert line.slope_interval.high == pytest.approx(0.500 + 2.262 * 0.118, abs=1e-3)
    assert line.at(20) == pytest.approx(13.0, abs=0.01)


@given(
    st.lists(
        st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), min_size=3, max_size=30
    ).filter(lambda points: len({x for x, _ in points}) > 1)
)
def test_a_line_is_numpys(points):
    x, y = (np.array(each, np.float64) for each in zip(*points, strict=True))
    line = least_squares(x.tolist(), y.tolist())
    (slope, intercept), covariance = np.polyfit(x, y, 1, cov="unscaled")
    left = y - (intercept + slope * x)
    assert line.slope == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert line.intercept == pytest.approx(intercept, rel=1e-6, abs=1e-6)
    deviation = np.sqrt(covariance[0, 0] * (left @ left) / (len(points) - 2))
    half = t.ppf(0.975, len(points) - 2) * deviation
    assert line.slope_interval is not None
    assert line.slope_interval.high - line.slope == pytest.approx(half, rel=1e-5, abs=1e-5)
    explained = 1.0 if np.ptp(y) == 0 else np.corrcoef(x, y)[0, 1] ** 2
    assert line.r_squared == pytest.approx(explained, rel=1e-6, abs=1e-6)


def test_a_line_through_two_points_has_no_interval():
    line = least_squares([1, 3], [5, 9])
    assert (line.slope, line.intercept, line.r_squared) == (2, 3, 1)
    assert line.slope_interval is None
    with pytest.raises(ValueError, match="two or more"):
        least_squares([1], [1])
    with pytest.raises(ValueError, match="all x values are identical"):
        least_squares([0.1, 0.1, 0.1], [1, 2, 3])
