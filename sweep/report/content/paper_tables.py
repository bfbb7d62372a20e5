"""The paper's tables beside the run: the layers of Table 1, and the numbers of the others."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sweep import paper
from sweep.paper import BodyRow, Quantity, Row
from sweep.paper.tolerance import TOLERANCES
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import DASH, SPACE, Form, exact, rounded, signed

if TYPE_CHECKING:
    from sweep.results.load import Results

AS_PRINTED = "as printed"
NOT_PRINTED = Value(None, reason="not printed")
NOTHING = Value("")
# The paper's own titles.
TITLES = {
    "1": "Table 1. MobileNet body architecture",
    "2": "Table 2. Resource per layer type",
    "3": "Table 3. Resource usage for modifications to standard convolution",
    "4": "Table 4. Depthwise separable against full convolution MobileNet",
    "5": "Table 5. Narrow against shallow MobileNet",
    "6": "Table 6. MobileNet width multiplier",
    "7": "Table 7. MobileNet resolution",
    "8": "Table 8. MobileNet comparison to popular models",
    "9": "Table 9. Smaller MobileNet comparison to popular models",
    "10": "Table 10. MobileNet for Stanford Dogs",
    "12": "Table 12. Face attribute classification using the MobileNet architecture",
    "14": "Table 14. MobileNet distilled from FaceNet",
    "TF-slim": "TF-slim. The sixteen checkpoints published in June 2017",
}
# What the rows of a table are, where they aren't networks.
HEADINGS = {"2": "Type", "3": "Layer"}


def body(results: Results) -> Table:
    """Table 1 as printed; this run's layer where it is another; and what each row costs.

    Where the run lacks the network or its layers: the paper's shapes, with the reason.
    """
    rows = paper.body(results.points, results.readings)
    return Table(
        title=TITLES["1"],
        caption=_caption(rows),
        columns=(
            Column("Type / stride", Form.TEXT),
            Column("Filter shape", Form.TEXT),
            Column("Input size", Form.TEXT),
            Column("This run", Form.TEXT),
            Column("Mult-adds", Form.EXACT),
            Column("Weights", Form.EXACT),
        ),
        rows=tuple(_row(row) for row in rows),
    )


def _row(row: BodyRow) -> tuple[Value, ...]:
    times = f"{row.times} × " if row.times > 1 else ""
    return (
        Value(times + row.printed.type_stride),
        Value(row.printed.filter_shape),
        Value(row.printed.input_size),
        Value(_own_layer(row), reason=row.reason, notes=row.notes),
        Value(row.mult_adds, reason=row.reason, notes=row.count_notes),
        Value(row.weights, reason=row.reason, notes=row.count_notes),
    )


def _own_layer(row: BodyRow) -> str | None:
    """What is another in this run's layer, in the words of the table."""
    if row.computed is None:
        return None
    pairs = (
        (row.printed.type_stride, row.computed.type_stride),
        (row.printed.filter_shape, row.computed.filter_shape),
        (row.printed.input_size, row.computed.input_size),
    )
    return ", ".join(computed for printed, computed in pairs if printed != computed) or AS_PRINTED


def _caption(rows: tuple[BodyRow, ...]) -> str:
    told = (
        "The paper's rows in its own words, and this run's layers of 1.0-224 beside them; where a "
        "row stands for five layers, its counts are of all five."
    )
    mult_adds = [row.mult_adds for row in rows if row.mult_adds is not None]
    weights = [row.weights for row in rows if row.weights is not None]
    if not mult_adds or not weights:
        return told
    differing = sum(row.differs for row in rows)
    rows_differ = "One row differs" if differing == 1 else f"{differing or 'No'} rows differ"
    return (
        f"{told} {rows_differ}. Together they cost {exact(sum(mult_adds))} mult-adds and "
        f"{exact(sum(weights))} weights; Table 4 prints 569 M and 4.2 M."
    )


def unmatched(results: Results, rows: tuple[Row, ...]) -> tuple[str, ...]:
    """The titles of the tables that have nothing of this run's: of none of their networks."""
    matched = {row.table for row in rows if row.computed is not None}
    if any(row.mult_adds is not None for row in paper.body(results.points, results.readings)):
        matched.add("1")
    tables = dict.fromkeys(("1", *(row.table for row in rows)))
    return tuple(TITLES[table] for table in tables if table not in matched)


def comparisons(rows: tuple[Row, ...]) -> tuple[Table, ...]:
    """The paper's other tables: one row per model, and for each quantity what is published, what
    this run computed, their difference and, where there is a tolerance, whether it holds.
    """
    return tuple(
        _comparison(table, tuple(group)) for table, group in groupby(rows, lambda row: row.table)
    )


def _comparison(table: str, rows: tuple[Row, ...]) -> Table:
    quantities = [each for each in Quantity if any(row.quantity is each for row in rows)]
    columns = [Column(HEADINGS.get(table, "Model"), Form.TEXT)]
    for quantity in quantities:
        group = quantity.value.capitalize()
        columns += [
            Column(title, Form.WRITTEN, group) for title in ("Published", "Computed", "Difference")
        ]
        columns += [Column("Within", Form.VERDICT, group)] * (quantity in TOLERANCES)
    models = []
    for model, group in groupby(rows, lambda row: row.model):
        printed_here = {row.quantity: row for row in group}
        cells = [_compared(each, printed_here.get(each)) for each in quantities]
        models.append((Value(model), *(cell for each in cells for cell in each)))
    return Table(TITLES[table], "", tuple(columns), tuple(models))


def _compared(quantity: Quantity, row: Row | None) -> tuple[Value, ...]:
    """The cells of one group; the notes hang at what was computed."""
    if row is None:
        cells = (NOT_PRINTED, NOTHING, NOTHING)
        within = NOTHING
    else:
        cells = (
            Value(f"{row.printed}{SPACE}{_unit(row)}"),
            Value(_computed(row), reason=row.reason, notes=row.notes),
            Value(_difference(row)),
        )
        within = NOTHING if row.within is None else Value(float(row.within))
    return (*cells, within) if quantity in TOLERANCES else cells


def _computed(row: Row) -> str | None:
    """The run's number in the paper's unit, counts with two digits more: "568.74 M"."""
    if row.computed is None:
        return None
    return signed(f"{rounded(row.computed * _per_unit(row), _digits(row))}{SPACE}{_unit(row)}")


def _difference(row: Row) -> str:
    """Computed less printed, signed; of shares in points."""
    if row.difference is None:
        return DASH
    text = f"{rounded(row.difference * _per_unit(row), _digits(row)):+f}"
    if float(text) == 0:
        text = text[1:]
    return signed(f"{text}{SPACE}{_unit(row) if row.quantity.is_count else 'pt'}")


def _digits(row: Row) -> int:
    decimals = len(row.printed.partition(".")[2])
    return decimals + 2 if row.quantity.is_count else max(decimals, 1)


def _unit(row: Row) -> str:
    return "M" if row.quantity.is_count else "%"


def _per_unit(row: Row) -> float:
    return 1e-6 if row.quantity.is_count else 100.0
