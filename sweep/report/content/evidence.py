"""What tells one measured accuracy from another: the one rule for all that is said of two points.

- Where there are replicates, the 95 % interval of their paired difference leaves out 0.
- Of networks that others have trained it is that of the test images; where nothing is kept of
  single images, their intervals don't overlap. So it is of published accuracies, which have none,
  and are told apart where they are not the same.
- Where each point was trained once, nothing is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from sweep.maths.replicates import Replicates
from sweep.metrics import TOP1
from sweep.report.values.intervals import Estimate, overlap, share_a_value
from sweep.results.trainings import OURS, trainings_of
from sweep.types import Metric, Point

if TYPE_CHECKING:
    from sweep.results.load import Results

AT_ONCE = 256  # points held against all others: of thousands, not a matrix of all


class Rated(NamedTuple):
    """A point's accuracy, by its label."""

    label: str
    accuracy: Estimate


@dataclass(frozen=True)
class Evidence:
    """replicates: the trainings, `places` where each point stands in them, by its label; None where
    intervals alone tell. once: each point was trained once.
    """

    replicates: Replicates | None = None
    places: Mapping[str, int] = field(default_factory=dict)
    once: bool = False

    @property
    def trainings(self) -> tuple[int, int] | None:
        """Least and most of a point, where there are replicates whose luck is known."""
        if self.replicates is None or self.replicates.fixed or self.once:
            return None
        return int(self.replicates.counts.min()), int(self.replicates.counts.max())

    def apart(self, one: Rated, other: Rated) -> bool:
        """Whether two points are told apart."""
        if self.once:
            return False
        if self.replicates is None:
            return not overlap(one.accuracy, other.accuracy)
        places = self._places(one, other)
        return places is not None and self.replicates.difference(*places).told_apart

    def not_apart(self, best: Rated, others: Iterable[Rated]) -> list[str]:
        """The labels of those that are not told apart from the best, the most accurate first."""
        order = sorted(others, key=lambda each: each.accuracy.value, reverse=True)
        return [
            each.label for each in order if each.label != best.label and not self.apart(each, best)
        ]

    def reaches(self, one: Rated, share: float, best: Rated) -> bool:
        """Whether a point has at least this share of the best's accuracy: surely, but where each
        was trained once, and of published ones, as it was read.
        """
        if one.label == best.label:
            return True
        if not self.once and self.replicates is not None:
            places = self._places(one, best)
            if places is None:
                return False
            less = self.replicates.difference(*places, share)
            return less.value > 0 and less.told_apart
        if self.once:
            return one.accuracy.value >= share * best.accuracy.value
        return one.accuracy.ends[0] >= share * best.accuracy.ends[1]

    def ties(self, order: Sequence[Rated]) -> Iterator[npt.NDArray[np.bool_]]:
        """bool[P] for each point of the order: which others it is not told apart from."""
        for first in range(0, len(order), AT_ONCE):
            block = range(first, min(first + AT_ONCE, len(order)))
            for place, tied in zip(block, ~self._apart(order, block), strict=True):
                tied[place] = False
                yield tied

    def _apart(self, order: Sequence[Rated], block: range) -> npt.NDArray[np.bool_]:
        """bool[B,P]."""
        apart = np.zeros((len(block), len(order)), bool)
        if self.once:
            return apart
        if self.replicates is None:
            low, high = np.array([each.accuracy.ends for each in order]).T
            own = slice(block.start, block.stop)
            return ~share_a_value(low, high, low[own, None], high[own, None])
        at = np.array([self.places.get(each.label, -1) for each in order])
        known, rows = at >= 0, at[block.start : block.stop]
        among = self.replicates.apart(np.maximum(rows, 0).tolist())
        apart[:, known] = among[:, at[known]]
        return apart & (rows >= 0)[:, None]

    def _places(self, one: Rated, other: Rated) -> tuple[int, int] | None:
        if one.label not in self.places or other.label not in self.places:
            return None
        return self.places[one.label], self.places[other.label]


BY_INTERVALS = Evidence()


def evidence_of(results: Results, metric: Metric = TOP1) -> Evidence:
    """What tells the run's own accuracies apart; metric: those of which."""
    trainings = results.trainings if metric == TOP1 else trainings_of(results.readings, metric)
    if trainings is None:
        return Evidence(once=_trained_once(results))
    return Evidence(
        trainings.replicates,
        {
            Point(family, kind, alpha, 0.0, resolution).label: place
            for (family, kind, alpha, resolution), place in trainings.places.items()
        },
        once=not trainings.replicates.own_variance[1],
    )


def _trained_once(results: Results) -> bool:
    """Whether any accuracy, of which no single images are kept, is of a training of the run's."""
    readings = results.readings
    read = readings.loc[(readings["metric"] == TOP1.name) & readings["value"].notna()]
    source = results.settings.get("accuracy", {}).get("source", "")
    trains = source not in ("checkpoints", "keras")
    return bool(((read["measure"] != OURS) | read["seed"].notna() | trains).any())
