"""A figure of the view as it stands in a paper: dark on white, axis titles, and a legend beside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from sweep.report.page import frontier_plot, heat_map_plot, scatter_plot, style
from sweep.report.values.figures import Axis, Dot, Figure, HeatMap, Key, Scatter
from sweep.report.values.units import SPACE
from sweep.types import alpha_text

TEXT = "#1A1A1A"
LINES = "#444444"
SIZE, SMALL = 13, 12  # px
RATIO = 0.66  # height to width
BESIDE = 190  # px: what the vertical axis and the legend take
BELOW = 80  # px: what the horizontal axis and the margins take
ROW = 20  # px of the legend for an entry
LEGEND = 18  # characters of a line of the legend
_LONGEST_LINE = 56  # characters of an axis title
# Behind a name that crosses a bar.
HALO = ", ".join(["0 0 2px white"] * 4)
_AXIS = {
    **style.TEMPLATE["layout"]["xaxis"],
    "title": {"standoff": 10, "font": {"size": SIZE}},
    "showline": True,
    "linecolor": LINES,
    "ticks": "outside",
    "tickcolor": LINES,
    "ticklen": 5,
    "gridcolor": "#E6E6E6",
    "zerolinecolor": LINES,
    "tickfont": {"size": SMALL},
}
# The page's template, dark on white.
TEMPLATE: dict[str, Any] = {
    **style.TEMPLATE,
    "layout": {
        **style.TEMPLATE["layout"],
        # Arial's shapes under the names that Linux, macOS and Windows know.
        "font": {
            "family": "Liberation Sans, Arial, Helvetica, sans-serif",
            "color": TEXT,
            "size": SIZE,
        },
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 12, "r": 12, "t": 16, "b": 16},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {
            "x": 1.02,
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "top",
            "tracegroupgap": 8,
            "font": {"size": SMALL},
            "grouptitlefont": {"size": SMALL},
        },
    },
}

Shape = Figure | Scatter | HeatMap
_Entries = list[dict[str, Any]]


def on_paper(shape: Shape, key: Key, width: int) -> dict[str, Any]:
    """The page's traces in fixed colours, as plotly's plain data; width in px of CSS (1/96 inch),
    the height follows, and grows where the legend needs it.
    """
    if isinstance(shape, Figure):
        return _frontier(shape, key, width)
    if isinstance(shape, Scatter):
        return _scatter(shape, key, width)
    return _heat_map(shape, width)


def _frontier(figure: Figure, key: Key, width: int) -> dict[str, Any]:
    legend = [*_key((*figure.marks, *figure.paper), figure.marks, key), *_standing(figure)]
    room = (width - BESIDE, _height(width, legend) - BELOW)
    plot = frontier_plot.plot(figure, key, room)
    return _sheet(plot, width, legend, titles=_titles(figure.x, figure.y))


def _scatter(scatter: Scatter, key: Key, width: int) -> dict[str, Any]:
    legend = _key(scatter.dots, scatter.dots, key)
    if scatter.line:
        named = style.lines(wrap(scatter.line_name, LEGEND))
        legend.append(_entry(named, mode="lines", line={"dash": "dash"}))
    legend += _intervals(scatter.dots, scatter.covers)
    plot = scatter_plot.plot(scatter, key)
    return _sheet(plot, width, legend, titles=_titles(scatter.x, scatter.y))


def _heat_map(heat: HeatMap, width: int) -> dict[str, Any]:
    """Its squares carry their values: the title above says of what."""
    titles = ("Resolution, pixels", "Alpha, width multiplier")
    sheet = _sheet(heat_map_plot.plot(heat), width, [], titles)
    sheet["layout"] |= {
        "title": {"text": style.lines([heat.title]), "font": {"size": SIZE}},
        "margin": {"t": 40},
    }
    return sheet


def _sheet(
    plot: dict[str, Any], width: int, legend: _Entries, titles: tuple[str, str]
) -> dict[str, Any]:
    """The page's plot with what it takes to stand alone; titles: of the axes."""
    axes = {
        name: {**plot["layout"][name], "title": {"text": _folded(title)}}
        for name, title in zip(("xaxis", "yaxis"), titles, strict=True)
    }
    layout = {"template": TEMPLATE, "width": width, "height": _height(width, legend), **axes}
    data = [{**trace, "showlegend": False} for trace in plot["data"]]
    for names in (trace for trace in data if trace.get("mode") == "text"):
        names["textfont"] = {"shadow": HALO}
    return {"data": [*data, *legend], "layout": layout | {"showlegend": bool(legend)}}


def _height(width: int, legend: _Entries) -> int:
    return max(round(RATIO * width), (len(legend) + 4) * ROW)


def _titles(x: Axis, y: Axis) -> tuple[str, str]:
    first, second = (f"{axis.title}{', log scale' if axis.log else ''}" for axis in (x, y))
    return first, second


def _folded(title: str) -> str:
    """A long title on lines of about the same length."""
    lines = math.ceil(len(title) / _LONGEST_LINE)
    return style.lines(wrap(title, len(title) // max(lines, 1) + 6))


def _key(symbols: Iterable[Dot], colours: Iterable[Dot], key: Key) -> _Entries:
    """What the colours and symbols of these points mean."""
    resolutions = {each.resolution for each in colours}
    alphas = {each.alpha for each in symbols}
    return [
        *(
            _entry(f"{resolution} px", "Resolution", marker={"color": colour, "size": 9})
            for resolution, colour in style.colours(key).items()
            if resolution in resolutions
        ),
        *(
            _entry(alpha_text(alpha), "Alpha", marker={"color": LINES, "symbol": symbol, "size": 9})
            for alpha, symbol in style.symbols(key).items()
            if alpha in alphas
        ),
    ]


def _standing(figure: Figure) -> _Entries:
    """What the line is, and the pale and the hollow points."""
    entries = []
    if len(figure.front) > 1:
        entries.append(_entry("frontier", mode="lines"))
    if any(not mark.on_front for mark in figure.marks):
        entries.append(
            _entry("dominated", marker={"color": LINES, "opacity": frontier_plot.DIMMED, "size": 9})
        )
    entries += _intervals(figure.marks, figure.covers)
    if figure.paper:
        hollow = {"symbol": "circle-open", "line": {"width": 1.2}, "size": 8, "color": style.GREY}
        entries.append(_entry("published,<br>ImageNet", marker=hollow))
    return entries


def _intervals(points: Sequence[Dot], covers: str) -> _Entries:
    """covers: what those of accuracies are about."""
    if not any(each.has_interval for point in points for each in (point.x, point.y)):
        return []
    bar = {"symbol": "line-ns", "size": 7, "line": {"color": LINES, "width": 1}}
    of_accuracies = any(point.y.has_interval for point in points) and covers
    told = f"95{SPACE}% interval" + (f" {covers}" if of_accuracies else "")
    return [_entry(style.lines(wrap(told, LEGEND)), marker=bar)]


def _entry(name: str, group: str = "", **look: Any) -> dict[str, Any]:
    """Of the legend: a trace without points."""
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": name,
        "legendgroup": group or "more",
        "legendgrouptitle": {"text": group},
        **look,
    }
