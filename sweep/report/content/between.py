"""The best network between the points for a budget: predicted, for nobody has measured it.

Of all networks inside the hull of the run's points, at the steps that are asked for, those that
keep the budget with the chance that is asked for; at each resolution the most accurate of them by
the surface through the run's accuracies; of these the first few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from sweep.metrics import TOP1, in_int8
from sweep.paper.networks import FAMILY
from sweep.paper.published import tfslim_rows
from sweep.predict.accuracies import AccuracyModel, of_published, of_trainings
from sweep.predict.between import ALPHA_STEP, RESOLUTION_STEP, Between, between
from sweep.predict.costs import CostModel, Prediction
from sweep.predict.explore import Place
from sweep.predict.networks import Counts, chain
from sweep.report.content.axes import number
from sweep.report.content.budget import Budget
from sweep.report.content.figures import INT8, MEASURED, of_the_run, sources
from sweep.report.content.point_rows import Row, swept_kind
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.results.trainings import key_of, trainings_of
from sweep.types import Point

if TYPE_CHECKING:
    from sweep.results.load import Results

SURE = 0.9  # chance of keeping the budget
FEW = 3
NOTHING = "Nothing is predicted between the points: {why}."


@dataclass(frozen=True)
class Guess:
    """One network between the points. costs: by a quantity's name. chance: of keeping the whole
    budget, 0..1, as if its limits were broken independently. unpriced: whether layers have channels
    that are no multiple of 8, and a limited cost of too few such networks was measured to tell what
    these take more.
    """

    label: str
    alpha: float
    resolution: int
    accuracy: Estimate
    costs: tuple[tuple[str, Estimate], ...]
    chance: float
    unpriced: bool


@dataclass(frozen=True)
class Steps:
    """Of alpha and of the resolution in pixels; sure: the chance of keeping the budget that is
    asked for.
    """

    alpha: Fraction = ALPHA_STEP
    resolution: int = RESOLUTION_STEP
    sure: float = SURE


@dataclass(frozen=True)
class Guessed:
    """guesses: the best first. of: how many networks were looked at. models: by what costs were
    predicted. absent: why there is none, where that is not for want of room in the budget.
    """

    steps: Steps
    guesses: tuple[Guess, ...] = ()
    of: int = 0
    models: tuple[tuple[Quantity, CostModel], ...] = ()
    absent: str = ""


def guessed(
    results: Results,
    budget: Budget,
    source: str,
    costs: Sequence[Quantity],
    steps: Steps | None = None,
) -> Guessed:
    """source: whose accuracies rank the networks. costs: what is told of each, limited or not."""
    steps = steps or Steps()
    kind, rows = swept(results)
    of = tuple(dict.fromkeys((*(limit.of for limit in budget.limits), *costs)))
    try:
        known = between(
            chain(results.readings, rows),
            rows,
            [each.column for each in of],
            accuracy_model(results, rows, source),
            [limit.of.column for limit in budget.limits],
        )
        _predicted(known, budget)
    except ValueError as error:
        return Guessed(steps, absent=NOTHING.format(why=error))
    places = [
        place
        for place in known.hull.steps(steps.alpha, steps.resolution)
        if place not in known.measured
    ]
    guesses = tuple(
        _guess(known, *kind, place, budget, of)
        for place in _best(known, places, budget, steps.sure)
    )
    models = tuple(
        (each, model)
        for each in of
        if (costed := known.costs.get(each.column)) and (model := costed.model)
    )
    return Guessed(steps, guesses, len(places), models)


def swept(results: Results) -> tuple[tuple[str, str], list[Row]]:
    """Family and kind that networks are looked for in, and its points."""
    rows = results.points.to_dict(orient="records")
    kind = swept_kind(rows)
    return kind or ("", ""), [row for row in rows if (row["family"], row["kind"]) == kind]


def _predicted(known: Between, budget: Budget) -> None:
    """Raises ValueError where a limited quantity is not predicted."""
    for limit in budget.limits:
        costed = known.costs.get(limit.of.column)
        if costed is not None and costed.absent:
            raise ValueError(f"of {limit.of.at_batch}, {costed.absent}")


def accuracy_model(results: Results, rows: Sequence[Row], source: str) -> AccuracyModel:
    """The surface through the accuracies of a source that these points have. Raises ValueError
    where there is none.
    """
    if of_the_run(source):
        metric = TOP1 if source == MEASURED else in_int8(source.removeprefix(INT8))
        trained = results.trainings if metric == TOP1 else trainings_of(results.readings, metric)
        if trained is None:
            raise ValueError("the run's accuracies were not counted image by image")
        return of_trainings(trained, [key_of(row) for row in rows])
    if rows and (rows[0]["family"], rows[0]["kind"]) != (FAMILY, "separable"):
        raise ValueError("nothing is published of such networks")
    if source == "tfslim":
        return of_published([(e.alpha, e.resolution, e.top1.value) for e in tfslim_rows()])
    (column,) = [each.column for each in sources(list(rows)) if each.name == source]
    return of_published(
        [
            (float(row["alpha"]), int(row["resolution"]), float(row[column]))
            for row in rows
            if number(row.get(column)) is not None
        ]
    )


def _guess(
    known: Between,
    family: str,
    kind: str,
    place: Place,
    budget: Budget,
    costs: Sequence[Quantity],
) -> Guess:
    alpha, resolution = place
    counts = known.counts(alpha, resolution)
    predicted = ((each.name, known.cost(each.column, counts)) for each in costs)
    return Guess(
        Point(family, kind, alpha, 0.0, resolution).label,
        alpha,
        resolution,
        estimate_of(known.accuracy.at(alpha, resolution)),
        tuple((name, estimate_of(each)) for name, each in predicted if each is not None),
        _chance(known, counts, budget),
        counts.uneven and any(_unpriced(known, limit.of) for limit in budget.limits),
    )


def _unpriced(known: Between, of: Quantity) -> bool:
    costed = known.costs.get(of.column)
    return costed is not None and costed.model is not None and not costed.model.uneven


def _chance(known: Between, counts: Counts, budget: Budget) -> float:
    return prod(known.chance(limit.of.column, counts, limit.value) for limit in budget.limits)


def _best(known: Between, places: Iterable[Place], budget: Budget, sure: float) -> list[Place]:
    """At each resolution the most accurate that keeps the budget, of equals the thinner one; of
    these the first few.
    """
    worth: dict[int, tuple[float, float]] = {}  # by resolution: accuracy, and less alpha
    for alpha, side in places:
        if _chance(known, known.counts(alpha, side), budget) >= sure:
            own = known.accuracy.at(alpha, side).value, -alpha
            worth[side] = max(own, worth.get(side, own))
    in_order = sorted(worth, key=lambda side: worth[side], reverse=True)
    return [(-worth[side][1], side) for side in in_order[:FEW]]


def estimate_of(of: Prediction) -> Estimate:
    """What is exact has no interval."""
    return Estimate(of.value) if of.low == of.high else Estimate(of.value, of.low, of.high)
