"""What the terminal tables say, as plain data for --json. SI units; shares 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sweep.contracts import LayerRow
from sweep.report.values.view import Saving, Table, View


def comparison(view: View) -> dict[str, Any]:
    """Every number beside the paper's, the layer's saving, and the agreement of the rankings."""
    return {
        "table_1": _table(view.body),
        "rows": [
            asdict(cell.row)
            for table in view.comparisons
            for model in table.models
            for cell in model.cells
            if cell is not None
        ],
        "saving": _saving(view.saving),
        "tau": asdict(view.tau),
        "outside_tolerance": view.outside,
    }


def _saving(saving: Saving) -> dict[str, Any]:
    return {
        "title": saving.title,
        "formulas": {each.name: each.text for each in saving.formulas},
        "sentences": list(saving.sentences),
        "blocks": _table(saving.blocks),
        "absent": saving.absent,
    }


def _table(table: Table) -> list[dict[str, Any]]:
    """One object per row: a column's title -> its value, null where the cell has a reason; reasons
    and notes stand in "notes", by column.
    """
    rows = []
    for row in table.rows:
        cells = list(zip((column.title for column in table.columns), row, strict=True))
        notes = {
            title: "; ".join(filter(None, (cell.reason, cell.note)))
            for title, cell in cells
            if cell.reason or cell.note
        }
        rows.append({title: cell.value for title, cell in cells} | {"notes": notes})
    return rows


def layers(rows: Sequence[LayerRow]) -> dict[str, Any]:
    """The rows of one network, and the share of each layer type (the paper's Tables 1 and 2)."""
    mult_adds, weights = sum(row.mult_adds for row in rows), sum(row.weights for row in rows)
    types = dict.fromkeys(str(row.type) for row in rows if row.weights)
    return {
        "mult_adds": mult_adds,
        "weights": weights,
        "params": sum(row.trainable_params for row in rows),
        "layers": [
            {
                "name": row.name,
                "type": str(row.type),
                "stride": row.stride,
                "kernel": row.kernel,
                "channels_in": row.channels_in,
                "channels_out": row.channels_out,
                "size_in": row.size_in,
                "size_out": row.size_out,
                "mult_adds": row.mult_adds,
                "weights": row.weights,
                "mult_adds_share": row.mult_adds / mult_adds,
                "weights_share": row.weights / weights,
            }
            for row in rows
        ],
        "types": [
            {
                "type": name,
                "mult_adds_share": _sum(rows, name, "mult_adds") / mult_adds,
                "weights_share": _sum(rows, name, "weights") / weights,
            }
            for name in types
        ],
    }


def _sum(rows: Sequence[LayerRow], layer_type: str, count: str) -> int:
    return sum(getattr(row, count) for row in rows if row.type == layer_type)
