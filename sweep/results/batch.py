"""A batch: what one call of a measure gave, as rows, and what these replace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from sweep.results.parquet import Identity, contiguous
from sweep.results.schema import READINGS, TRAINING, Stamp, curve_row, reading_row
from sweep.types import CurvePoint, Point, Reading


@dataclass(frozen=True)
class Batch:
    """identities: what the batch replaces; finished: those of them that have readings, none where
    it is of a failure.
    """

    identities: tuple[Identity, ...]
    finished: tuple[Identity, ...]
    readings: pa.Table
    training: pa.Table

    @property
    def rows(self) -> int:
        """Of readings and curves."""
        return self.readings.num_rows + self.training.num_rows


def batch_of(
    measure: str, items: Sequence[Reading | CurvePoint], stamp: Stamp, *, failed: bool
) -> Batch:
    """The rows of one call's readings and curves."""

    def identity(point: Point) -> Identity:
        return point.key, measure, stamp.settings_hash, stamp.machine_id

    readings = [item for item in items if isinstance(item, Reading)]
    curve = [item for item in items if isinstance(item, CurvePoint)]
    finished = () if failed else dict.fromkeys(item.point for item in readings)
    points = dict.fromkeys(item.point for item in items)
    tables = (
        pa.Table.from_pylist(
            [reading_row(each, measure, stamp, failed) for each in readings], READINGS
        ),
        pa.Table.from_pylist([curve_row(each, measure, stamp) for each in curve], TRAINING),
    )
    return Batch(
        tuple(identity(each) for each in points),
        tuple(identity(each) for each in finished),
        *(contiguous(each) if len(points) > 1 else each for each in tables),
    )
