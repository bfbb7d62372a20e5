"""Which point is best within a budget:

- A point is ranked where the source has an accuracy of it. Points are ordered by accuracy, highest
  first; of equals the fewest mult-adds first (uncounted ones last), then by label, compared
  character by character.
- It fits where every limited quantity was read and is at most its limit. Best is the first that
  fits and is better than chance, runner-up the second. No better than chance is a measured accuracy
  whose interval does not lie above that of guessing, 1 over the number of classes; where all that
  fit are so, there is no best, and the first is told as the highest.
- Not told apart from the best are those that fit and that nothing tells from it, as `evidence` has
  it. Of these and the best the cheapest is that with the smallest largest value / limit, without
  limits that with the fewest mult-adds; of equals the first in the order.
- Where nothing fits, the closest is the ranked point, every limited quantity of which was read,
  with the smallest largest excess, value / limit - 1 over the limits; of several the first in the
  order.
- Just over are those that break limits by at most a tenth and are more accurate than the point that
  is named first; the first few in the order.
- An interval crosses a limit that lies inside it: told of the point that is named first, of the
  runner-up and of those just over.
- A ranked point that was not read in a limited quantity is named with what it lacks, and so is one
  without an accuracy.

`panel` puts into tables for the page what of this does not wait for the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, isfinite

from sweep.metrics import MULT_ADDS
from sweep.report.content.certainty import may_be_guessing
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated
from sweep.report.content.figures import of_the_run
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.view import Candidate
from sweep.types import listed

NEAR = 1.1  # of a limit: what is at most this is just over
FEW = 3  # of those just over
BY_DEFAULT = Quantity(MULT_ADDS, MULT_ADDS.name)  # what is cheap where nothing is limited


@dataclass(frozen=True)
class Limit:
    """At most `value`, in the quantity's SI unit. Raises ValueError where it is not finite or not
    above 0.
    """

    of: Quantity
    value: float

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and self.value > 0):
            raise ValueError(f"{self.of.metric.name} = {self.value}: must be finite and above 0")


@dataclass(frozen=True)
class Budget:
    """Upper limits. `batch` says which readings are meant where there are several."""

    limits: tuple[Limit, ...] = ()
    batch: int = 1


@dataclass(frozen=True)
class Over:
    """A limit that the closest point breaks. excess = value / limit - 1."""

    limit: Limit
    value: float

    @property
    def excess(self) -> float:
        """The share of the limit that the value is above it."""
        return self.value / self.limit.value - 1


@dataclass(frozen=True)
class JustOver:
    """A more accurate point, and the limits that it breaks by a little."""

    point: Candidate
    over: tuple[Over, ...]


@dataclass(frozen=True)
class Crossing:
    """A limit inside a point's 95 % interval: which side of it the point is on is unsure."""

    label: str
    limit: Limit
    low: float
    high: float


@dataclass(frozen=True)
class Lacking:
    """A point that can't be judged, and what it was not read in; empty: it has no accuracy."""

    label: str
    unread: tuple[Quantity, ...]


@dataclass(frozen=True)
class Picked:
    """The answer. `ranked` is the number of points with an accuracy of the source; `fitting` are
    those within the budget, best first. `closest` is there only where nothing fits, and `over` says
    which limits it breaks. evidence: what tells the points apart. cheapest: of the best and its
    near ties, where there are any and something is known of them.
    """

    budget: Budget
    source: str
    evidence: Evidence
    ranked: int
    fitting: tuple[Candidate, ...]
    near_ties: tuple[Candidate, ...]
    cheapest: Candidate | None
    closest: Candidate | None
    over: tuple[Over, ...]
    just_over: tuple[JustOver, ...]
    lacking: tuple[Lacking, ...]

    @property
    def best(self) -> Candidate | None:
        """The most accurate that fits and is better than chance."""
        return next(iter(self._better), None)

    @property
    def runner_up(self) -> Candidate | None:
        return self._better[1] if len(self._better) > 1 else None

    @property
    def highest(self) -> Candidate | None:
        """The first that fits, where none of them is better than chance."""
        return self.fitting[0] if self.fitting and not self._better else None

    @property
    def first(self) -> Candidate | None:
        """The point that is named first."""
        return self.best or self.highest or self.closest

    @property
    def crossing(self) -> tuple[Crossing, ...]:
        """Of the points that are named."""
        named = (self.first, self.runner_up, *(each.point for each in self.just_over))
        return tuple(
            Crossing(each.label, limit, low, high)
            for each in named
            if each is not None
            for limit in self.budget.limits
            for low, high in [dict(each.spreads).get(limit.of.name, (limit.value, limit.value))]
            if low < limit.value < high
        )

    @property
    def at_chance(self) -> tuple[Candidate, ...]:
        """Those that fit and may as well be guessing."""
        return tuple(each for each in self.fitting if at_chance(each, self.source))

    @property
    def _better(self) -> tuple[Candidate, ...]:
        return tuple(each for each in self.fitting if not at_chance(each, self.source))


