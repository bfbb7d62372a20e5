"""The answer to a budget as rich text. Ink only: `budget.sentences` has the words."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sweep.report.budget import FORMS, Picked, accuracy, named, sentences
from sweep.report.figures import written
from sweep.report.shown import Candidate
from sweep.report.terminal_tables import Sentence, blank, texts
from sweep.report.units import DASH, Form, shown


def picked_text(picked: Picked, called: str) -> Group:
    """The sentences, and the points that they name side by side, the limits below.

    called: the accuracies inside a sentence, "accuracy measured by this run".
    """
    said = [Sentence(each) for each in sentences(picked, called)]
    named_points = [
        (role, candidate)
        for role, candidate in (
            ("best", picked.best),
            ("runner-up", picked.runner_up),
            ("closest", picked.closest),
        )
        if candidate is not None
    ]
    if not named_points:
        return Group(*said)
    return Group(*said, Text(), _side_by_side(named_points, picked))


def _side_by_side(points: list[tuple[str, Candidate]], picked: Picked) -> Table:
    headings = [_heading(name, picked.budget.batch) for name in FORMS]
    table = blank("", "", "Point", "Top-1", *headings, right=("Top-1", *headings))
    for role, candidate in points:
        found = accuracy(candidate, picked.source)
        read = ((picked.budget.read(candidate, name), form) for name, form in FORMS.items())
        table.add_row(
            *texts(
                role,
                candidate.label,
                written(found, Form.SHARE) if found else DASH,
                *(DASH if value is None else shown(value, form) for value, form in read),
            )
        )
    limits = dict(picked.budget.limits)
    if limits:
        written_limits = [
            shown(limits[name], form) if name in limits else "" for name, form in FORMS.items()
        ]
        table.add_row(*texts("limit", "", "", *written_limits), style="dim")
    return table


def _heading(name: str, batch: int) -> str:
    text = named(name, batch)
    return text[:1].upper() + text[1:]
