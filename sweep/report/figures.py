"""Accuracy against each cost: which points are drawn, which are on the frontier, what beats the
rest, and the paper's points behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sweep import pareto
from sweep.paper import published
from sweep.paper.networks import FAMILY
from sweep.paper.tables import tfslim_rows
from sweep.report.shown import Axis, Estimate, Figure, Key, Mark, PaperMark
from sweep.report.units import Form, bracket, form_of, shown
from sweep.types import Better, Point

# Metrics that a figure or table of this package shows already. Any other, of a measure from
# outside, gets a figure of its own.
KNOWN = {
    "mult_adds", "weights", "params", "params_with_statistics", "weight_bytes",
    "peak_activation_bytes", "mult_adds_traced", "mult_adds_fvcore", "mult_adds_xla",
    "layer_mult_adds", "layer_weights", "latency_s", "reference_s", "compile_s",
    "peak_memory_bytes", "top1", "top5", "test_images", "left_out_images",
}  # fmt: skip
LONGEST_LIST = 12  # more names than this in one sentence are cut short
PRINTED = "the paper"
UNPRINTED = "TF-slim, June 2017 (the paper does not print it)"


@dataclass(frozen=True)
class _Cost:
    """What an accuracy is drawn against. The interval's columns are empty where it has none."""

    name: str
    column: str
    title: str
    axis: Axis
    low: str = ""
    high: str = ""
    better: str = Better.LOWER
    published: str = ""  # field of sweep.paper.Published with the same cost


def figures(points: pd.DataFrame, readings: pd.DataFrame) -> tuple[Figure, ...]:
    """Accuracy against mult-adds, parameters, latency at each batch size, and against every
    metric that a measure from outside brought.
    """
    rows = points.to_dict(orient="records")
    dataset = next((str(row["dataset"]) for row in rows if number(row["top1"]) is not None), "")
    y = Axis(f"Top-1 accuracy on {dataset}" if dataset else "Top-1 accuracy", "1", Form.SHARE)
    return tuple(_figure(cost, rows, y) for cost in _costs(points, readings))


def batches(points: pd.DataFrame) -> dict[int, str]:
    """Batch size -> what its latency columns begin with; batch 1 too where nothing was timed."""
    stems = {
        int(found[1]): f"latency_batch{found[1]}"
        for column in points.columns
        if (found := re.fullmatch(r"latency_batch(\d+)_s", column))
    }
    if not stems or any(number(value) is not None for value in points["latency_s"]):
        stems[1] = "latency"
    return dict(sorted(stems.items()))


def key(drawn: Iterable[Figure]) -> Key:
    """The resolutions and alphas that appear in any figure, largest first."""
    marks = [mark for figure in drawn for mark in (*figure.marks, *figure.paper)]
    return Key(
        resolutions=tuple(sorted({mark.resolution for mark in marks}, reverse=True)),
        alphas=tuple(sorted({mark.alpha for mark in marks}, reverse=True)),
    )


def label(row: dict[str, Any]) -> str:
    """Short name of a row of points.parquet."""
    return Point(row["family"], row["kind"], row["alpha"], row["rho"], row["resolution"]).label


def number(value: Any) -> float | None:
    """A value of a data frame, None where it is null."""
    return None if pd.isna(value) else float(value)


def listed(names: Sequence[str], longest: int = LONGEST_LIST) -> str:
    """ "a, b and c", cut short after `longest`."""
    if len(names) > longest:
        return f"{', '.join(names[:longest])} and {len(names) - longest} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _costs(points: pd.DataFrame, readings: pd.DataFrame) -> list[_Cost]:
    titles = dict(zip(readings["metric"], readings["title"], strict=True))
    costs = [
        _Cost(
            "mult_adds",
            "mult_adds",
            "Accuracy against mult-adds",
            Axis(titles.get("mult_adds", "Mult-adds"), "1", Form.COUNT, log=True),
            published="mult_adds",
        ),
        _Cost(
            "params",
            "params",
            "Accuracy against parameters",
            Axis(titles.get("params", "Trainable parameters"), "1", Form.COUNT),
            published="params",
        ),
    ]
    return costs + _latencies(points, titles) + _from_outside(points, readings)


def _latencies(points: pd.DataFrame, titles: dict[str, str]) -> list[_Cost]:
    """One for each batch size."""
    title = titles.get("latency_s", "Latency")
    return [
        _Cost(
            stem,
            f"{stem}_s",
            f"Accuracy against measured latency, batch {batch}",
            Axis(f"{title}, batch {batch}", "s", Form.SECONDS),
            low=f"{stem}_low_s",
            high=f"{stem}_high_s",
        )
        for batch, stem in batches(points).items()
    ]


