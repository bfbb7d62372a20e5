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

from sweep.metrics import LATENCY, MULT_ADDS, TOP1
from sweep.report.content import smoothed
from sweep.report.content.axes import number, quantities
from sweep.report.content.certainty import ONCE, covers
from sweep.report.content.cost_contours import cost_map
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated, evidence_of
from sweep.report.content.figures import label, written
from sweep.report.content.point_rows import Reasons, Row, accuracy_title, place, swept_kind
from sweep.report.content.smoothed import SMOOTH
from sweep.report.values.figures import Contours, HeatMap
from sweep.report.values.predictions import Predictions
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Value
from sweep.report.values.units import Form, joined, points, times
from sweep.types import alpha_text, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

FINE = 25  # values of alpha, and of resolution, that the contours are worked out at
NOT_IN_RUN = "not a point of this run"
MOST_STEPS = 6  # steps against the trend that a summary names
Cells = tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class _Shown:
    name: str
    title: str
    of: Quantity
    by: Evidence = BY_INTERVALS
    note: str = ""  # at the end of its summary


def heat_maps(results: Results, between: Predictions | None = None) -> tuple[HeatMap, ...]:
    """Accuracy, and costs at each batch size, of the kind whose alpha and resolution were swept. A
    run without points gives maps that say so. between: what is predicted between its points.
    """
    rows = results.points.to_dict(orient="records")
    kind = swept_kind(rows)
    rows = [row for row in rows if (row["family"], row["kind"]) == kind]
    grid = _Grid(rows, Reasons(results.readings))
    behind = _contours(grid, results.readings)
    return tuple(_heat_map(each, grid, behind, between) for each in _quantities(results, rows))


class _Grid:
    """The points by their place in the map; alphas and resolutions rise."""

    def __init__(self, rows: list[Row], reasons: Reasons) -> None:
        self.alphas = tuple(sorted({float(row["alpha"]) for row in rows}))
        self.resolutions = tuple(sorted({int(row["resolution"]) for row in rows}))
        self.at = {(row["alpha"], row["resolution"]): row for row in rows}
        self._reasons = reasons

    def cells(self, shown: _Shown) -> Cells:
        return tuple(
            tuple(self._cell(shown, alpha, side) for side in self.resolutions)
            for alpha in self.alphas
        )

    def _cell(self, shown: _Shown, alpha: float, resolution: int) -> Value:
        row = self.at.get((alpha, resolution))
        if row is None:
            return Value(None, reason=NOT_IN_RUN)
        return self._reasons.cell(row, shown.of)


def _quantities(results: Results, rows: list[Row]) -> list[_Shown]:
    """The accuracy, and every cost but what depends on alpha or on resolution alone, a map of equal
    squares. Of latency and mult-adds it is told where nothing was read, too.
    """
    shown = []
    for of in quantities(results):
        if of.metric == TOP1:
            shown.append(_Shown("accuracy", accuracy_title(rows), of, evidence_of(results)))
            if smoothed.is_there(results.points):
                title, note = f"{accuracy_title(rows)}, smoothed", smoothed.sentence(results.points)
                shown.append(_Shown("accuracy_smooth", title, SMOOTH, note=note))
        elif of.metric in (LATENCY, MULT_ADDS) or (of.is_axis and _moves_at_all(of, rows)):
            shown.append(_Shown(of.name, of.title, of))
    return shown


def _moves_at_all(of: Quantity, rows: list[Row]) -> bool:
    """Whether it was read, and moves along each axis of several places where it does along one."""
    read = [row for row in rows if number(row.get(of.column)) is not None]
    moves = [
        any(
            len({row[of.column] for row in read if row[other] == at}) > 1
            for at in {row[other] for row in read}
        )
        for axis, other in (("alpha", "resolution"), ("resolution", "alpha"))
        if len({row[axis] for row in read}) > 1
    ]
    return bool(read) and any(moves) == all(moves)


