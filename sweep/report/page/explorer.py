"""A view -> what the explorer of the frontier starts with, and the data that its script needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sweep.report.content.bearing import NEIGHBOURS, guessing
from sweep.report.content.budget import FORMS, at_chance
from sweep.report.content.budget_words import accuracy_text, named
from sweep.report.page import frontier_plot
from sweep.report.page.style import SYMBOLS, colours, symbols
from sweep.report.values.figures import Figure, Key
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import DASH, Form, shown
from sweep.report.values.view import Candidate, View
from sweep.types import alpha_text

# The options of `python -m sweep pick`.
OPTIONS = {
    "latency_s": "--max-latency",
    "params": "--max-params",
    "mult_adds": "--max-mult-adds",
    "peak_memory_bytes": "--max-memory",
}


@dataclass(frozen=True)
class Chosen:
    """What the page opens with: the choices as (value, title), the chosen ones, and their figure;
    batch sizes that were timed; by a point's label what stands beside it: accuracy, mult-adds,
    parameters, latency.
    """

    costs: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    cost: str
    source: str
    figure: Figure
    bars: str
    key: Legend
    batches: tuple[int, ...]
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
    return Chosen(
        costs=tuple((each.name, each.x.title) for each in of_source),
        sources=view.sources,
        cost=figure.name,
        source=figure.source,
        figure=figure,
        bars=bars(figure),
        key=_legend(view.key),
        batches=_batches(view.candidates),
        headlines={
            each.label: _headline(each, figure.source)
            for each in view.candidates
            if each.label in carded
        },
    )


def _headline(candidate: Candidate, source: str) -> tuple[str, ...]:
    accuracy = dict(candidate.accuracies).get(source)
    latency = next((value for _, value in candidate.latencies), None)
    quantities = (
        (accuracy and accuracy.value, Form.SHARE, "top-1"),
        (candidate.mult_adds, Form.COUNT, "mult-adds"),
        (candidate.params, Form.COUNT, "parameters"),
        (latency, Form.SECONDS, ""),
    )
    return tuple(
        DASH if value is None else f"{shown(value, form)} {noun}".rstrip()
        for value, form, noun in quantities
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
            **_limited_by(figure.name),
        }
    return {
        "plots": plots,
        # Without an accuracy a point can't be ranked.
        "candidates": [_candidate(each) for each in view.candidates if each.accuracies],
        "cautions": [asdict(each) for each in view.cautions],
        "names": {
            "quantities": {name: named(name) for name in FORMS},
            "options": OPTIONS,
            "batch": str(next(iter(_batches(view.candidates)), 1)),
            "neighbours": NEIGHBOURS,
        },
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


def _limited_by(cost: str) -> dict[str, str]:
    """The quantity of a budget that a figure's cost is, and the batch where it is of one."""
    stem, _, batch = cost.partition("_batch")
    quantity = {"latency": "latency_s", "peak_memory": "peak_memory_bytes"}.get(stem)
    return {"quantity": quantity, "batch": batch or "1"} if quantity else {"quantity": cost}


def _batches(candidates: tuple[Candidate, ...]) -> tuple[int, ...]:
    return tuple(sorted({batch for each in candidates for batch, _ in each.latencies}))


def _candidate(candidate: Candidate) -> dict[str, Any]:
    def reading(value: float | None, form: Form) -> dict[str, Any] | None:
        return None if value is None else {"value": value, "text": shown(value, form)}

    return {
        "label": candidate.label,
        "accuracies": {
            source: _accuracy(candidate, source, found) for source, found in candidate.accuracies
        },
        "latency_s": {
            str(batch): reading(value, Form.SECONDS) for batch, value in candidate.latencies
        },
        **{
            name: reading(getattr(candidate, name), form)
            for name, form in FORMS.items()
            if name != "latency_s"
        },
    }


def _accuracy(candidate: Candidate, source: str, found: Estimate) -> dict[str, Any]:
    """guessing: what it is no better than; null where it is."""
    chance = at_chance(candidate, source)
    return {
        **asdict(found),
        "text": accuracy_text(candidate, source, found),
        "guessing": guessing(candidate.classes or 1) if chance else None,
    }


def _legend(key: Key) -> Legend:
    outline = symbols(key)
    return Legend(
        resolutions=tuple((f"{size} px", colour) for size, colour in colours(key).items()),
        alphas=tuple((alpha_text(alpha), SYMBOLS[outline[alpha]]) for alpha in key.alphas),
    )
