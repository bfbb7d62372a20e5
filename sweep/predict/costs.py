"""What a network between the points costs: latency, memory, or a cost of your own measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from sweep.maths.cost_fit import Fit, best, fitted
from sweep.predict.networks import Counts

WORST = 0.1  # mean error of measured points from each other, beyond which nothing is predicted
FEWEST_UNEVEN = 3  # networks with uneven channels, from which their price is learned


@dataclass(frozen=True)
class Prediction:
    """A value that nobody has measured, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Form:
    """What a cost is a sum of. called: in a sentence."""

    called: str
    terms: Callable[[Counts], tuple[float, ...]]


_SHARES = "a share for each call, mult-add of a 1x1 convolution, map element and weight"
BY_TERMS = Form(_SHARES, lambda counts: counts.terms)
BY_MULT_ADDS = Form("a share for each call and mult-add", lambda counts: counts.simple_terms)
APART = Form(
    f"{_SHARES}, and more where channels are no multiple of 8",
    lambda counts: counts.terms_apart,
)


@dataclass(frozen=True)
class CostModel:
    """fit: to the measured points. uneven: whether enough of them have channels that are no
    multiple of 8 to tell what these cost.
    """

    fit: Fit
    form: Form
    uneven: bool

    def at(self, counts: Counts) -> Prediction:
        value = self._value(counts)
        return Prediction(value, value / self.fit.factor, value * self.fit.factor)

    def chance(self, counts: Counts, limit: float, spread: float = inf) -> float:
        """That the cost, once measured, keeps the limit: 0..1. spread: as of `Fit.chance`."""
        return self.fit.chance(self._value(counts), limit, spread)

    def _value(self, counts: Counts) -> float:
        return float(self.fit.at([self.form.terms(counts)], [counts.place])[0])


def cost_model(counts: Sequence[Counts], costs: Sequence[float], worst: float = WORST) -> CostModel:
    """Of several sums, with and without what is left of each network carried over to those near it,
    that which predicts each of these networks best from the others. costs: as measured, above 0, in
    the order of counts.

    Raises ValueError where there are too few, or where each is off by more than `worst`, a share of
    its cost, on average.
    """
    learns = sum(each.uneven for each in counts) >= FEWEST_UNEVEN
    forms = (BY_TERMS, BY_MULT_ADDS, *([APART] if learns else []))
    octaves = [each.place for each in counts]
    tried = [(form, places) for form in forms for places in (None, octaves)]
    fits = [fitted([form.terms(each) for each in counts], costs, places) for form, places in tried]
    place = best(fits)
    if fits[place].error > worst:
        raise ValueError(
            f"predicted from the others, a measured point is off by {fits[place].error:.0%} on "
            f"average, more than {worst:.0%}"
        )
    return CostModel(fits[place], tried[place][0], learns)
