"""A figure of the view -> plotly's data and layout. Colour means resolution, symbol means alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from sweep.report.shown import Estimate, Figure, Key, Mark
from sweep.report.units import SPACE, Form, shown

# Okabe and Ito's colours for the colour-blind, those that stand out on white and on black alike.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
# plotly's name of each symbol, and its outline for the key, drawn in [-8, 8] x [-8, 8].
SYMBOLS = {
    "circle": "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z",
    "square": "M-5.3-5.3H5.3V5.3H-5.3Z",
    "diamond": "M0-7L6 0L0 7L-6 0Z",
    "triangle-up": "M0-6.5L6.5 5H-6.5Z",
    "cross": "M-2.2-6.5H2.2V-2.2H6.5V2.2H2.2V6.5H-2.2V2.2H-6.5V-2.2H-2.2Z",
    "triangle-down": "M0 6.5L6.5-5H-6.5Z",
    "star-diamond": "M0-7.5L2.2-2.2L7.5 0L2.2 2.2L0 7.5L-2.2 2.2L-7.5 0L-2.2-2.2Z",
    "bowtie": "M-6.5-5.5L6.5 5.5V-5.5L-6.5 5.5Z",
}
GREY = "#8A8F98"  # readable on white and on black
DIMMED = 0.42
MOST_LABELS = 14


def colours(key: Key) -> dict[int, str]:
    """Resolution -> colour. Beyond four a scale: its order is then the better guide."""
    n = len(key.resolutions)
    if n <= len(COLOURS):
        return dict(zip(key.resolutions, COLOURS, strict=False))
    shares = [0.2 + 0.55 * index / (n - 1) for index in range(n)]
    return {
        resolution: str(colour)
        for resolution, colour in zip(
            key.resolutions, sample_colorscale("Viridis", shares), strict=True
        )
    }


def symbols(key: Key) -> dict[float, str]:
    """Alpha -> plotly's symbol; they repeat beyond eight, and the hover text tells which."""
    names = list(SYMBOLS)
    return {alpha: names[index % len(names)] for index, alpha in enumerate(key.alphas)}


def plot(figure: Figure, key: Key) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place."""
    traces = [
        *_paper(figure, key),
        *_frontier(figure),
        *_points(figure, key),
        *_labels(figure),
    ]
    return go.Figure(data=traces, layout=_layout(figure)).to_plotly_json()


def _paper(figure: Figure, key: Key) -> list[go.Scatter]:
    if not figure.paper:
        return []
    symbol = symbols(key)
    return [
        go.Scatter(
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
                _lines(
                    [
                        f"{mark.label}, published",
                        f"top-1 {shown(mark.y, Form.SHARE)} on ImageNet",
                        f"{figure.x.title}: {shown(mark.x, figure.x.form)}",
                        f"source: {mark.source}",
                    ]
                )
                for mark in figure.paper
            ],
            hoverinfo="text",
        )
    ]


def _frontier(figure: Figure) -> list[go.Scatter]:
    """A step line: between two of its points the cheaper one is the best that can be had."""
    if len(figure.front) < 2:
        return []
    return [
        go.Scatter(
            name="frontier",
            mode="lines",
            x=[x for x, _ in figure.front],
            y=[y for _, y in figure.front],
            line={"shape": "hv", "color": GREY, "width": 1.5},
            hoverinfo="skip",
        )
    ]


def _points(figure: Figure, key: Key) -> list[go.Scatter]:
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


def _trace(marks: Sequence[Mark], key: Key, resolution: int, on_front: bool) -> go.Scatter:
    colour, symbol = colours(key)[resolution], symbols(key)
    return go.Scatter(
        name=f"{resolution} px, {'on the frontier' if on_front else 'dominated'}",
        mode="markers",
        x=[mark.x.value for mark in marks],
        y=[mark.y.value for mark in marks],
        error_x=_errors([mark.x for mark in marks]),
        error_y=_errors([mark.y for mark in marks]),
        marker={
            "symbol": [symbol[mark.alpha] for mark in marks],
            "color": colour,
            "size": 11 if on_front else 9,
        },
        opacity=1.0 if on_front else DIMMED,
        hovertext=[_lines(mark.hover) for mark in marks],
        hoverinfo="text",
    )


def _errors(estimates: Sequence[Estimate]) -> dict[str, Any] | None:
    if all(each.low is None or each.high is None for each in estimates):
        return None
    return {
        "type": "data",
        "array": [0 if each.high is None else each.high - each.value for each in estimates],
        "arrayminus": [0 if each.low is None else each.value - each.low for each in estimates],
        "thickness": 1,
        "width": 0,
    }


def _labels(figure: Figure) -> list[go.Scatter]:
    """Names beside the frontier's points, where there is room for them."""
    ahead = [mark for mark in figure.marks if mark.on_front]
    if not ahead or len(ahead) > MOST_LABELS:
        return []
    return [
        go.Scatter(
            name="labels",
            mode="text",
            x=[mark.x.value for mark in ahead],
            y=[mark.y.value for mark in ahead],
            # No-break spaces keep the name clear of its symbol.
            text=[f"{escape(mark.label)}{2 * SPACE}" for mark in ahead],
            textposition="top left",
            textfont={"size": 11},
            hoverinfo="skip",
        )
    ]


def _layout(figure: Figure) -> dict[str, Any]:
    """Colours of text and lines are left to the page's script, which knows light from dark."""
    suffix = {Form.SECONDS: "s", Form.BYTES: "B"}.get(figure.x.form, "")
    return {
        "template": go.layout.Template(),
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "margin": {"l": 48, "r": 16, "t": 12, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {
            "title": {"text": escape(figure.x.title) + (", log scale" if figure.x.log else "")},
            "type": "log" if figure.x.log else "linear",
            "dtick": "D2" if figure.x.log else None,
            # SI prefixes: "200M", "5ms".
            "tickformat": "~s",
            "ticksuffix": suffix,
            "zeroline": False,
            "range": _log_range(figure) if figure.x.log else None,
            "rangemode": "normal" if figure.x.log else "tozero",
            "fixedrange": True,
        },
        "yaxis": {
            "tickformat": ".0%",
            "zeroline": False,
            "automargin": True,
            "fixedrange": True,
        },
    }


def _log_range(figure: Figure) -> list[float]:
    """Powers of ten at both ends, with room on the left for the first point's name."""
    xs = [each.x.value for each in figure.marks] + [each.x for each in figure.paper]
    return [math.log10(min(xs)) - 0.14, math.log10(max(xs)) + 0.06]


def _lines(lines: Sequence[str]) -> str:
    """Plotly reads a small HTML in its texts: names from data are escaped, lines broken."""
    return "<br>".join(escape(line) for line in lines)
