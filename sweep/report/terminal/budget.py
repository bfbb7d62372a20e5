"""The answer to a budget as rich text. Ink only: `budget_words` has the words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sweep.report.content.budget import FORMS, Picked, accuracy
from sweep.report.content.budget_words import named, sentences
from sweep.report.content.figures import written
from sweep.report.terminal.text import Sentence, blank, texts
from sweep.report.values.units import DASH, Form, shown
from sweep.report.values.view import Candidate


def picked_text(picked: Picked, called: str, cautions: Sequence[str] = ()) -> Group:
    """The sentences with the cautions that bear on them, and the points that they name side by
    side, the limits below.

    called: the accuracies inside a sentence, "accuracy measured by this run".
    """
    said = [Sentence(each) for each in sentences(picked, called)]
    said += [Sentence(f"- {each}", indent="  ") for each in cautions]
    named_points = [
        (role, candidate)
        for role, candidate in (
            ("best", picked.best),
            ("runner-up", picked.runner_up),
            ("highest", picked.highest),
            ("closest", picked.closest),
        )
        if candidate is not None
    ]
    if not named_points:
        return Group(*said)
    return Group(*said, Text(), _side_by_side(named_points, picked))


def _side_by_side(points: list[tuple[str, Candidate]], picked: Picked) -> Table:
    """A column for each point and one for the limits: it fits in a narrow terminal."""
    limits = dict(picked.budget.limits)
    headings = [role for role, _ in points] + (["limit"] if limits else [])
    table = blank("", "", *headings, right=tuple(headings))
    found = [accuracy(each, picked.source) for _, each in points]
    table.add_row(*texts("Point", *(each.label for _, each in points)))
    table.add_row(*texts("Top-1", *(written(each, Form.SHARE) if each else DASH for each in found)))
    for name, form in FORMS.items():
        read = [picked.budget.read(each, name) for _, each in points]
        cells = [DASH if value is None else shown(value, form) for value in read]
        if name in limits:
            cells.append(shown(limits[name], form))
        table.add_row(*texts(_heading(name, picked.budget.batch), *cells))
    return table


def _heading(name: str, batch: int) -> str:
    text = named(name, batch)
    return text[:1].upper() + text[1:]
