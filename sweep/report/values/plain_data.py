"""The one renderer for --json: values as data that JSON has. SI units; shares 0..1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isinf
from typing import Any

import numpy as np
import pandas as pd

from sweep.report.values.tables import Table


def plain_data(value: Any) -> Any:
    """A frozen value all the way down: dataclasses as objects of their fields, tables as lists of
    rows, enumerations as their values; whole numbers as such, null for what is not a number.
    """
    if isinstance(value, Table):
        return _rows(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain_data(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain_data(each) for name, each in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain_data(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    """Counts and bytes come as floats, and leave as the whole numbers that they are."""
    value = value.item() if isinstance(value, np.generic) else value
    if pd.isna(value):
        return None
    if isinstance(value, float):
        return None if isinf(value) else int(value) if value.is_integer() else value
    return value


def _rows(table: Table) -> list[dict[str, Any]]:
    """One object per row: a column's title -> its value, null where the cell has a reason; reasons
    and notes stand in "notes", by column.
    """
    titles = [column.title for column in table.columns]
    return [
        {title: plain_data(cell.value) for title, cell in zip(titles, row, strict=True)}
        | {
            "notes": {
                title: "; ".join(cell.told)
                for title, cell in zip(titles, row, strict=True)
                if cell.told
            }
        }
        for row in table.rows
    ]
