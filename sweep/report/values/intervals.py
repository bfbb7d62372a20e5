"""How two estimates' intervals lie to each other."""

from __future__ import annotations

from sweep.report.values.view import Estimate


def overlap(one: Estimate, other: Estimate) -> bool:
    """Whether the intervals share a value; a missing interval is the value alone."""
    low, high = _ends(one)
    other_low, other_high = _ends(other)
    return low <= other_high and other_low <= high


def _ends(estimate: Estimate) -> tuple[float, float]:
    if estimate.low is None or estimate.high is None:
        return estimate.value, estimate.value
    return estimate.low, estimate.high
