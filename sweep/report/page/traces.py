"""Plotly's traces that the frontiers and the scatters are drawn with: points, lines and names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from sweep.report.page.style import lines
from sweep.report.values.figures import Curve, Dot
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import SPACE

LETTERS = 11  # px: of a name
MOST_HIGH = 0.86  # of the plot's height lies between the lowest point and the highest, about
MARK = 6  # px: half of a point's symbol
OVER = 12  # px that a name may reach over the plot's right edge
# Where a name may stand, the best first: up on the left nothing is better and cheaper.
LEFT, RIGHT = "top left", "bottom right"
SIDES = (LEFT, RIGHT, "bottom left", "top right", "top center", "bottom center")
Box = tuple[float, float, float, float]  # left, bottom, right, top


def markers(dots: Sequence[Dot], **look: Any) -> dict[str, Any]:
    """Points with their intervals; a click opens their cards."""
    trace = {
        "type": "scatter",
        "mode": "markers",
        **_places(dots),
        "error_x": _bars([dot.x for dot in dots]),
        "error_y": _bars([dot.y for dot in dots]),
        "customdata": [dot.label for dot in dots],
        "hovertext": [lines(dot.hover) for dot in dots],
        "hoverinfo": "text",
        **look,
    }
    return {name: value for name, value in trace.items() if value is not None}


def line(name: str, ends: Sequence[tuple[float, float]], **look: Any) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "mode": "lines",
        "x": [x for x, _ in ends],
        "y": [y for _, y in ends],
        "line": look,
        "hoverinfo": "skip",
    }


def curve(of: Curve) -> dict[str, Any]:
    """A frontier in steps, its name at its right end."""
    xs, ys = [x for x, _ in of.points], [y for _, y in of.points]
    return {
        "type": "scatter",
        "name": of.name,
        "mode": "lines+text",
        "x": xs,
        "y": ys,
        "text": [*[""] * (len(xs) - 1), lines(of.name.split(", "))],
        "textposition": "top center",
        "line": {"shape": "hv", "dash": of.dash, "width": 1.5},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def names(
    named: Sequence[Dot], every: Sequence[Dot], axis: dict[str, Any], room: tuple[float, float]
) -> dict[str, Any]:
    """The names beside their points. every: all points of the plot; axis: plotly's horizontal one;
    room: the plot's px across and up. Where points stand in it is known to plotly alone: about.
    """
    along = math.log10 if axis["type"] == "log" else float
    xs, ys = ([getattr(dot, side).value for dot in every] for side in "xy")
    left, right = axis.get("range") or (min(xs), 1.07 * max(xs))
    low, high = min(ys), max(ys)

    def spot(dot: Dot) -> tuple[float, float]:
        across = (along(dot.x.value) - left) / (right - left or 1)
        return room[0] * across, room[1] * MOST_HIGH * (dot.y.value - low) / (high - low or 1)

    places = sides(
        [(dot.label, *spot(dot)) for dot in named], [spot(dot) for dot in every], room[0]
    )
    return {
        "type": "scatter",
        "name": "labels",
        "mode": "text",
        **_places(named),
        "text": [_clear(dot.label, place) for dot, place in zip(named, places, strict=True)],
        "textposition": [place or LEFT for place in places],
        "customdata": [dot.label for dot in named],
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def sides(
    spots: Iterable[tuple[str, float, float]],
    marks: Sequence[tuple[float, float]] = (),
    width: float = math.inf,
) -> list[str | None]:
    """For each name, and its point in px from the left lower corner, the first of SIDES on which it
    would not be cut at the plot's edges, nor lie on another name or on one of the `marks`, so that
    it seems to be that one's; None where there is none. width: the plot's, in px.
    """
    taken: list[Box] = []
    chosen: list[str | None] = []
    for name, x, y in spots:
        reach = 0.6 * LETTERS * (len(name) + 1) + 3 * MARK  # no box, and symbol on it, is farther
        others = [
            (left - MARK, up - MARK, left + MARK, up + MARK)
            for left, up in marks
            if abs(left - x) < reach and abs(up - y) < reach and (left, up) != (x, y)
        ]
        boxes = {side: _box(side, len(name), x, y) for side in SIDES}
        free = [side for side, box in boxes.items() if _is_free(box, [*taken, *others], width)]
        chosen.append(free[0] if free else None)
        taken += [boxes[side] for side in free[:1]]
    return chosen


def _box(side: str, letters: int, x: float, y: float) -> Box:
    """Of a name of so many letters, beside a point or above or below it."""
    high, up, across = 1.1 * LETTERS, side.startswith("top"), side.split()[1]
    middle = across == "center"
    long, gap = 0.6 * LETTERS * (letters if middle else letters + 1), MARK if middle else 0
    left = {"left": x - long, "right": x, "center": x - long / 2}[across]
    return left, y + gap if up else y - gap - high, left + long, y + gap + high if up else y - gap


def _is_free(box: Box, taken: Sequence[Box], width: float) -> bool:
    left, bottom, right, top = box
    inside = left >= 0 and right <= width + OVER
    return inside and not any(
        left < each[2] and each[0] < right and bottom < each[3] and each[1] < top for each in taken
    )


def _clear(label: str, place: str | None) -> str:
    """The name, kept clear of its symbol by no-break spaces."""
    if place is None:
        return ""
    before, after = (2 * SPACE if place.endswith(side) else "" for side in ("right", "left"))
    return f"{before}{lines([label])}{after}"


def _places(dots: Sequence[Dot]) -> dict[str, list[float]]:
    return {"x": [dot.x.value for dot in dots], "y": [dot.y.value for dot in dots]}


def _bars(estimates: Sequence[Estimate]) -> dict[str, Any] | None:
    """Of the intervals; None where no estimate has one."""
    if not any(each.has_interval for each in estimates):
        return None
    return {
        "type": "data",
        "array": [each.ends[1] - each.value for each in estimates],
        "arrayminus": [each.value - each.ends[0] for each in estimates],
    }
