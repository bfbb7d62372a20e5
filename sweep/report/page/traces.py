"""Plotly's traces that the frontiers and the scatters are drawn with: points, lines and names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from sweep.report.page.style import lines
from sweep.report.values.figures import Dot
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import SPACE

LETTERS = 11  # px: of a name
MOST_HIGH = 0.86  # of the plot's height lies between the lowest point and the highest, about
LEFT, RIGHT = "top left", "bottom right"
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
    places = sides(
        (
            dot.label,
            room[0] * (along(dot.x.value) - left) / (right - left or 1),
            room[1] * MOST_HIGH * (dot.y.value - low) / (high - low or 1),
        )
        for dot in named
    )
    # No-break spaces keep the name clear of its symbol.
    forms = {LEFT: "{}" + 2 * SPACE, RIGHT: 2 * SPACE + "{}", None: ""}
    return {
        "type": "scatter",
        "name": "labels",
        "mode": "text",
        **_places(named),
        "text": [
            forms[place].format(lines([dot.label]))
            for dot, place in zip(named, places, strict=True)
        ],
        "textposition": [place or LEFT for place in places],
        "customdata": [dot.label for dot in named],
        "hoverinfo": "skip",
    }


def sides(spots: Iterable[tuple[str, float, float]]) -> list[str | None]:
    """For each name, and its point in px from the left lower corner, its side: up on the left,
    where nothing is better and cheaper; else down on the right, where it would be cut at the edge
    or lie on another name; None where there is no room either.
    """
    taken: list[Box] = []
    chosen: list[str | None] = []
    for name, x, y in spots:
        long, high = 0.6 * LETTERS * (len(name) + 1), 1.1 * LETTERS
        boxes = {LEFT: (x - long, y, x, y + high), RIGHT: (x, y - high, x + long, y)}
        free = [side for side, box in boxes.items() if _is_free(box, taken)]
        chosen.append(free[0] if free else None)
        taken += [boxes[side] for side in free[:1]]
    return chosen


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    left, bottom, right, top = box
    return left >= 0 and not any(
        left < each[2] and each[0] < right and bottom < each[3] and each[1] < top for each in taken
    )


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
