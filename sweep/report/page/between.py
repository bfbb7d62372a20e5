"""A view -> the data that the page's script shows what is predicted with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sweep.report.content.between_words import (
    CHANCE_OF_UNEVEN,
    DESCRIBED,
    FOUND,
    NONE_KEEPS,
    UNPRICED,
)
from sweep.report.content.figures import MEASURED
from sweep.report.content.predictions import ACCURACY_MAPS
from sweep.report.page import heat_map_plot
from sweep.report.values.predictions import Told
from sweep.report.values.units import percent
from sweep.report.values.view import View

WORDS = {
    "found": FOUND,
    "none": NONE_KEEPS,
    "described": DESCRIBED,
    "uneven": CHANCE_OF_UNEVEN,
    "unpriced": UNPRICED,
    "more": "{label}, which is measured, has more.",
    "name": "{label}, predicted",
    "edges": "Dotted, in orange: where {limits} is just kept.",
}


def predicted(view: View) -> dict[str, Any]:
    """Plain data for between.js: networks and costs as in `Predictions`; edges: by quantity the
    grid in which a limit's line is looked for; maps: by place plotly's data and layout, and the
    lines that are predicted there, of a cost or, None, of our accuracies. measured: by source and
    label the points' accuracies.
    """
    known = view.predictions
    limited = {name for field in view.panel.fields for name in field.names.values()}
    edges = {name: asdict(lines) for name, lines in known.lines.items() if name in limited}
    own = asdict(known)
    del own["lines"], own["how"]
    networks = [
        asdict(each)
        | {"accuracies": _short(_told(each.accuracies)), "costs": _short(_told(each.costs))}
        for each in known.networks
    ]
    del own["networks"]
    return {"networks": networks} | _short(
        own
        | {
            "edges": edges,
            "maps": {
                f"heat-{heat.name}": heat_map_plot.plot(heat)
                | {
                    "lines": heat_map_plot.predicted(heat),
                    "beyond": heat_map_plot.beyond(heat),
                    "of": None if heat.name in ACCURACY_MAPS else heat.name,
                }
                for heat in view.heat_maps
                if not heat.absent
            },
            "measured": {
                source: {
                    each.label: dict(each.accuracies)[source].value
                    for each in view.candidates
                    if source in dict(each.accuracies)
                }
                for source, _ in view.sources
            },
            "ours": MEASURED,
            "keep": percent(known.sure),
            "words": WORDS,
        }
    )


def _told(values: dict[str, Told]) -> dict[str, list[float | str]]:
    """As lists: their names, thousands of times, would be half of it."""
    return {name: [each.value, each.low, each.high, each.text] for name, each in values.items()}


def _short(value: Any) -> Any:
    """Five digits, and whole numbers as they are: no model knows more."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(f"{value:.5g}")
    return value
