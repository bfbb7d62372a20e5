"""Accuracy, latency and mult-adds over alpha and resolution, with the cost between the grid's
points behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from sweep.report.content.axes import batches
from sweep.report.content.cost_contours import cost_map
from sweep.report.content.figures import label, written
from sweep.report.content.point_rows import Reasons, Row, accuracy_title, place, swept_kind, titles
from sweep.report.values.figures import Contours, HeatMap
from sweep.report.values.intervals import Estimate, overlap
from sweep.report.values.tables import Value
from sweep.report.values.units import Form, joined, points, times
from sweep.types import alpha_text, listed

if TYPE_CHECKING:
    from sweep.results.store import Results

FINE = 25  # values of alpha, and of resolution, that the contours are worked out at
NOT_IN_RUN = "not a point of this run"
MOST_STEPS = 6  # steps against the trend that a summary names
Cells = tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class _Quantity:
    """What a map shows. columns: the value's, and those of its interval where it has one; `metric`
    and `batch` are its readings'.
    """

    name: str
    title: str
    form: Form
    columns: tuple[str, ...]
    metric: str
    batch: int | None = None


def heat_maps(results: Results) -> tuple[HeatMap, ...]:
    """Accuracy, latency at each batch size, and mult-adds, of the kind whose alpha and resolution
    were swept. A run without points gives maps that say so.
    """
    rows = results.points.to_dict(orient="records")
    kind = swept_kind(rows)
    rows = [row for row in rows if (row["family"], row["kind"]) == kind]
    grid = _Grid(rows, Reasons(results.readings))
    behind = _contours(grid, results.readings)
    return tuple(_heat_map(each, grid, behind) for each in _quantities(results, rows))


class _Grid:
    """The points by their place in the map; alphas and resolutions rise."""

    def __init__(self, rows: list[Row], reasons: Reasons) -> None:
        self.alphas = tuple(sorted({float(row["alpha"]) for row in rows}))
        self.resolutions = tuple(sorted({int(row["resolution"]) for row in rows}))
        self.at = {(row["alpha"], row["resolution"]): row for row in rows}
        self._reasons = reasons

    def cells(self, quantity: _Quantity) -> Cells:
        return tuple(
            tuple(self._cell(quantity, alpha, side) for side in self.resolutions)
            for alpha in self.alphas
        )

    def _cell(self, quantity: _Quantity, alpha: float, resolution: int) -> Value:
        row = self.at.get((alpha, resolution))
        if row is None:
            return Value(None, reason=NOT_IN_RUN)
        return self._reasons.cell(row, quantity.columns, quantity.metric, quantity.batch)


def _quantities(results: Results, rows: list[Row]) -> list[_Quantity]:
    known = titles(results.readings)
    accuracy = accuracy_title(rows, known)
    latency = known.get("latency_s", "Latency")
    return [
        _Quantity("accuracy", accuracy, Form.SHARE, ("top1", "top1_low", "top1_high"), "top1"),
        *(
            _Quantity(
                stem,
                f"{latency}, batch {batch}",
                Form.SECONDS,
                (f"{stem}_s", f"{stem}_low_s", f"{stem}_high_s"),
                "latency_s",
                batch,
            )
            for batch, stem in batches(results.points).items()
        ),
        _Quantity(
            "mult_adds",
            known.get("mult_adds", "Mult-adds"),
            Form.COUNT,
            ("mult_adds",),
            "mult_adds",
        ),
    ]


def _heat_map(quantity: _Quantity, grid: _Grid, behind: Contours | None) -> HeatMap:
    cells = grid.cells(quantity)
    empty = all(cell.value is None for line in cells for cell in line)
    return HeatMap(
        name=quantity.name,
        title=quantity.title,
        form=quantity.form,
        alphas=grid.alphas,
        resolutions=grid.resolutions,
        cells=cells,
        contours=None if empty else behind,
        summary="" if empty else _summary(quantity, grid, cells),
        absent=_why_empty(quantity, grid) if empty else "",
    )


def _why_empty(quantity: _Quantity, grid: _Grid) -> str:
    if not grid.at:
        return "The run has no points yet."
    title = quantity.title
    return f"No point of this run has a reading of {title[:1].lower()}{title[1:]} yet."


def _contours(grid: _Grid, readings: pd.DataFrame) -> Contours | None:
    """Mult-adds over the grid's whole range and half a step beyond, as far as its squares reach;
    None where it is no area, or the formulas don't hold for the network.
    """
    if len(grid.alphas) < 2 or len(grid.resolutions) < 2:
        return None
    cost = cost_map(readings, {place(row) for row in grid.at.values()})
    if cost is None:
        return None
    alphas, resolutions = _fine(grid.alphas), _fine(grid.resolutions)
    values = cost.mult_adds(alphas[:, None], resolutions[None, :])
    return Contours(
        tuple(alphas.tolist()), tuple(resolutions.tolist()), tuple(map(tuple, values.tolist()))
    )


def _fine(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """FINE steps from the first to the last, and as fine ones for half a step beyond either."""
    inside = np.linspace(values[0], values[-1], FINE)
    steps = np.arange(1, (FINE - 1) // (2 * (len(values) - 1)) + 1) * (inside[1] - inside[0])
    below = (values[0] - steps)[::-1]
    return np.concatenate([below[below > 0], inside, values[-1] + steps])


def _summary(quantity: _Quantity, grid: _Grid, cells: Cells) -> str:
    """Extremes, how the quantity moves along each axis, and what goes against that."""
    by_place = {
        (alpha, side): cells[i][j]
        for i, alpha in enumerate(grid.alphas)
        for j, side in enumerate(grid.resolutions)
    }
    filled = {
        at: estimate for at, cell in by_place.items() if (estimate := _estimate(cell)) is not None
    }
    high, low = (pick(filled, key=lambda at: filled[at].value) for pick in (max, min))

    def told(at: tuple[float, int]) -> str:
        return f"{label(grid.at[at])}, {written(filled[at], quantity.form)}"

    sentences = [f"Highest: {told(high)}."]
    if low != high:
        sentences.append(f"Lowest: {told(low)}.")
    sentences += [
        _moves(quantity, _ends(cells), f"alpha {_ends_of(grid.alphas, alpha_text)}"),
        _moves(quantity, _ends(_turned(cells)), f"resolution {_ends_of(grid.resolutions, str)}"),
        _falls(grid, by_place),
    ]
    missing = len(by_place) - len(filled)
    if missing:
        sentences.append(f"{missing} of {len(by_place)} cells are empty.")
    return " ".join(sentence for sentence in sentences if sentence)


def _estimate(cell: Value) -> Estimate | None:
    return None if cell.value is None else Estimate(float(cell.value), cell.low, cell.high)


def _ends(lines: Cells) -> list[tuple[float, float]]:
    """First and last value down each column that has both."""
    if len(lines) < 2:
        return []
    return [
        (float(first.value), float(last.value))
        for first, last in zip(lines[0], lines[-1], strict=True)
        if first.value is not None and last.value is not None
    ]


def _turned(cells: Cells) -> Cells:
    return tuple(zip(*cells, strict=True))


def _ends_of(values: Sequence[float] | Sequence[int], text: Callable[..., str]) -> str:
    return f"{text(values[0])} to {text(values[-1])}"


def _moves(quantity: _Quantity, ends: list[tuple[float, float]], axis: str) -> str:
    """By how much it changes from one end of the axis to the other: shares in points, all else
    in times.
    """
    if not ends:
        return ""
    if quantity.form is Form.SHARE:
        changes = sorted(last - first for first, last in ends)
        return f"From {axis}: {joined(points(changes[0]), points(changes[-1]))}."
    ratios = sorted(last / first for first, last in ends if first > 0)
    return f"From {axis}: {joined(times(ratios[0]), times(ratios[-1]))} as much." if ratios else ""


def _falls(grid: _Grid, cells: dict[tuple[float, int], Value]) -> str:
    """Steps to the next larger alpha or resolution at which the quantity gets smaller."""
    steps = [
        *(((a, side), (b, side)) for a, b in pairwise(grid.alphas) for side in grid.resolutions),
        *(((alpha, a), (alpha, b)) for alpha in grid.alphas for a, b in pairwise(grid.resolutions)),
    ]
    falls, near = [], 0
    for here, there in steps:
        first, then = _estimate(cells[here]), _estimate(cells[there])
        if first is None or then is None or then.value >= first.value:
            continue
        falls.append(f"{label(grid.at[here])} to {label(grid.at[there])}")
        near += overlap(first, then)
    if not falls:
        return ""
    sentence = f"It falls from {listed(falls, MOST_STEPS)}"
    if not near:
        return f"{sentence}."
    which = "their" if near == len(falls) else f"at {near} of these {len(falls)} the"
    return f"{sentence}; {which} 95 % intervals overlap."
