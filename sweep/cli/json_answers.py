"""What the commands answer to --json: values under their keys, which `write_json` renders.

SI units; shares 0..1; null where there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.metrics import HELD_BACK, HELD_BACK_IMAGES, TOP1
from sweep.report.content.bearing import ACCURACY
from sweep.report.content.budget import Over, Picked, accuracy
from sweep.report.content.budget_words import sentences
from sweep.report.content.certainty import means
from sweep.report.content.difference import Difference, Moved, Tally
from sweep.report.content.figures import MEASURED, label
from sweep.report.content.layers import in_closed_form, of_type, types_of
from sweep.report.values.quantity import Quantity
from sweep.report.values.together import Together
from sweep.report.values.view import Candidate, View
from sweep.results.points import end_of
from sweep.results.schema import conditions_of

if TYPE_CHECKING:
    from sweep.contracts import LayerRow
    from sweep.paper.layers import Layer
    from sweep.results.load import Results
    from sweep.running.plan import Plan


def points(results: Results, view: View) -> dict[str, Any]:
    """The rows of points.parquet under their own names, null where nothing was read, and why."""
    empty = results.readings.loc[results.readings["value"].isna()]
    return {
        "name": view.name,
        "title": view.title,
        "machine_id": str(results.run.get("machine_id", "")),
        "points": [
            {"label": label(row), **row} for row in results.points.to_dict(orient="records")
        ],
        "missing": [
            {
                "label": label(row),
                "metric": row["metric"],
                **conditions_of(row),
                "reason": row["reason"],
            }
            for row in empty.to_dict(orient="records")
        ],
        "warnings": view.warnings,
    }


def readings(results: Results) -> dict[str, Any]:
    """The rows of readings.parquet that the last run covers, what tells them apart under its own
    names, raw samples with them.
    """
    kept = ("measure", "metric", "unit", "value", "samples", "reason", "note", "machine_id")
    return {
        "name": str(results.settings.get("name", results.path.name)),
        "readings": [
            {"label": label(row)}
            | {name: row[name] for name in kept}
            | conditions_of(row)
            | {"samples": row["samples"].tolist()}
            for row in results.readings.to_dict(orient="records")
        ],
    }


def picked(
    picked: Picked, called: str, cautions: Sequence[str], costs: Sequence[Quantity]
) -> dict[str, Any]:
    """The answer to a budget. `fits` best first; best, runner_up, highest (where none is better
    than chance), cheapest (of the best and its near ties) and closest null where there is none;
    told_apart_by null where nothing is, each point having been trained once; excess =
    value / limit - 1; just_over: more accurate than the first named, by at most a tenth
    over; crossing: limits inside an interval. A limit on a percentile is named by its column.
    called: as `budget_words.sentences` wants it; cautions: what bears on the answer; costs: what a
    budget can limit.
    """
    return {
        "accuracy": picked.source,
        "batch": picked.budget.batch,
        "limits": {each.of.key: each.value for each in picked.budget.limits},
        "ranked": picked.ranked,
        "fits": [each.label for each in picked.fitting],
        "best": _candidate(picked.best, picked, costs),
        "runner_up": _candidate(picked.runner_up, picked, costs),
        "highest": _candidate(picked.highest, picked, costs),
        "at_chance": [each.label for each in picked.at_chance],
        "near_ties": [each.label for each in picked.near_ties],
        "cheapest": picked.cheapest and picked.cheapest.label,
        "told_apart_by": None if picked.evidence.once else means(picked.evidence),
        "closest": _candidate(picked.closest, picked, costs),
        "over": list(map(_over, picked.over)),
        "just_over": [
            {**(_candidate(each.point, picked, costs) or {}), "over": list(map(_over, each.over))}
            for each in picked.just_over
        ],
        "crossing": [
            {
                "label": each.label,
                "name": each.limit.of.key,
                "limit": each.limit.value,
                "low": each.low,
                "high": each.high,
            }
            for each in picked.crossing
        ],
        "lacking": [
            {
                "label": each.label,
                "names": [of.key for of in each.unread] or [ACCURACY],
            }
            for each in picked.lacking
        ],
        "sentences": sentences(picked, called),
        "cautions": cautions,
    }


def _over(over: Over) -> dict[str, Any]:
    return {
        "name": over.limit.of.key,
        "value": over.value,
        "limit": over.limit.value,
        "excess": over.excess,
    }


def _candidate(
    candidate: Candidate | None, picked: Picked, costs: Sequence[Quantity]
) -> dict[str, Any] | None:
    if candidate is None:
        return None
    top1, read = accuracy(candidate, picked.source), dict(candidate.costs)
    return {
        "label": candidate.label,
        TOP1.name: top1 and top1.value,
        end_of(TOP1.name, "low"): top1 and top1.low,
        end_of(TOP1.name, "high"): top1 and top1.high,
        "sizes": candidate.sizes if picked.source == MEASURED else "",
        **_held_back(candidate if picked.source == MEASURED else None),
        **{of.key: read.get(of.name) for of in costs},
    }


def _held_back(candidate: Candidate | None) -> dict[str, Any]:
    """On the images that nothing was chosen by; null where there are none."""
    beside = candidate and candidate.held_back
    return {
        HELD_BACK.name: beside and beside.value,
        end_of(HELD_BACK.name, "low"): beside and beside.low,
        end_of(HELD_BACK.name, "high"): beside and beside.high,
        HELD_BACK_IMAGES.name: candidate and candidate.held_back_images,
    }


def difference(difference: Difference, cautions: Sequence[str]) -> dict[str, Any]:
    """Two runs side by side. cautions: why they may not be compared, in words."""

    def by_column(judged: Sequence[Moved | Tally]) -> list[dict[str, Any]]:
        return [vars(each) | {"quantity": each.quantity.column} for each in judged]

    return vars(difference) | {
        "moved": by_column(difference.moved),
        "tallies": by_column(difference.tallies),
        "cautions": cautions,
    }


def report(view: View, page: Path) -> dict[str, Any]:
    """Where the page is, and what it says first."""
    return {
        "report": str(page),
        "title": view.title,
        "findings": view.findings,
        "warnings": view.warnings,
    }


def side_by_side(together: Together, page: Path) -> dict[str, Any]:
    """Where the page is, and what may not be compared."""
    return {
        "report": str(page),
        "title": together.title,
        "runs": together.runs,
        "cautions": together.cautions,
        "ranks": together.ranks,
    }


def comparison(view: View) -> dict[str, Any]:
    """Every number beside the paper's, the layer's saving, and the agreement of the rankings."""
    return {
        "table_1": view.body,
        "rows": view.compared,
        "saving": vars(view.derivation)
        | {"formulas": {each.name: each.text for each in view.derivation.formulas}},
        "tau": view.tau,
        "outside_tolerance": view.outside,
    }


def layers(rows: Sequence[LayerRow]) -> dict[str, Any]:
    """The rows of one network, and the share of each layer type (the paper's Tables 1 and 2)."""
    layers = in_closed_form(rows)
    whole = _counts(layers)

    def shares(part: Sequence[Layer]) -> dict[str, float]:
        return {f"{name}_share": count / whole[name] for name, count in _counts(part).items()}

    return {
        **whole,
        "params": sum(row.trainable_params for row in rows),
        "layers": [
            {
                "name": each.name,
                **(vars(each.shape) if each.shape else {}),
                **_counts([each]),
                **shares([each]),
            }
            for each in layers
        ],
        "types": [{"type": name, **shares(of_type(layers, name))} for name in types_of(layers)],
    }


def _counts(layers: Sequence[Layer]) -> dict[str, float]:
    return {
        "mult_adds": sum(each.mult_adds.value or 0 for each in layers),
        "weights": sum(each.weights.value or 0 for each in layers),
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
                "points": list(dict.fromkeys(each.label for task in own for each in task.points)),
                "seeds": sorted(
                    {each.seed for task in own for each in task.networks if each.seed is not None}
                ),
                "estimate_s": sum(task.estimate_s for task in own),
            }
            for name, own in tasks.items()
        ],
        "estimate_s": plan.estimate_s,
        "stored": plan.done,
        "notes": list(plan.notes),
    }
