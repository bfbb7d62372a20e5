"""A view -> what the explorer of the frontier starts with, and the data that its script needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sweep.metrics import TOP1
from sweep.report.content.figures import MEASURED
from sweep.report.content.panel import WORDS
from sweep.report.page import frontier_plot
from sweep.report.page.style import SYMBOLS, colours, symbols
from sweep.report.values.figures import Figure, Key
from sweep.report.values.quantity import Quantity, inside
from sweep.report.values.units import DASH, formatted
from sweep.report.values.view import Candidate, View
from sweep.types import alpha_text

HEADLINE_COSTS = 3  # that stand beside a card's name


@dataclass(frozen=True)
class Chosen:
    """What the page opens with: the choices as (value, title), the chosen ones, and their figure;
    by a point's label what stands beside it: its accuracy and the first costs.
    """

    costs: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    cost: str
    source: str
    figure: Figure
    bars: str
    key: Legend
    headlines: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Legend:
    """Resolutions with their colours, alphas with the outlines of their symbols."""

    resolutions: tuple[tuple[str, str], ...]
    alphas: tuple[tuple[str, str], ...]


def chosen(view: View) -> Chosen:
    """The first figure that has points, else the first."""
    figure = next((each for each in view.figures if each.marks), view.figures[0])
    carded = {card.label for card in view.cards}
    of_source = [each for each in view.figures if each.source == figure.source]
    costs = tuple(each.of for each in of_source if each.of.is_cost)
    return Chosen(
        costs=tuple((each.name, each.x.title) for each in of_source),
        sources=view.sources,
        cost=figure.name,
        source=figure.source,
        figure=figure,
        bars=bars(figure),
        key=_legend(view.key),
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
    panel = view.panel
    for figure in view.figures:
        drawn = frontier_plot.plot(figure, view.key) if figure.marks else {"data": [], "layout": {}}
        plots.setdefault(figure.source, {})[figure.name] = drawn | {
            "title": figure.title,
            "y": figure.y.title,
            "words": figure.summary or figure.absent,
            "absent": figure.absent,
            "bars": bars(figure),
        }
    return {
        "plots": plots,
        "fields": [asdict(each) | {"names": dict(each.names)} for each in panel.fields],
        "batches": panel.batches,
        "ranked": {
            source: [asdict(each) | {"described": dict(each.described)} for each in points]
            for source, points in panel.ranked
        },
        "read": {
            label: {each.name: {"value": each.value, "text": each.text} for each in of_point}
            for label, of_point in panel.read
        },
        "bearing": {
            each.about: {"every": each.every, "of": _grouped(each.of_point)}
            for each in panel.bearing
        },
        "words": WORDS,
        "measured": MEASURED,
        "command": view.pick_command,
    }


def bars(figure: Figure) -> str:
    """What the bars at the points are; empty where there are none."""
    of_x, of_y = (
        any(getattr(mark, axis).low is not None for mark in figure.marks) for axis in ("x", "y")
    )
    if not of_x and not of_y:
        return "Without intervals."
    whose = "" if of_x and of_y else " of the accuracy" if of_y else " of the cost"
    return f"Bars are 95 % intervals{whose}."


def _grouped(texts: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for label, text in texts:
        grouped.setdefault(label, []).append(text)
    return grouped


def _legend(key: Key) -> Legend:
    outline = symbols(key)
    return Legend(
        resolutions=tuple((f"{size} px", colour) for size, colour in colours(key).items()),
        alphas=tuple((alpha_text(alpha), SYMBOLS[outline[alpha]]) for alpha in key.alphas),
    )
