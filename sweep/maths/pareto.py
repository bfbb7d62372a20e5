"""Which points no other point beats."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np
import numpy.typing as npt


def front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Whether each point is on the frontier: no other has a lower or equal cost and a higher or
    equal value, one of the two strictly. Equal points stand together.
    """
    return [beater is None for beater in dominators(costs, values)]


def fronts(costs: npt.ArrayLike, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """bool[D,P]: `front` of P >= 1 costs and of each of D rows of values [D,P], all at once."""
    cost, value = np.asarray(costs, np.float64), np.asarray(values, np.float64)
    order = np.argsort(cost, kind="stable")
    rising = value[:, order]
    # Points of one cost stand together: the best of these, and better than all that cost less.
    first = np.flatnonzero(np.diff(cost[order], prepend=np.nan) != 0)
    sizes = np.diff(first, append=len(order))
    best = np.maximum.reduceat(rising, first, axis=1)
    before = np.maximum.accumulate(best, axis=1)[:, :-1]
    ahead = np.insert(best[:, 1:] > before, 0, True, axis=1)
    found = np.empty(value.shape, bool)
    found[:, order] = np.repeat(ahead, sizes, axis=1) & (rising == np.repeat(best, sizes, axis=1))
    return found


def dominators(costs: Sequence[float], values: Sequence[float]) -> list[int | None]:
    """For each point, the index of a point that beats it, None on the frontier.

    Of several, the one of highest value, then of lowest cost: the best answer to "take this
    instead". Raises ValueError where the lengths differ or a number is NaN.
    """
    if len(costs) != len(values):
        raise ValueError(f"{len(costs)} costs but {len(values)} values")
    if any(isnan(number) for number in (*costs, *values)):
        raise ValueError("a point without a number can't be compared: leave it out")
    # Cheapest first, of equal cost the best first: a point is beaten exactly by the best value
    # among those before it, or by an equal value at a lower cost.
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -values[i]))
    beaten_by: list[int | None] = [None] * len(costs)
    best: int | None = None
    for index in order:
        if best is not None and (
            values[index] < values[best]
            or (values[index] == values[best] and costs[index] > costs[best])
        ):
            beaten_by[index] = best
        else:
            best = index
    return beaten_by
