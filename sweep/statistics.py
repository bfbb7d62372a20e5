"""Intervals and rank correlation. Samples are kept raw in the store; these are read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Any

import numpy as np
from scipy.stats import kendalltau, norm

CONFIDENCE = 0.95
BOOTSTRAP_RESAMPLES = 2_000


@dataclass(frozen=True)
class Interval:
    """Ends of an interval, in the unit of what it is about."""

    low: float
    high: float


def wilson(successes: float, trials: int) -> Interval:
    """Wilson's 95 % score interval of a proportion (Wilson 1927).

    Unlike the normal approximation it stays within [0, 1] and holds near its ends.
    Raises ValueError unless 0 <= successes <= trials and trials >= 1.
    """
    if not (trials >= 1 and 0 <= successes <= trials):
        raise ValueError(f"{successes} successes in {trials} trials")
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = (
        z
        / (1 + z * z / trials)
        * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    )
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def median_interval(samples: Sequence[float]) -> Interval:
    """Percentile bootstrap, 95 %, of the median. The same samples give the same interval."""
    values = np.asarray(samples, np.float64)
    if values.size == 0:
        raise ValueError("no samples")
    rng = np.random.default_rng(0)
    picked = rng.integers(0, values.size, size=(BOOTSTRAP_RESAMPLES, values.size))
    medians = np.median(values[picked], axis=1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(medians, [tail, 100 - tail])
    return Interval(float(low), float(high))


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
