"""The frontier in several dresses: float32 and int8, by each runtime that was timed in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep.maths import pareto
from sweep.maths.replicates import Difference, Replicates
from sweep.maths.statistics import Interval, ratio_interval
from sweep.metrics import TOP1, TRAINED, in_int8
from sweep.paper.networks import FAMILY
from sweep.paper.phones import Hosted, hosted
from sweep.report.content.axes import number, quantities
from sweep.report.content.figures import label, written
from sweep.report.content.own_data import on_own_data
from sweep.report.values.figures import Axis, Curve, Dot, Scatter
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, Form, formatted, in_points, times
from sweep.results.deployments import RUNTIMES, Deployed
from sweep.results.trainings import Trainings, trainings_of
from sweep.types import listed

if TYPE_CHECKING:
    from sweep.results.load import Results

FLOAT, INT8 = "float32", "int8"
PHONE = "Pixel 3, CPU, 4 threads"
Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A runtime's latencies in float32 and in int8, on the same threads."""

    runtime: str
    title: str
    latencies: tuple[Quantity, Quantity]


@dataclass(frozen=True)
class _Dress:
    """One curve: what it is called, and (point's row, latency, accuracy) of each of its dots."""

    name: str
    dash: str
    dots: tuple[tuple[Row, Estimate, Estimate], ...]


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


def dresses(results: Results) -> tuple[Scatter, ...]:
    """By the accuracies that Google published of both, over this machine's latencies and a phone's;
    then by the run's own, where it has counted both. Nothing where no runtime was timed in both.
    """
    known, rows = pairs(results), results.points.to_dict(orient="records")
    if not known:
        return ()
    published = () if on_own_data(results.points) else _published(known, rows)
    own = tuple(_own(known, rows))
    return tuple(
        scatter
        for scatter in (
            _scatter(
                "dresses_published",
                "Top-1 on ImageNet, published (TensorFlow Lite's hosted models)",
                published,
                _saved(known, rows),
            ),
            _scatter(
                "dresses_measured",
                f"{TOP1.title}, measured",
                own,
                " ".join(int8_costs(results)),
            ),
        )
        if scatter
    )


def _published(known: Sequence[Pair], rows: Sequence[Row]) -> tuple[_Dress, ...]:
    """Each runtime's two, and the phone's, of the sixteen networks of the paper."""
    sixteen = hosted()
    both = [
        (row, sixteen[row["alpha"], row["resolution"]])
        for row in rows
        if (row["family"], row["kind"]) == (FAMILY, "separable")
        and (row["alpha"], row["resolution"]) in sixteen
    ]

    def accuracy(of: Hosted, precision: str) -> Estimate:
        return Estimate(of.top1_int8 if precision == INT8 else of.top1)

    made = [
        _Dress(
            f"{pair.title}, {precision}",
            "solid" if precision == FLOAT else "dash",
            tuple(
                (row, latency, accuracy(of, precision))
                for row, of in both
                if (latency := _latency(row, pair.latencies[precision == INT8])) is not None
            ),
        )
        for pair in known
        for precision in (FLOAT, INT8)
    ]
    phone = [
        _Dress(
            f"{PHONE}, {precision}, as published",
            "dot",
            tuple(
                (row, Estimate(of.seconds_int8 if precision == INT8 else of.seconds),
                 accuracy(of, precision))
                for row, of in both
            ),
        )
        for precision in (FLOAT, INT8)
    ]  # fmt: skip
    return (*made, *phone) if both else ()


def _own(known: Sequence[Pair], rows: Sequence[Row]) -> Iterator[_Dress]:
    for pair in known:
        columns = TOP1.name, in_int8(pair.runtime).name
        if not any(number(row.get(columns[1])) is not None for row in rows):
            continue
        for precision, column in zip((FLOAT, INT8), columns, strict=True):
            of = pair.latencies[precision == INT8]
            dots = [
                (row, latency, Estimate(value))
                for row in rows
                if (latency := _latency(row, of)) is not None
                and (value := number(row.get(column))) is not None
            ]
            dash = "solid" if precision == FLOAT else "dash"
            yield _Dress(f"{pair.title}, {precision}", dash, tuple(dots))


def _latency(row: Row, of: Quantity) -> Estimate | None:
    value, low, high = (number(row.get(column)) for column in (of.column, of.low, of.high))
    return None if value is None else Estimate(value, low, high)


def _scatter(name: str, title: str, made: Sequence[_Dress], finding: str) -> Scatter | None:
    made = [each for each in made if each.dots]
    if not made:
        return None
    return Scatter(
        name=name,
        title="The frontier in float32 and in int8",
        x=Axis("Latency, batch 1", "s", Form.SECONDS, log=True),
        y=Axis(title, TOP1.unit, TOP1.form),
        dots=tuple(_dot(dress, *each) for dress in made for each in dress.dots),
        line=(),
        finding=finding,
        summary=" ".join(map(_in_words, made)),
        absent="",
        curves=tuple(Curve(each.name, _front(each), each.dash) for each in made),
    )


def _dot(dress: _Dress, row: Row, latency: Estimate, accuracy: Estimate) -> Dot:
    return Dot(
        label(row),
        row["alpha"],
        row["resolution"],
        latency,
        accuracy,
        (
            label(row),
            dress.name,
            f"top-1 {written(accuracy, Form.SHARE)}",
            f"latency {written(latency, Form.SECONDS)}",
        ),
        small=True,
    )


