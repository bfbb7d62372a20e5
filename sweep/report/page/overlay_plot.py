"""Several runs' frontiers over one cost -> plotly's data and layout. Colour, symbol and dash mean
the run here; alpha and resolution are told on hovering.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweep.report.page import style, traces
from sweep.report.page.frontier_plot import DIMMED
from sweep.report.page.style import DASHES, RUN_COLOURS, SYMBOLS
from sweep.report.values.together import Overlay, Series, Together

# As SVG draws plotly's dashes, for the key.
STROKES = ("none", "5 3", "1.5 3", "8 3", "5 2 1.5 2", "8 2 1.5 2")


@dataclass(frozen=True)
class Look:
    """How a run is told from the others: outline, colour and stroke are SVG's."""

    name: str
    colour: str
    outline: str
    stroke: str


def looks(together: Together) -> tuple[Look, ...]:
    """Of each run, in order."""
    outlines = tuple(SYMBOLS.values())
    return tuple(
        Look(name, RUN_COLOURS[place], outlines[place], STROKES[place])
        for place, name in enumerate(together.runs)
    )


def plots(together: Together) -> dict[str, dict[str, Any]]:
    """By source and cost what the page's script shows."""
    found: dict[str, dict[str, Any]] = {}
    for each in together.overlays:
        drawn = plot(each, together.runs) if each.series else {"data": [], "layout": {}}
        found.setdefault(each.source, {})[each.cost] = drawn | {
            "title": each.title,
            "y": each.y.title,
            "beware": each.beware,
            "words": each.summary or each.absent,
            "absent": each.absent,
        }
    return found


def plot(overlay: Overlay, runs: tuple[str, ...]) -> dict[str, Any]:
    """`meta` of each trace is the run's place, by which the script hides and shows it."""
    every = [mark.x.value for series in overlay.series for mark in series.marks]
    x = {"title": style.title(overlay.x), **style.scale(overlay.x, every), "rangemode": "tozero"}
    data = [
        trace | {"meta": series.run}
        for series in overlay.series
        for trace in _traces(series, runs[series.run])
    ]
    return {"data": data, "layout": {"xaxis": x, "yaxis": style.ticks(overlay.y)}}


def _traces(series: Series, name: str) -> list[dict[str, Any]]:
    colour, dash = RUN_COLOURS[series.run], DASHES[series.run]
    found = []
    if len(series.front) > 1:
        look = {"shape": "hv", "dash": dash, "color": colour, "width": 1.8}
        found.append(traces.line(f"{style.lines([name])}, frontier", series.front, **look))
    for on_front in (False, True):
        marks = [mark for mark in series.marks if mark.on_front == on_front]
        if not marks:
            continue
        look = {"symbol": tuple(SYMBOLS)[series.run], "color": colour, "size": 9 if on_front else 7}
        drawn = traces.markers(
            marks, name=style.lines([name]), marker=look, opacity=1.0 if on_front else DIMMED
        )
        drawn["hovertext"] = [style.lines([name, *mark.hover]) for mark in marks]
        if not on_front:  # their bars would cover the others
            drawn = {key: value for key, value in drawn.items() if not key.startswith("error_")}
        found.append(drawn)
    return found