def pick(
    candidates: Sequence[Candidate], budget: Budget, source: str, measured: Evidence
) -> Picked:
    """Holds the candidates against the budget, by the rule above.

    source: whose accuracies rank them, a name of their `accuracies`. measured: what tells those of
    the run apart.
    """
    evidence = measured if of_the_run(source) else BY_INTERVALS
    ranked = order(candidates, source)
    whole = [pair for pair in ranked if not _unread(pair[1], budget)]
    fitting = [pair for pair in whole if not _over(pair[1], budget)]
    best = next((pair for pair in fitting if not at_chance(pair[1], source)), None)
    ties = []
    if best is not None:
        near = set(evidence.not_apart(_rated(best), map(_rated, fitting)))
        ties = [each for _, each in fitting if each.label in near]
    closest = None
    if whole and not fitting:
        _, closest = min(
            whole, key=lambda pair: max(each.excess for each in _over(pair[1], budget))
        )
    first = best[1] if best else fitting[0][1] if fitting else closest
    return Picked(
        budget=budget,
        source=source,
        ranked=len(ranked),
        fitting=tuple(each for _, each in fitting),
        evidence=evidence,
        near_ties=tuple(ties),
        cheapest=_cheapest([best[1], *ties], budget)
        if best and ties and best[0].has_interval and not evidence.once
        else None,
        closest=closest,
        over=_over(closest, budget) if closest else (),
        just_over=tuple(islice(_just_over(whole, first, budget, source), FEW)),
        lacking=tuple(
            Lacking(each.label, unread)
            for each in candidates
            if (unread := _lacking(each, budget, source)) is not None
        ),
    )


def _rated(pair: tuple[Estimate, Candidate]) -> Rated:
    return Rated(pair[1].label, pair[0])


def _cheapest(points: Sequence[Candidate], budget: Budget) -> Candidate | None:
    """None where no cost of them was read."""
    limits = {each.of.name: each.value for each in budget.limits} or {BY_DEFAULT.name: 1.0}
    read = [(dict(each.costs), each) for each in points]
    known = [(costs, each) for costs, each in read if limits.keys() <= costs.keys()]
    return min(
        known,
        key=lambda pair: max(pair[0][name] / limit for name, limit in limits.items()),
        default=(None, None),
    )[1]


def _just_over(
    whole: Iterable[tuple[Estimate, Candidate]],
    first: Candidate | None,
    budget: Budget,
    source: str,
) -> Iterator[JustOver]:
    """Those that are more accurate than `first`, in the order."""
    known = None if first is None else accuracy(first, source)
    for estimate, each in whole:
        over = _over(each, budget)
        near = all(broken.value <= NEAR * broken.limit.value for broken in over)
        better = known is not None and estimate.value > known.value
        if over and near and better and not at_chance(each, source):
            yield JustOver(each, over)


def order(candidates: Sequence[Candidate], source: str) -> list[tuple[Estimate, Candidate]]:
    """Those that have an accuracy of the source, with it, in the order that they are ranked in."""
    pairs = ((accuracy(each, source), each) for each in candidates)
    ranked = [(estimate, each) for estimate, each in pairs if estimate is not None]
    return sorted(
        ranked,
        key=lambda pair: (
            -pair[0].value,
            dict(pair[1].costs).get(MULT_ADDS.name, inf),
            pair[1].label,
        ),
    )


def costs_at(known: Iterable[Quantity], batch: int | None) -> tuple[Quantity, ...]:
    """What a budget can limit, of readings at `batch`; None for the first that was timed. Raises
    ValueError for a batch size that this run did not time while it did others.
    """
    costs = [each for each in known if each.is_cost]
    timed = list(dict.fromkeys(each.batch for each in costs if each.batch))
    if batch is not None and batch not in (timed or [1]):
        sizes = listed([str(size) for size in timed or [1]])
        raise ValueError(f"batch = {batch}: this run timed batch {sizes}")
    chosen = batch or next(iter(timed), None)
    return tuple(each for each in costs if each.batch in (None, chosen))


def accuracy(candidate: Candidate, source: str) -> Estimate | None:
    return dict(candidate.accuracies).get(source)


def at_chance(candidate: Candidate, source: str) -> bool:
    """Whether the measured accuracy may as well be that of guessing."""
    estimate = accuracy(candidate, source)
    if not of_the_run(source) or estimate is None:
        return False
    return may_be_guessing(estimate, candidate.classes)


def _unread(candidate: Candidate, budget: Budget) -> tuple[Quantity, ...]:
    read = dict(candidate.costs)
    return tuple(limit.of for limit in budget.limits if limit.of.name not in read)


def _lacking(candidate: Candidate, budget: Budget, source: str) -> tuple[Quantity, ...] | None:
    """What keeps a point from being judged; None where nothing does."""
    if accuracy(candidate, source) is None:
        return ()
    return _unread(candidate, budget) or None


def _over(candidate: Candidate, budget: Budget) -> tuple[Over, ...]:
    """The limits that are broken, compared as they are: the excess may round to nothing."""
    read = dict(candidate.costs)
    return tuple(
        Over(limit, read[limit.of.name])
        for limit in budget.limits
        if limit.of.name in read and read[limit.of.name] > limit.value
    )
