"""A scatter of the view -> plotly's data and layout."""

from __future__ import annotations

from typing import Any

from sweep.report.page import style, traces
from sweep.report.page.style import colours, symbols
from sweep.report.values.figures import Key, Scatter

ROOM = (440.0, 310.0)  # px across and up that the page has for it, about
LARGE, SMALL = 10, 6  # px: of a point


def plot(scatter: Scatter, key: Key) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place."""
    x, y = (
        style.scale(getattr(scatter, side), [getattr(dot, side).value for dot in scatter.dots])
        for side in "xy"
    )
    data = [traces.line(scatter.line_name, scatter.line, dash="dash")] if scatter.line else []
    data += [traces.curve(each) for each in scatter.curves]
    symbol = symbols(key)
    for resolution, colour in colours(key).items():
        dots = [dot for dot in scatter.dots if dot.resolution == resolution]
        sizes = [SMALL if dot.small else LARGE for dot in dots]
        look = {"symbol": [symbol[dot.alpha] for dot in dots], "color": colour, "size": sizes}
        data += [traces.markers(dots, name=f"{resolution} px", marker=look)] * bool(dots)
    # A standard or shallow network has the symbol and colour of a separable one.
    named = [dot for dot in scatter.dots if " " in dot.label]
    if named:
        data.append(traces.names(named, scatter.dots, x, ROOM))
    return {"data": data, "layout": {"xaxis": {"title": style.title(scatter.x), **x}, "yaxis": y}}
