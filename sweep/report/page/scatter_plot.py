"""A scatter of the view -> plotly's data and layout."""

from __future__ import annotations

from typing import Any

from sweep.report.page import style
from sweep.report.page.frontier_plot import errors, log_range
from sweep.report.page.style import colours, lines, symbols
from sweep.report.values.figures import Axis, Dot, Key, Scatter
from sweep.report.values.units import SPACE


def plot(scatter: Scatter, key: Key) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place."""
    traces = [_line(scatter)] if scatter.line else []
    for resolution in key.resolutions:
        dots = [dot for dot in scatter.dots if dot.resolution == resolution]
        if dots:
            traces.append(_trace(dots, key, resolution))
    others = [dot for dot in scatter.dots if " " in dot.label]
    if others:
        traces.append(_names(others))
    x = {"title": style.title(scatter.x), **_axis(scatter.x, [dot.x.value for dot in scatter.dots])}
    y = _axis(scatter.y, [dot.y.value for dot in scatter.dots])
    return {"data": traces, "layout": {"xaxis": x, "yaxis": y}}


def _axis(axis: Axis, values: list[float]) -> dict[str, Any]:
    if axis.log:
        return {**style.ticks(axis), "range": log_range(values)}
    # Residuals lie on both sides of nothing, whose line is then worth drawing.
    return {**style.ticks(axis), "zeroline": min(values) < 0 < max(values)}


def _line(scatter: Scatter) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": "fitted line",
        "mode": "lines",
        "x": [x for x, _ in scatter.line],
        "y": [y for _, y in scatter.line],
        "line": {"dash": "dash"},
        "hoverinfo": "skip",
    }


def _names(dots: list[Dot]) -> dict[str, Any]:
    """A standard or shallow network has the symbol and colour of a separable one."""
    return {
        "type": "scatter",
        "name": "labels",
        "mode": "text",
        "x": [dot.x.value for dot in dots],
        "y": [dot.y.value for dot in dots],
        "text": [f"{lines([dot.label])}{2 * SPACE}" for dot in dots],
        "textposition": "middle left",
        "hoverinfo": "skip",
    }


def _trace(dots: list[Dot], key: Key, resolution: int) -> dict[str, Any]:
    symbol = symbols(key)
    bars = {"error_x": errors([dot.x for dot in dots]), "error_y": errors([dot.y for dot in dots])}
    return {
        "type": "scatter",
        "name": f"{resolution} px",
        "mode": "markers",
        "x": [dot.x.value for dot in dots],
        "y": [dot.y.value for dot in dots],
        "marker": {
            "symbol": [symbol[dot.alpha] for dot in dots],
            "color": colours(key)[resolution],
            "size": 10,
        },
        "customdata": [dot.label for dot in dots],
        "hovertext": [lines(dot.hover) for dot in dots],
        "hoverinfo": "text",
        **{name: bar for name, bar in bars.items() if bar is not None},
    }
