"""The points that answer a budget side by side, with the limits."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.metrics import TOP1
from sweep.report.content.budget import Picked, accuracy
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import DASH
from sweep.types import Form


def budget_table(picked: Picked, costs: Iterable[Quantity]) -> Table | None:
    """A column for each point and one for the limits, which fits in a narrow terminal; None where
    no point is named. costs: what is told of a point, limited or not.
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
    limits = {limit.of: limit.value for limit in picked.budget.limits}
    blank = (Value(""),) if limits else ()
    accuracies = (accuracy(point, picked.source) for point in points.values())
    rows = [
        (Value("Point"), *(Value(point.label) for point in points.values()), *blank),
        (
            Value(TOP1.short),
            *(Value.of(each, TOP1.form) if each else Value(DASH) for each in accuracies),
            *blank,
        ),
    ]
    for of in dict.fromkeys((*costs, *limits)):
        read = [dict(point.costs).get(of.name) for point in points.values()]
        if limits:
            read.append(limits.get(of))
        cells = (Value(DASH if each is None else of.written(each)) for each in read)
        rows.append((Value(of.at_batch[:1].upper() + of.at_batch[1:]), *cells))
    titles = (*points, "limit") if limits else tuple(points)
    columns = (Column("", Form.TEXT), *(Column(title, Form.WRITTEN) for title in titles))
    return Table("", "", columns, tuple(rows))
