"""Which point is best within a budget. The page repeats this rule in JavaScript, so it is short:

- A point is ranked where the source has an accuracy of it. Points are ordered by accuracy, highest
  first; of equals the fewest mult-adds first (uncounted ones last), then by label, compared
  character by character.
- It fits where every limited quantity was read and is at most its limit. Best is the first that
  fits, runner-up the second.
- Near a tie with the best are those that fit and whose accuracy interval overlaps with the best's:
  low <= best high and best low <= high. A missing interval is the value alone.
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

from sweep.report.figures import written
from sweep.report.intervals import overlap
from sweep.report.shown import Candidate, Estimate
from sweep.report.units import Form, percent, shown
from sweep.types import listed

ACCURACY = "accuracy"
FORMS = {
    "latency_s": Form.SECONDS,
    "params": Form.COUNT,
    "mult_adds": Form.COUNT,
    "peak_memory_bytes": Form.BYTES,
}
_NAMES = {
    "latency_s": "latency",
    "params": "parameters",
    "mult_adds": "mult-adds",
    "peak_memory_bytes": "peak memory",
}
MANIFOLD = 9.0  # from an excess of this on "10 times" is plainer than per cent
LEAST = 0.001  # a smaller excess would be written as 0 %


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
        """The most accurate that fits."""
        return self.fitting[0] if self.fitting else None

    @property
    def runner_up(self) -> Candidate | None:
        """The next one."""
        return self.fitting[1] if len(self.fitting) > 1 else None


def pick(candidates: Sequence[Candidate], budget: Budget, source: str) -> Picked:
    """Holds the candidates against the budget, by the rule above.

    source: whose accuracies rank them, a name of their `accuracies`.
    """
    pairs = ((accuracy(each, source), each) for each in candidates)
    ranked = sorted(((found, each) for found, each in pairs if found is not None), key=_order)
    whole = [pair for pair in ranked if not _unread(pair[1], budget)]
    fitting = [pair for pair in whole if not _over(pair[1], budget)]
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
        near_ties=tuple(each for found, each in fitting[1:] if overlap(found, fitting[0][0])),
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


def sentences(picked: Picked, called: str) -> tuple[str, ...]:
    """The answer in words, each sentence with its figures. called: the accuracies inside a
    sentence, "accuracy measured by this run".
    """
    if not picked.ranked:
        return (f"No point has an {called}, so none can be ranked.",)
    parts = [_what_fits(picked, called)]
    if picked.best is not None:
        parts.append(f"Best: {_described(picked.best, picked)}.")
        if picked.runner_up is None:
            parts.append("There is no runner-up: no other point fits.")
        else:
            parts.append(f"Runner-up: {_described(picked.runner_up, picked)}.")
        parts += _ties(picked)
    elif picked.closest is not None:
        broken = "; ".join(_broken(each) for each in picked.over)
        parts.append(f"Closest: {_described(picked.closest, picked)}. Over the limit: {broken}.")
    else:
        parts.append("No point has a reading of all that is limited, so none comes closest.")
    return (*parts, *_unjudged(picked, called))


def _what_fits(picked: Picked, called: str) -> str:
    of = "the one point" if picked.ranked == 1 else f"{picked.ranked} points"
    limits = [
        f"{shown(limit, FORMS[name])} {named(name, picked.budget.batch)}"
        for name, limit in picked.budget.limits
    ]
    if not limits:
        return f"No limit is set: the best of {of} with an {called}."
    n = len(picked.fitting)
    fit = "none fits" if n == 0 else "1 fits" if n == 1 else f"{n} fit"
    return f"Of {of} with an {called}, {fit} a budget of {listed(limits)}."


def _described(candidate: Candidate, picked: Picked) -> str:
    """A point with its accuracy, and with what is limited where it fits."""
    found = accuracy(candidate, picked.source)
    text = f"{candidate.label}, {written(found, Form.SHARE)} top-1" if found else candidate.label
    readings = [
        f"{shown(value, FORMS[name])} {named(name)}"
        for name, _ in picked.budget.limits
        if (value := picked.budget.read(candidate, name)) is not None and picked.fitting
    ]
    return f"{text}, with {listed(readings)}" if readings else text


def _broken(over: Over) -> str:
    value, limit = (shown(each, FORMS[over.name]) for each in (over.value, over.limit))
    if over.excess >= MANIFOLD:
        by = f"{1 + over.excess:.0f} times"
    elif over.excess < LEAST:
        by = f"less than {percent(LEAST)} over"
    else:
        by = f"{percent(over.excess)} over"
    return f"{named(over.name)} {value}, {by} {limit}"


def _ties(picked: Picked) -> list[str]:
    best = picked.best and accuracy(picked.best, picked.source)
    without = best is not None and best.low is None
    if picked.near_ties:
        names = listed([each.label for each in picked.near_ties])
        why = "the accuracies are equal" if without else "the accuracies' 95 % intervals overlap"
        return [f"Near a tie with the best, as {why}: {names}."]
    if without and picked.runner_up is not None:
        return ["These accuracies have no intervals: how near the runner-up is can't be told."]
    return []


def _unjudged(picked: Picked, called: str) -> list[str]:
    """Points that can't be judged, those that lack the same in one sentence."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for each in picked.lacking:
        groups.setdefault(each.names, []).append(each.label)
    said = []
    for names, labels in groups.items():
        lack = f"an {called}"
        if names != (ACCURACY,):
            lack = f"a reading of {listed([named(name, picked.budget.batch) for name in names])}"
        said.append(f"Left out, without {lack}: {listed(labels)}.")
    return said


def named(name: str, batch: int | None = None) -> str:
    """A quantity of FORMS inside a sentence: "latency", with a batch "latency at batch 1"."""
    return f"{_NAMES[name]} at batch {batch}" if batch and name == "latency_s" else _NAMES[name]
