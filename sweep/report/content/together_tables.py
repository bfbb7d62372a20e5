"""The tables of several runs side by side: what they are of, how alike they rank, every figure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from sweep.maths.statistics import kendall_tau
from sweep.metrics import TOP1
from sweep.report.content.axes import number
from sweep.report.content.beside import ENOUGH
from sweep.report.content.changes import facts, settings
from sweep.report.content.difference import labels_of
from sweep.report.content.point_rows import NOT_READ, Reasons
from sweep.report.content.sides import Row, Side
from sweep.report.content.tables import MOST_ROWS
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import SPACE, Form
from sweep.types import Better

MOST_SETTINGS = 30  # that differ
NO_POINT = "not a point of this run"


def about(sides: Sequence[Side]) -> Table:
    """What each run is of, then the settings that are not the same in all."""
    known: list[dict[str, str]] = []
    for side in sides:
        machine = facts(side.results.machine)
        known.append(
            {
                "folder": str(side.results.path),
                "points": f"{len(side.rows)}",
                "data set": side.dataset,
                "latency by": side.deployment,
                **{f"machine: {name}": machine.get(name, "") for name in ("cpu", "cores")},
            }
        )
    stored = [settings(side.results.settings) for side in sides]
    names = dict.fromkeys(name for each in stored for name in each)
    differing = [name for name in names if len({each.get(name) or "" for each in stored}) > 1]
    rows = [(Value(name), *(_text(each.get(name, "")) for each in known)) for name in known[0]] + [
        (Value(name), *(_text(each.get(name, "")) for each in stored))
        for name in differing[:MOST_SETTINGS]
    ]
    rest = len(differing) - MOST_SETTINGS
    return Table(
        "The runs",
        "Below what they are of, the settings in which they differ."
        + (f" {rest} more differ." if rest > 0 else ""),
        (Column("", Form.TEXT), *(Column(side.name, Form.TEXT) for side in sides)),
        tuple(rows),
    )


def _text(value: str) -> Value:
    return Value(value) if value else Value(None, reason="none in this run")


def ranks(sides: Sequence[Side]) -> Table | None:
    """Kendall's tau of each pair over the points that both have: of accuracies, and of costs that
    are of a machine; None where there is nothing to compare.
    """
    columns = [
        each
        for each in dict.fromkeys(column for side in sides for column in side.quantities)
        if sum(each in side.quantities for side in sides) > 1
    ]
    named = {column: _named(sides, column) for column in columns}
    shown = [
        column
        for column, of in named.items()
        if of.metric == TOP1 or (of.is_axis and of.machine_bound)
    ]
    rows = [
        (
            Value(f"{one.name}, {other.name}"),
            *(_tau(one, other, column) for column in shown),
        )
        for one, other in combinations(sides, 2)
    ]
    if not any(cell.value is not None for row in rows for cell in row[1:]):
        return None
    return Table(
        "How alike they rank",
        "Kendall's tau over the points that both runs have: 1 is the same order, 0 is chance.",
        (
            Column("Runs", Form.TEXT),
            *(Column(named[column].short, Form.NUMBER) for column in shown),
        ),
        tuple(rows),
    )


def _named(sides: Sequence[Side], column: str) -> Quantity:
    return next(side.quantities[column] for side in sides if column in side.quantities)


def _tau(one: Side, other: Side, column: str) -> Value:
    pairs = [
        (first, second)
        for key, row in one.rows.items()
        if key in other.rows
        and (first := number(row.get(column))) is not None
        and (second := number(other.rows[key].get(column))) is not None
    ]
    if len(pairs) < ENOUGH:
        return Value(None, reason=f"fewer than {ENOUGH} points have both")
    try:
        return Value(kendall_tau(*zip(*pairs, strict=True)))
    except ValueError as error:
        return Value(None, reason=str(error))


def points(sides: Sequence[Side]) -> Table:
    """A row a point; what all runs have the same once, then each run's figures side by side."""
    rows: dict[str, Row] = {}
    for side in sides:
        rows |= {key: row for key, row in side.rows.items() if key not in rows}
    labels = labels_of(rows)
    keys = list(rows)[:MOST_ROWS]
    shared = [of for of in _shown(sides[0]) if _is_shared(sides, of.column)]
    apart = [
        (side, of)
        for side in sides
        for of in _shown(side)
        if of.column not in {each.column for each in shared}
    ]
    reasons = {side.name: Reasons(side.results.readings) for side in sides}

    def cell(side: Side, of: Quantity, key: str) -> Value:
        row = side.rows.get(key)
        return Value(None, reason=NO_POINT) if row is None else reasons[side.name].cell(row, of)

    def first(of: Quantity, key: str) -> Value:
        cells = [cell(side, of, key) for side in sides]
        return next(
            (each for each in cells if each.value is not None), Value(None, reason=NOT_READ)
        )

    more = len(rows) - len(keys)
    return Table(
        "Every point",
        f"Latency is the median; in brackets 95{SPACE}% intervals."
        + (f" {more} more points are left out." if more > 0 else ""),
        (
            Column("Point", Form.TEXT),
            *(Column(of.short, of.metric.form) for of in shared),
            *(Column(of.short, of.metric.form, group=side.name) for side, of in apart),
        ),
        tuple(
            (
                Value(labels[key]),
                *(first(of, key) for of in shared),
                *(cell(side, of, key) for side, of in apart),
            )
            for key in keys
        ),
    )


def _shown(side: Side) -> list[Quantity]:
    """Top-1 and what accuracies are drawn against."""
    columns = set(side.results.points.columns)
    return [
        each
        for each in side.quantities.values()
        if each.column in columns
        and each.metric.better is not Better.NEITHER
        and (each.metric == TOP1 or each.is_axis)
    ]


def _is_shared(sides: Sequence[Side], column: str) -> bool:
    """Whether it is of no machine, and no point has two values of it: a count of the network."""
    if _named(sides, column).machine_bound or _named(sides, column).metric == TOP1:
        return False
    values: dict[str, float] = {}
    for side in sides:
        for key, row in side.rows.items():
            value = number(row.get(column))
            if value is not None and values.setdefault(key, value) != value:
                return False
    return True
