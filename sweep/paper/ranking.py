"""Does the run rank the sixteen points as the published accuracies do?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sweep.maths.statistics import kendall_tau
from sweep.paper.networks import FAMILY

# Of four points one order in 24 is the same by chance, and one reversed: more than 5 in 100.
FEWEST_FOR_TAU = 5


@dataclass(frozen=True)
class Tau:
    """Kendall's tau-b of two rankings of `n` points; value None with a reason."""

    value: float | None
    n: int
    reason: str = ""


def tau(points: pd.DataFrame) -> Tau:
    """Agreement of the measured top-1 with TF-slim's of June 2017, over the points with both."""
    if points.empty:
        return Tau(None, 0, "the run has no points yet")
    both = points[
        (points["family"] == FAMILY)
        & (points["kind"] == "separable")
        & points["top1"].notna()
        & points["published_top1"].notna()
    ]
    if len(both) < FEWEST_FOR_TAU:
        return Tau(
            None,
            len(both),
            f"needs {FEWEST_FOR_TAU} points with a measured and a published accuracy, "
            f"this run has {len(both)}",
        )
    try:
        value = kendall_tau(both["top1"].tolist(), both["published_top1"].tolist())
    except ValueError as error:
        return Tau(None, len(both), str(error))
    return Tau(value, len(both))
