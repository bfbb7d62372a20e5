"""A frontier of the view -> plotly's data and layout."""

from __future__ import annotations

from typing import Any

from sweep.report.page import style, traces
from sweep.report.page.style import GREY, colours, symbols
from sweep.report.values.figures import Figure, Key

DIMMED = 0.42
ROOM = (640.0, 440.0)  # px across and up that the page has for it, about


def plot(figure: Figure, key: Key, room: tuple[float, float] = ROOM) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place. room: as `traces.names` has
    it.
    """
    every = (*figure.marks, *figure.paper)
    x = {
        "title": style.title(figure.x),
        **style.scale(figure.x, [dot.x.value for dot in every]),
        "rangemode": "tozero",
    }
    data = [_paper(figure, key)] if figure.paper else []
    if len(figure.front) > 1:
        # A step line: between two of its points the cheaper one is the best that can be had.
        data.append(traces.line("frontier", figure.front, shape="hv"))
    data += _points(figure, key)
    # And a standard or shallow network, which has the symbol and colour of a separable one.
    named = [mark for mark in figure.marks if mark.on_front or " " in mark.label]
    if named:
        data.append(traces.names(named, every, x, room))
    return {"data": data, "layout": {"xaxis": x, "yaxis": style.ticks(figure.y)}}


def _paper(figure: Figure, key: Key) -> dict[str, Any]:
    symbol = symbols(key)
    hollow = {
        "symbol": [f"{symbol[dot.alpha]}-open" for dot in figure.paper],
        "color": GREY,
        "size": 8,
        "line": {"width": 1.2},
    }
    return traces.markers(figure.paper, name="published, ImageNet", marker=hollow, customdata=None)


def _points(figure: Figure, key: Key) -> list[dict[str, Any]]:
    """For each resolution the points on the frontier and, dimmed, those that others beat."""
    symbol, data = symbols(key), []
    for resolution, colour in colours(key).items():
        for on_front in (False, True):
            marks = [
                mark
                for mark in figure.marks
                if mark.resolution == resolution and mark.on_front == on_front
            ]
            look = {
                "symbol": [symbol[mark.alpha] for mark in marks],
                "color": colour,
                "size": 11 if on_front else 9,
            }
            name = f"{resolution} px, {'on the frontier' if on_front else 'dominated'}"
            opacity = 1.0 if on_front else DIMMED
            data.append(traces.markers(marks, name=name, marker=look, opacity=opacity))
    return [trace for trace in data if trace["x"]]
