"""Which networks of a space to measure next, to find the most accurate within a budget by few.

First the space's corners and centre. Then, round by round, those from which most is to be expected:
the chance of keeping the budget times the expected gain in accuracy over the best that is known to
keep it (constrained expected improvement: Gardner et al. 2014, ICML), by what the networks measured
so far predict of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, log, prod
from typing import TypeVar

from scipy.special import expit, logit
from scipy.stats import norm

from sweep.predict.accuracies import AccuracyModel
from sweep.predict.between import Between, between
from sweep.predict.costs import Prediction
from sweep.predict.networks import Chain, Row, is_read

Place = tuple[float, int]  # alpha, resolution
Number = TypeVar("Number", int, float)

# (networks that are new, networks of earlier rounds that are timed again beside them)
ROUNDS = ((2, 1), (1, 1), (1, 1))
LATENCIES = 5 + sum(map(sum, ROUNDS))  # with the first five
# Of the logs of what costs are off by, at most: the first few points lie far apart, and are off
# from each other by more than what lies between them is.
SPREAD = 0.1
GAIN = 5e-4  # of accuracy: where less is to be expected of any other, the answer stands
_WITHIN_95 = 2 * 1.959964  # standard deviations


@dataclass(frozen=True)
class Space:
    """All networks that may be the answer: each alpha at each resolution."""

    alphas: tuple[float, ...]
    resolutions: tuple[int, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(product(self.alphas, self.resolutions))

    def first(self) -> tuple[Place, ...]:
        """Corners and centre: their costs are measured before anything is predicted."""
        ends = product(_ends(self.alphas), _ends(self.resolutions))
        centre = _middle(self.alphas), _middle(self.resolutions)
        return tuple(dict.fromkeys((*ends, centre)))

    def edges(self) -> tuple[Place, ...]:
        """The middles of the edges, whose accuracies a surface needs beside those."""
        alphas, sides = _ends(self.alphas), _ends(self.resolutions)
        across = ((alpha, _middle(self.resolutions)) for alpha in alphas)
        along = ((_middle(self.alphas), side) for side in sides)
        return tuple(place for place in (*across, *along) if place not in self.first())


class NotPredictedError(ValueError):
    """A cost of the points so far tells nothing of others."""


@dataclass(frozen=True)
class Promise:
    """A network that is not measured. chance: of keeping the budget; gain: in accuracy, expected if
    it does.
    """

    place: Place
    chance: float
    gain: float

    @property
    def worth(self) -> float:
        return self.chance * self.gain


def best_of(rows: Iterable[Row], limits: Mapping[str, float], accuracy: str) -> Row | None:
    """The most accurate point that keeps every limit, as measured; of equals the first. limits and
    accuracy: by column.
    """
    fitting = [
        row
        for row in rows
        if is_read(row.get(accuracy))
        and all(is_read(row.get(name)) and row[name] <= most for name, most in limits.items())
    ]
    return max(fitting, key=lambda row: row[accuracy], default=None)


def following(
    network: Chain,
    rows: Sequence[Row],
    accuracy: AccuracyModel,
    limits: Mapping[str, float],
    space: Iterable[Place],
    most: int,
    column: str,
) -> tuple[Row | None, tuple[Place, ...]]:
    """The best so far, and what to measure next: `most` networks of these places at most. rows: of
    the points so far, of one family and kind. limits: by column; column: of the accuracies. Raises
    NotPredictedError where a limited cost is not predicted, ValueError where nothing is.
    """
    columns = list(limits)
    # Nothing of it is shown: it says where to measure.
    known = between(network, rows, columns, accuracy, columns, worst=inf)
    for name, cost in known.costs.items():
        if cost.absent:
            raise NotPredictedError(f"{name} is not predicted: {cost.absent}")
    best = best_of(rows, limits, column)
    read = {(row["alpha"], row["resolution"]): row[column] for row in rows if is_read(row[column])}
    return best, next_places(
        promises(known, space, limits, best[column] if best else None, read), most
    )


def promises(
    known: Between,
    space: Iterable[Place],
    limits: Mapping[str, float],
    best: float | None,
    accuracies: Mapping[Place, float],
) -> list[Promise]:
    """Of all places that are not measured, the one that promises most first. limits: by column.
    best: the highest accuracy, 0..1, that is known to keep them; None where none does. accuracies:
    that were read, as of a shared network's parts; others are predicted.
    """
    found = []
    for place in space:
        if place in known.measured or not known.hull.holds(*place):
            continue
        counts = known.counts(*place)
        chances = (known.chance(name, counts, most, SPREAD) for name, most in limits.items())
        chance = prod(chances)
        if place in accuracies:
            gain = max(0.0, accuracies[place] - (best or 0.0))
        else:
            gain = _gain(known.accuracy.at(*place), best)
        found.append(Promise(place, chance, gain))
    return sorted(found, key=lambda each: each.worth, reverse=True)


def next_places(promised: Iterable[Promise], most: int) -> tuple[Place, ...]:
    """The most promising of each resolution, `most` of them at most: of its neighbours in alpha
    each tells nearly the same. None where less is to be gained than is worth a measurement.
    """
    at: dict[int, Place] = {}
    for each in promised:
        if each.worth >= GAIN:
            at.setdefault(each.place[1], each.place)
    return tuple(at.values())[:most]


def _gain(accuracy: Prediction, best: float | None) -> float:
    """Expected, over the best, of an accuracy whose logit is normal: 0 where it is lower."""
    if best is None:
        return accuracy.value
    middle = float(logit(accuracy.value))
    spread = max(float(logit(accuracy.high) - logit(accuracy.low)) / _WITHIN_95, 1e-9)
    distance = (middle - log(best / (1 - best))) / spread
    slope = float(expit(middle) * (1 - expit(middle)))
    return slope * spread * float(distance * norm.cdf(distance) + norm.pdf(distance))


def _ends(values: Sequence[Number]) -> tuple[Number, ...]:
    return tuple(dict.fromkeys((max(values), min(values))))


def _middle(values: Sequence[Number]) -> Number:
    return sorted(values)[len(values) // 2]
