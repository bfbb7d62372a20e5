"""The tables of the run alone: one row per point, and the counts side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.maths.replicates import FRONTIER_DRAWS
from sweep.metrics import BUILT_IN, MULT_ADDS, PARAMS, PEAK_MEMORY, TOP1, TRAINED, XLA
from sweep.report.content import smoothed
from sweep.report.content.axes import axes, number, quantities
from sweep.report.content.certainty import ONCE, SURE, covers
from sweep.report.content.evidence import evidence_of
from sweep.report.content.figures import label, sizes
from sweep.report.content.point_rows import Reasons
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import SPACE, Form, percent
from sweep.results.points import end_of, front_of, share_of
from sweep.types import Better

if TYPE_CHECKING:
    from sweep.results.load import Results

CLOSED_FORM = "Closed form"  # beside the other ways to count mult-adds
MOST_ROWS = 300  # of a table: a page with thousands could not be opened


@dataclass(frozen=True)
class _Of:
    """A column of numbers: a quantity, or under a title of its own another number that is worked
    out of the same readings.
    """

    of: Quantity
    title: str = ""
    column: str = ""

    @property
    def heading(self) -> Column:
        extra = self.of.other or self.of.metric == PEAK_MEMORY
        extra |= bool(self.column or self.of.metric.beside)
        return Column(self.title or self.of.short, self.of.metric.form, extra=extra)


def points(results: Results) -> Table:
    """One row per point: what was measured, with intervals, and where it is on a frontier. Of very
    many points some, as `_rows` chooses.
    """
    reasons = Reasons(results.readings)
    trained = sizes(results.points.to_dict(orient="records"))
    known = quantities(results)
    columns = _columns(results.points, known, trained=bool(trained))
    fronts = _fronts(results.points, known)
    evidence = evidence_of(results)
    about = covers(evidence)
    shares = f"; {ONCE}" if evidence.once else _shares(results.points, fronts.values())
    over = ", ".join(f"{letter} over {of.noun}" for letter, of in fronts.items())
    return Table(
        title="Every point",
        caption=(
            f"Latency is the median. In brackets 95{SPACE}% intervals, the accuracies' {about}, "
            f"the latencies' by a bootstrap of the median. Frontier: {over}{shares}."
            + (f" Accuracies are of networks {trained}." if trained else "")
            + smoothed.sentence(results.points)
            + _shortened(results.points)
        ),
        columns=(
            Column("Point", Form.TEXT),
            *(each.heading for each in columns),
            Column("Frontier", Form.TEXT),
        ),
        rows=tuple(
            (
                Value(label(row)),
                *(reasons.cell(row, each.of, each.column) for each in columns),
                _on(row, fronts),
            )
            for row in _rows(results.points)
        ),
    )


def _columns(points: pd.DataFrame, known: Sequence[Quantity], *, trained: bool) -> list[_Of]:
    """Accuracies and costs, then what was read at each batch size. Counts that restate or check
    others have a table of their own.
    """
    columns = []
    for of in sorted(known, key=lambda each: each.batch or 0):
        if of.metric == TRAINED:
            columns += [_Of(of)] * trained
        elif of.metric.better is Better.NEITHER or _restates(of):
            continue
        else:
            # Paper is narrow: of what restates another the interval stands on the card alone.
            columns.append(_Of(of, column=of.column if of.metric.beside else ""))
            if of.metric == TOP1 and smoothed.is_there(points):
                columns.append(_Of(smoothed.SMOOTH))
            columns += [
                _Of(
                    of,
                    f"{share}th percentile{of.short.removeprefix(of.metric.short)}",
                    end_of(of.column, f"p{share}"),
                )
                for share in (5, 95)
                if of.metric.name in BUILT_IN and end_of(of.metric.name, f"p{share}") in points
            ]
    return columns


def _restates(of: Quantity) -> bool:
    return bool(of.metric.beside) and of.metric.form in (Form.COUNT, Form.BYTES)


def _fronts(points: pd.DataFrame, known: Sequence[Quantity]) -> dict[str, Quantity]:
    """The frontiers that points.parquet marks, by a letter each: the first of its name that is
    free.
    """
    fronts: dict[str, Quantity] = {}
    for of in axes(known, points):
        if front_of(of.column) in points and not of.other:
            names = (*of.metric.short.upper(), *ascii_uppercase)
            fronts[next(each for each in names if each.isalpha() and each not in fronts)] = of
    return fronts


def _on(row: dict[str, Any], fronts: dict[str, Quantity]) -> Value:
    if number(row[TOP1.name]) is None:
        return Value(None, reason="no accuracy")
    shares: dict[str, list[str]] = {}
    for letter, of in fronts.items():
        if row[front_of(of.column)]:
            shares.setdefault(_unsure(row, of), []).append(letter)
    told = ", ".join(" ".join((*letters, share)).rstrip() for share, letters in shares.items())
    return Value(told or "none")


def _unsure(row: dict[str, Any], of: Quantity) -> str:
    """In how many bootstrap replicates, where that is known and leaves it open."""
    share = number(row.get(share_of(of.column)))
    return "" if share is None or share >= SURE else percent(share)


def _shares(points: pd.DataFrame, fronts: Iterable[Quantity]) -> str:
    """What the shares are that stand with the letters."""
    columns = [name for of in fronts if (name := share_of(of.column)) in points]
    if not points[columns].notna().to_numpy().any():
        return ""
    return (
        f" (with the share of {FRONTIER_DRAWS:,} bootstrap replicates in which the point is on it, "
        f"where that is below {percent(SURE)})"
    )


def _rows(points: pd.DataFrame) -> list[dict[str, Any]]:
    """All points, or of very many MOST_ROWS: those on a frontier first, in their order."""
    if len(points) > MOST_ROWS:
        fronts = [each for each in points if str(each).startswith(front_of(""))]
        ahead = [any(flags) for flags in points[fronts].itertuples(index=False)]
        order = sorted(range(len(points)), key=lambda at: not ahead[at])
        points = points.iloc[sorted(order[:MOST_ROWS])]
    return points.to_dict(orient="records")


def _shortened(points: pd.DataFrame) -> str:
    if len(points) <= MOST_ROWS:
        return ""
    return (
        f" {MOST_ROWS} of {len(points):,} points stand here, those on a frontier first; "
        "points.parquet has them all."
    )


def counts(results: Results) -> Table:
    """The counts side by side: the first three must be the same to the last digit."""
    reasons = Reasons(results.readings)
    counted = [
        of
        for main in (MULT_ADDS, PARAMS)
        for of in quantities(results)
        if of.metric.form is Form.COUNT and main.name in (of.metric.name, of.metric.beside)
    ]
    xla = results.readings.loc[results.readings["metric"] == XLA.name, "note"]
    note = next((text for text in xla if text), "")
    return Table(
        title="Counts side by side",
        caption=" ".join(
            each
            for each in (
                "One multiply with its add counts once; bias, batch norm, ReLU and pooling are "
                "left out. The closed form, the walk over the traced program and fvcore are "
                "independent and must agree. Mult-adds are not FLOPs: zoos that quote 1.15 GFLOPs "
                "for 1.0-224 count two per multiply-add.",
                note,
            )
            if each
        )
        + _shortened(results.points),
        columns=(
            Column("Point", Form.TEXT),
            *(
                Column(CLOSED_FORM if of.metric == MULT_ADDS else of.short, Form.EXACT)
                for of in counted
            ),
        ),
        rows=tuple(
            (
                Value(label(row)),
                *(reasons.cell(row, of) for of in counted),
            )
            for row in _rows(results.points)
        ),
    )
