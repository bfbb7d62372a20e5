"""All readings of a run as they are stored, long: one row a reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep.metrics import metric_of
from sweep.report.content.axes import number
from sweep.report.content.figures import label
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import Form
from sweep.results.schema import conditions_of
from sweep.types import CONDITIONS

if TYPE_CHECKING:
    from sweep.results.load import Results


def readings_table(results: Results) -> Table:
    """Whose reading, of what, what tells it from others of its metric and point, its value as the
    metric writes it, and of how many samples that is made. Conditions that none has have no column.
    """
    rows = results.readings.to_dict(orient="records")
    conditions = [conditions_of(row) for row in rows]
    given = [
        name for name in CONDITIONS if any(each[name] not in (None, "") for each in conditions)
    ]
    return Table(
        title="Every reading",
        caption="",
        columns=(
            Column("Point", Form.TEXT),
            Column("Metric", Form.TEXT),
            *(Column(name.capitalize(), Form.TEXT) for name in given),
            Column("Value", Form.NUMBER),
            Column("Samples", Form.EXACT),
        ),
        rows=tuple(
            (
                Value(label(row)),
                Value(str(row["metric"])),
                *(Value("" if each[name] is None else str(each[name])) for name in given),
                _value(row, noted=not each["layer"]),  # a layer's note is its shape, in JSON
                Value(len(row["samples"]) or ""),
            )
            for row, each in zip(rows, conditions, strict=True)
        ),
    )


def _value(row: dict[str, Any], *, noted: bool) -> Value:
    notes = (str(row["note"]),) if noted and row["note"] else ()
    return Value(number(row["value"]), reason=row["reason"], notes=notes, form=metric_of(row).form)
