"""What somebody types for `pick` -> a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from sweep.metrics import LATENCY, MULT_ADDS, PARAMS, PEAK_MEMORY
from sweep.report.content.axes import number
from sweep.report.content.budget import Budget, Limit, Picked, costs_at
from sweep.report.content.figures import label
from sweep.report.values.quantity import Quantity
from sweep.results.deployments import RUNTIMES, Deployed
from sweep.results.devices import on_device
from sweep.results.load import Results
from sweep.results.points import end_of
from sweep.settings import quantities
from sweep.settings.config import SettingsError
from sweep.types import Metric, slug

P95 = 95
# The options that have a name of their own; any metric has --max.
OPTIONS = {
    "--max-latency": LATENCY,
    "--max-params": PARAMS,
    "--max-mult-adds": MULT_ADDS,
    "--max-memory": PEAK_MEMORY,
}


def offered(known: Iterable[Quantity], batch: int | None) -> tuple[Quantity, ...]:
    """What a budget can limit, as `costs_at`. Raises SettingsError for a batch size that this run
    did not time while it did others.
    """
    try:
        return costs_at(known, batch)
    except ValueError as error:
        raise SettingsError(f"--{error}") from None


def at_percentile(costs: Sequence[Quantity], results: Results, latency: Metric) -> Quantity:
    """What --p95 holds a limit of this latency against. Raises SettingsError where no samples of it
    are there.
    """
    of = next((each for each in costs if each.metric == latency), Quantity(latency, latency.name))
    column = end_of(of.column, f"p{P95}")
    if column not in results.points or all(results.points[column].isna()):
        raise SettingsError(
            f"--p95: there are no samples of {of.at_batch}, of which a percentile could be taken; "
            "without it the limit is held against the median"
        )
    return replace(of, column=column, low="", high="", percentile=P95)


def over_at_p95(results: Results, picked: Picked) -> tuple[str, ...]:
    """Where the best point keeps a limit on latency by its median alone."""
    if picked.best is None:
        return ()
    (row,) = [
        each for each in results.points.to_dict("records") if label(each) == picked.best.label
    ]
    sentences = []
    for limit in picked.budget.limits:
        of, column = limit.of, end_of(limit.of.column, f"p{P95}")
        value = number(row.get(column)) if of.percentile is None else None
        if value is not None and value > limit.value:
            sentences.append(
                f"The 95th percentile of the {of.noun} of {picked.best.label}, "
                f"{of.written(value)}, is over the limit, which its median keeps (--p95 holds the "
                "percentile against it)."
            )
    return tuple(sentences)


def latency_of(device: str, results: Results, latency: Metric = LATENCY) -> Metric:
    """The metric that is that latency on a device. Raises SettingsError where it isn't there."""
    for name in results.devices.values():
        if device and slug(device) == slug(name):
            return on_device(latency, name)
    if device not in ("", results.device):
        names = [each for each in (results.device, *results.devices.values()) if each]
        allowed = f"must be one of {', '.join(names)}" if names else "the run has no other device"
        raise SettingsError(f'--device "{device}": {allowed}')
    return latency


def deployed(
    runtime: str, precision: str, threads: int | None, results: Results
) -> Deployed | None:
    """The first deployment of the run that is as asked, of texts and numbers that are given; None
    where none was timed and nothing is asked. threads: 0 for every core. Raises SettingsError where
    there is none such.
    """
    whole = max((each.deployment.threads for each in results.deployments), default=0)
    asked = {"--runtime": runtime, "--precision": precision, "--threads": threads}
    given = {option: value for option, value in asked.items() if value not in ("", None)}
    for each in results.deployments:
        of = each.deployment
        names = {slug(of.runtime), slug(RUNTIMES.get(of.runtime, ""))}
        if (
            (not runtime or slug(runtime) in names)
            and precision in ("", of.precision)
            and (threads is None or (threads or whole) == of.threads)
        ):
            return each
    if not given:
        return None
    told = " ".join(f"{option} {value}" for option, value in given.items())
    labels = "; ".join(each.deployment.label for each in results.deployments)
    raise SettingsError(
        f"{told}: must be of what this run timed: {labels}"
        if labels
        else f"{told}: this run timed nothing, or is of a version that did not keep by what"
    )


def stated(
    options: Mapping[str, str | None],
    more: Sequence[str],
    costs: Sequence[Quantity],
    latency: Metric = LATENCY,
    *,
    called: str = "--max",
) -> Budget:
    """options: texts by the name of their option. more: METRIC=VALUE, given as `called` says.
    latency: that --max-latency limits. Raises SettingsError naming the text that is wrong.
    """
    metrics = OPTIONS | {"--max-latency": latency}
    # Where the run read nothing of a metric that has an option, no point fits.
    known = {each.name: Quantity(each, each.name) for each in metrics.values()}
    known |= {each.metric.name: each for each in costs}
    asked = [
        (option, text, metrics[option].name, text)
        for option, text in options.items()
        if text is not None
    ]
    asked += [(called, text, *text.partition("=")[::2]) for text in more]
    limits = {}
    for option, text, name, told in asked:
        of = known.get(name.strip())
        try:
            if of is None or not told.strip():
                names = [each.metric.name for each in costs]
                meant = get_close_matches(name.strip(), names, 1)
                raise ValueError(
                    "must be METRIC=VALUE of a metric of this run that is better lower: "
                    f"{', '.join(names)}{f' (did you mean {meant[0]}?)' if meant else ''}"
                )
            limit = Limit(of, quantities.of_unit(told, of.metric.unit))
        except ValueError as error:
            raise SettingsError(f'{option} = "{text}": {error}') from None
        if of.metric.name in limits:
            raise SettingsError(f'{option} = "{text}": {of.metric.name} has a limit already')
        limits[of.metric.name] = limit
    batches = (each.batch for each in costs if each.batch)
    return Budget(tuple(limits.values()), next(batches, 1))
