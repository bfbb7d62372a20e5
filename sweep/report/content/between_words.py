"""What lies between the points in words and as a table: nothing of it reads as if measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sweep.metrics import TOP1
from sweep.predict.costs import CostModel
from sweep.report.content.between import Guess, Guessed, Steps
from sweep.report.content.budget import Budget, accuracy
from sweep.report.content.figures import written
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import DASH, SPACE, percent
from sweep.report.values.view import Candidate
from sweep.types import Form, listed

UNPRICED = (
    "{names}: channels that are no multiple of 8, as too few measured networks have to learn from. "
    "What these take more, up to twice the time by some runtimes (docs/performance.md), is not in "
    "the figures: --measure tells."
)
FOUND = (
    "Predicted, not measured: of {of} networks between the points ({steps}), {label} is the most "
    "accurate that keeps the budget with a chance of {sure} or more: {described}."
)
NONE_KEEPS = (
    "Predicted: of {of} networks between the points ({steps}) none keeps the budget with a chance "
    "of {sure} or more."
)
DESCRIBED = "top-1 {accuracy}, {costs}; chance {chance}"
CHANCE_OF_UNEVEN = " if its channels cost no more than even ones"
PLACES = ("predicted", "second", "third")


def sentences(guessed: Guessed, budget: Budget, source: str, best: Candidate | None) -> list[str]:
    """The answer, how it was predicted, and what may be wrong with it. best: of the measured."""
    if guessed.absent:
        return [guessed.absent]
    among = {
        "of": f"{guessed.of:,}",
        "steps": steps_told(guessed.steps),
        "sure": percent(guessed.steps.sure),
    }
    if not guessed.guesses:
        return [NONE_KEEPS.format(**among)]
    first = guessed.guesses[0]
    found = FOUND.format(**among, label=first.label, described=_described(first, budget))
    told = [found + _beside(first, source, best)]
    limited = [limit.of for limit in budget.limits]
    told += [model_told(of, model) for of, model in guessed.models if of in limited]
    if unpriced := [each.label for each in guessed.guesses if each.unpriced]:
        told.append(UNPRICED.format(names=listed(unpriced)))
    return told


def between_table(
    guessed: Guessed, budget: Budget, source: str, costs: Iterable[Quantity], best: Candidate | None
) -> Table | None:
    """The predicted networks beside the best measured point; None where there is none."""
    if not guessed.guesses:
        return None
    limits = {limit.of: limit.value for limit in budget.limits}
    measured = accuracy(best, source) if best else None
    rows = [
        (Value("Point"), *(Value(each.label) for each in guessed.guesses), Value(_label(best))),
        (
            Value(TOP1.short),
            *(Value(written(each.accuracy, TOP1.form)) for each in guessed.guesses),
            Value(written(measured, TOP1.form) if measured else DASH),
        ),
    ]
    for of in dict.fromkeys((*costs, *limits)):
        values = [dict(each.costs).get(of.name) for each in guessed.guesses]
        own = dict(best.costs).get(of.name) if best else None
        rows.append(
            (
                Value(of.at_batch[:1].upper() + of.at_batch[1:]),
                *(Value(cost_told(of, each) if each else DASH) for each in values),
                Value(DASH if own is None else of.written(own)),
            )
        )
    rows.append(
        (
            Value("Keeps the budget"),
            *(Value(_chance(each)) for each in guessed.guesses),
            Value("as measured" if best else DASH),
        )
    )
    titles = (*PLACES[: len(guessed.guesses)], "best measured")
    columns = (Column("", Form.TEXT), *(Column(title, Form.WRITTEN) for title in titles))
    return Table("", "", columns, tuple(rows))


def _described(guess: Guess, budget: Budget) -> str:
    costs = dict(guess.costs)
    return DESCRIBED.format(
        accuracy=written(guess.accuracy, TOP1.form),
        costs=", ".join(
            f"{limit.of.at_batch} {cost_told(limit.of, costs[limit.of.name])}"
            for limit in budget.limits
            if limit.of.name in costs
        ),
        chance=_chance(guess),
    )


def _chance(guess: Guess) -> str:
    return percent(guess.chance) + (CHANCE_OF_UNEVEN if guess.unpriced else "")


def _beside(guess: Guess, source: str, best: Candidate | None) -> str:
    own = accuracy(best, source) if best else None
    if best is None or own is None:
        return " No measured point keeps it."
    more = (
        ": more than any between is predicted to have" if own.value > guess.accuracy.value else ""
    )
    return f" The best measured point is {best.label}, {written(own, TOP1.form)}{more}."


def steps_told(steps: Steps) -> str:
    """Inside a sentence."""
    return f"alpha in steps of {steps.alpha}, {steps.resolution} px"


def model_told(of: Quantity, model: CostModel) -> str:
    """How a cost is predicted, and how well."""
    near = (
        "" if model.fit.carried is None else ", with what is left of each point told to those near"
    )
    return (
        f"{of.at_batch[:1].upper()}{of.at_batch[1:]} is predicted as {model.form.called}{near}: "
        f"predicted from the others, a measured point is off by {100 * model.fit.error:.1f}{SPACE}"
        f"% on average, {100 * model.fit.largest:.1f} at most."
    )


def cost_told(of: Quantity, value: Estimate) -> str:
    """A predicted cost with its interval, where it has one."""
    if value.low is None or value.high is None:
        return of.written(value.value)
    return f"{of.written(value.value)} ({of.written_span(value.low, value.high)})"


def _label(best: Candidate | None) -> str:
    return best.label if best else DASH


def as_json(guessed: Guessed, costs: Sequence[Quantity]) -> dict[str, object]:
    """predicted: the best first, each with value and ends of every cost; of: how many networks were
    looked at; models: by cost, the mean and the largest error of a measured point from the others.
    """
    names = {each.name: each.key for each in costs}
    return {
        "of": guessed.of,
        "sure": guessed.steps.sure,
        "absent": guessed.absent,
        "predicted": [
            {
                "label": each.label,
                "alpha": each.alpha,
                "resolution": each.resolution,
                TOP1.name: _ends(each.accuracy),
                "costs": {names.get(name, name): _ends(value) for name, value in each.costs},
                "chance": each.chance,
                "unpriced": each.unpriced,
            }
            for each in guessed.guesses
        ],
        "models": {
            of.key: {"error": model.fit.error, "largest": model.fit.largest}
            for of, model in guessed.models
        },
    }


def _ends(of: Estimate) -> dict[str, float]:
    low, high = of.ends
    return {"value": of.value, "low": low, "high": high}
