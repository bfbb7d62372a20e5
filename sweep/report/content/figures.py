"""Accuracy against each cost: which points are drawn, which are on the frontier, what beats the
rest, and the paper's points behind. Accuracies are the run's own, or one of those published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.maths import pareto
from sweep.metrics import MULT_ADDS, PARAMS, TOP1, TOP1_INT8, TRAINED
from sweep.paper import published
from sweep.paper.networks import FAMILY
from sweep.paper.published import tfslim_rows
from sweep.report.content.axes import LOG_FROM, axes, number, quantities
from sweep.report.content.beside import BESIDE, BESIDE_OF, COVERS, of_source
from sweep.report.content.certainty import covers, on_frontier
from sweep.report.content.evidence import evidence_of
from sweep.report.content.own_data import on_own_data
from sweep.report.values.figures import Axis, Dot, Figure, Key, Mark, Scatter
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, Form, bracket, formatted
from sweep.results.deployments import RUNTIMES
from sweep.results.points import SOURCE, end_of, share_of
from sweep.types import Better, Point, listed, slug

if TYPE_CHECKING:
    from sweep.results.load import Results

IN_PAPER = (MULT_ADDS, PARAMS)  # costs that it prints of its networks
PRINTED = "the paper"
UNPRINTED = "TF-slim, June 2017 (the paper does not print it)"


@dataclass(frozen=True)
class Source:
    """Where accuracies come from: the column of points.parquet that holds them, its title on an
    axis, as a choice, and inside a sentence after "accuracy", where it is no series of
    `candidates.CALLED`. covers: what its intervals are about, where the columns of its ends stand
    beside.
    """

    name: str
    column: str
    title: str
    choice: str
    interval: bool = False
    covers: str = ""
    called: str = ""


MEASURED, INT8 = "measured", "int8-"
BESIDE_NAME = "beside"
_PUBLISHED = (
    Source(
        "tfslim",
        "published_top1",
        "Top-1 on ImageNet, published by TF-slim (June 2017)",
        "Published by TF-slim",
    ),
    Source(
        "paper", "paper_top1", "Top-1 on ImageNet, as the paper prints it", "Printed in the paper"
    ),
)


def figures(results: Results) -> tuple[Figure, ...]:
    """Accuracy against every metric that is better one way, at each batch size; by the run's own
    accuracies, then by those published of its points, where there are any.
    """
    rows = results.points.to_dict(orient="records")
    drawn_against = axes(quantities(results), results.points)
    about, own = covers(evidence_of(results)), on_own_data(results.points)
    return tuple(
        _figure(
            each,
            rows,
            replace(source, covers=about) if of_the_run(source.name) else source,
            () if own or source.name != MEASURED else _paper(each, rows),
        )
        for source in sources(rows)
        for each in drawn_against
    )


def choices(points: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """(name, title) of every source that there are figures of."""
    rows = points.to_dict(orient="records")
    return tuple((source.name, source.choice) for source in sources(rows))


def sources(rows: list[dict[str, Any]]) -> tuple[Source, ...]:
    """The run's own accuracies, and every published series that has one of its points."""
    dataset = next((str(row["dataset"]) for row in rows if number(row[TOP1.name]) is not None), "")
    title = f"Top-1 accuracy on {dataset}, measured" if dataset else "Top-1 accuracy"
    by = next((of_source(row.get(SOURCE)) for row in rows if number(row[TOP1.name])), "")
    title = ", ".join(filter(None, (title, by, sizes(rows))))
    known = [
        source
        for source in _PUBLISHED
        if any(number(row[source.column]) is not None for row in rows)
    ]
    choice = ", ".join(filter(None, (f"Measured on {dataset}" if dataset else "Measured", by)))
    own = Source(MEASURED, TOP1.name, title, choice, interval=True)
    return (own, *_int8(rows, dataset), *known, *_beside(rows))


def int8_source(runtime: str) -> str:
    """The name of the accuracies that the int8 files have by a runtime: "int8-litert"."""
    return INT8 + slug(runtime)


