"""What all figures share: template, colours, symbols. Colour means resolution, symbol alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from plotly.colors import sample_colorscale

from sweep.report.values.figures import Axis, Key
from sweep.report.values.printable import visible
from sweep.report.values.units import Form

# Okabe and Ito's colours for the colour-blind, those that stand out on white and on black alike.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
# Of up to six runs: each also has a symbol and a dash of its own.
RUN_COLOURS = (*COLOURS, "#9A6BC4", "#8A8F98")
DASHES = ("solid", "dash", "dot", "longdash", "dashdot", "longdashdot")
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
PREFIXES = ("f", "p", "n", "µ", "m", "", "k", "M", "G", "T")  # from 1e-15 on
DECADES = range(-13, 14)
GREY = "#8A8F98"  # readable on white and on black

# What all figures share, as a template of plotly's. Colours of text and of axes are added by the
# page's script, which knows light from dark, and by the one for print.
_AXIS = {"zeroline": False, "fixedrange": True, "automargin": True}
TEMPLATE: dict[str, Any] = {
    "layout": {
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "margin": {"l": 48, "r": 16, "t": 12, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    },
    "data": {
        "scatter": [
            {
                "line": {"color": GREY, "width": 1.5},
                "textfont": {"size": 11},
                "error_x": {"thickness": 1, "width": 0},
                "error_y": {"thickness": 1, "width": 0},
            }
        ]
    },
}


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


def ticks(axis: Axis) -> dict[str, Any]:
    """How an axis's figures are written: SI prefixes ("200M", "5ms"), shares in per cent."""
    if axis.form is Form.SHARE:
        return {"type": "linear", "tickformat": ".2~%"}
    if axis.form is Form.POINTS:
        # Per cent with a sign is what points are written as; the axis's title says so.
        return {"type": "linear", "tickformat": "+.2~%"}
    suffix = {Form.SECONDS: "s", Form.BYTES: "B"}.get(axis.form, "")
    if not axis.log:
        return {"type": "linear", "tickformat": "~s", "ticksuffix": suffix}
    # Plotly leaves the unit out between the powers of ten.
    marks = [float(f"{step}e{decade}") for decade in DECADES for step in (1, 2, 5)]
    return {"type": "log", "tickvals": marks, "ticktext": [si(mark) + suffix for mark in marks]}


def scale(axis: Axis, values: Sequence[float]) -> dict[str, Any]:
    """An axis for these values."""
    if axis.log:  # with room on the left for the first point's name
        ends = [math.log10(min(values)) - 0.16, math.log10(max(values)) + 0.06]
        return {**ticks(axis), "range": ends}
    # Residuals lie on both sides of nothing, whose line is then worth drawing.
    return {**ticks(axis), "zeroline": min(values) < 0 < max(values)}


def si(value: float) -> str:
    """5e-3 -> "5m", 2e8 -> "200M": a round number with an SI prefix."""
    power = max(-5, min(4, math.floor(math.log10(value) / 3 + 1e-9)))
    return f"{value / 1000.0**power:g}{PREFIXES[power + 5]}"


def title(axis: Axis) -> dict[str, str]:
    return {"text": lines([axis.title]) + (", log scale" if axis.log else "")}


def lines(texts: Sequence[str]) -> str:
    """Plotly reads a small HTML in its texts: names from data are escaped, lines broken. And what a
    picture can't hold, such as control characters, is written out.
    """
    return "<br>".join(escape(visible(text)) for text in texts)
