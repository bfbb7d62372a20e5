"""A view -> what the explorer of the frontier starts with, and the data that its script needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sweep.metrics import TOP1
from sweep.report.content.figures import MEASURED
from sweep.report.content.panel import WORDS
from sweep.report.page import frontier_plot
from sweep.report.page.style import SYMBOLS, colours, symbols
from sweep.report.values.figures import Figure
from sweep.report.values.quantity import Quantity, inside
from sweep.report.values.units import DASH, formatted
from sweep.report.values.view import Candidate, View
from sweep.types import alpha_text

HEADLINE_COSTS = 3  # that stand beside a card's name


@dataclass(frozen=True)
class Chosen:
    """What the page opens with: the costs to choose from as (name, title), latencies beside the
    primary one behind the rest, and a figure; what
    colours and symbols stand for; by a point's label what stands beside it: its accuracy and the
    first costs.
    """

    costs: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]
    figure: Figure
    bars: str
    colours: dict[str, str]  # of resolutions
    outlines: dict[str, str]  # of alphas' symbols
    headlines: dict[str, tuple[str, ...]]


def chosen(view: View) -> Chosen:
    """The first figure that has points, else the first."""
    figure = next((each for each in view.figures if each.marks), view.figures[0])
    carded = {card.label for card in view.cards}
    of_source = [each for each in view.figures if each.source == figure.source]
    costs = tuple(each.of for each in of_source if each.of.is_cost)
    return Chosen(
        costs=tuple((each.name, each.x.title) for each in of_source if not each.of.other),
        others=tuple((each.name, each.x.title) for each in of_source if each.of.other),
        figure=figure,
        bars=bars(figure),
        colours={f"{size} px": colour for size, colour in colours(view.key).items()},
        outlines={alpha_text(alpha): SYMBOLS[each] for alpha, each in symbols(view.key).items()},
        headlines={
            each.label: _headline(each, figure.source, costs)
            for each in view.candidates
            if each.label in carded
        },
    )


def _headline(candidate: Candidate, source: str, costs: tuple[Quantity, ...]) -> tuple[str, ...]:
    """The accuracy and the first costs."""
    accuracy, read = dict(candidate.accuracies).get(source), dict(candidate.costs)
    return (
        DASH
        if accuracy is None
        else f"{formatted(accuracy.value, TOP1.form)} {inside(TOP1.short)}",
        *(
            f"{of.written(read[of.name])} {of.noun}" if of.name in read else DASH
            for of in costs[:HEADLINE_COSTS]
        ),
    )


def explored(view: View) -> dict[str, Any]:
    """Plain data for explorer.js: a plot for each source and cost, the points with their figures
    written, and the words for them.
    """
    plots: dict[str, dict[str, Any]] = {}
    for figure in view.figures:
        drawn = frontier_plot.plot(figure, view.key) if figure.marks else {"data": [], "layout": {}}
        plots.setdefault(figure.source, {})[figure.name] = drawn | {
            "title": figure.title,
            "y": figure.y.title,
            "words": figure.summary or figure.absent,
            "absent": figure.absent,
            "bars": bars(figure),
        }
    return asdict(view.panel) | {
        "plots": plots,
        "words": WORDS,
        "measured": MEASURED,
        "command": view.pick_command,
    }


def bars(figure: Figure) -> str:
    """What the bars at the points are."""
    of_x, of_y = (
        any(getattr(mark, axis).has_interval for mark in figure.marks) for axis in ("x", "y")
    )
    if not of_x and not of_y:
        return "Without intervals."
    if not of_y:
        return "Bars are 95 % intervals of the cost."
    if not of_x:
        return f"Bars are 95 % intervals of the accuracy, {figure.covers}."
    return f"Bars are 95 % intervals; the accuracies' are {figure.covers}."