def of_the_run(source: str) -> bool:
    """Whether accuracies are of the run's own images, by their source's name."""
    return source == MEASURED or source.startswith(INT8)


def _int8(rows: list[dict[str, Any]], dataset: str) -> Iterator[Source]:
    """What each runtime counts of the same networks' int8 files."""
    titles = {slug(name): title for name, title in RUNTIMES.items()}
    for column in rows[0] if rows else ():
        of = str(column).removeprefix(TOP1_INT8)
        if of != column and any(number(row.get(column)) is not None for row in rows):
            if not set(rows[0]) >= {end_of(column, "low"), end_of(column, "high")}:
                continue  # an end of one
            title, on = titles.get(of, of), f" on {dataset}" if dataset else ""
            yield Source(
                INT8 + of, column, f"Top-1 accuracy in int8 by {title}{on}, measured",
                f"In int8 by {title}{on}", interval=True,
                called=f"in int8 by {title}, measured by this run",
            )  # fmt: skip


def _beside(rows: list[dict[str, Any]]) -> Iterator[Source]:
    """Another run's, where it is to stand beside."""
    row = next((row for row in rows if number(row.get(BESIDE)) is not None), None)
    if row is not None:
        of = row[BESIDE_OF]
        title, choice = f"Top-1 accuracy {of}", f"Beside: {of}"
        yield Source(BESIDE_NAME, BESIDE, title, choice, interval=True, covers=row[COVERS])


def sizes(rows: Iterable[dict[str, Any]]) -> str:
    """ "trained at 32 px for 224", of several "trained at 18 to 32 px for 128 to 224": the sides of
    the images behind accuracies and of the deployed networks, where these differ; else empty.
    """
    pairs = [
        (int(side), row["resolution"])
        for row in rows
        if number(row[TOP1.name]) is not None
        and (side := number(row.get(TRAINED.name))) is not None
        and side != row["resolution"]
    ]
    if not pairs:
        return ""
    trained, deployed = (
        f"{min(sides)}" if min(sides) == max(sides) else f"{min(sides)} to {max(sides)}"
        for sides in zip(*pairs, strict=True)
    )
    return f"trained at {trained}{SPACE}px for {deployed}"


def key(drawn: Iterable[Figure], scatters: Iterable[Scatter]) -> Key:
    """The resolutions and alphas that appear in any of them, largest first."""
    marks = [dot for figure in drawn for dot in (*figure.marks, *figure.paper)]
    marks += [dot for scatter in scatters for dot in scatter.dots]
    return Key(
        resolutions=tuple(sorted({mark.resolution for mark in marks}, reverse=True)),
        alphas=tuple(sorted({mark.alpha for mark in marks}, reverse=True)),
    )


def label(row: dict[str, Any]) -> str:
    return Point(row["family"], row["kind"], row["alpha"], row["rho"], row["resolution"]).label


def _figure(
    of: Quantity, rows: list[dict[str, Any]], source: Source, paper: tuple[Dot, ...]
) -> Figure:
    drawn = [
        row
        for row in rows
        if number(row.get(of.column)) is not None and number(row[source.column]) is not None
    ]
    sign = -1 if of.metric.better == Better.HIGHER else 1
    costs = [float(row[of.column]) for row in drawn]
    beaten_by = pareto.dominators(
        [sign * cost for cost in costs], [row[source.column] for row in drawn]
    )
    marks = tuple(
        _mark(of, row, source, "" if beater is None else label(drawn[beater]))
        for row, beater in zip(drawn, beaten_by, strict=True)
    )
    ahead = sorted(
        (mark for mark in marks if mark.on_front),
        key=lambda mark: (sign * mark.x.value, mark.y.value),
    )
    return Figure(
        of=of,
        source=source.name,
        title=f"Accuracy against {of.noun}{of.suffix}",
        x=Axis(of.title, of.metric.unit, of.metric.form, log=_is_wide(costs)),
        y=Axis(source.title, TOP1.unit, TOP1.form),
        marks=marks,
        front=tuple(dict.fromkeys((mark.x.value, mark.y.value) for mark in ahead)),
        paper=paper,
        summary=_summary(of, ahead, marks),
        absent="" if marks else _why_empty(of, rows, source),
        covers=source.covers,
    )


