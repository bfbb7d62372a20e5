"""A frontier of the view -> plotly's data and layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sweep.report.page import style
from sweep.report.page.style import GREY, colours, lines, symbols
from sweep.report.values.figures import Figure, Key, Mark
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import SPACE, Form, formatted

DIMMED = 0.42
MOST_LABELS = 14
NEAR = 0.13  # of the axis: a name is about as long


def plot(figure: Figure, key: Key) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place."""
    traces = [
        *_paper(figure, key),
        *_frontier(figure),
        *_points(figure, key),
        *_labels(figure),
    ]
    return {"data": traces, "layout": _layout(figure)}


def errors(estimates: Sequence[Estimate]) -> dict[str, Any] | None:
    """Bars of the intervals; None where no estimate has one."""
    if all(each.low is None or each.high is None for each in estimates):
        return None
    return {
        "type": "data",
        "array": [0 if each.high is None else each.high - each.value for each in estimates],
        "arrayminus": [0 if each.low is None else each.value - each.low for each in estimates],
    }


def log_range(xs: Sequence[float]) -> list[float]:
    """Powers of ten at both ends, with room on the left for the first point's name."""
    return [math.log10(min(xs)) - 0.16, math.log10(max(xs)) + 0.06]


def _scatter(**trace: Any) -> dict[str, Any]:
    return {
        "type": "scatter",
        **{name: value for name, value in trace.items() if value is not None},
    }


def _paper(figure: Figure, key: Key) -> list[dict[str, Any]]:
    if not figure.paper:
        return []
    symbol = symbols(key)
    return [
        _scatter(
            name="published, ImageNet",
            mode="markers",
            x=[mark.x for mark in figure.paper],
            y=[mark.y for mark in figure.paper],
            marker={
                "symbol": [f"{symbol[mark.alpha]}-open" for mark in figure.paper],
                "color": GREY,
                "size": 8,
                "line": {"width": 1.2},
            },
            hovertext=[
                lines(
                    [
                        f"{mark.label}, published",
                        f"top-1 {formatted(mark.y, Form.SHARE)} on ImageNet",
                        f"{figure.x.title}: {formatted(mark.x, figure.x.form)}",
                        f"source: {mark.source}",
                    ]
                )
                for mark in figure.paper
            ],
            hoverinfo="text",
        )
    ]


def _frontier(figure: Figure) -> list[dict[str, Any]]:
    """A step line: between two of its points the cheaper one is the best that can be had."""
    if len(figure.front) < 2:
        return []
    return [
        _scatter(
            name="frontier",
            mode="lines",
            x=[x for x, _ in figure.front],
            y=[y for _, y in figure.front],
            line={"shape": "hv"},
            hoverinfo="skip",
        )
    ]


def _points(figure: Figure, key: Key) -> list[dict[str, Any]]:
    """For each resolution the points on the frontier and, dimmed, those that others beat."""
    traces = []
    for resolution in key.resolutions:
        for on_front in (False, True):
            marks = [
                mark
                for mark in figure.marks
                if mark.resolution == resolution and mark.on_front == on_front
            ]
            if marks:
                traces.append(_trace(marks, key, resolution, on_front))
    return traces


def _trace(marks: Sequence[Mark], key: Key, resolution: int, on_front: bool) -> dict[str, Any]:
    colour, symbol = colours(key)[resolution], symbols(key)
    return _scatter(
        name=f"{resolution} px, {'on the frontier' if on_front else 'dominated'}",
        mode="markers",
        x=[mark.x.value for mark in marks],
        y=[mark.y.value for mark in marks],
        error_x=errors([mark.x for mark in marks]),
        error_y=errors([mark.y for mark in marks]),
        marker={
            "symbol": [symbol[mark.alpha] for mark in marks],
            "color": colour,
            "size": 11 if on_front else 9,
        },
        opacity=1.0 if on_front else DIMMED,
        customdata=[mark.label for mark in marks],  # what a click opens
        hovertext=[lines(mark.hover) for mark in marks],
        hoverinfo="text",
    )


def _labels(figure: Figure) -> list[dict[str, Any]]:
    """Names beside the frontier's points, where there is room for them."""
    # A standard or shallow network has the symbol and colour of a separable one: named always.
    ahead = [mark for mark in figure.marks if mark.on_front or " " in mark.label]
    if not ahead or len(ahead) > MOST_LABELS:
        return []
    places = _places(figure, ahead)
    return [
        _scatter(
            name="labels",
            mode="text",
            x=[mark.x.value for mark in ahead],
            y=[mark.y.value for mark in ahead],
            # No-break spaces keep the name clear of its symbol.
            text=[
                f"{lines([mark.label])}{2 * SPACE}"
                if place.endswith("left")
                else f"{2 * SPACE}{lines([mark.label])}"
                for mark, place in zip(ahead, places, strict=True)
            ],
            textposition=places,
            customdata=[mark.label for mark in ahead],
            hoverinfo="skip",
        )
    ]


def _places(figure: Figure, marks: Sequence[Mark]) -> list[str]:
    """Above the step line on the left; near the axis, which would cut names off, below it on the
    right.
    """

    def along(x: float) -> float:
        return math.log10(x) if figure.x.log else x

    xs = [along(each.x.value) for each in figure.marks] + [along(each.x) for each in figure.paper]
    low, high = (min(xs), max(xs)) if figure.x.log else (0.0, max(xs))
    return [
        "bottom right" if along(mark.x.value) < low + NEAR * (high - low) else "top left"
        for mark in marks
    ]


def _layout(figure: Figure) -> dict[str, Any]:
    x = {"title": style.title(figure.x), **style.ticks(figure.x)}
    if figure.x.log:
        xs = [each.x.value for each in figure.marks] + [each.x for each in figure.paper]
        x["range"] = log_range(xs)
    else:
        x["rangemode"] = "tozero"
    return {"xaxis": x, "yaxis": style.ticks(figure.y)}
