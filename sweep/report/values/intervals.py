"""Numbers that may be off, and how two of them lie to each other: one rule for all that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A number, with its 95 % interval where one is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Of the interval; where there is none, the value alone."""
        if self.low is None or self.high is None:
            return self.value, self.value
        return self.low, self.high


def overlap(one: Estimate, other: Estimate) -> bool:
    return bool(share_a_value(*one.ends, *other.ends))


def share_a_value(low: Any, high: Any, other_low: Any, other_high: Any) -> Any:
    """The same of intervals given by their ends, which may be arrays that broadcast together."""
    return (low <= other_high) & (other_low <= high)
