"""Two runs side by side in words: what may be compared, what came and went, what moved."""

from __future__ import annotations

from sweep.metrics import LATENCY
from sweep.report.content.changes import Changed
from sweep.report.content.difference import Difference, Moved, Tally
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import Form, exact, percent, points
from sweep.types import listed

LONGEST = 60  # characters of a setting's value that a line shows
ALL = 30  # names that a sentence tells before it is cut short
MANY = 12  # settings that are told before a person would rather read --json
RULE = (
    "Moved: the 95 % intervals before and after don't overlap; of a top-1 accuracy with "
    "replicates, that of its change leaves out 0; of a count, which has none, it is not the same."
)
LEAST = 0.001  # a smaller change would be written as 0 %


def sentences(difference: Difference) -> tuple[str, ...]:
    """Cautions first, then which points came and went, then a line for each quantity."""
    return (*cautions(difference), *_points(difference), *_summary(difference))


def cautions(difference: Difference) -> tuple[str, ...]:
    """Why the two runs may not be compared, or only with care."""
    said = []
    if difference.machine_ids[0] != difference.machine_ids[1]:
        facts = listed([each.name for each in difference.machine], longest=6)
        bound = [each.quantity.called for each in difference.tallies if each.quantity.machine_bound]
        what = listed(bound) or "what holds for one machine"
        said.append(
            f"The machines or versions differ, so nothing is judged of {what}: "
            f"{difference.machine_ids[0]} and {difference.machine_ids[1]}"
            f"{f' ({facts})' if facts else ''}."
        )
    before, after = difference.datasets
    if before and after and before != after:
        said.append(f"The data sets differ, so accuracies are not judged: {before} and {after}.")
    elif "accuracy" in difference.other_settings:
        said.append(
            "The accuracies are of other settings or data: what moved may be the recipe's doing, "
            "not the network's."
        )
    others = [name for name in difference.other_settings if name != "accuracy"]
    if others:
        said.append(f"Measured with other settings: {listed(others)}.")
    if difference.once:
        said.append(
            "Accuracies moved; with one training each that may be chance: their intervals are of "
            "the test images alone."
        )
    if any(each.quantity.metric == LATENCY for each in difference.moved):
        said.append(
            "Latencies moved. Their intervals cover the rounds of one run; from one run to the "
            "next a machine may drift by more."
        )
    return tuple(said)


def _points(difference: Difference) -> list[str]:
    said = [
        f"{_count(difference.common, 'point')} in both."
        if difference.common
        else "No point is in both."
    ]
    if difference.gained:
        said.append(
            f"Gained, {_count(len(difference.gained), 'point')}: {listed(difference.gained, ALL)}."
        )
    if difference.lost:
        said.append(
            f"Lost, {_count(len(difference.lost), 'point')}: {listed(difference.lost, ALL)}."
        )
    return said


def _summary(difference: Difference) -> list[str]:
    """A line for each quantity; those that are the same everywhere share one."""
    unchanged = [each.quantity.called for each in difference.tallies if _is_unchanged(each)]
    lines = [_line(each) for each in difference.tallies if not _is_unchanged(each)]
    if unchanged:
        lines.append(f"The same at every point: {listed(unchanged, ALL)}.")
    return lines


def _is_unchanged(tally: Tally) -> bool:
    return not (
        tally.within or tally.moved or tally.before_alone or tally.after_alone or tally.unjudged
    )


def _line(tally: Tally) -> str:
    parts = []
    if tally.unjudged:
        parts.append(f"not judged ({tally.unjudged})")
    else:
        parts.append(f"{tally.moved} moved")
        if tally.within:
            parts.append(f"{tally.within} within their 95 % intervals")
        if tally.same:
            parts.append(f"{tally.same} the same")
    if tally.before_alone:
        parts.append(f"read before alone at {listed(tally.before_alone)}")
    if tally.after_alone:
        parts.append(f"read after alone at {listed(tally.after_alone)}")
    return f"{tally.quantity.short}: {'; '.join(parts)}."


def moved_table(moved: tuple[Moved, ...]) -> Table:
    """Every reading that moved, before and after, and by how much."""
    return Table(
        title="Moved",
        caption=RULE,
        columns=(
            Column("Point", Form.TEXT),
            Column("Quantity", Form.TEXT),
            *(Column(title, Form.WRITTEN) for title in ("Before", "After", "Change")),
        ),
        rows=tuple(
            (
                Value(each.label),
                Value(each.quantity.short),
                *(Value.of(estimate, _form(each)) for estimate in (each.before, each.after)),
                Value(change(each)),
            )
            for each in moved
        ),
    )


def _form(moved: Moved) -> Form:
    return moved.quantity.form_of(moved.before.value, moved.after.value)


def change(moved: Moved) -> str:
    """By how much: shares in points, exact counts as they are, the rest in per cent of before."""
    before, after = moved.before.value, moved.after.value
    form = _form(moved)
    if form is Form.SHARE:
        return points(after - before)
    sign = "+" if after > before else ""
    if form is Form.EXACT:
        return sign + exact(after - before)
    if before == 0:
        return "from 0"
    ratio = after / before - 1
    return f"less than {percent(LEAST)}" if abs(ratio) < LEAST else sign + percent(ratio)


def changes(changed: tuple[Changed, ...]) -> tuple[str, ...]:
    """Not as a table: a value may be long, and a name too."""
    lines = [f"  {each.name}: {_cut(each.before)} -> {_cut(each.after)}" for each in changed[:MANY]]
    more = [f"  and {len(changed) - MANY} more, told by --json"] if len(changed) > MANY else []
    return (*lines, *more)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _count(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"
