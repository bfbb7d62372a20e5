"""How each point's training went: its loss and accuracy thinned for a drawing, and in words."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pandas as pd

from sweep.metrics import TOP1
from sweep.paper.layers import Place
from sweep.report.content.axes import number
from sweep.report.content.point_rows import NOT_READ, Reasons, Row, place
from sweep.report.values.units import share, three_digits
from sweep.report.values.view import Trained

MOST_STEPS = 60  # of a training that is drawn


def curves_of(training: pd.DataFrame) -> dict[Place, tuple[Trained, ...]]:
    """Every point's training, of the first measure that trained it, and its first replicate."""
    rows = training.fillna({"seed": -1}).to_dict(orient="records")
    rows.sort(key=lambda row: (*_training(row), row["step"]))
    curves: dict[Place, tuple[Trained, ...]] = {}
    for (point, *_), group in groupby(rows, key=_training):
        curve = _thinned([row for row in group if _finite(row)])
        if curve:
            curves.setdefault(point, curve)
    return curves


def _training(row: Row) -> tuple[Place, str, int]:
    """The one that a place of a curve is of."""
    return place(row), row["measure"], row["seed"]


def _finite(row: Row) -> bool:
    return bool(np.isfinite(row["loss"]) and np.isfinite(row["accuracy"]))


def _thinned(rows: list[Row]) -> tuple[Trained, ...]:
    """At most MOST_STEPS entries. Each is the mean over the steps since the one before: means of
    what they hold together, weighted by how many steps each row is of.
    """
    if not rows:
        return ()
    # A row at step 0 is of no step before it, but still a value.
    steps = np.maximum(np.diff([row["step"] for row in rows], prepend=0), 1)
    parts = np.array_split(np.arange(len(rows)), min(MOST_STEPS, len(rows)))
    means = {
        name: [
            float(np.average([rows[i][name] for i in part], weights=steps[part])) for part in parts
        ]
        for name in ("loss", "accuracy")
    }
    epochs = [float(rows[part[-1]]["epoch"]) for part in parts]
    return tuple(map(Trained, epochs, means["loss"], means["accuracy"]))


def in_words(curve: tuple[Trained, ...]) -> str:
    """From where to where loss and accuracy went."""
    first, last = curve[0], curve[-1]
    if len(curve) == 1:
        return (
            f"At epoch {three_digits(last.epoch)} the loss of the training batches was "
            f"{three_digits(last.loss)}, their accuracy {share(last.accuracy)}."
        )
    epochs, losses = (
        [three_digits(getattr(each, name)) for each in (first, last)] for name in ("epoch", "loss")
    )
    return (
        f"From epoch {' to '.join(epochs)} the loss of the training batches "
        f"{_went(first.loss, last.loss)} from {' to '.join(losses)}; their accuracy "
        f"{_went(first.accuracy, last.accuracy)} from {share(first.accuracy)} to "
        f"{share(last.accuracy)}."
    )


def _went(first: float, last: float) -> str:
    return "fell" if last < first else "rose" if last > first else "went"


def why_none(row: Row, reasons: Reasons) -> str:
    """Of a point without a curve."""
    why = NOT_READ if number(row[TOP1.name]) is not None else reasons.why(row, TOP1.name)
    return f"No training of this point is stored{'' if why == NOT_READ else f': {why}'}."
