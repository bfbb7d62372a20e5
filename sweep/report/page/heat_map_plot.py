"""A heat map of the view -> plotly's data and layout.

The measured points are squares that carry their value; behind them lie lines of equal mult-adds,
which the paper's formulas give between the points too, or dashed ones of what is predicted there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.colors import sample_colorscale
from skimage.measure import find_contours

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
LARGEST, READABLE = 52, 34  # px: of a square, that holds a value
ACROSS, UP = 250, 190  # px, about, between the outermost squares of a narrow page
CLOSE = 0.07  # of an axis: ticks that are nearer to each other would touch
TIGHT = 0.8  # of the distance from one square to the next
LETTER = 6.4  # px: of a value
ENOUGH, MANY = 5, 9  # lines; at even distances at most
CLEAR = 0.48  # steps from a square's middle, for the names of lines
RIGHT = 0.8  # steps beyond the last square, for the names of the lines


def plot(heat: HeatMap) -> dict[str, Any]:
    """Plotly's figure as plain data: JSON once escaped for its place."""
    behind = _lines(heat.contours, beyond(heat)) if heat.contours else []
    x = {
        "title": {"text": "Resolution, pixels"},
        "tickvals": _ticks(heat.resolutions, CLOSE),
        "range": _range(heat.resolutions, right=RIGHT),
        "showgrid": False,
    }
    y = {
        "tickvals": _ticks(heat.alphas, CLOSE),
        "ticktext": [alpha_text(alpha) for alpha in _ticks(heat.alphas, CLOSE)],
        "range": _range(heat.alphas),
        "showgrid": False,
    }
    many = len(heat.resolutions) * len(heat.alphas) > MOST_SQUARES
    if many:
        del x["tickvals"], y["tickvals"], y["ticktext"]
        return {"data": [_matrix(heat), *behind], "layout": {"xaxis": x, "yaxis": y}}
    return {"data": [*behind, _squares(heat)], "layout": {"xaxis": x, "yaxis": y}}


