"""Two runs side by side: what the second has gained, lost and moved.

A reading has moved where its 95 % interval and the other's don't overlap; one without an interval,
such as a count, where it is not the same. A top-1 accuracy has where the 95 % interval of the
difference of its means leaves out 0, by the trainings of both runs. What differs within its
intervals is only counted, as every reading taken twice does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep.maths.replicates import Difference as Change
from sweep.maths.replicates import change
from sweep.metrics import TOP1, TRAINED
from sweep.report.content.axes import number, quantities
from sweep.report.content.changes import Changed, changed, facts, settings
from sweep.report.content.evidence import evidence_of
from sweep.report.values.intervals import Estimate, overlap
from sweep.report.values.quantity import Quantity
from sweep.results.trainings import key_of
from sweep.types import Better, Point, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

OTHER_MACHINE = "machines that may not be compared"
Row = dict[str, Any]


@dataclass(frozen=True)
class Moved:
    """A reading that is not what it was, in SI units."""

    label: str
    quantity: Quantity
    before: Estimate
    after: Estimate


@dataclass(frozen=True)
class Tally:
    """How a quantity compares over the points of both runs. `before_alone` and `after_alone` are
    the points with a reading in one run alone; `unjudged` says why the rest were not compared, else
    it is empty.
    """

    quantity: Quantity
    same: int
    within: int
    moved: int
    before_alone: tuple[str, ...]
    after_alone: tuple[str, ...]
    unjudged: str


@dataclass(frozen=True)
class Difference:
    """Everything that is shown of two runs side by side; `common` is the number of points in both.

    once: whether an accuracy moved, and nothing tells the luck of its training. machine_ids, which
    have versions with them, are equal where latencies may be compared;
    other_settings are the measures whose settings or data are not the same.
    """

    before: str
    after: str
    common: int
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    moved: tuple[Moved, ...]
    tallies: tuple[Tally, ...]
    once: bool
    machine_ids: tuple[str, str]
    machine: tuple[Changed, ...]
    datasets: tuple[str, str]
    other_settings: tuple[str, ...]
    settings: tuple[Changed, ...]


def difference(before: Results, after: Results) -> Difference:
    """What the second run has that the first has not, and what has become of the rest."""
    rows = tuple({key_of_row(row): row for row in _rows(each)} for each in (before, after))
    labels = labels_of({**rows[0], **rows[1]})
    common = [key for key in rows[0] if key in rows[1]]
    pairs = [(labels[key], rows[0][key], rows[1][key]) for key in common]
    accuracies = _Accuracies(before, after)
    machine_ids = (machine_of(before), machine_of(after))
    datasets = (datasets_of(rows[0]), datasets_of(rows[1]))
    judged = [
        _judged(quantity, pairs, _why_not(quantity, machine_ids, datasets, pairs), accuracies)
        for quantity in _compared(before, after)
    ]
    return Difference(
        before=str(before.path),
        after=str(after.path),
        common=len(common),
        gained=tuple(labels[key] for key in rows[1] if key not in rows[0]),
        lost=tuple(labels[key] for key in rows[0] if key not in rows[1]),
        moved=tuple(each for _, moved in judged for each in moved),
        tallies=tuple(tally for tally, _ in judged if _says_something(tally)),
        once=accuracies.once
        and any(_is_accuracy(tally.quantity) and tally.moved for tally, _ in judged),
        machine_ids=machine_ids,
        machine=changed(facts(before.machine), facts(after.machine)),
        datasets=datasets,
        other_settings=_other_settings(before, after, common),
        settings=changed(settings(before.settings), settings(after.settings)),
    )


def _rows(results: Results) -> list[Row]:
    return results.points.to_dict(orient="records")


def key_of_row(row: Row) -> str:
    return _point(row).key


def _point(row: Row) -> Point:
    return Point(row["family"], row["kind"], row["alpha"], row["rho"], row["resolution"])


def labels_of(rows: dict[str, Row]) -> dict[str, str]:
    """Short names, with the family in front where there are several."""
    several = len({row["family"] for row in rows.values()}) > 1
    return {
        key: (f"{row['family']} " if several else "") + _point(row).label
        for key, row in rows.items()
    }


def _compared(before: Results, after: Results) -> list[Quantity]:
    """Every quantity of either run that is better one way. Not what goes along with another one and
    is of a machine, such as the time that compiling takes: it is never the same twice.
    """
    both: dict[str, Quantity] = {}
    for results in (before, after):
        for each in quantities(results):
            known = both.get(each.column, each)
            both[each.column] = each if each.machine_bound else known
    return [
        each
        for each in both.values()
        if each.metric.better is not Better.NEITHER
        and not (each.metric.beside and each.machine_bound)
    ]


def _why_not(
    quantity: Quantity,
    machine_ids: tuple[str, str],
    datasets: tuple[str, str],
    pairs: list[tuple[str, Row, Row]],
) -> str:
    """Why the quantity's readings may not be compared; empty where they may."""
    if quantity.machine_bound and machine_ids[0] != machine_ids[1]:
        return OTHER_MACHINE
    if _is_accuracy(quantity):
        if all(datasets) and datasets[0] != datasets[1]:
            return f"different data sets, {datasets[0]} and {datasets[1]}"
        return _other_sides(pairs)
    return ""