def _front(dress: _Dress) -> tuple[tuple[float, float], ...]:
    xs = [latency.value for _, latency, _ in dress.dots]
    ys = [accuracy.value for _, _, accuracy in dress.dots]
    flags = pareto.front(xs, ys)
    return tuple(sorted((x, y) for x, y, on in zip(xs, ys, flags, strict=True) if on))


def _in_words(dress: _Dress) -> str:
    ahead = dict.fromkeys(_front(dress))
    names = [
        f"{label(row)} ({formatted(accuracy.value, Form.SHARE)} at "
        f"{formatted(latency.value, Form.SECONDS)})"
        for row, latency, accuracy in sorted(dress.dots, key=lambda each: each[1].value)
        if (latency.value, accuracy.value) in ahead
    ]
    return f"{dress.name}: {listed(names, longest=20)}."


def _saved(known: Sequence[Pair], rows: Sequence[Row]) -> str:
    """What share of a latency int8 takes, and what accuracy Google found that it costs."""
    told = []
    for pair in known:
        ratios = []
        for row in rows:
            whole, less = (_latency(row, of) for of in pair.latencies)
            if whole and less:
                ratios.append((less.value / whole.value, label(row)))
        if ratios:
            (low, least), (high, most) = min(ratios), max(ratios)
            told.append(
                f"by {pair.title} {median(each for each, _ in ratios):.2f} of it at the median, "
                f"from {low:.2f} ({least}) to {high:.2f} ({most})"
            )
    lost = [of.top1 - of.top1_int8 for of in hosted().values()]
    return (
        f"Of its float32 latency a network takes in int8 {listed(told)}. The published int8 "
        f"networks, trained to be quantised, have {in_points(min(lost))} to "
        f"{in_points(max(lost))} less top-1."
    )


def int8_costs(results: Results) -> tuple[str, ...]:
    """Of each runtime: what int8 costs and buys one network, the most accurate of which both the
    accuracies and the latencies are told apart; else over how many nothing is.
    """
    found = []
    floats = results.trainings
    for pair in pairs(results):
        ints = trainings_of(results.readings, in_int8(pair.runtime))
        if floats is not None and ints is not None:
            found.append(_cost(pair, results, floats, ints))
    return tuple(each for each in found if each)


def _cost(pair: Pair, results: Results, floats: Trainings, ints: Trainings) -> str:
    rows = sorted(
        results.points.to_dict(orient="records"), key=lambda row: -(number(row[TOP1.name]) or 0)
    )
    compared, surely = 0, []
    for row in rows:
        key = row["family"], row["kind"], row["alpha"], row["resolution"]
        difference = _difference(floats, ints, key)
        whole, less = (_latency(row, of) for of in pair.latencies)
        if difference is None or not whole or not less:
            continue
        compared += 1
        if difference.told_apart and _is_faster(whole, less):
            surely.append((row, difference, whole, less))
    if not compared:
        return ""
    if not surely:
        return (
            f"What int8 costs by {pair.title} is not told apart from nothing at any of {compared} "
            "networks, as far as these test images and trainings tell."
        )
    row, difference, whole, less = surely[0]
    value = number(row[TOP1.name]) or 0.0
    deployed = (
        f"{row['resolution']}{SPACE}px, {results.settings.get('num_classes', 1000):,} classes"
    )
    side = number(row.get(TRAINED.name)) or row["resolution"]
    classes = number(row.get("classes"))
    of = f"{int(side)}{SPACE}px" + (f", {int(classes):,} classes" if classes else "")
    sizes = f"both at {of}" if of == deployed else f"accuracy at {of}; latency at {deployed}"
    verb = "costs" if difference.value < 0 else "gains"
    return (
        f"Int8 by {pair.title} {verb} {label(row)} {in_points(abs(difference.value))} of top-1 "
        f"({formatted(value + difference.value, Form.SHARE)} in place of "
        f"{formatted(value, Form.SHARE)}) and takes {formatted(less.value, Form.SECONDS)} in place "
        f"of {formatted(whole.value, Form.SECONDS)}, {times(whole.value / less.value)} as fast "
        f"({sizes}); both are told apart at {len(surely)} of {compared} networks."
    )


def _is_faster(whole: Estimate, less: Estimate) -> bool:
    """Whether the interval of the latencies' ratio leaves out 1."""
    if not (whole.has_interval and less.has_interval):
        return False
    ratio = ratio_interval(whole.value, _interval(whole), less.value, _interval(less))
    return ratio.high < 1 or ratio.low > 1


def _interval(of: Estimate) -> Interval:
    return Interval(*of.ends)


def _difference(floats: Trainings, ints: Trainings, key: tuple[Any, ...]) -> Difference | None:
    """Of int8's accuracy less float32's of the same trainings, image by image."""
    one, other = floats.places.get(key), ints.places.get(key)
    if one is None or other is None:
        return None
    of, to = floats.replicates, ints.replicates
    if of.right[one].shape != to.right[other].shape:
        return None
    # Both are of the same trainings: no luck of a training stands between them.
    values = np.array([[np.nanmean(of.values[one])], [np.nanmean(to.values[other])]])
    right = np.stack([of.right[one].reshape(1, -1), to.right[other].reshape(1, -1)])
    return Replicates(values, right, fixed=True).difference(1, 0)
