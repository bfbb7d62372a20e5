"""Two runs side by side as rich text: what may be compared, what came and went, what moved."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sweep.report.content.difference import Changed, Difference, Moved, Tally
from sweep.report.content.figures import written
from sweep.report.terminal.text import Sentence, blank, texts
from sweep.report.values.units import Form, exact, percent, points
from sweep.types import listed

LONGEST = 60  # characters of a setting's value that a line shows
ALL = 30  # names that a sentence tells before it is cut short
MANY = 12  # settings that are told before a person would rather read --json
RULE = (
    "Moved: the 95 % intervals before and after don't overlap; of a count, which has none: it is "
    "not the same."
)
LEAST = 0.001  # a smaller change would be written as 0 %


def difference_text(found: Difference) -> Group:
    """Everything of a `Difference` in words, and the readings that moved as a table."""
    said = [
        f"Before: {found.before}",
        f"After:  {found.after}",
        "",
        *cautions(found),
        *_points(found),
        *_summary(found),
    ]
    parts: list[Text | Sentence | Table] = [Sentence(each) for each in said]
    if found.moved:
        parts += [Text(), _moved(found.moved), Sentence(RULE)]
    if found.settings:
        parts += [Text(), *_changes("Settings that differ", found.settings)]
    if found.machine:
        parts += [Text(), *_changes("Facts of the machines that differ", found.machine)]
    return Group(*parts)


def cautions(found: Difference) -> tuple[str, ...]:
    """Why the two runs may not be compared, or only with care."""
    said = []
    if found.machine_ids[0] != found.machine_ids[1]:
        facts = listed([each.name for each in found.machine], longest=6) or "a fact not stored"
        said.append(
            "The machines or versions differ, so latencies and peak memory are not judged: "
            f"{found.machine_ids[0]} and {found.machine_ids[1]} ({facts})."
        )
    before, after = found.datasets
    if before and after and before != after:
        said.append(f"The data sets differ, so accuracies are not judged: {before} and {after}.")
    elif "accuracy" in found.other_settings:
        said.append(
            "The accuracies are of other settings or data: what moved may be the recipe's doing, "
            "not the network's."
        )
    others = [name for name in found.other_settings if name != "accuracy"]
    if others:
        said.append(f"Measured with other settings: {listed(others)}.")
    if any(each.quantity.column.startswith("latency") for each in found.moved):
        said.append(
            "Latencies moved. Their intervals cover the rounds of one run; from one run to the "
            "next a machine may drift by more."
        )
    return tuple(said)


def _points(found: Difference) -> list[str]:
    said = [f"{_count(found.common, 'point')} in both." if found.common else "No point is in both."]
    if found.gained:
        said.append(f"Gained, {_count(len(found.gained), 'point')}: {listed(found.gained, ALL)}.")
    if found.lost:
        said.append(f"Lost, {_count(len(found.lost), 'point')}: {listed(found.lost, ALL)}.")
    return said


def _summary(found: Difference) -> list[str]:
    """A line for each quantity; those that are the same everywhere share one."""
    unchanged = [each.quantity.title for each in found.tallies if _is_unchanged(each)]
    lines = [_line(each) for each in found.tallies if not _is_unchanged(each)]
    if unchanged:
        names = listed([_inside(each) for each in unchanged], ALL)
        lines.append(f"The same at every point: {names}.")
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
    return f"{tally.quantity.title}: {'; '.join(parts)}."


def _moved(moved: tuple[Moved, ...]) -> Table:
    table = blank(
        "Moved",
        "Point", "Quantity", "Before", "After", "Change",
        right=("Before", "After", "Change"),
    )  # fmt: skip
    for each in moved:
        form = each.quantity.form
        table.add_row(
            *texts(
                each.label,
                each.quantity.title,
                written(each.before, form),
                written(each.after, form),
                change(each),
            )
        )
    return table


def change(moved: Moved) -> str:
    """By how much: shares in points, exact counts as they are, the rest in per cent of before."""
    before, after = moved.before.value, moved.after.value
    if moved.quantity.form is Form.SHARE:
        return points(after - before)
    sign = "+" if after > before else ""
    if moved.quantity.form is Form.EXACT:
        return sign + exact(after - before)
    if before == 0:
        return "from 0"
    ratio = after / before - 1
    return f"less than {percent(LEAST)}" if abs(ratio) < LEAST else sign + percent(ratio)


def _changes(title: str, changes: tuple[Changed, ...]) -> list[Text]:
    """Not as a table: a value may be long, and a name too."""
    lines = [f"  {each.name}: {_cut(each.before)} -> {_cut(each.after)}" for each in changes[:MANY]]
    if len(changes) > MANY:
        lines.append(f"  and {len(changes) - MANY} more, told by --json")
    return [Text(f"{title}:", style="bold"), *(Text(line) for line in lines)]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _count(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"


def _inside(title: str) -> str:
    """A quantity's title inside a sentence; "Top-1" and "XLA" keep their capitals."""
    return title[:1].lower() + title[1:]
