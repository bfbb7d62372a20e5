"""What may be said of an accuracy: whether it is better than chance, and from whom it is apart.

In one place, and in one wording, for the page's sentences, its panel and the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

from sweep.maths.replicates import FRONTIER_DRAWS
from sweep.report.content.evidence import Evidence
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import SPACE, in_points, percent
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


def not_told_apart(best: str, others: Sequence[str], by: Evidence) -> str:
    """Which others may be as accurate as the best."""
    return tied(by).format(best=best, names=listed(others, NEIGHBOURS))


def tied(by: Evidence) -> str:
    """The same with the names left out, as "{best}" and "{names}"; where each point was trained
    once, no name is told.
    """
    if by.once:
        return f"{ONCE[:1].upper()}{ONCE[1:]}."
    overlapping = f": their 95{SPACE}% intervals overlap" if by.replicates is None else ""
    return f"{{best}} is not told apart from {{names}} by {means(by)}{overlapping}."


def means(by: Evidence) -> str:
    """What tells points apart: "4 trainings each and these test images"."""
    each = _trainings(by)
    return f"{each} and these test images" if each else "these test images"


def covers(by: Evidence) -> str:
    """What the 95 % intervals of the measured accuracies are about."""
    if by.once:
        return "of the test images alone"
    each = _trainings(by)
    return f"over {each} and the test images" if each else "of the test images"


def of_trainings(by: Evidence, *, shared: bool = False) -> str:
    """What the luck of the training is known to do: a caution; empty of networks that others have
    trained. shared: whether one training is that of all points.
    """
    if by.once:
        once = "All points are of one training" if shared else "Each point was trained once"
        return (
            f"{once}: an accuracy's interval is of the test images alone, and leaves out the luck "
            "of the training. With accuracy.seeds = 3 it is trained three times."
        )
    each = _trainings(by)
    if by.replicates is None or not each:
        return ""
    variance, freedom = by.replicates.seeds_variance
    own = in_points(by.replicates.own_variance[0] ** 0.5)
    apart = f", {own} of them against the other points" if shared else ""
    return (
        f"From seed to seed an accuracy moves by {in_points(variance**0.5)} (standard deviation, "
        f"with {freedom:.0f} degrees of freedom){apart}; the accuracies are means over {each}, and "
        "their intervals hold that and the choice of test images."
    )


def on_frontier(share: float | None) -> str:
    """In how many of the tables that might as well have come out; empty where nobody knows."""
    if share is None:
        return ""
    return f"in {percent(share)} of {FRONTIER_DRAWS:,} bootstrap replicates"


def _trainings(by: Evidence) -> str:
    if by.trainings is None:
        return ""
    least, most = by.trainings
    return f"{least} trainings each" if least == most else f"{least} to {most} trainings each"


ONCE = "one training each: their order may be chance"
BY_ONE = "by one training each"
SURE = 0.95  # of the bootstrap replicates: a point that is on a frontier in so many is surely on it
