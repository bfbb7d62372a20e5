"""The smooth surface's accuracies as a report shows them: beside the counted ones."""

from __future__ import annotations

import pandas as pd

from sweep.metrics import TOP1
from sweep.report.values.quantity import Quantity
from sweep.results.points import TRAININGS
from sweep.results.smoothing import COLUMN, HIGH, LOW
from sweep.types import Better, Form, Metric

SMOOTH = Quantity(
    Metric(
        COLUMN, "Top-1 accuracy, smoothed", "1", Better.HIGHER, Form.SHARE, "Smoothed", TOP1.name
    ),
    COLUMN,
    low=LOW,
    high=HIGH,
)
SURFACE = "logit accuracy = b0 + b1 a + b2 a² + b3 r + b4 a r, a = log2 alpha, r = log2 rho"


def is_there(points: pd.DataFrame) -> bool:
    """Whether a grid among the points has a surface."""
    return COLUMN in points and bool(points[COLUMN].notna().any())


def sentence(points: pd.DataFrame) -> str:
    """What the column says; empty where there is none."""
    if not is_there(points):
        return ""
    several = points.loc[points[COLUMN].notna() & points[TOP1.name].notna(), TRAININGS].max() > 1
    how = (
        "each point between it and its own trainings, nearer to what is known better"
        if several
        else "which takes all that points scatter around it for the luck of their one training"
    )
    return (
        f" Smoothed: by a surface through all points of the grid, {SURFACE}; {how}. Nothing is "
        "ranked by it."
    )
