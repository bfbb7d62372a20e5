"""Rows of points.parquet as a report reads them: a number, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from sweep.metrics import TOP1
from sweep.paper.layers import Place
from sweep.paper.networks import FAMILY
from sweep.report.content.axes import number
from sweep.report.content.figures import label, sizes
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Value
from sweep.results.schema import conditions_of
from sweep.results.smoothing import COLUMN as SMOOTHED
from sweep.types import condition_words

NOT_READ = "no reading in this run"
NO_SURFACE = "no grid of its kind that a surface could be put through"
Row = dict[str, Any]


def place(row: Row) -> Place:
    """Which point a row of any table is of."""
    return row["family"], row["kind"], row["alpha"], row["resolution"]


def swept_kind(rows: Iterable[Row]) -> tuple[str, str] | None:
    """Family and kind whose alpha and resolution were swept: the paper's separable network where
    it is in the run, else the first point's. None without points.
    """
    kinds = [(row["family"], row["kind"]) for row in rows]
    paper = (FAMILY, "separable")
    return paper if paper in kinds else next(iter(kinds), None)


def set_apart(row: Row) -> str:
    """What tells a reading from others of its metric within a run, in words: "batch 8"."""
    conditions = conditions_of(row)
    return condition_words({name: conditions[name] for name in ("batch", "layer", "variant")})


def accuracy_title(rows: Sequence[Row], of: Sequence[Row] | None = None) -> str:
    """The measured top-1, with its data set and, where it is of images of another size than the
    deployed network's, both sizes. of: the rows whose sizes are told, where not of all.
    """
    datasets = (str(row["dataset"]) for row in rows if number(row[TOP1.name]) is not None)
    dataset = next(datasets, "")
    whole = f"{TOP1.title} on {dataset}" if dataset else TOP1.title
    return ", ".join(filter(None, (whole, sizes(rows if of is None else of))))


def kept_networks(readings: pd.DataFrame, name: str) -> tuple[str, ...]:
    """The files in networks/ that were trained for a point, by its label."""
    rows = readings.loc[readings["metric"] == TOP1.name].to_dict(orient="records")
    return tuple(file for row in rows if label(row) == name for file in row["artefacts"])


class Reasons:
    """Why readings have no value. readings: long, as stored."""

    def __init__(self, readings: pd.DataFrame) -> None:
        self._of: dict[tuple[Place, str], dict[int | None, str]] = {}
        for row in readings.loc[readings["value"].isna()].to_dict(orient="records"):
            reasons = self._of.setdefault((place(row), row["metric"]), {})
            reasons[conditions_of(row)["batch"]] = row["reason"]

    def why(self, row: Row, metric: str, batch: int | None = None) -> str:
        """The reason at this batch size, else of the whole measure (a failure is stored so), else
        at any where none is asked for; NOT_READ where nothing was stored.
        """
        reasons = self._of.get((place(row), metric), {})
        others = () if batch else reasons.values()
        none = NO_SURFACE if metric == SMOOTHED else NOT_READ
        return reasons.get(batch) or reasons.get(None) or next(iter(others), none)

    def cell(self, row: Row, of: Quantity, column: str = "") -> Value:
        """The quantity with its interval, or the reason for none. column: of another number that
        is worked out of the same readings, without an interval.
        """
        columns = (column,) if column else of.columns
        value, *interval = (number(row.get(each)) for each in columns)
        if value is None:
            return Value(None, reason=self.why(row, of.metric.name, of.batch))
        low, high = interval or (None, None)
        return Value(value, low, high)
