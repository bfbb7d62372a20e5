"""A heat map of the view -> plotly's data and layout.

The measured points are squares that carry their value; behind them lie lines of equal cost, which
the paper's formulas give between the points too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from plotly.colors import sample_colorscale

from sweep.report.content.figures import written
from sweep.report.page import style
from sweep.report.page.style import GREY, lines
from sweep.report.values.figures import Contours, HeatMap
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import SPACE, Form, formatted
from sweep.types import alpha_text

SCALE = "Cividis"  # the same to people who see all colours and to those who don't
LIGHT = 0.55  # of the scale: from here on dark letters are easier to read on it
MOST_SQUARES = 400
LARGEST, ROOM, READABLE = 52, 250, 34  # px: of a square, of all squares of a row, to hold a value
LETTER = 6.4  # px: of a value
RIGHT = 0.8  # steps beyond the last square, for the names of the lines


def plot(heat: HeatMap) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place."""
    behind = _lines(heat.contours) if heat.contours else []
    x = {
        "title": {"text": "Resolution, pixels"},
        "tickvals": list(heat.resolutions),
        "range": _range(heat.resolutions, right=RIGHT),
        "showgrid": False,
    }
    y = {
        "tickvals": list(heat.alphas),
        "ticktext": [alpha_text(alpha) for alpha in heat.alphas],
        "range": _range(heat.alphas),
        "showgrid": False,
    }
    many = len(heat.resolutions) * len(heat.alphas) > MOST_SQUARES
    if many:
        del x["tickvals"], y["tickvals"], y["ticktext"]
        return {"data": [_matrix(heat), *behind], "layout": {"xaxis": x, "yaxis": y}}
    return {"data": [*behind, _squares(heat)], "layout": {"xaxis": x, "yaxis": y}}


def _matrix(heat: HeatMap) -> dict[str, Any]:
    """Too many points for a square each: one colour beside the other, values on hovering."""
    return {
        "type": "heatmap",
        "name": "squares",
        "x": list(heat.resolutions),
        "y": list(heat.alphas),
        "z": [
            [
                float(f"{cell.value:.4g}") if isinstance(cell.value, float | int) else None
                for cell in row
            ]
            for row in heat.cells
        ],
        "colorscale": SCALE,
        "showscale": False,
        "hovertemplate": "alpha %{y}, %{x} px: %{z:.4s}<extra></extra>",
    }


def _squares(heat: HeatMap) -> dict[str, Any]:
    cells = [
        (alpha, resolution, cell)
        for alpha, row in zip(heat.alphas, heat.cells, strict=True)
        for resolution, cell in zip(heat.resolutions, row, strict=True)
        if isinstance(cell.value, float | int)
    ]
    values = [float(cell.value or 0) for _, _, cell in cells]
    low, high = min(values), max(values)
    shares = [(value - low) / (high - low) if high > low else 0.5 for value in values]
    size = min(LARGEST, ROOM / len(heat.resolutions), ROOM / len(heat.alphas))
    return {
        "type": "scatter",
        "name": "squares",
        "mode": "markers+text" if size >= READABLE else "markers",
        "x": [resolution for _, resolution, _ in cells],
        "y": [alpha for alpha, _, _ in cells],
        "marker": {
            "symbol": "square",
            "size": size,
            "color": [str(colour) for colour in sample_colorscale(SCALE, shares)],
        },
        "text": [_inside(formatted(value, heat.form), size) for value in values],
        "textfont": {
            "size": 12,
            "color": ["#15171a" if share >= LIGHT else "#ffffff" for share in shares],
        },
        "customdata": [f"{alpha_text(alpha)}-{resolution}" for alpha, resolution, _ in cells],
        "hovertext": [
            lines(
                [
                    f"{alpha_text(alpha)}-{resolution}",
                    written(Estimate(value, cell.low, cell.high), heat.form),
                    *([f"95{SPACE}% interval {heat.covers}"] if cell.low and heat.covers else []),
                ]
            )
            for (alpha, resolution, cell), value in zip(cells, values, strict=True)
        ],
        "hoverinfo": "text",
    }


def _inside(text: str, size: float) -> str:
    """A value as a square has room for it: on one line, else its unit on the next."""
    return text if len(text) * LETTER <= size - 4 else text.replace(SPACE, "<br>")


def _lines(contours: Contours) -> list[dict[str, Any]]:
    """Lines of equal mult-adds at 1, 2, 5, 10, .. million, each named at its lower right end."""
    least, most = min(map(min, contours.values)), max(map(max, contours.values))
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    levels = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    traces = []
    for level in levels:
        line = _line(contours, level)
        if len(line) > 1:
            traces.append(
                {
                    "type": "scatter",
                    "name": f"{formatted(level, Form.COUNT)} mult-adds",
                    "mode": "lines+text",
                    "cliponaxis": False,  # a name may reach into the margin
                    "x": [resolution for resolution, _ in line],
                    "y": [alpha for _, alpha in line],
                    "text": ["" for _ in line[1:]] + [style.si(level)],
                    "textposition": "middle right",
                    "textfont": {"size": 10, "color": GREY},
                    "line": {"width": 1},
                    "hoverinfo": "skip",
                }
            )
    return traces


def _line(contours: Contours, level: float) -> list[tuple[float, float]]:
    """(resolution, alpha) along which the cost is `level`: between two alphas it is nearly linear,
    and it rises with alpha.
    """
    line = []
    for resolution, column in zip(
        contours.resolutions, zip(*contours.values, strict=True), strict=True
    ):
        if column[0] <= level <= column[-1]:
            line.append((resolution, round(float(np.interp(level, column, contours.alphas)), 4)))
    return line


def _range(values: tuple[float, ...] | tuple[int, ...], right: float = 0.6) -> list[float]:
    """So many steps beyond the outermost: half a square and a little, or `right`."""
    low, high = min(values), max(values)
    step = (high - low) / (len(values) - 1) if len(values) > 1 else max(abs(high), 1.0)
    return [low - 0.6 * step, high + right * step]
