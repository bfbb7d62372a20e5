"""Intervals against published values, statsmodels' worked numbers and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.statistics import kendall_tau, median_interval, wilson


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
    with pytest.raises(ValueError, match="5 successes in 4 trials"):
        wilson(5, 4)


def test_the_median_interval_covers_the_true_median_about_as_often_as_it_says():
    # 200 samples of 60 from an exponential distribution, whose median is ln 2.
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        interval = median_interval(rng.exponential(size=60).tolist())
        covered += interval.low <= np.log(2) <= interval.high
    assert 0.90 <= covered / 200 <= 0.99


def test_the_median_interval_of_equal_samples_is_that_value():
    interval = median_interval([3.0] * 10)
    assert (interval.low, interval.high) == (3.0, 3.0)


def test_kendalls_tau_by_hand():
    # Four items, six pairs; only (3, 4) is swapped: (5 - 1) / 6.
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1
    with pytest.raises(ValueError, match="all ties"):
        kendall_tau([1, 1, 1], [1, 2, 3])
