"""A figure of the view as it stands in a paper: dark on white, axis titles, and a legend beside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from sweep.report.page import ink, ink_heat, ink_scatter, style
from sweep.report.print import names as print_names
from sweep.report.values.figures import Axis, Dot, Figure, HeatMap, Key, Mark, PaperMark, Scatter
from sweep.report.values.printable import printable
from sweep.report.values.units import SPACE
from sweep.types import alpha_text

TEXT = "#1A1A1A"
LINES = "#444444"
GRID = "#E6E6E6"
# Arial's shapes under the names that Linux, macOS and Windows know.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SIZE, SMALL = 13, 12  # px
RATIO = 0.66  # height to width
BESIDE = 190  # px: what the vertical axis and the legend take
BELOW = 80  # px: what the horizontal axis and the margins take
ROW = 20  # px of the legend for an entry
_LONGEST_LINE = 56  # characters of an axis title

Shape = Figure | Scatter | HeatMap
_Entries = list[dict[str, Any]]


def on_paper(shape: Shape, key: Key, width: int) -> dict[str, Any]:
    """The page's traces in fixed colours, as plotly's plain data; width in px of CSS (1/96 inch),
    the height follows, and grows where the legend needs it.

    What a picture can't hold, such as control characters in names from data, is written out.
    """
    shape = printable(shape)
    if isinstance(shape, Figure):
        return _frontier(shape, key, width)
    if isinstance(shape, Scatter):
        return _scatter(shape, key, width)
    return _heat(shape, width)


def _frontier(figure: Figure, key: Key, width: int) -> dict[str, Any]:
    plot = ink.plot(figure, key)
    legend = [*_key((*figure.marks, *figure.paper), figure.marks, key), *_standing(figure)]
    height = _height(width, legend)
    ends = plot["layout"]["xaxis"].get("range")
    spots = print_names.spots_of(figure, ends, width - BESIDE, height - BELOW)
    traces = [
        print_names.placed(trace, spots) if trace.get("mode") == "text" else trace
        for trace in plot["data"]
    ]
    layout = _sheet(plot["layout"], figure.x, figure.y, width, height)
    return {"data": _with_legend(traces, legend), "layout": layout}


def _scatter(scatter: Scatter, key: Key, width: int) -> dict[str, Any]:
    plot = ink_scatter.plot(scatter, key)
    legend = _key(scatter.dots, scatter.dots, key)
    if scatter.line:
        line = {"color": style.GREY, "width": 1.5, "dash": "dash"}
        legend.append({**_entry("fitted line"), "mode": "lines", "line": line})
    legend += _intervals(scatter.dots)
    layout = _sheet(plot["layout"], scatter.x, scatter.y, width, _height(width, legend))
    return {"data": _with_legend(plot["data"], legend), "layout": layout}


def _heat(heat: HeatMap, width: int) -> dict[str, Any]:
    """Its squares carry their values: the title above says of what."""
    plot = ink_heat.plot(heat)
    layout = {
        **_paper(plot["layout"], width, _height(width, [])),
        "showlegend": False,
        "title": {"text": style.lines([heat.title]), "font": {"size": SIZE}},
        "margin": {"l": 12, "r": 12, "t": 40, "b": 16},
    }
    x, y = (
        {**layout[name], **_axis(title), "showgrid": False}
        for name, title in (("xaxis", "Resolution, pixels"), ("yaxis", "Alpha, width multiplier"))
    )
    return {"data": plot["data"], "layout": {**layout, "xaxis": x, "yaxis": y}}


def _sheet(page: dict[str, Any], x: Axis, y: Axis, width: int, height: int) -> dict[str, Any]:
    titles = [f"{axis.title}{', log scale' if axis.log else ''}" for axis in (x, y)]
    return {
        **_paper(page, width, height),
        "xaxis": {**page["xaxis"], **_axis(titles[0])},
        "yaxis": {**page["yaxis"], **_axis(titles[1])},
        "showlegend": True,
        "legend": {
            "x": 1.02,
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "top",
            "tracegroupgap": 8,
            "font": {"size": SMALL},
        },
    }


def _paper(page: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    return {
        **page,
        "width": width,
        "height": height,
        "font": {"family": FONT, "color": TEXT, "size": SIZE},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 12, "r": 12, "t": 16, "b": 16},
    }


def _axis(title: str) -> dict[str, Any]:
    lines = math.ceil(len(title) / _LONGEST_LINE)  # of about the same length
    return {
        "title": {
            "text": style.lines(wrap(title, len(title) // max(lines, 1) + 6)),
            "standoff": 10,
            "font": {"size": SIZE},
        },
        "showline": True,
        "linecolor": LINES,
        "ticks": "outside",
        "tickcolor": LINES,
        "ticklen": 5,
        "gridcolor": GRID,
        "zerolinecolor": LINES,
        "tickfont": {"size": SMALL},
        "automargin": True,
    }


def _height(width: int, legend: _Entries) -> int:
    return max(round(RATIO * width), (len(legend) + 4) * ROW)


def _with_legend(traces: _Entries, legend: _Entries) -> _Entries:
    return [*({**trace, "showlegend": False} for trace in traces), *legend]


def _key(
    symbols: Iterable[Mark | Dot | PaperMark], colours: Iterable[Mark | Dot], key: Key
) -> _Entries:
    """What the colours and symbols of these points mean."""
    resolutions = {each.resolution for each in colours}
    alphas = {each.alpha for each in symbols}
    return [
        *(
            _entry(f"{resolution} px", "Resolution", color=colour)
            for resolution, colour in style.colours(key).items()
            if resolution in resolutions
        ),
        *(
            _entry(alpha_text(alpha), "Alpha", color=LINES, symbol=symbol)
            for alpha, symbol in style.symbols(key).items()
            if alpha in alphas
        ),
    ]


def _standing(figure: Figure) -> _Entries:
    """What the line is, and the pale and the hollow points."""
    entries = []
    if len(figure.front) > 1:
        line = {"mode": "lines", "line": {"color": style.GREY, "width": 1.5}}
        entries.append({**_entry("frontier"), **line})
    if any(not mark.on_front for mark in figure.marks):
        entries.append(_entry("dominated", color=LINES, opacity=ink.DIMMED))
    entries += _intervals(figure.marks)
    if figure.paper:
        hollow = {"symbol": "circle-open", "line": {"width": 1.2}, "size": 8}
        entries.append(_entry("published,<br>ImageNet", color=style.GREY, **hollow))
    return entries


def _intervals(points: Sequence[Mark | Dot]) -> _Entries:
    if all(each.low is None for point in points for each in (point.x, point.y)):
        return []
    bar = {"symbol": "line-ns", "size": 7, "line": {"color": LINES, "width": 1}}
    return [_entry(f"95{SPACE}% interval", **bar)]


def _entry(name: str, group: str = "", **marker: Any) -> dict[str, Any]:
    """Of the legend: a trace without points."""
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "marker": {"size": 9, **marker},
        "name": name,
        "legendgroup": group or "more",
        "legendgrouptitle": {"text": group, "font": {"size": SMALL}},
        "showlegend": True,
    }
