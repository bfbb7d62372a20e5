"""The frontier in float32 and in int8, by each runtime that was timed in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING, Any

from sweep.maths import pareto
from sweep.maths.replicates import Difference
from sweep.maths.statistics import Interval, ratio_interval
from sweep.metrics import CLASSES, TOP1, TRAINED, in_int8
from sweep.paper.networks import FAMILY
from sweep.paper.phones import hosted
from sweep.report.content.axes import number, quantities
from sweep.report.content.figures import label, written
from sweep.report.content.own_data import on_own_data
from sweep.report.values.figures import Axis, Curve, Dot, Scatter
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, Form, formatted, in_points
from sweep.results.deployments import RUNTIMES, Deployed
from sweep.results.trainings import Trainings, trainings_of
from sweep.types import listed, slug

if TYPE_CHECKING:
    from sweep.results.load import Results

FLOAT, INT8 = "float32", "int8"
PHONE = "Pixel 3"  # its CPU, 4 threads, as published
NORMAL = 1.96  # half of a 95 % interval, in standard errors
Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A runtime's latencies in float32 and in int8, on the same threads."""

    runtime: str
    title: str
    latencies: tuple[Quantity, Quantity]


@dataclass(frozen=True)
class _Series:
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


def precisions(results: Results) -> tuple[Scatter, ...]:
    """Of each runtime: by the accuracies that Google published of both, over this machine's
    latencies and a phone's; then by the run's own, where it has counted both.
    """
    rows = results.points.to_dict(orient="records")
    found: list[Scatter | None] = []
    for pair in pairs(results):
        published = () if on_own_data(results.points) else _published(pair, rows)
        found += [
            _scatter(
                pair,
                "published",
                "Top-1 on ImageNet, published (TensorFlow Lite's hosted models)",
                published,
                _saved(pair, rows),
            ),
            _scatter(
                pair, "measured", f"{TOP1.title}, measured", _own(pair, rows), _cost(pair, results)
            ),
        ]
    return tuple(each for each in found if each)


def _published(pair: Pair, rows: Sequence[Row]) -> tuple[_Series, ...]:
    """The runtime's two, and the phone's, of the sixteen networks of the paper."""
    sixteen = hosted()
    both = [
        (row, sixteen[row["alpha"], row["resolution"]])
        for row in rows
        if (row["family"], row["kind"]) == (FAMILY, "separable")
        and (row["alpha"], row["resolution"]) in sixteen
    ]
    made = []
    for precision, dash, latency in zip(
        (FLOAT, INT8), ("solid", "dash"), pair.latencies, strict=True
    ):
        accuracies = [
            (row, of, Estimate(of.top1_int8 if precision == INT8 else of.top1)) for row, of in both
        ]
        here = [
            (row, seconds, accuracy)
            for row, _, accuracy in accuracies
            if (seconds := _latency(row, latency)) is not None
        ]
        there = [
            (row, Estimate(of.seconds_int8 if precision == INT8 else of.seconds), accuracy)
            for row, of, accuracy in accuracies
        ]
        made += [
            _Series(precision, dash, tuple(here)),
            _Series(f"{PHONE}, {precision}", "dot", tuple(there)),
        ]
    return tuple(made)


def _own(pair: Pair, rows: Sequence[Row]) -> tuple[_Series, ...]:
    columns = TOP1.name, in_int8(pair.runtime).name
    if not any(number(row.get(columns[1])) is not None for row in rows):
        return ()
    return tuple(
        _Series(
            precision,
            dash,
            tuple(
                (row, seconds, Estimate(value))
                for row in rows
                if (seconds := _latency(row, latency)) is not None
                and (value := number(row.get(column))) is not None
            ),
        )
        for precision, dash, latency, column in zip(
            (FLOAT, INT8), ("solid", "dash"), pair.latencies, columns, strict=True
        )
    )


def _latency(row: Row, of: Quantity) -> Estimate | None:
    value, low, high = (number(row.get(column)) for column in (of.column, of.low, of.high))
    return None if value is None else Estimate(value, low, high)


def _scatter(
    pair: Pair, name: str, title: str, made: Sequence[_Series], finding: str
) -> Scatter | None:
    made = [each for each in made if each.dots]
    if not made:
        return None
    phone = "; dotted: on a Pixel 3 (CPU, 4 threads), as published" if name == "published" else ""
    return Scatter(
        name=f"precisions_{name}_{slug(pair.runtime)}",
        title=f"Float32 and int8 by {pair.title}",
        x=Axis(f"Latency by {pair.title}, batch 1", "s", Form.SECONDS, log=True),
        y=Axis(f"{title}. Solid: float32; dashed: int8{phone}", TOP1.unit, TOP1.form),
        dots=tuple(_dot(series, *each) for series in made for each in series.dots),
        line=(),
        finding=finding,
        summary=" ".join(map(_in_words, made)),
        absent="",
        curves=tuple(Curve(each.name, _front(each), each.dash) for each in made),
    )


def _dot(series: _Series, row: Row, latency: Estimate, accuracy: Estimate) -> Dot:
    return Dot(
        label(row),
        row["alpha"],
        row["resolution"],
        latency,
        accuracy,
        (
            label(row),
            series.name,
            f"top-1 {written(accuracy, Form.SHARE)}",
            f"latency {written(latency, Form.SECONDS)}",
        ),
        small=True,
    )


def _front(series: _Series) -> tuple[tuple[float, float], ...]:
    xs = [latency.value for _, latency, _ in series.dots]
    ys = [accuracy.value for _, _, accuracy in series.dots]
    flags = pareto.front(xs, ys)
    return tuple(sorted((x, y) for x, y, on in zip(xs, ys, flags, strict=True) if on))


def _in_words(series: _Series) -> str:
    ahead = dict.fromkeys(_front(series))
    names = [
        f"{label(row)} ({formatted(accuracy.value, Form.SHARE)} at "
        f"{formatted(latency.value, Form.SECONDS)})"
        for row, latency, accuracy in sorted(series.dots, key=lambda each: each[1].value)
        if (latency.value, accuracy.value) in ahead
    ]
    return f"{series.name}: {listed(names, longest=20)}."


def _saved(pair: Pair, rows: Sequence[Row]) -> str:
    """What share of a latency int8 takes, and what accuracy Google found that it costs."""
    ratios = []
    for row in rows:
        whole, less = (_latency(row, of) for of in pair.latencies)
        if whole and less:
            ratios.append((less.value / whole.value, label(row)))
    if not ratios:
        return ""
    (low, least), (high, most) = min(ratios), max(ratios)
    lost = [of.top1 - of.top1_int8 for of in hosted().values()]
    return (
        f"In int8 a network takes {median(each for each, _ in ratios):.2f} of its float32 latency "
        f"at the median, from {low:.2f} ({least}) to {high:.2f} ({most}). The published int8 "
        f"networks, trained to be quantised, have {in_points(min(lost))} to "
        f"{in_points(max(lost))} less top-1."
    )


def int8_costs(results: Results) -> tuple[str, ...]:
    """Of each runtime: what int8 costs and buys one network, the most accurate of which both the
    accuracies and the latencies are told apart; else over how many nothing is.
    """
    return tuple(told for pair in pairs(results) if (told := _cost(pair, results)))


def _cost(pair: Pair, results: Results) -> str:
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
        whole, less = (_latency(row, of) for of in pair.latencies)
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
