"""What may be said of an accuracy: whether it is better than chance, and from whom it is apart.

In one place, and in one wording, for the page's sentences, its panel and the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

from sweep.report.values.intervals import Estimate
from sweep.report.values.units import SPACE, percent
from sweep.types import listed

NEIGHBOURS = 3  # that a sentence names


def may_be_guessing(measured: Estimate, classes: float | None) -> bool:
    """Whether the interval does not lie above the accuracy of guessing, 1 over the classes; False
    where their number is not known.
    """
    return bool(classes) and measured.ends[0] <= 1 / classes


def guessing(classes: int) -> str:
    """What an accuracy has to be better than."""
    return f"guessing one of {classes} classes ({percent(1 / classes)})"


def not_told_apart(name: str, others: Sequence[str]) -> str:
    """Neighbours whose intervals overlap with that of the best."""
    return NOT_TOLD_APART.format(best=name, names=listed(others, NEIGHBOURS))


NOT_TOLD_APART = (
    "{best} is not told apart from {names} by these test images: their "
    f"95{SPACE}% intervals overlap."
)