def _other_sides(pairs: list[tuple[str, Row, Row]]) -> str:
    """Where a point was trained on images of another size in the other run."""
    for label, *rows in pairs:
        before, after = (number(row.get(TRAINED.name)) for row in rows)
        if before and after and before != after:
            return (
                f"images of other sizes: {label} was trained at {before:.0f} px, then {after:.0f}"
            )
    return ""


def _judged(
    quantity: Quantity,
    pairs: list[tuple[str, Row, Row]],
    unjudged: str,
    accuracies: _Accuracies,
) -> tuple[Tally, list[Moved]]:
    read = [(label, *(_estimate(row, quantity) for row in rows)) for label, *rows in pairs]
    both = [
        (Moved(label, quantity, before, after), rows)
        for (label, before, after), (_, *rows) in zip(read, pairs, strict=True)
        if before is not None and after is not None
    ]
    other = [
        (each, rows)
        for each, rows in both
        if not unjudged and each.before.value != each.after.value
    ]
    moved = [each for each, rows in other if accuracies.apart(each, *rows)]
    tally = Tally(
        quantity,
        same=0 if unjudged else len(both) - len(other),
        within=len(other) - len(moved),
        moved=len(moved),
        before_alone=tuple(label for label, before, after in read if before and not after),
        after_alone=tuple(label for label, before, after in read if after and not before),
        unjudged=unjudged if both else "",
    )
    return tally, moved


class _Accuracies:
    """Whether a top-1 accuracy moved, by the trainings of both runs. once: nothing tells by how
    much another training would move it.
    """

    def __init__(self, before: Results, after: Results) -> None:
        self._trained = before.trainings, after.trainings
        known = [evidence_of(each) for each in (before, after)]
        self.once = any(each.once for each in known) and not any(each.trainings for each in known)

    def apart(self, moved: Moved, before: Row, after: Row) -> bool:
        found = None if moved.quantity.metric != TOP1 else self._change(before, after)
        if found is None or found.half is None:
            return not overlap(moved.before, moved.after)
        return found.told_apart

    def _change(self, *rows: Row) -> Change | None:
        """None where no single images are kept of a point."""
        places = [
            (trained.replicates, trained.places[key])
            for trained, row in zip(self._trained, rows, strict=True)
            if trained is not None and (key := key_of(row)) in trained.places
        ]
        return change(*places[0], *places[1]) if len(places) == 2 else None


def _is_accuracy(quantity: Quantity) -> bool:
    return TOP1.name in (quantity.metric.name, quantity.metric.beside)


def _says_something(tally: Tally) -> bool:
    return bool(
        tally.same
        or tally.within
        or tally.moved
        or tally.before_alone
        or tally.after_alone
        or tally.unjudged
    )


def _estimate(row: Row, quantity: Quantity) -> Estimate | None:
    value = number(row.get(quantity.column))
    if value is None:
        return None
    return Estimate(value, number(row.get(quantity.low)), number(row.get(quantity.high)))


def machine_of(results: Results) -> str:
    """The machine, and the versions that what was measured on it depends on."""
    told = str(results.run.get("machine_id", ""))
    versions: dict[str, Any] = {}
    for identity in results.run.get("measures", {}).values():
        versions |= identity.get("versions", {})
    words = listed([f"{name} {version}" for name, version in sorted(versions.items())])
    return f"{told} with {words}" if words else told


def datasets_of(rows: dict[str, Row]) -> str:
    """What the run's accuracies are of; empty where it has none."""
    names = {str(row["dataset"]) for row in rows.values() if number(row[TOP1.name]) is not None}
    return ", ".join(sorted(names))


def _other_settings(before: Results, after: Results, common: list[str]) -> tuple[str, ...]:
    """Measures of both runs whose settings or data have other hashes, in all or at a point."""
    measures, others = (each.run.get("measures", {}) for each in (before, after))

    def hashes(identity: dict[str, Any]) -> list[str]:
        of_points = identity.get("points", {})
        return [of_points.get(key, identity["settings_hash"]) for key in common]

    return tuple(
        name
        for name in measures
        if name in others
        and (
            measures[name]["settings_hash"] != others[name]["settings_hash"]
            or hashes(measures[name]) != hashes(others[name])
        )
    )
