"""The points that answer a budget side by side, with the limits."""

from __future__ import annotations

from sweep.report.content.budget import FORMS, Picked, accuracy
from sweep.report.content.budget_words import named
from sweep.report.values.intervals import Estimate
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import DASH, Form


def budget_table(picked: Picked) -> Table | None:
    """A column for each point and one for the limits, which fits in a narrow terminal; None where
    no point is named.
    """
    roles = {
        "best": picked.best,
        "runner-up": picked.runner_up,
        "highest": picked.highest,
        "closest": picked.closest,
    }
    points = {role: point for role, point in roles.items() if point is not None}
    if not points:
        return None
    limits = dict(picked.budget.limits)
    blank = (Value(""),) if limits else ()
    accuracies = (accuracy(point, picked.source) for point in points.values())
    rows = [
        (Value("Point"), *(Value(point.label) for point in points.values()), *blank),
        (Value("Top-1"), *(_accuracy(each) for each in accuracies), *blank),
    ]
    for name, form in FORMS.items():
        heading = named(name, picked.budget.batch)
        read = [picked.budget.read(point, name) for point in points.values()]
        if limits:
            read.append(limits.get(name))
        cells = (Value(DASH if each is None else each, form=form) for each in read)
        rows.append((Value(heading[:1].upper() + heading[1:]), *cells))
    titles = (*points, "limit") if limits else tuple(points)
    columns = (Column("", Form.TEXT), *(Column(title, Form.WRITTEN) for title in titles))
    return Table("", "", columns, tuple(rows))


def _accuracy(estimate: Estimate | None) -> Value:
    if estimate is None:
        return Value(DASH)
    return Value(estimate.value, estimate.low, estimate.high, form=Form.SHARE)
