"""Intervals, rank correlation, a fitted line. Samples are kept raw in the store; these are read off
them.

scipy's, but for two that it has not: a bootstrap of samples within processes, and the interval of a
ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, hypot, isnan, log
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, kendalltau, linregress, t

CONFIDENCE = 0.95
BOOTSTRAP_RESAMPLES = 2_000


@dataclass(frozen=True)
class Interval:
    """Ends of an interval, in the unit of what it is about."""

    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """y = intercept + slope * x by least squares. slope_interval: 95 %, by Student's t, as if the
    points' deviations were independent; None with two points. r_squared: the share of y's variance
    that the line explains, 0..1; 1 where all y are equal, for then it meets every point.
    """

    intercept: float
    slope: float
    slope_interval: Interval | None
    r_squared: float

    def at(self, x: float) -> float:
        return self.intercept + self.slope * x


@cache  # scipy's tests a hypothesis on the way: half a millisecond, for each point of a page
def wilson(successes: int, trials: int) -> Interval:
    """Wilson's 95 % score interval of a proportion (Wilson 1927).

    Unlike the normal approximation it stays within [0, 1] and holds near its ends.
    Raises ValueError unless 0 <= successes <= trials and trials >= 1.
    """
    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def median_interval(samples: npt.ArrayLike, processes: npt.ArrayLike | None = None) -> Interval:
    """Percentile bootstrap, 95 %, of the median of samples that several processes took: processes
    are drawn first, then samples of each, as many as there are. The same samples give the same
    interval.

    processes: which took each sample. Where that is not known (None), and with one process, samples
    are drawn as if independent: the interval leaves out what differs from process to process.
    Raises ValueError without samples.
    """
    values = np.asarray(samples, np.float64)
    if values.size == 0:
        raise ValueError("no samples")
    took = np.zeros(values.size) if processes is None else np.asarray(processes)
    groups = [values[took == each] for each in np.unique(took)]
    drawn = _drawn(groups, np.random.default_rng(0))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(drawn, axis=1), [tail, 100 - tail])
    return Interval(float(low), float(high))


def _drawn(groups: list[npt.NDArray[np.float64]], rng: np.random.Generator) -> Any:
    """f64[resamples, groups * samples]: groups with replacement, and within each its samples."""
    size = min(map(len, groups))
    table = np.stack([group[:size] for group in groups])
    shape = (BOOTSTRAP_RESAMPLES, len(groups))
    which = rng.integers(0, len(groups), size=shape)
    picked = rng.integers(0, size, size=(*shape, size))
    return table[which[:, :, None], picked].reshape(BOOTSTRAP_RESAMPLES, -1)


def ratio_interval(
    before: float, of_before: Interval, after: float, of_after: Interval
) -> Interval:
    """95 % of after / before, two independent estimates above 0, from their own 95 % intervals:
    the logs' distances add as squares (MOVER; Zou and Donner 2008, Statistics in Medicine 27).
    """
    ratio = after / before
    down = hypot(log(after / of_after.low), log(of_before.high / before))
    up = hypot(log(of_after.high / after), log(before / of_before.low))
    return Interval(ratio * exp(-down), ratio * exp(up))


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b: agreement of two rankings, from -1 (reversed) to 1 (the same).

    Raises ValueError with fewer than two pairs, or where one side is all ties.
    """
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(f"needs two or more pairs, got {len(first)} and {len(second)}")
    result: Any = kendalltau(first, second)
    tau = float(result.statistic)
    if isnan(tau):
        raise ValueError("one of the rankings is all ties")
    return tau


@cache
def student(freedom: float) -> float:
    """Half the width of a 95 % interval in standard errors, by Student's t."""
    return float(t.ppf((1 + CONFIDENCE) / 2, freedom))


def least_squares(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """The line with the smallest sum of squared deviations in y.

    Raises ValueError with fewer than two points, or where all x are equal.
    """
    if len(xs) != len(ys) or len(xs) < 2:
        raise ValueError(f"needs two or more points, got {len(xs)} x and {len(ys)} y")
    fit: Any = linregress(xs, ys)
    level = len({*ys}) == 1  # scipy then has no correlation and no deviation to tell
    half = 0.0 if level else float(student(len(xs) - 2) * fit.stderr)
    slope = float(fit.slope)
    return Line(
        intercept=float(fit.intercept),
        slope=slope,
        slope_interval=Interval(slope - half, slope + half) if len(xs) > 2 else None,
        r_squared=1.0 if level else float(fit.rvalue) ** 2,
    )
