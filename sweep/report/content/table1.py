"""The paper's Table 1 beside the run's own layers. The other tables are numbers: `tables.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep import paper
from sweep.paper import BodyRow
from sweep.report.values.units import Form, exact
from sweep.report.values.view import Column, Table, Value

if TYPE_CHECKING:
    from sweep.results.store import Results

TITLE = "Table 1. MobileNet body architecture"
AS_PRINTED = "as printed"


def body(results: Results) -> Table:
    """Table 1 as printed; this run's layer where it is another; and what each row costs.

    Where the run lacks the network or its layers: the paper's shapes, with the reason.
    """
    rows = paper.body(results.points, results.readings)
    return Table(
        title=TITLE,
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
    note = "; ".join(row.notes)
    counted = "; ".join(row.count_notes)
    return (
        Value(times + row.printed.type_stride),
        Value(row.printed.filter_shape),
        Value(row.printed.input_size),
        Value(_computed(row), reason=row.reason, note=note),
        Value(row.mult_adds, reason=row.reason, note=counted),
        Value(row.weights, reason=row.reason, note=counted),
    )


def _computed(row: BodyRow) -> str | None:
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