def _from_outside(points: pd.DataFrame, readings: pd.DataFrame) -> list[_Cost]:
    """Metrics of measures that this package doesn't know: axis and direction are the metric's."""
    others = {
        row["metric"]: row
        for row in readings.to_dict(orient="records")
        if row["metric"] not in KNOWN and not row["variant"] and row["better"] != Better.NEITHER
    }
    return [
        _Cost(
            row["metric"],
            row["metric"],
            f"Accuracy against {row['title'][:1].lower()}{row['title'][1:]}",
            Axis(_with_unit(row["title"], row["unit"]), row["unit"], form_of(row["unit"])),
            better=row["better"],
        )
        for row in others.values()
        if row["metric"] in points
    ]


def _with_unit(title: str, unit: str) -> str:
    """Units that are not written with every value stand in the title."""
    return f"{title} ({unit})" if form_of(unit) is Form.NUMBER else title


def _figure(cost: _Cost, rows: list[dict[str, Any]], y: Axis) -> Figure:
    drawn = [
        row
        for row in rows
        if number(row.get(cost.column)) is not None and number(row["top1"]) is not None
    ]
    sign = -1 if cost.better == Better.HIGHER else 1
    costs = [sign * float(row[cost.column]) for row in drawn]
    beaten_by = pareto.dominators(costs, [row["top1"] for row in drawn])
    marks = tuple(
        _mark(cost, row, "" if beater is None else label(drawn[beater]))
        for row, beater in zip(drawn, beaten_by, strict=True)
    )
    ahead = sorted(
        (mark for mark in marks if mark.on_front),
        key=lambda mark: (sign * mark.x.value, mark.y.value),
    )
    return Figure(
        name=cost.name,
        title=cost.title,
        x=cost.axis,
        y=y,
        marks=marks,
        front=tuple(dict.fromkeys((mark.x.value, mark.y.value) for mark in ahead)),
        paper=_paper(cost, rows) if cost.published else (),
        summary=_summary(cost, ahead, marks),
        absent="" if marks else _why_empty(cost, rows),
    )


def _mark(cost: _Cost, row: dict[str, Any], beaten_by: str) -> Mark:
    x = Estimate(float(row[cost.column]), number(row.get(cost.low)), number(row.get(cost.high)))
    y = Estimate(row["top1"], number(row["top1_low"]), number(row["top1_high"]))
    place = f"beaten by {beaten_by}" if beaten_by else "on the frontier"
    return Mark(
        label=label(row),
        alpha=row["alpha"],
        resolution=row["resolution"],
        x=x,
        y=y,
        on_front=not beaten_by,
        dominated_by=beaten_by,
        hover=(
            label(row),
            f"top-1 {written(y, Form.SHARE)}",
            f"{cost.axis.title}: {written(x, cost.axis.form)}",
            place,
        ),
    )


def written(estimate: Estimate, form: Form) -> str:
    """The number with its interval in brackets: 52.3 % (50.8 to 53.8)."""
    text = shown(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} ({bracket(estimate.value, estimate.low, estimate.high, form)})"


def _paper(cost: _Cost, rows: list[dict[str, Any]]) -> tuple[PaperMark, ...]:
    """The sixteen published points: accuracy as printed, cost as this run counts it, else as
    printed. A network that neither this run nor the paper gives a cost for is left out.
    """
    counted = {
        (row["alpha"], row["resolution"]): number(row[cost.column])
        for row in rows
        if row["family"] == FAMILY and row["kind"] == "separable"
    }
    marks = []
    for alpha, resolution in ((row.alpha, row.resolution) for row in tfslim_rows()):
        known = published("separable", alpha, resolution)
        x = counted.get((alpha, resolution)) or getattr(known, cost.published)
        y = known.top1 or known.published_top1
        if x is None or y is None:
            continue
        name = Point(FAMILY, "separable", alpha, 0.0, resolution).label
        source = PRINTED if known.top1 else UNPRINTED
        marks.append(PaperMark(name, alpha, resolution, float(x), y, source))
    return tuple(marks)


def _summary(cost: _Cost, ahead: list[Mark], marks: tuple[Mark, ...]) -> str:
    if not marks:
        return ""
    cheapest = "cheapest" if cost.better == Better.LOWER else "lowest"
    steps = [
        f"{mark.label} ({shown(mark.y.value, Form.SHARE)} at {shown(mark.x.value, cost.axis.form)})"
        for mark in ahead
    ]
    beaten = [f"{mark.label} by {mark.dominated_by}" for mark in marks if mark.dominated_by]
    first = f"The frontier, {cheapest} first: {listed(steps, longest=20)}."
    if not beaten:
        return f"{first} No point is beaten by another."
    return f"{first} Beaten: {listed(beaten, longest=20)}."


def _why_empty(cost: _Cost, rows: list[dict[str, Any]]) -> str:
    if all(number(row["top1"]) is None for row in rows):
        return "No point of this run has a measured accuracy yet."
    return f"No point of this run has both an accuracy and a reading of {cost.axis.title.lower()}."
