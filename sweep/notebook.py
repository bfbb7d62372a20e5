"""What `import sweep` gives: a results folder as data frames, its frontiers and figures, and the
best point within a budget.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from sweep.report.content.axes import quantities
from sweep.report.content.budget import Budget, Limit, Picked, costs_at
from sweep.report.content.budget import pick as pick_from
from sweep.report.content.build import view
from sweep.report.content.candidates import CALLED, candidates
from sweep.report.content.evidence import evidence_of
from sweep.report.content.figures import MEASURED, label
from sweep.report.content.figures import figures as frontiers
from sweep.report.print.export import name_of
from sweep.report.print.paper_plot import on_paper
from sweep.report.values.figures import Figure
from sweep.results import load as results_folder
from sweep.results.load import Results
from sweep.results.points import with_points

__all__ = ["Figures", "Picked", "Results", "figures", "load", "pareto_front", "pick"]

WIDTH = 760  # px


def load(folder: str | PathLike[str]) -> Results:
    """What the last run of a results folder covers, also while it goes on.

    `points`: one row a point, SI units, accuracies 0..1, null where nothing was read.
    `readings`: one row a reading, with its raw samples, or the reason why it is missing.
    `training`: loss and accuracy over the steps. All three are pandas data frames.

    Raises ResultsError where the folder holds no results, or they can't be read.
    """
    return with_points(results_folder.load(Path(folder)))


def pareto_front(
    results: Results, cost: str = "mult_adds", *, accuracy: str = MEASURED
) -> pd.DataFrame:
    """The rows of `points` that no other beats: none is as cheap or cheaper and as accurate or more
    so, one of the two strictly. The cheapest first.

    cost: "mult_adds", "params", "latency", "peak_memory", or the metric of a measure of your own.
    accuracy: "measured", "tfslim" or "paper" (published for ImageNet). Points without both numbers
    are left out. Raises KeyError, saying which there are, for any other.
    """
    figure = _figure(results, cost, accuracy)
    xs = {mark.label: mark.x.value for mark in figure.marks if mark.on_front}
    labels = pd.Series([label(row) for row in results.points.to_dict("records")])
    ahead = results.points.set_axis(labels).loc[lambda rows: rows.index.isin(list(xs))]
    return ahead.iloc[ahead.index.map(xs).argsort(kind="stable")]


def _figure(results: Results, cost: str, accuracy: str) -> Figure:
    drawn = {(each.name, each.source): each for each in frontiers(results)}
    if (cost, accuracy) not in drawn:
        there = ", ".join(f"{name} ({source})" for name, source in drawn)
        raise KeyError(f"{cost} ({accuracy}): this run has {there}")
    return drawn[cost, accuracy]


class Figures(dict[str, go.Figure]):
    """Plotly's figures by name. One that shows nothing isn't there, and asking for it says why."""

    def __init__(self, drawn: dict[str, go.Figure], absent: dict[str, str]) -> None:
        super().__init__(drawn)
        self.absent = absent

    def __missing__(self, name: str) -> go.Figure:
        why = self.absent.get(name) or f"must be one of {', '.join(self)}"
        raise KeyError(f"{name}: {why}")


def figures(results: Results) -> Figures:
    """The report's figures: accuracy against each cost ("mult_adds", "latency", ..; by published
    accuracies "mult_adds-tfslim"), heat maps over the grid ("map-accuracy"), and trends.

    `.show()` draws one, `.write_image("front.svg")` needs kaleido. Raises ValueError where
    latencies of several machines would share a frontier.
    """
    shown = view(results)
    shapes = {
        name_of(each).removesuffix(f"-{MEASURED}"): each
        for each in (*shown.figures, *shown.heat_maps, *shown.trends)
    }
    return Figures(
        {
            name: go.Figure(on_paper(shape, shown.key, WIDTH))
            for name, shape in shapes.items()
            if not shape.absent
        },
        {name: shape.absent for name, shape in shapes.items() if shape.absent},
    )


def pick(
    results: Results, *, accuracy: str = MEASURED, batch: int | None = None, **limits: float
) -> Picked:
    """The most accurate point within upper limits in SI units, as `python -m sweep pick` answers:
    `pick(results, latency_s=5e-3, params=2e6).best`, and what else fits, or comes closest.

    limits: any metric that is better lower, also of a measure of your own. accuracy: as of
    `pareto_front`. batch: the batch size that readings are of; None for the first that was timed.
    Raises ValueError, saying what there is, for any other.
    """
    if accuracy not in CALLED:
        raise ValueError(f"accuracy = {accuracy!r}: must be one of {', '.join(CALLED)}")
    costs = costs_at(quantities(results), batch)
    named = {each.metric.name: each for each in costs}
    if unknown := limits.keys() - named.keys():
        raise ValueError(f"{unknown.pop()}: must be one of {', '.join(named)}")
    within = tuple(Limit(named[name], value) for name, value in limits.items())
    budget = Budget(within, next((each.batch for each in costs if each.batch), 1))
    return pick_from(candidates(results.points, costs), budget, accuracy, evidence_of(results))
