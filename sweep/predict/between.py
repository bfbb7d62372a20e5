"""The networks between the points of a run, and what is predicted of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, floor, inf

import numpy as np
from scipy.optimize import nnls

from sweep.predict.accuracies import AccuracyModel
from sweep.predict.costs import WORST, CostModel, Prediction, cost_model
from sweep.predict.networks import COUNTED, Chain, Counts, Row, is_read

ALPHA_STEP, RESOLUTION_STEP = Fraction(1, 64), 32
MOST = 128  # points that a cost is predicted from: more tell little, and take minutes
_ON_THE_EDGE = 1e-9


@dataclass(frozen=True)
class Hull:
    """Inside it are the mixtures of the measured places; outside nothing is predicted."""

    places: tuple[tuple[float, int], ...]  # alpha, resolution

    def holds(self, alpha: float, resolution: int) -> bool:
        """Whether the place is a mixture, the edges included."""
        alphas, sides = np.array(self._outermost, np.float64).T
        full = max(1.0, float(sides.max()))
        shares = np.stack([alphas, sides / full, np.ones(len(alphas))])
        _, apart = nnls(shares, np.array([alpha, resolution / full, 1.0]))
        return bool(apart < _ON_THE_EDGE)

    @cached_property
    def _outermost(self) -> tuple[tuple[float, int], ...]:
        """Of each alpha the first and the last: of these all others are mixtures."""
        ends: dict[float, tuple[int, int]] = {}
        for alpha, side in self.places:
            low, high = ends.get(alpha, (side, side))
            ends[alpha] = min(low, side), max(high, side)
        return tuple((alpha, side) for alpha, own in ends.items() for side in dict.fromkeys(own))

    def steps(self, alpha: Fraction, resolution: int) -> Iterator[tuple[float, int]]:
        """All places inside that are whole multiples of these steps."""
        alphas, sides = zip(*self.places, strict=True)
        for side in range(ceil(min(sides) / resolution) * resolution, max(sides) + 1, resolution):
            for count in range(ceil(min(alphas) / alpha), floor(max(alphas) / alpha) + 1):
                place = float(count * alpha), side
                if self.holds(*place):
                    yield place


@dataclass(frozen=True)
class Costs:
    """A cost of the run's points. model: None where nothing is predicted; absent: why."""

    model: CostModel | None = None
    absent: str = ""


@dataclass(frozen=True)
class Between:
    """What a run tells of networks that it has not measured. costs: by column of the points."""

    chain: Chain
    hull: Hull
    measured: frozenset[tuple[float, int]]
    accuracy: AccuracyModel
    costs: Mapping[str, Costs]

    def counts(self, alpha: float, resolution: int) -> Counts:
        return self.chain.at(alpha, resolution)

    def cost(self, column: str, counts: Counts) -> Prediction | None:
        """Exact where it is counted; None where it is not predicted."""
        if column in COUNTED:
            value = float(COUNTED[column](counts))
            return Prediction(value, value, value)
        model = self.costs[column].model
        return model.at(counts) if model else None

    def chance(self, column: str, counts: Counts, limit: float, spread: float = inf) -> float:
        """That the network keeps a limit; 0 where nothing is predicted. spread: as of
        `Fit.chance`.
        """
        if column in COUNTED:
            return float(COUNTED[column](counts) <= limit)
        model = self.costs[column].model
        return model.chance(counts, limit, spread) if model else 0.0


def between(
    chain: Chain,
    rows: Sequence[Row],
    columns: Sequence[str],
    accuracy: AccuracyModel,
    limited: Sequence[str] = (),
    worst: float = WORST,
) -> Between:
    """rows: of one family and kind. columns: of the costs that are asked for. limited: those that a
    point must have been read in to count as measured. worst: as of `cost_model`. Raises ValueError
    where no network lies between such points.
    """
    measured = [row for row in rows if all(is_read(row.get(column)) for column in limited)]
    places = [(float(row["alpha"]), int(row["resolution"])) for row in measured]
    if not places:
        raise ValueError("no point has a reading of all that is limited")
    if len({alpha for alpha, _ in places}) < 2 and len({side for _, side in places}) < 2:
        raise ValueError("between one point and itself lies no network")
    fitted = {
        column: costs_of(chain, rows, column, worst) for column in columns if column not in COUNTED
    }
    return Between(chain, Hull(tuple(places)), frozenset(places), accuracy, fitted)


def costs_of(chain: Chain, rows: Sequence[Row], column: str, worst: float = WORST) -> Costs:
    """Of a column of points of one family and kind; of more than `MOST` from so many of them,
    drawn the same at each call.
    """
    read = [row for row in rows if is_read(row.get(column))]
    if len(read) > MOST:
        places = np.random.default_rng(0).choice(len(read), MOST, replace=False)
        read = [read[place] for place in sorted(places)]
    counts = [chain.at(float(row["alpha"]), int(row["resolution"])) for row in read]
    try:
        return Costs(cost_model(counts, [float(row[column]) for row in read], worst))
    except ValueError as error:
        return Costs(absent=str(error))
