"""Which point is best within a budget. The page repeats this rule in JavaScript, so it is short:

- A point is ranked where the source has an accuracy of it. Points are ordered by accuracy, highest
  first; of equals the fewest mult-adds first (uncounted ones last), then by label, compared
  character by character.
- It fits where every limited quantity was read and is at most its limit. Best is the first that
  fits and is better than chance, runner-up the second. No better than chance is a measured accuracy
  whose interval does not lie above that of guessing, 1 over the number of classes; where all that
  fit are so, there is no best, and the first is told as the highest.
- Not told apart from the best are those that fit and whose accuracy interval overlaps with the
  best's: low <= best high and best low <= high. A missing interval is the value alone.
- Where nothing fits, the closest is the ranked point, every limited quantity of which was read,
  with the smallest largest excess, value / limit - 1 over the limits; of several the first in the
  order.
- A ranked point that was not read in a limited quantity is named with what it lacks, and so is one
  without an accuracy.

Peak memory is of the batch that the candidates were made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

from sweep.report.content.bearing import ACCURACY
from sweep.report.content.figures import MEASURED
from sweep.report.values.intervals import Estimate, overlap
from sweep.report.values.units import Form
from sweep.report.values.view import Candidate

FORMS = {
    "latency_s": Form.SECONDS,
    "params": Form.COUNT,
    "mult_adds": Form.COUNT,
    "peak_memory_bytes": Form.BYTES,
}


@dataclass(frozen=True)
class Budget:
    """Upper limits in SI units, each finite and above 0, None where there is none. `batch` says
    which latency is meant. Raises ValueError for any other limit.
    """

    latency_s: float | None = None
    params: float | None = None
    mult_adds: float | None = None
    peak_memory_bytes: float | None = None
    batch: int = 1

    def __post_init__(self) -> None:
        for name, limit in self.limits:
            if not (isfinite(limit) and limit > 0):
                raise ValueError(f"{name} = {limit}: must be finite and above 0")

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        """(name, limit) of what is limited, in the order of FORMS."""
        limits = ((name, getattr(self, name)) for name in FORMS)
        return tuple((name, limit) for name, limit in limits if limit is not None)

    def read(self, candidate: Candidate, name: str) -> float | None:
        """The candidate's reading of a quantity of FORMS."""
        if name == "latency_s":
            return dict(candidate.latencies).get(self.batch)
        return getattr(candidate, name)


@dataclass(frozen=True)
class Over:
    """A limit that the closest point breaks. excess = value / limit - 1."""

    name: str
    value: float
    limit: float
    excess: float


@dataclass(frozen=True)
class Lacking:
    """A point that can't be judged, and the names of what was not read: quantities of FORMS, or
    the accuracy alone.
    """

    label: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Picked:
    """The answer. `ranked` is the number of points with an accuracy of the source; `fitting` are
    those within the budget, best first. `closest` is there only where nothing fits, and `over` says
    which limits it breaks.
    """

    budget: Budget
    source: str
    ranked: int
    fitting: tuple[Candidate, ...]
    near_ties: tuple[Candidate, ...]
    closest: Candidate | None
    over: tuple[Over, ...]
    lacking: tuple[Lacking, ...]

    @property
    def best(self) -> Candidate | None:
        """The most accurate that fits and is better than chance."""
        return next(iter(self._better), None)

    @property
    def runner_up(self) -> Candidate | None:
        """The next one."""
        return self._better[1] if len(self._better) > 1 else None

    @property
    def highest(self) -> Candidate | None:
        """The first that fits, where none of them is better than chance."""
        return self.fitting[0] if self.fitting and not self._better else None

    @property
    def at_chance(self) -> tuple[Candidate, ...]:
        """Those that fit and may as well be guessing."""
        return tuple(each for each in self.fitting if at_chance(each, self.source))

    @property
    def _better(self) -> tuple[Candidate, ...]:
        return tuple(each for each in self.fitting if not at_chance(each, self.source))


def pick(candidates: Sequence[Candidate], budget: Budget, source: str) -> Picked:
    """Holds the candidates against the budget, by the rule above.

    source: whose accuracies rank them, a name of their `accuracies`.
    """
    pairs = ((accuracy(each, source), each) for each in candidates)
    ranked = sorted(((found, each) for found, each in pairs if found is not None), key=_order)
    whole = [pair for pair in ranked if not _unread(pair[1], budget)]
    fitting = [pair for pair in whole if not _over(pair[1], budget)]
    best = next((pair for pair in fitting if not at_chance(pair[1], source)), None)
    closest = None
    if whole and not fitting:
        _, closest = min(
            whole, key=lambda pair: max(each.excess for each in _over(pair[1], budget))
        )
    return Picked(
        budget=budget,
        source=source,
        ranked=len(ranked),
        fitting=tuple(each for _, each in fitting),
        near_ties=tuple(
            each
            for found, each in fitting
            if best and each is not best[1] and overlap(found, best[0])
        ),
        closest=closest,
        over=_over(closest, budget) if closest else (),
        lacking=tuple(
            Lacking(each.label, names)
            for each in candidates
            if (names := _lacking(each, budget, source))
        ),
    )


def accuracy(candidate: Candidate, source: str) -> Estimate | None:
    """The candidate's accuracy by that source."""
    return dict(candidate.accuracies).get(source)


def at_chance(candidate: Candidate, source: str) -> bool:
    """Whether the measured accuracy may as well be that of guessing: its interval does not lie
    above 1 over the number of classes.
    """
    found = accuracy(candidate, source)
    if source != MEASURED or found is None or not candidate.classes:
        return False
    return (found.value if found.low is None else found.low) <= 1 / candidate.classes


def _order(pair: tuple[Estimate, Candidate]) -> tuple[float, float, str]:
    found, candidate = pair
    mult_adds = inf if candidate.mult_adds is None else candidate.mult_adds
    return -found.value, mult_adds, candidate.label


def _unread(candidate: Candidate, budget: Budget) -> tuple[str, ...]:
    return tuple(name for name, _ in budget.limits if budget.read(candidate, name) is None)


def _lacking(candidate: Candidate, budget: Budget, source: str) -> tuple[str, ...]:
    return (ACCURACY,) if accuracy(candidate, source) is None else _unread(candidate, budget)


def _over(candidate: Candidate, budget: Budget) -> tuple[Over, ...]:
    """The limits that are broken, compared as they are: the excess may round to nothing."""
    return tuple(
        Over(name, value, limit, value / limit - 1)
        for name, limit in budget.limits
        if (value := budget.read(candidate, name)) is not None and value > limit
    )
