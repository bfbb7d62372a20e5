"""Accuracy against the logarithm of mult-adds: the paper's line, and what it misses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import TYPE_CHECKING

from sweep.maths.statistics import Line, least_squares
from sweep.metrics import MULT_ADDS, TOP1
from sweep.paper.networks import FAMILY
from sweep.report.content.axes import number
from sweep.report.content.certainty import covers
from sweep.report.content.evidence import BY_INTERVALS, Evidence, evidence_of
from sweep.report.content.figures import label, written
from sweep.report.content.latency_trends import latency_trends
from sweep.report.content.own_data import on_own_data
from sweep.report.content.point_rows import Row, accuracy_title, swept_kind
from sweep.report.content.precisions import precisions
from sweep.report.values.figures import Axis, Dot, Scatter
from sweep.report.values.intervals import Estimate, overlap
from sweep.report.values.units import SPACE, Form, formatted, in_points, joined, points
from sweep.results.points import end_of
from sweep.types import alpha_text, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

FEWEST = 5  # points that a line is fitted to: two are always on one, and nearly so are three
FITTED = "fitted line"
MOST_NAMED = 3  # residuals that a sentence names
LONGEST = 20  # points that a summary lists
# Howard et al. 2017, section 4.2: "Results are log linear with a jump when models get very small
# at alpha = 0.25."
JUMP = 0.25


@dataclass(frozen=True)
class _Source:
    """Where accuracies come from. `name` begins the scatters' names; `what` is the accuracy inside
    a sentence; columns: the accuracy's, and its interval's where there is one; by: what tells
    measured ones apart.
    """

    name: str
    title: str
    what: str
    columns: tuple[str, ...]
    absent: str
    by: Evidence = BY_INTERVALS

    @property
    def covers(self) -> str:
        """What its intervals are about; empty where it has none."""
        return covers(self.by) if len(self.columns) > 1 else ""


PUBLISHED = _Source(
    "published_",
    "Top-1 accuracy on ImageNet as published (TF-slim, June 2017)",
    "published top-1",
    ("published_top1",),
    "No accuracy is published for any network whose mult-adds this run has counted.",
)


@dataclass(frozen=True)
class _Known:
    label: str
    row: Row
    mult_adds: float
    accuracy: Estimate

    @property
    def x(self) -> float:
        """Doublings: where the point is on the line."""
        return log2(self.mult_adds)


@dataclass(frozen=True)
class _Fit:
    """The line through the points of the swept kind, over log2 of their mult-adds."""

    known: tuple[_Known, ...]
    line: Line

    @cached_property
    def labels(self) -> frozenset[str]:
        """Of what the line was fitted to."""
        return frozenset(point.label for point in self.known)

    def above(self, point: _Known) -> Estimate:
        """The point's accuracy less the line's."""
        return point.accuracy.plus(-self.line.at(point.x))

    def ends(self) -> tuple[tuple[float, float], ...]:
        """Straight where mult-adds are on a log scale."""
        first, last = (each(self.known, key=lambda point: point.x) for each in (min, max))
        return tuple((each.mult_adds, self.line.at(each.x)) for each in (first, last))


def trends(results: Results) -> tuple[Scatter, ...]:
    """Accuracy against log mult-adds and what the fitted line misses, measured, then published;
    latency per mult-add; measured latency against phones'. One without points says why. On
    somebody's own images what is published of ImageNet is left out, and phones that have nothing
    to compare.
    """
    rows = results.points.to_dict(orient="records")
    x = Axis(MULT_ADDS.title, MULT_ADDS.unit, MULT_ADDS.form, log=True)
    measured = _measured(accuracy_title(rows), evidence_of(results))
    known = _known(rows, measured)
    # Another family's network of the same alpha and resolution is not the published one.
    published = _known([row for row in rows if row["family"] == FAMILY], PUBLISHED)
    latencies = (*precisions(results), *latency_trends(results, x))
    if on_own_data(results.points):
        own = _accuracies(measured, known, x), _residuals(measured, known, x)
        return (*own, *(each for each in latencies if each.dots))
    return (
        _accuracies(measured, known, x, beside=_fit(published)),
        _residuals(measured, known, x),
        _accuracies(PUBLISHED, published, x),
        _residuals(PUBLISHED, published, x),
        *latencies,
    )


def _measured(title: str, by: Evidence) -> _Source:
    return _Source(
        "",
        title,
        "measured top-1",
        (TOP1.name, *(end_of(TOP1.name, end) for end in ("low", "high"))),
        "No point of this run has both a measured accuracy and counted mult-adds yet.",
        by,
    )


def _known(rows: list[Row], source: _Source) -> tuple[_Known, ...]:
    """The cheapest first."""
    known = []
    for row in rows:
        value, *interval = (number(row[column]) for column in source.columns)
        mult_adds = number(row[MULT_ADDS.name])
        if value is not None and mult_adds is not None and mult_adds > 0:
            known.append(_Known(label(row), row, mult_adds, Estimate(value, *interval)))
    return tuple(sorted(known, key=lambda point: point.mult_adds))


def _fit(known: tuple[_Known, ...]) -> _Fit | str:
    """The line, or why there is none."""
    kind = swept_kind(point.row for point in known)
    inside = tuple(point for point in known if (point.row["family"], point.row["kind"]) == kind)
    if len(inside) < FEWEST:
        return f"it takes {FEWEST} points, this run has {len(inside)}"
    try:
        line = least_squares(
            [point.x for point in inside], [point.accuracy.value for point in inside]
        )
    except ValueError:
        return "all points have the same mult-adds"
    return _Fit(inside, line)


def _accuracies(
    source: _Source, known: tuple[_Known, ...], x: Axis, *, beside: _Fit | str = ""
) -> Scatter:
    fit = _fit(known)
    return Scatter(
        name=f"{source.name}accuracy_against_log_mult_adds",
        title=f"{source.what[:1].upper()}{source.what[1:]} against mult-adds",
        x=x,
        y=Axis(source.title, "1", Form.SHARE),
        dots=tuple(
            _dot(
                point,
                fit,
                point.accuracy,
                f"{source.what} {written(point.accuracy, Form.SHARE)}",
                *([f"95{SPACE}% interval {source.covers}"] if source.covers else []),
            )
            for point in known
        ),
        line=fit.ends() if isinstance(fit, _Fit) and not _no_slope(fit) else (),
        line_name=FITTED,
        finding=_dependence(source, fit, beside) if known else "",
        summary=_listed([(point, point.accuracy) for point in known], Form.SHARE),
        absent="" if known else source.absent,
        covers=source.covers,
    )


def _residuals(source: _Source, known: tuple[_Known, ...], x: Axis) -> Scatter:
    fit = _fit(known)
    above: list[tuple[_Known, Estimate]] = []
    finding, absent, line = "", source.absent, ()
    if isinstance(fit, _Fit) and (why := _no_slope(fit)):
        absent = f"There is no line to lie from: {why}."
    elif isinstance(fit, _Fit):
        above = [(point, fit.above(point)) for point in known]
        line = tuple((end, 0.0) for end, _ in fit.ends())
        finding, absent = _largest(fit, above, source), ""
    elif known:
        absent = f"No line can be fitted: {fit}."
    return Scatter(
        name=f"{source.name}accuracy_residuals",
        title=f"How far {source.what} lies from the fitted line",
        x=x,
        y=Axis("Top-1 less the fitted line", "1", Form.POINTS),
        dots=tuple(
            _dot(point, fit, each, f"{_place(each.value)} the line") for point, each in above
        ),
        line=line,
        line_name=FITTED,
        finding=finding,
        summary=_listed(above, Form.POINTS),
        absent=absent,
        covers=source.covers,
    )


def _dot(point: _Known, fit: _Fit | str, y: Estimate, *told: str) -> Dot:
    hover = [point.label, *told, f"{formatted(point.mult_adds, Form.COUNT)} mult-adds"]
    if isinstance(fit, _Fit) and point.label not in fit.labels:
        hover.append("another kind: not part of the fit")
    return Dot(
        point.label,
        point.row["alpha"],
        point.row["resolution"],
        Estimate(point.mult_adds),
        y,
        tuple(hover),
    )


def _dependence(source: _Source, fit: _Fit | str, beside: _Fit | str) -> str:
    """What a doubling of mult-adds buys, here and as published."""
    if not isinstance(fit, _Fit):
        return f"No line is fitted: {fit}."
    if why := _no_slope(fit):
        return f"No slope is told: {why}."
    verb = "buys" if fit.line.slope >= 0 else "costs"
    sentence = (
        f"Each doubling of mult-adds {verb} {in_points(fit.line.slope)} of {source.what} "
        f"({_quality(fit)}). The paper speaks of a log-linear dependence (its Figure 4)"
    )
    if not isinstance(beside, _Fit) or _no_slope(beside):
        return f"{sentence}."
    return f"{sentence}: there each buys {in_points(beside.line.slope)} ({_quality(beside)})."


def _no_slope(fit: _Fit) -> str:
    """Why the slope is not worth words; empty where it is."""
    interval = fit.line.slope_interval
    if interval is not None and interval.low <= 0 <= interval.high:
        ends = joined(points(interval.low), points(interval.high))
        return f"its 95{SPACE}% interval holds 0, {ends} for each doubling of mult-adds"
    return ""


def _quality(fit: _Fit) -> str:
    """The slope's interval, the share of the variance explained, and from how many points."""
    parts = [f"R² {fit.line.r_squared:.2f}", f"{len(fit.known)} points"]
    interval = fit.line.slope_interval
    if interval is not None:
        ends = joined(points(interval.low), points(interval.high))
        parts.insert(0, f"95 % interval {ends}")
    return ", ".join(parts)