def _heat_map(
    shown: _Shown, grid: _Grid, behind: Contours | None, between: Predictions | None
) -> HeatMap:
    cells = grid.cells(shown)
    empty = all(cell.value is None for line in cells for cell in line)
    how = between.how.get(shown.name, "") if between and not empty else ""
    return HeatMap(
        name=shown.name,
        title=shown.title,
        form=shown.of.metric.form,
        alphas=grid.alphas,
        resolutions=grid.resolutions,
        cells=cells,
        contours=None if empty else behind,
        predicted=between.lines[shown.name] if between and how else None,
        summary=""
        if empty
        else " ".join(filter(None, (_summary(shown, grid, cells), how))) + shown.note,
        absent=_why_empty(shown, grid) if empty else "",
        covers=covers(shown.by) if shown.of.metric == TOP1 else "",
    )


def _why_empty(shown: _Shown, grid: _Grid) -> str:
    if not grid.at:
        return "The run has no points yet."
    title = shown.title
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


def _summary(shown: _Shown, grid: _Grid, cells: Cells) -> str:
    """Extremes, how the quantity moves along each axis, and what goes against that."""
    by_place = {
        (alpha, side): cells[i][j]
        for i, alpha in enumerate(grid.alphas)
        for j, side in enumerate(grid.resolutions)
    }
    filled = {
        at: estimate for at, cell in by_place.items() if (estimate := cell.estimate) is not None
    }
    high, low = (pick(filled, key=lambda at: filled[at].value) for pick in (max, min))

    def told(at: tuple[float, int]) -> str:
        return f"{label(grid.at[at])}, {written(filled[at], shown.of.metric.form)}"

    sentences = [f"Highest: {told(high)}."]
    if low != high:
        sentences.append(f"Lowest: {told(low)}.")
    sentences += [
        _moves(shown, _ends(cells), f"alpha {_ends_of(grid.alphas, alpha_text)}"),
        _moves(shown, _ends(_turned(cells)), f"resolution {_ends_of(grid.resolutions, str)}"),
        _falls(grid, by_place, shown.by),
    ]
    missing = len(by_place) - len(filled)
    if missing:
        are = "is" if missing == 1 else "are"
        sentences.append(f"{missing} of {len(by_place)} cells {are} empty.")
    return " ".join(sentence for sentence in sentences if sentence)


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


def _moves(shown: _Shown, ends: list[tuple[float, float]], axis: str) -> str:
    """By how much it changes from one end of the axis to the other: shares in points, all else
    in times.
    """
    if not ends:
        return ""
    if shown.of.metric.form is Form.SHARE:
        changes = sorted(last - first for first, last in ends)
        return f"From {axis}: {joined(points(changes[0]), points(changes[-1]))}."
    ratios = sorted(last / first for first, last in ends if first > 0)
    return f"From {axis}: {joined(times(ratios[0]), times(ratios[-1]))} as much." if ratios else ""


def _falls(grid: _Grid, cells: dict[tuple[float, int], Value], by: Evidence) -> str:
    """Steps to the next larger alpha or resolution at which the quantity gets smaller."""
    steps = [
        *(((a, side), (b, side)) for a, b in pairwise(grid.alphas) for side in grid.resolutions),
        *(((alpha, a), (alpha, b)) for alpha in grid.alphas for a, b in pairwise(grid.resolutions)),
    ]
    falls, near = [], 0
    for here, there in steps:
        first, then = cells[here].estimate, cells[there].estimate
        if first is None or then is None or then.value >= first.value:
            continue
        one, other = label(grid.at[here]), label(grid.at[there])
        falls.append(f"{one} to {other}")
        near += not by.apart(Rated(one, first), Rated(other, then))
    if not falls:
        return ""
    sentence = f"It falls from {listed(falls, MOST_STEPS)}"
    if not near:
        return f"{sentence}."
    if by.once:
        return f"{sentence} ({ONCE})."
    if by.replicates is not None:
        which = "these" if near == len(falls) else f"{near} of these {len(falls)} pairs"
        return f"{sentence}; {which} are not told apart."
    which = "their" if near == len(falls) else f"at {near} of these {len(falls)} the"
    return f"{sentence}; {which} 95 % intervals overlap."
