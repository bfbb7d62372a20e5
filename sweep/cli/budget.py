"""What somebody types for `pick` -> a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sweep.metrics import LATENCY, MULT_ADDS, PARAMS, PEAK_MEMORY
from sweep.report.content.budget import Budget, Limit, costs_at
from sweep.report.values.quantity import Quantity
from sweep.settings import quantities
from sweep.settings.config import SettingsError
from sweep.types import Metric, listed

# The options that have a name of their own; any metric has --max.
OPTIONS = {
    "--max-latency": (LATENCY, quantities.seconds),
    "--max-params": (PARAMS, quantities.count),
    "--max-mult-adds": (MULT_ADDS, quantities.count),
    "--max-memory": (PEAK_MEMORY, quantities.size),
}


def offered(known: Iterable[Quantity], batch: int | None) -> tuple[Quantity, ...]:
    """What a budget can limit, as `costs_at`. Raises SettingsError for a batch size that this run
    did not time while it did others.
    """
    try:
        return costs_at(known, batch)
    except ValueError as error:
        raise SettingsError(f"--{error}") from None


def stated(
    options: Mapping[str, str | None], more: Sequence[str], costs: Sequence[Quantity]
) -> Budget:
    """options: texts by the name of their option. more: METRIC=VALUE. Raises SettingsError naming
    the text that is wrong.
    """
    limits = {}
    for option, text in options.items():
        if text is None:
            continue
        metric, parse = OPTIONS[option]
        try:
            value = parse(text)
        except ValueError as error:
            raise SettingsError(f'{option} = "{text}": {error}') from None
        limits[metric.name] = Limit(_of(metric, costs), value)
    by_name = {each.metric.name: each for each in costs}
    for text in more:
        name, _, number = text.partition("=")
        of = by_name.get(name.strip())
        if of is None:
            known = listed(list(by_name), longest=len(by_name))
            raise SettingsError(
                f'--max = "{text}": must be METRIC=VALUE of a metric of this run that is better '
                f"lower: {known}"
            )
        try:
            limits[of.metric.name] = Limit(of, quantities.of_unit(number, of.metric.unit))
        except ValueError as error:
            raise SettingsError(f'--max = "{text}": {error}') from None
    batches = (each.batch for each in costs if each.batch)
    return Budget(tuple(limits.values()), next(batches, 1))


def _of(metric: Metric, costs: Sequence[Quantity]) -> Quantity:
    """The run's own, or one that nothing was read in: no point then fits."""
    return next((each for each in costs if each.metric == metric), Quantity(metric, metric.name))
