"""What a plan, a run, a budget's answer and two runs side by side are as plain data for --json.

SI units; shares 0..1; null where there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sweep.report.content.budget import FORMS, Picked, accuracy
from sweep.report.content.budget_words import sentences
from sweep.report.content.difference import Difference, Moved, Tally
from sweep.report.content.figures import MEASURED, label
from sweep.report.values.view import Candidate, Estimate, View

if TYPE_CHECKING:
    from sweep.results.store import Results
    from sweep.running.plan import Plan


def points(results: Results, view: View) -> dict[str, Any]:
    """The rows of points.parquet under their own names, null where nothing was read, and why."""
    rows = results.points.to_dict(orient="records")
    empty = results.readings.loc[results.readings["value"].isna()]
    return {
        "name": view.name,
        "title": view.title,
        "machine_id": str(results.run.get("machine_id", "")),
        "points": [
            {"label": label(row), **{name: _plain(value) for name, value in row.items()}}
            for row in rows
        ],
        "missing": [
            {
                "label": label(row),
                **{name: row[name] for name in ("metric", "variant", "reason")},
            }
            for row in empty.to_dict(orient="records")
        ],
        "warnings": list(view.warnings),
    }


def picked(found: Picked, called: str, cautions: Sequence[str]) -> dict[str, Any]:
    """The answer to a budget. `fits` best first; best, runner_up, highest (where none is better
    than chance) and closest null where there is none; excess = value / limit - 1. called: as
    `budget_words.sentences` wants it; cautions: what bears on the answer.
    """
    return {
        "accuracy": found.source,
        "batch": found.budget.batch,
        "limits": dict(found.budget.limits),
        "ranked": found.ranked,
        "fits": [each.label for each in found.fitting],
        "best": _candidate(found.best, found),
        "runner_up": _candidate(found.runner_up, found),
        "highest": _candidate(found.highest, found),
        "at_chance": [each.label for each in found.at_chance],
        "near_ties": [each.label for each in found.near_ties],
        "closest": _candidate(found.closest, found),
        "over": [asdict(each) for each in found.over],
        "lacking": [asdict(each) for each in found.lacking],
        "sentences": list(sentences(found, called)),
        "cautions": list(cautions),
    }


def _candidate(candidate: Candidate | None, found: Picked) -> dict[str, Any] | None:
    if candidate is None:
        return None
    top1 = accuracy(candidate, found.source)
    return {
        "label": candidate.label,
        "top1": top1 and top1.value,
        "top1_low": top1 and top1.low,
        "top1_high": top1 and top1.high,
        "sizes": candidate.sizes if found.source == MEASURED else "",
        **{name: _whole(found.budget.read(candidate, name)) for name in FORMS},
    }


def _whole(value: float | None) -> float | None:
    """Counts and bytes as the whole numbers that they are."""
    return int(value) if value is not None and value.is_integer() else value


def difference(found: Difference, cautions: Sequence[str]) -> dict[str, Any]:
    """Two runs side by side. cautions: why they may not be compared, in words."""

    def named(each: Moved | Tally) -> dict[str, Any]:
        return asdict(each) | {"quantity": each.quantity.column}

    def whole(estimate: Estimate) -> dict[str, Any]:
        return {name: _whole(value) for name, value in asdict(estimate).items()}

    return asdict(found) | {
        "moved": [
            named(each) | {"before": whole(each.before), "after": whole(each.after)}
            for each in found.moved
        ],
        "tallies": [named(each) for each in found.tallies],
        "cautions": list(cautions),
    }


def report(view: View, page: Path) -> dict[str, Any]:
    """Where the page is, and what it says first."""
    return {
        "report": str(page),
        "title": view.title,
        "findings": list(view.findings),
        "warnings": list(view.warnings),
    }


def plan(plan: Plan, folder: Path) -> dict[str, Any]:
    """What a run would do, and how long it is thought to take."""
    tasks = {
        measure.name: [task for task in plan.tasks if task.measure is measure]
        for measure in plan.measures
    }
    return {
        "folder": str(folder),
        "measures": [
            {
                "measure": name,
                "points": [network.point.label for task in own for network in task.networks],
                "estimate_s": sum(task.estimate_s for task in own),
            }
            for name, own in tasks.items()
        ],
        "estimate_s": plan.estimate_s,
        "stored": plan.done,
        "notes": list(plan.notes),
    }


def _plain(value: Any) -> Any:
    """A value of a data frame as JSON has it: null for a missing one, Python's own numbers."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if pd.isna(value) or value in (inf, -inf) else value