def _place(above: float) -> str:
    return f"{in_points(above)} {'above' if above >= 0 else 'below'}"


def _largest(fit: _Fit, above: list[tuple[_Known, Estimate]], source: _Source) -> str:
    """The largest residuals, whether the line leaves the accuracies' intervals, and the jump."""
    inside = [(point, each) for point, each in above if point.label in fit.labels]
    others = [(point, each) for point, each in above if point.label not in fit.labels]
    far = sorted(inside, key=lambda pair: -abs(pair[1].value))[:MOST_NAMED]
    jump = [each.value for point, each in inside if point.row["alpha"] == JUMP]
    sentences = [
        f"Farthest from the line: {_named(far)}.",
        _beyond([each for _, each in inside], source.by),
    ]
    if jump and len(jump) < len(inside):
        sentences.append(
            f"The paper sees a jump at alpha {alpha_text(JUMP)}: {_these(jump)} "
            f"{_place(sum(jump) / len(jump))} the line{' on average' if len(jump) > 1 else ''}."
        )
    if others:
        sentences.append(f"Of another kind, not part of the fit: {_named(others)}.")
    return " ".join(sentences)


def _these(jump: list[float]) -> str:
    return "this point lies" if len(jump) == 1 else f"these {len(jump)} points lie"


def _named(pairs: list[tuple[_Known, Estimate]]) -> str:
    return listed([f"{point.label} ({_place(each.value)})" for point, each in pairs])


def _beyond(above: list[Estimate], by: Evidence) -> str:
    known = [each for each in above if each.has_interval]
    if not known:
        return "No interval is printed with these accuracies."
    alone = " alone" if by.once else ""
    luck = f"the choice of test images{alone}"
    if by.trainings:
        luck = "the luck of the trainings and of the test images"
    beyond = sum(not overlap(each, Estimate(0.0)) for each in known)
    if not beyond:
        return (
            f"At none of {len(known)} points is the line outside the accuracy's 95 % interval: "
            f"{luck} may explain the rest."
        )
    return (
        f"At {beyond} of {len(known)} points the line is outside the accuracy's 95 % interval: "
        f"there {luck} does not explain the distance."
    )


def _listed(pairs: list[tuple[_Known, Estimate]], form: Form) -> str:
    """Every point in words, the cheapest first."""
    each = [
        f"{point.label} ({written(y, form)} at {formatted(point.mult_adds, Form.COUNT)})"
        for point, y in pairs
    ]
    return f"Cheapest first: {listed(each, LONGEST)}." if each else ""
