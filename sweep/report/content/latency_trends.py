"""Where mult-adds mislead about latency, and whether phones rank the networks as this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from sweep.maths.statistics import kendall_tau
from sweep.metrics import LATENCY, MULT_ADDS
from sweep.paper.networks import FAMILY
from sweep.paper.phones import Phone, phones
from sweep.paper.ranking import FEWEST_FOR_TAU
from sweep.report.content.axes import estimate, number, quantities
from sweep.report.content.figures import label, written
from sweep.report.content.point_rows import Row
from sweep.report.values.figures import Axis, Dot, Scatter
from sweep.report.values.intervals import Estimate, share_a_value
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import Form, formatted, times
from sweep.types import listed

if TYPE_CHECKING:
    from sweep.results.load import Results

MOST_NAMED = 3  # pairs in the wrong order that a sentence names
LONGEST = 20  # points that a summary lists


@dataclass(frozen=True)
class _Timed:
    """A point with a measured latency, in seconds."""

    label: str
    row: Row
    latency: Estimate


@dataclass(frozen=True)
class _Pair:
    """Fewer mult-adds, but slower; `ratio` of the latencies."""

    slow: _Timed
    fast: _Timed
    ratio: float


def latency_trends(results: Results, mult_adds: Axis) -> tuple[Scatter, ...]:
    """Latency per mult-add at each batch size, against the axis of mult-adds; then the latency of
    one image against each phone's.
    """
    rows = results.points.to_dict(orient="records")
    known = quantities(results)
    latencies = [each for each in known if each.metric == LATENCY]
    # Phones take one image at a time.
    single = [each for each in latencies if each.batch == 1] or [Quantity(LATENCY, "", 1)]
    return (
        *(_per_mult_add(_timed(rows, each), each, mult_adds) for each in latencies),
        *(_against(phone, _timed(rows, single[0]), single[0]) for phone in phones()),
    )


def _timed(rows: list[Row], of: Quantity) -> list[_Timed]:
    timed = []
    for row in rows:
        latency = estimate(row, (of.column, of.low, of.high))
        if latency is not None and latency.value > 0:
            timed.append(_Timed(label(row), row, latency))
    return timed


def _per_mult_add(timed: list[_Timed], of: Quantity, x: Axis) -> Scatter:
    batch = of.batch or 1
    counted = [each for each in timed if (number(each.row[MULT_ADDS.name]) or 0) > 0]
    counted.sort(key=_mult_adds)
    each = [(point, point.latency.times(1 / (batch * _mult_adds(point)))) for point in counted]
    return Scatter(
        name=f"{of.name}_per_mult_add",
        title=f"{LATENCY.short} per mult-add{of.suffix}",
        x=x,
        y=Axis(f"{LATENCY.short} per mult-add{of.suffix}", LATENCY.unit, LATENCY.form),
        dots=tuple(_priced(point, price) for point, price in each),
        line=(),
        finding=_misled(each) if each else "",
        summary=_listed(
            [f"{point.label} ({written(price, Form.SECONDS)} a mult-add)" for point, price in each],
            "Fewest mult-adds first",
        ),
        absent=""
        if each
        else f"No point of this run has both counted mult-adds and {of.at_batch}.",
    )


def _mult_adds(point: _Timed) -> float:
    return float(point.row[MULT_ADDS.name])


def _priced(point: _Timed, price: Estimate) -> Dot:
    return _dot(
        point,
        Estimate(_mult_adds(point)),
        price,
        f"{written(price, Form.SECONDS)} a mult-add",
        f"latency {written(point.latency, Form.SECONDS)}",
        f"{formatted(_mult_adds(point), Form.COUNT)} mult-adds",
    )


def _dot(point: _Timed, x: Estimate, y: Estimate, *told: str) -> Dot:
    return Dot(point.label, point.row["alpha"], point.row["resolution"], x, y, (point.label, *told))


def _misled(each: list[tuple[_Timed, Estimate]]) -> str:
    """The price of a mult-add at its lowest and highest, and pairs that mult-adds order wrongly."""
    cheap, dear = (pick(each, key=lambda pair: pair[1].value) for pick in (min, max))
    price = f"A mult-add takes {formatted(cheap[1].value, Form.SECONDS)} in {cheap[0].label}"
    if len(each) == 1:
        return f"{price}."
    sentence = (
        f"{price} and {formatted(dear[1].value, Form.SECONDS)} in {dear[0].label}, "
        f"{times(dear[1].value / cheap[1].value)} as long."
    )
    return f"{sentence} {_wrong_order([point for point, _ in each])}"


def _wrong_order(points: list[_Timed]) -> str:
    """Pairs that latency orders against their mult-adds."""
    total = len(points) * (len(points) - 1) // 2
    by_median, beyond, worst = _disordered(points)
    if not by_median:
        return "Every pair stands in the same order by latency as by mult-adds."
    sentence = (
        f"In {by_median} of {total} pairs the network with fewer mult-adds is the slower one, "
        f"{beyond or 'none'} of them beyond the 95 % intervals"
    )
    pairs = [
        f"{pair.slow.label} takes {formatted(pair.slow.latency.value, Form.SECONDS)} for "
        f"{formatted(_mult_adds(pair.slow), Form.COUNT)}, {pair.fast.label} "
        f"{formatted(pair.fast.latency.value, Form.SECONDS)} for "
        f"{formatted(_mult_adds(pair.fast), Form.COUNT)}"
        for pair in worst
    ]
    return f"{sentence}: {'; '.join(pairs)}." if pairs else f"{sentence}."


def _disordered(points: Sequence[_Timed]) -> tuple[int, int, list[_Pair]]:
    """How many pairs latency orders against their mult-adds, by the medians and beyond the
    intervals, and of the latter the widest apart, each slow point once.
    """
    cost = np.array([_mult_adds(point) for point in points])
    middle = np.array([point.latency.value for point in points])
    low, high = np.array([point.latency.ends for point in points]).T
    known = np.array([point.latency.has_interval for point in points])
    by_median, beyond, pairs = 0, 0, []
    for index, point in enumerate(points):
        slower = (cost > cost[index]) & (middle < middle[index])
        # Without an interval nothing is beyond it.
        surely = slower & known & known[index]
        surely &= ~share_a_value(low, high, low[index], high[index])
        by_median, beyond = by_median + int(slower.sum()), beyond + int(surely.sum())
        if surely.any():
            best = int(np.flatnonzero(surely)[middle[surely].argmin()])
            pairs.append(_Pair(point, points[best], middle[index] / middle[best]))
    return by_median, beyond, sorted(pairs, key=lambda pair: -pair.ratio)[:MOST_NAMED]


def _against(phone: Phone, timed: list[_Timed], of: Quantity) -> Scatter:
    """On both axes log scales: one ratio everywhere is a line of slope 1, drawn at the median."""
    published = phone.latencies
    both = [
        (point, published[point.row["alpha"], point.row["resolution"]])
        for point in timed
        if (point.row["family"], point.row["kind"]) == (FAMILY, "separable")
        and (point.row["alpha"], point.row["resolution"]) in published
    ]
    both.sort(key=lambda pair: pair[1])
    middle = median([there / point.latency.value for point, there in both]) if both else 1.0
    ends = (both[0][1], both[-1][1]) if len(both) > 1 else ()
    return Scatter(
        name=f"latency_against_{phone.name}",
        title=f"Measured latency against a phone's: {phone.title}",
        x=Axis(f"Published latency, {phone.title}", "s", Form.SECONDS, log=True),
        y=Axis(f"{of.title}, on this machine", "s", Form.SECONDS, log=True),
        dots=tuple(
            _dot(
                point,
                Estimate(there),
                point.latency,
                f"{phone.title}: {formatted(there, Form.SECONDS)}, as published",
                f"here: {written(point.latency, Form.SECONDS)}",
            )
            for point, there in both
        ),
        line=tuple((end, end / middle) for end in ends),
        line_name=f"this machine's, if the phone took {times(middle)} as long everywhere",
        finding=_ranked(phone, both, middle) if both else "",
        summary=_listed(
            [
                f"{point.label} ({written(point.latency, Form.SECONDS)} here, "
                f"{formatted(there, Form.SECONDS)} there)"
                for point, there in both
            ],
            "Fastest on the phone first",
        ),
        absent="" if both else "No point with a published phone latency was timed in this run.",
    )


def _ranked(phone: Phone, both: list[tuple[_Timed, float]], middle: float) -> str:
    """The rank correlation, and what the phone takes in terms of this machine."""
    ratios = [(there / point.latency.value, point.label) for point, there in both]
    (low, least), (high, most) = min(ratios), max(ratios)
    takes = f"The phone takes {times(middle)} as long as this machine"
    if len(both) > 1:
        takes += f" at the median, from {times(low)} ({least}) to {times(high)} ({most})"
    return f"{_tau(phone, both)} {takes}."


def _tau(phone: Phone, both: list[tuple[_Timed, float]]) -> str:
    if len(both) < FEWEST_FOR_TAU:
        return f"A rank correlation takes {FEWEST_FOR_TAU} points, this run has {len(both)}."
    try:
        tau = kendall_tau([point.latency.value for point, _ in both], [there for _, there in both])
    except ValueError as error:
        return f"There is no rank correlation: {error}."
    return (
        f"Ranked by latency, {len(both)} points agree with the {phone.model} ({phone.used}) with a "
        f"Kendall tau of {tau:.2f} (1 is the same order, 0 is chance)."
    )


def _listed(each: list[str], order: str) -> str:
    return f"{order}: {listed(each, LONGEST)}." if each else ""
