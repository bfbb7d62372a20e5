"""The accuracies of another run, beside those of the one that is shown: of separate trainings, say,
beside those of a shared one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sweep.maths.statistics import kendall_tau
from sweep.metrics import TOP1
from sweep.report.content.axes import number
from sweep.report.content.certainty import covers
from sweep.report.content.evidence import Evidence, evidence_of
from sweep.report.values.units import in_points
from sweep.results.points import SOURCE, end_of
from sweep.results.trainings import key_of
from sweep.types import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from sweep.results.load import Results

ENOUGH = 5  # points for a rank correlation
BESIDE = f"beside_{TOP1.name}"  # column
BESIDE_OF = "beside_of"  # column: what they are of
COVERS = "beside_covers"  # column: what their intervals are about
ONCE = "beside_once"  # column: whether each point was trained once
# accuracy.source in words, after "accuracy".
SOURCES = {
    "train": "each network trained by itself",
    "shared": "of one weight-shared training",
    "checkpoints": "of networks that others have trained",
    "keras": "of the networks that Keras has trained",
}


def of_source(source: object) -> str:
    """In words; empty where there are none."""
    return SOURCES.get(str(source), "")


def with_beside(results: Results, other: Results) -> Results:
    """The results, whose points carry the accuracies that the other run has of the same points.

    Raises SettingsError where it has none.
    """
    own = results.points
    theirs = {key_of(row): row for row in other.points.to_dict("records")}
    matched = [theirs.get(key_of(row), {}) for row in own.to_dict("records")]
    ends = {end_of(BESIDE, end): end_of(TOP1.name, end) for end in ("low", "high")}
    columns = {
        name: [number(row.get(of)) for row in matched]
        for name, of in ({BESIDE: TOP1.name} | ends).items()
    }
    if not any(value is not None for value in columns[BESIDE]):
        raise SettingsError(f"{other.path}: has no accuracy of any of these points")
    known = evidence_of(other)
    told = {BESIDE_OF: _called(other), COVERS: covers(known), ONCE: known.once}
    return replace(results, points=own.assign(**columns, **told))


def evidence_beside(points: pd.DataFrame) -> Evidence:
    """What tells them apart: their intervals, unless each point was trained once."""
    return Evidence(once=ONCE in points and bool(points[ONCE].any()))


def agreement(points: pd.DataFrame) -> tuple[str, ...]:
    """How the two rank the points that both have; of fewer than ENOUGH nothing is said."""
    if BESIDE not in points:
        return ()
    both = points.loc[points[TOP1.name].notna() & points[BESIDE].notna()]
    own, theirs = both[TOP1.name].tolist(), both[BESIDE].tolist()
    try:
        tau = kendall_tau(own, theirs) if len(both) >= ENOUGH else None
    except ValueError:  # all ties
        tau = None
    if tau is None:
        return ()
    apart = sum(own) / len(own) - sum(theirs) / len(theirs)
    return (
        f"Beside them, accuracy {both[BESIDE_OF].iloc[0]}: {len(both)} points are ranked alike "
        f"with a Kendall tau of {tau:.2f} (1 is the same order, 0 is chance); this run's are "
        f"{in_points(apart)} {'higher' if apart > 0 else 'lower'} in the mean.",
    )


def _called(other: Results) -> str:
    rows = other.points.loc[other.points[TOP1.name].notna()].to_dict("records")
    of = f"on {rows[0]['dataset']}"
    return ", ".join(filter(None, (of, of_source(rows[0][SOURCE]), str(other.path))))