def _ticks(values: Sequence[float], close: float) -> list[float]:
    """Those whose names don't touch the one before."""
    least = close * (values[-1] - values[0])
    kept = list(values[:1])
    for value in values[1:]:
        if value - kept[-1] >= least:
            kept.append(value)
    return kept


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
    sizes = _sizes([(alpha, resolution) for alpha, resolution, _ in cells])
    return {
        "type": "scatter",
        "name": "squares",
        "mode": "markers+text" if max(sizes) >= READABLE else "markers",
        "x": [resolution for _, resolution, _ in cells],
        "y": [alpha for alpha, _, _ in cells],
        "marker": {
            "symbol": "square",
            "size": sizes,
            "opacity": 1.0,  # squares of several sizes would be see-through
            "color": [str(colour) for colour in sample_colorscale(SCALE, shares)],
        },
        "text": [
            _inside(formatted(value, heat.form), size) if size >= READABLE else ""
            for value, size in zip(values, sizes, strict=True)
        ],
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


def _sizes(places: Sequence[tuple[float, int]]) -> list[float]:
    """px of each square: as large as its distance to the nearest other leaves room for."""
    at = np.array(places, np.float64)
    spread = np.ptp(at, axis=0)
    across = at / np.where(spread > 0, spread, 1.0) * (ACROSS, UP)
    apart = np.abs(across[:, None] - across).max(-1)
    np.fill_diagonal(apart, np.inf)
    return [float(min(LARGEST, TIGHT * each)) for each in apart.min(-1)]


def _inside(text: str, size: float) -> str:
    """A value as a square has room for it: on one line, else its unit on the next."""
    return text if len(text) * LETTER <= size - 4 else text.replace(SPACE, "<br>")


def beyond(heat: HeatMap) -> tuple[float, float]:
    """Where lines have their names: a resolution right of the squares, an alpha below them."""
    x, y = heat.resolutions, heat.alphas
    return x[-1] + CLEAR * _step(x), y[0] - CLEAR * _step(y)


def predicted(heat: HeatMap) -> list[dict[str, Any]]:
    """Traces of the lines that are predicted, to be drawn in place of those of mult-adds."""
    if heat.predicted is None:
        return []
    suffix = {Form.SECONDS: "s", Form.BYTES: "B"}.get(heat.form, "")
    shares = heat.form is Form.SHARE

    def name(level: float) -> str:
        return f"{round(100 * level, 6):g}{SPACE}%" if shares else style.si(level) + suffix

    return [
        each | {"name": f"{name(level)}, predicted"}
        for level in _levels(heat.predicted, even=shares)
        for each in _line(
            heat.predicted, level, name(level), beyond(heat), {"width": 1.2, "dash": "dash"}
        )
    ]


def _lines(contours: Contours, names: tuple[float, float]) -> list[dict[str, Any]]:
    """Lines of equal mult-adds at 1, 2, 5, 10, .. million."""
    return [
        each | {"name": f"{formatted(level, Form.COUNT)} mult-adds"}
        for level in _levels(contours)
        for each in _line(contours, level, style.si(level), names, {"width": 1})
    ]


def _levels(contours: Contours, *, even: bool = False) -> list[float]:
    """Round numbers within what there is: 1, 2, 5, 10, .., with 1.5, 3 and 7 between them where
    these are few; of the same distance where there is no more room, or if `even`.
    """
    values = [value for row in contours.values for value in row if value is not None]
    least, most = min(values), max(values)
    if not even and least > 0:
        decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
        for steps in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
            levels = [step * 10.0**decade for decade in decades for step in steps]
            found = [level for level in levels if least < level < most]
            if len(found) >= ENOUGH:
                return found
    if most <= least:
        return []
    coarse = (most - least) / MANY
    decade = 10.0 ** math.floor(math.log10(coarse))
    step = next(times * decade for times in (1, 2, 5, 10) if times * decade >= coarse)
    first, last = math.floor(least / step) + 1, math.ceil(most / step)
    return [float(f"{count * step:.6g}") for count in range(first, last)]


def _line(
    contours: Contours, level: float, name: str, names: tuple[float, float], look: dict[str, Any]
) -> list[dict[str, Any]]:
    """Where the value is `level`, in one piece or several; the longest is named beyond its right
    end. Where a value is not known there is no line.
    """
    values = np.array(contours.values, np.float64)  # of None it makes NaN
    if min(values.shape) < 2:
        return []  # a row is no area
    rows, columns = np.arange(len(contours.alphas)), np.arange(len(contours.resolutions))
    pieces = []
    for piece in find_contours(values, level):
        x = np.interp(piece[:, 1], columns, contours.resolutions).round(2)
        y = np.interp(piece[:, 0], rows, contours.alphas).round(4)
        to_the_right = slice(None, None, 1 if x[0] <= x[-1] else -1)
        pieces.append((x[to_the_right].tolist(), y[to_the_right].tolist()))
    if not pieces:
        return []
    drawn = {"type": "scatter", "hoverinfo": "skip"}
    x, y = max(pieces, key=lambda piece: piece[0][-1] - piece[0][0])
    right = y[-1] > contours.alphas[0]  # else it ends below, between two squares
    text = {
        "mode": "text",
        "x": [max(x[-1], names[0]) if right else x[-1]],
        "y": [y[-1] if right else min(y[-1], names[1])],
        "text": [name],
        "textposition": "middle right" if right else "middle center",
        "textfont": {"size": 10, "color": GREY},
        "cliponaxis": False,  # a name may reach into the margin
    }
    lines = [{"mode": "lines", "x": x, "y": y, "line": look} for x, y in pieces]
    return [drawn | each for each in (*lines, text)]


def _range(values: tuple[float, ...] | tuple[int, ...], right: float = 0.6) -> list[float]:
    """So many steps beyond the outermost: half a square and a little, or `right`."""
    step = _step(values)
    return [min(values) - 0.6 * step, max(values) + right * step]


def _step(values: tuple[float, ...] | tuple[int, ...]) -> float:
    """From one square to the next, on average."""
    low, high = min(values), max(values)
    return (high - low) / (len(values) - 1) if len(values) > 1 else max(abs(high), 1.0)
