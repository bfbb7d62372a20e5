"""A cost of networks as a sum of what they compute and move, fitted to measured ones.

cost = c0 t0 + c1 t1 + .., no c below 0, with the least sum of squared relative errors (non-negative
least squares: Lawson and Hanson 1974, chapter 23). What is left of a point, the log of its cost
over the sum, may be carried over to networks near it (regression kriging: Hengl et al. 2007,
Computers & Geosciences 33). What a prediction may be off by is what each measured network is off by
when it is predicted from all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.stats import norm, t

from sweep.maths.statistics import student

Array = npt.NDArray[np.float64]

FEWEST = 4  # points: below, what one is off by from the others tells next to nothing
# How far what is left of a point reaches, in the unit of the places, and how much of its variance
# is the point's alone. Of three lengths and two shares these predict twenty series of latencies
# best (docs/performance.md).
REACH, OWN = 0.5, 0.1


@dataclass(frozen=True)
class Fit:
    """coefficients f64[K], 0 or more. errors f64[P]: of each point by the others, predicted over
    measured less 1; above -1. places f64[P,D], carried f64[P]: of the points, and what of them is
    carried over to their neighbours; None where nothing is.
    """

    coefficients: Array
    errors: Array
    places: Array | None = None
    carried: Array | None = None

    @property
    def error(self) -> float:
        """Mean of the errors' sizes."""
        return float(np.abs(self.errors).mean())

    @property
    def largest(self) -> float:
        return float(np.abs(self.errors).max())

    def at(self, terms: npt.ArrayLike, places: npt.ArrayLike | None = None) -> Array:
        """Costs f64[N] of networks with these terms f64[N,K], at these places f64[N,D]; without
        places the sums alone.
        """
        summed = np.asarray(terms, np.float64) @ self.coefficients
        if self.places is None or self.carried is None or places is None:
            return summed
        return summed * np.exp(_alike(np.asarray(places, np.float64), self.places) @ self.carried)

    @property
    def factor(self) -> float:
        """A measured cost lies between the predicted one over this and times this with a chance of
        95 %, as the logs of the errors were of one normal distribution.
        """
        return float(np.exp(student(self._freedom) * self._spread))

    def chance(self, predicted: float, limit: float, spread: float = inf) -> float:
        """That the cost measured is at most the limit; both above 0. spread: of the logs of errors,
        where less is taken for granted than the points are off by from each other.
        """
        distance = log(limit / predicted)
        if spread < self._spread:
            return float(norm.cdf(distance / spread))
        if not self._spread:
            return float(distance >= 0)
        return float(t.cdf(distance / self._spread, self._freedom))

    def over(self, chances: npt.ArrayLike) -> Array:
        """f64[N]: a limit over the predicted cost, where the cost measured keeps it with such a
        chance, above 0 and below 1; what `chance` undoes.
        """
        return np.exp(self._spread * t.ppf(np.asarray(chances, np.float64), self._freedom))

    @property
    def _spread(self) -> float:
        return float(np.sqrt(np.mean(np.log1p(self.errors) ** 2)))

    @property
    def _freedom(self) -> int:
        return len(self.errors) - 1


def fitted(terms: npt.ArrayLike, costs: npt.ArrayLike, places: npt.ArrayLike | None = None) -> Fit:
    """terms f64[P,K], costs f64[P] > 0. places f64[P,D]: where what is left of a point is to be
    carried over to its neighbours. Raises ValueError with fewer than `FEWEST` points, for a cost
    that is not above 0, and where the others predict nothing for a point.
    """
    each, measured = np.asarray(terms, np.float64), np.asarray(costs, np.float64)
    if len(measured) < FEWEST:
        raise ValueError(f"a prediction needs {FEWEST} measured points, {len(measured)} are there")
    if not (np.all(measured > 0) and np.all(np.isfinite(measured))):
        raise ValueError("a cost that is not above 0 has no relative error")
    at = None if places is None else np.asarray(places, np.float64)
    errors = []
    for place in range(len(measured)):
        others = np.arange(len(measured)) != place
        fit = _fit(each[others], measured[others], None if at is None else at[others])
        own = None if at is None else at[[place]]
        errors.append(float(fit.at(each[[place]], own)[0]) / measured[place] - 1)
    if not min(errors) > -1:
        raise ValueError("without one of its points nothing of the cost is left")
    whole = _fit(each, measured, at)
    return Fit(whole.coefficients, np.array(errors), whole.places, whole.carried)


def best(fits: Sequence[Fit]) -> int:
    """The place of that with the smallest mean error; of equals the first."""
    return min(range(len(fits)), key=lambda place: fits[place].error)


def _fit(terms: Array, costs: Array, places: Array | None) -> Fit:
    """Without its errors."""
    scale = np.maximum(terms.max(axis=0), np.finfo(float).tiny)
    solution, _ = nnls(terms / scale / costs[:, None], np.ones(len(costs)))
    coefficients, none = np.asarray(solution / scale, np.float64), np.empty(0)
    summed = terms @ coefficients
    if places is None or not np.all(summed > 0):
        return Fit(coefficients, none)
    near = _alike(places, places) + OWN * np.eye(len(costs))
    left = np.linalg.solve(near, np.log(costs / summed))
    return Fit(coefficients, none, places, np.asarray(left, np.float64))


def _alike(some: Array, others: Array) -> Array:
    """f64[N,P]: 1 at the same place, near 0 beyond twice the reach."""
    apart = ((some[:, None] - others) ** 2).sum(-1)
    return np.exp(-apart / (2 * REACH**2))
