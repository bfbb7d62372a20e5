"""Numbers that may be off, and how two of them lie to each other: one rule for all that is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A number, with its 95 % interval where one is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def has_interval(self) -> bool:
        """Whether both its ends are known."""
        return self.low is not None and self.high is not None

    @property
    def ends(self) -> tuple[float, float]:
        """Of the interval; where there is none, the value alone."""
        if self.low is None or self.high is None:
            return self.value, self.value
        return self.low, self.high

    def plus(self, more: float) -> Estimate:
        """With its interval, moved along."""
        return self._each(lambda value: value + more)

    def times(self, factor: float) -> Estimate:
        """With its interval, in other units; factor above 0."""
        return self._each(lambda value: value * factor)

    def _each(self, change: Callable[[float], float]) -> Estimate:
        if self.low is None or self.high is None:
            return Estimate(change(self.value))
        return Estimate(change(self.value), change(self.low), change(self.high))


def overlap(one: Estimate, other: Estimate) -> bool:
    return bool(share_a_value(*one.ends, *other.ends))


def share_a_value(low: Any, high: Any, other_low: Any, other_high: Any) -> Any:
    """The same of intervals given by their ends, which may be arrays that broadcast together."""
    return (low <= other_high) & (other_low <= high)
