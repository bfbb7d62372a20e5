"""What int8 costs a network in accuracy, and buys it in latency, by each runtime that was timed in
both: where it is told apart, of one network.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

from sweep.maths.replicates import Difference
from sweep.maths.statistics import Interval, ratio_interval
from sweep.metrics import CLASSES, TOP1, TRAINED, in_int8
from sweep.report.content.axes import estimate, number, quantities
from sweep.report.content.figures import label
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, Form, formatted, in_points
from sweep.results.deployments import RUNTIMES, Deployed
from sweep.results.trainings import Trainings, trainings_of

if TYPE_CHECKING:
    from sweep.results.load import Results

FLOAT, INT8 = "float32", "int8"
NORMAL = 1.96  # half of a 95 % interval, in standard errors
Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A runtime's latencies in float32 and in int8, on the same threads."""

    runtime: str
    title: str
    latencies: tuple[Quantity, Quantity]


def pairs(results: Results) -> tuple[Pair, ...]:
    """Of each runtime the first number of threads that it was timed on in both."""
    columns = {each.metric.name: each for each in quantities(results) if each.batch in (None, 1)}
    found: dict[str, Pair] = {}
    for one in results.deployments:
        for other in results.deployments:
            if _is_pair(one, other) and one.deployment.runtime not in found:
                both = columns.get(one.metric.name), columns.get(other.metric.name)
                if both[0] and both[1]:
                    name = one.deployment.runtime
                    found[name] = Pair(name, RUNTIMES.get(name, name), (both[0], both[1]))
    return tuple(found.values())


def _is_pair(one: Deployed, other: Deployed) -> bool:
    of, to = one.deployment, other.deployment
    same = (of.runtime, of.threads) == (to.runtime, to.threads)
    return same and (of.precision, to.precision) == (FLOAT, INT8)


def latency_of(row: Row, of: Quantity) -> Estimate | None:
    return estimate(row, (of.column, of.low, of.high))


def int8_costs(results: Results) -> tuple[str, ...]:
    """Of each runtime: what int8 costs and buys one network, the most accurate of which both the
    accuracies and the latencies are told apart; else over how many nothing is.
    """
    return tuple(told for pair in pairs(results) if (told := cost(pair, results)))


def cost(pair: Pair, results: Results) -> str:
    floats, ints = results.trainings, trainings_of(results.readings, in_int8(pair.runtime))
    if floats is None or ints is None:
        return ""
    rows = sorted(
        results.points.to_dict(orient="records"), key=lambda row: -(number(row[TOP1.name]) or 0)
    )
    compared, surely = 0, []
    for row in rows:
        key = row["family"], row["kind"], row["alpha"], row["resolution"]
        difference = _difference(floats, ints, key)
        whole, less = (latency_of(row, of) for of in pair.latencies)
        if difference is None or not whole or not less:
            continue
        compared += 1
        if difference.told_apart and _is_another(whole, less):
            surely.append((row, difference, whole, less))
    if not compared:
        return ""
    if not surely:
        return (
            f"What int8 costs by {pair.title} is not told apart from nothing at any of {compared} "
            "networks, as far as these test images tell."
        )
    told = _of_one(pair, results, *surely[0])
    return f"{told} (both told apart at {len(surely)} of {compared} networks)."


def _of_one(
    pair: Pair, results: Results, row: Row, difference: Difference, whole: Estimate, less: Estimate
) -> str:
    """With the sizes that both are of, unless these are the same."""
    value = number(row[TOP1.name]) or 0.0
    deployed = (
        f"{row['resolution']}{SPACE}px, {results.settings.get('num_classes', 1000):,} classes"
    )
    side, classes = (
        number(row.get(TRAINED.name)) or row["resolution"],
        number(row.get(CLASSES.name)),
    )
    of = f"{int(side)}{SPACE}px" + (f", {int(classes):,} classes" if classes else "")
    sizes = f"both at {of}" if of == deployed else f"accuracy at {of}; latency at {deployed}"
    verb = "costs" if difference.value < 0 else "gains"
    ratio = whole.value / less.value
    faster, slower = f"{ratio:.2f}{SPACE}times as fast", f"{1 / ratio:.2f}{SPACE}times as long"
    return (
        f"Int8 by {pair.title} {verb} {label(row)} {in_points(abs(difference.value))} of top-1 "
        f"({formatted(value + difference.value, Form.SHARE)} in place of "
        f"{formatted(value, Form.SHARE)}) and takes {formatted(less.value, Form.SECONDS)} in place "
        f"of {formatted(whole.value, Form.SECONDS)}, {faster if ratio > 1 else slower}: {sizes}"
    )


def _is_another(whole: Estimate, less: Estimate) -> bool:
    """Whether the interval of the latencies' ratio leaves out 1."""
    if not (whole.has_interval and less.has_interval):
        return False
    ratio = ratio_interval(whole.value, _interval(whole), less.value, _interval(less))
    return ratio.high < 1 or ratio.low > 1


def _interval(of: Estimate) -> Interval:
    return Interval(*of.ends)


def _difference(floats: Trainings, ints: Trainings, key: tuple[Any, ...]) -> Difference | None:
    """Of int8's accuracy less float32's, of the same trainings: image by image, so that no luck of
    a training and no choice of images stands between them. None where one was not counted, or on
    other images.
    """
    one, other = floats.places.get(key), ints.places.get(key)
    if one is None or other is None:
        return None
    whole, less = floats.replicates.right[one], ints.replicates.right[other]
    if whole.shape != less.shape:
        return None
    of_images = (less.astype(float) - whole).mean(axis=0)
    half = NORMAL * float(of_images.std(ddof=1)) / sqrt(len(of_images))
    return Difference(float(of_images.mean()), half)
