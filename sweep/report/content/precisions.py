"""The frontier in float32 and in int8, by each runtime that was timed in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from sweep.maths import pareto
from sweep.metrics import TOP1, in_int8
from sweep.paper.networks import FAMILY
from sweep.paper.phones import hosted
from sweep.report.content.axes import number
from sweep.report.content.figures import label, written
from sweep.report.content.int8_costs import FLOAT, INT8, Pair, Row, cost, latency_of, pairs
from sweep.report.content.own_data import on_own_data
from sweep.report.values.figures import Axis, Curve, Dot, Scatter
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import Form, formatted, in_points
from sweep.types import listed, slug

if TYPE_CHECKING:
    from sweep.results.load import Results

PHONE = "Pixel 3"  # its CPU, 4 threads, as published


@dataclass(frozen=True)
class _Series:
    """One curve: what it is called, and (point's row, latency, accuracy) of each of its dots."""

    name: str
    dash: str
    dots: tuple[tuple[Row, Estimate, Estimate], ...]


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
                pair, "measured", f"{TOP1.title}, measured", _own(pair, rows), cost(pair, results)
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
    for precision, dash, of_it in zip(
        (FLOAT, INT8), ("solid", "dash"), pair.latencies, strict=True
    ):
        accuracies = [
            (row, of, Estimate(of.top1_int8 if precision == INT8 else of.top1)) for row, of in both
        ]
        here = [
            (row, seconds, accuracy)
            for row, _, accuracy in accuracies
            if (seconds := latency_of(row, of_it)) is not None
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
                if (seconds := latency_of(row, of_it)) is not None
                and (value := number(row.get(column))) is not None
            ),
        )
        for precision, dash, of_it, column in zip(
            (FLOAT, INT8), ("solid", "dash"), pair.latencies, columns, strict=True
        )
    )


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
        whole, less = (latency_of(row, of) for of in pair.latencies)
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