def _is_wide(values: Sequence[float]) -> bool:
    """Whether a linear axis would press most of them together."""
    return bool(values) and min(values) > 0 and max(values) > LOG_FROM * min(values)


def _mark(of: Quantity, row: dict[str, Any], source: Source, beaten_by: str) -> Mark:
    x = Estimate(float(row[of.column]), number(row.get(of.low)), number(row.get(of.high)))
    y = Estimate(float(row[source.column]))
    if source.interval:
        ends = (number(row[end_of(source.column, end)]) for end in ("low", "high"))
        y = Estimate(y.value, *ends)
    place = f"beaten by {beaten_by}" if beaten_by else "on the frontier"
    share = number(row.get(share_of(of.column))) if source.name == MEASURED else None
    surely = on_frontier(share)
    if surely:
        place = f"{place}, {'' if not beaten_by else 'on the frontier '}{surely}"
    return Mark(
        label=label(row),
        alpha=row["alpha"],
        resolution=row["resolution"],
        x=x,
        y=y,
        dominated_by=beaten_by,
        front_share=share,
        hover=(
            label(row),
            f"top-1 {written(y, Form.SHARE)}",
            *([f"95{SPACE}% interval {source.covers}"] if source.covers and y.has_interval else []),
            f"{of.title}: {written(x, of.metric.form)}",
            place,
        ),
    )


def written(estimate: Estimate, form: Form) -> str:
    """The number with its interval in brackets: 52.3 % (50.8 to 53.8)."""
    text = formatted(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} ({bracket(estimate.value, estimate.low, estimate.high, form)})"


def _paper(of: Quantity, rows: list[dict[str, Any]]) -> tuple[Dot, ...]:
    """The sixteen published points, over a cost that the paper prints, too: accuracy as printed,
    cost as this run counts it, else as printed. A network that neither gives a cost for is left
    out.
    """
    counted = {
        (row["alpha"], row["resolution"]): number(row.get(of.column))
        for row in rows
        if row["family"] == FAMILY and row["kind"] == "separable"
    }
    sixteen = [(row.alpha, row.resolution) for row in tfslim_rows()]
    if of.metric not in IN_PAPER or not counted.keys() & set(sixteen):
        return ()  # another grid, on other images: the paper's would only squeeze it
    marks = []
    for alpha, resolution in sixteen:
        known = published("separable", alpha, resolution)
        x = counted.get((alpha, resolution)) or getattr(known, of.name)
        y = known.top1 or known.published_top1
        if x is None or y is None:
            continue
        name = Point(FAMILY, "separable", alpha, 0.0, resolution).label
        hover = (
            f"{name}, published",
            f"top-1 {formatted(y, Form.SHARE)} on ImageNet",
            f"{of.title}: {formatted(x, of.metric.form)}",
            f"source: {PRINTED if known.top1 else UNPRINTED}",
        )
        marks.append(Dot(name, alpha, resolution, Estimate(float(x)), Estimate(y), hover))
    return tuple(marks)


def _summary(of: Quantity, ahead: list[Mark], marks: tuple[Mark, ...]) -> str:
    if not marks:
        return ""
    cheapest = "highest" if of.metric.better == Better.HIGHER else "cheapest"
    steps = [
        f"{mark.label} ({formatted(mark.y.value, Form.SHARE)} at {of.written(mark.x.value)})"
        for mark in ahead
    ]
    beaten = [f"{mark.label} by {mark.dominated_by}" for mark in marks if mark.dominated_by]
    first = f"The frontier, {cheapest} first: {listed(steps, longest=20)}."
    if not beaten:
        return f"{first} No point is beaten by another."
    return f"{first} Beaten: {listed(beaten, longest=20)}."


def _why_empty(of: Quantity, rows: list[dict[str, Any]], source: Source) -> str:
    if all(number(row[source.column]) is None for row in rows):
        return "No point of this run has a measured accuracy yet."
    return f"No point of this run has both an accuracy and a reading of {of.at_batch}."
