"""Where the names of the frontier's points stand on paper, so that none is cut or covered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweep.report.page.style import lines
from sweep.report.values.figures import Figure
from sweep.report.values.units import SPACE

SIZE = 11  # px
# No-break spaces keep a name clear of its symbol.
LEFT, RIGHT = f"NAME{2 * SPACE}", f"{2 * SPACE}NAME"
# Behind a name that crosses a bar.
HALO = ", ".join(["0 0 2px white"] * 4)
_MOST_HIGH = 0.86  # of the plot's height lies between the lowest point and the highest, about


@dataclass(frozen=True)
class Spot:
    """A point of the frontier in px from the plot's left lower corner."""

    name: str
    x: float
    y: float


def placed(trace: dict[str, Any], spots: Sequence[Spot]) -> dict[str, Any]:
    """The page's trace of names, one for each spot, with every name on its side."""
    sides_ = sides(spots)
    texts = [
        "" if side is None else side.replace("NAME", lines([spot.name]))
        for spot, side in zip(spots, sides_, strict=True)
    ]
    places = ["bottom right" if side == RIGHT else "top left" for side in sides_]
    font = {"size": SIZE, "shadow": HALO}
    return {**trace, "text": texts, "textposition": places, "textfont": font}


def sides(spots: Sequence[Spot]) -> list[str | None]:
    """For each point the side of its name: up on the left, where nothing is better and cheaper;
    else down on the right, where it would be cut at the edge or lie on another name; None where
    there is no room either.
    """
    taken: list[tuple[float, float, float, float]] = []
    chosen: list[str | None] = []
    for spot in spots:
        long, high = 0.6 * SIZE * (len(spot.name) + 1), 1.1 * SIZE
        boxes = {
            LEFT: (spot.x - long, spot.y, spot.x, spot.y + high),
            RIGHT: (spot.x, spot.y - high, spot.x + long, spot.y),
        }
        free = [
            side
            for side, box in boxes.items()
            if box[0] >= 0 and not any(_overlap(box, other) for other in taken)
        ]
        chosen.append(free[0] if free else None)
        if free:
            taken.append(boxes[free[0]])
    return chosen


def spots_of(
    figure: Figure, ends: Sequence[float] | None, across: float, up: float
) -> tuple[Spot, ...]:
    """Where the frontier's points stand in a plot of across x up px, about: plotly alone knows
    exactly. ends: of the horizontal axis, as plotly has them (of a logarithmic one the powers of
    ten); None: from 0 on.
    """
    low, high = ends or (0.0, 1.07 * max(mark.x.value for mark in figure.marks))
    ys = [mark.y.value for mark in figure.marks] + [mark.y for mark in figure.paper]
    bottom, top = min(ys), max(*ys, min(ys) + 1e-9)
    return tuple(
        Spot(
            mark.label,
            across
            * ((math.log10(mark.x.value) if figure.x.log else mark.x.value) - low)
            / (high - low),
            _MOST_HIGH * up * (mark.y.value - bottom) / (top - bottom),
        )
        for mark in figure.marks
        if mark.on_front
    )


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Of two boxes: left, bottom, right, top."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
