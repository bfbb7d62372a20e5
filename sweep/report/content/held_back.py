"""What the accuracy of a point that was chosen for it is worth: on images that chose nothing."""

from __future__ import annotations

from typing import Any

from sweep.metrics import HELD_BACK, HELD_BACK_IMAGES
from sweep.report.content.axes import number
from sweep.report.content.figures import written
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import Form
from sweep.results.points import end_of

CHOSEN = (
    "{label} was chosen out of {of} by the images that its accuracy is of: on others expect a "
    "little less."
)


def held_back(row: dict[str, Any]) -> tuple[Estimate | None, int | None]:
    """A point's accuracy on the images held back, and how many these are."""
    columns = (HELD_BACK.name, *(end_of(HELD_BACK.name, end) for end in ("low", "high")))
    value, low, high = (number(row.get(each)) for each in columns)
    images = number(row.get(HELD_BACK_IMAGES.name))
    if value is None or not images:
        return None, None
    return Estimate(value, low, high), int(images)


def worth(label: str, estimate: Estimate | None, images: int | None, of: int) -> tuple[str, ...]:
    """A sentence about the measured accuracy of a point that is the best `of` so many."""
    if estimate is not None:
        right = written(estimate, Form.SHARE)
        return (f"On {images:,} test images that chose nothing, {label} gets {right} right.",)
    if of < 2:
        return ()
    return (CHOSEN.format(label=label, of=of),)
