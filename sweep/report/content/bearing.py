"""Cautions that bear on an answer, and stand with it in every medium: the terminal, JSON, the
page's panel and its first sentences. What has no answer to stand with is in `cautions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.metrics import DRIFT, LATENCY, LEFT_OUT, TOP1
from sweep.report.content.axes import number, quantities
from sweep.report.content.certainty import of_trainings
from sweep.report.content.devices import what_it_is
from sweep.report.content.evidence import evidence_of
from sweep.report.content.figures import label, of_the_run
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, percent, span
from sweep.report.values.view import Caution
from sweep.results.deployments import RUNTIMES, by
from sweep.results.sessions import SESSION, latency_key, processes_of, with_values
from sweep.types import listed

if TYPE_CHECKING:
    from sweep.report.content.budget import Picked
    from sweep.results.load import Results

ACCURACY = "accuracy"
TRAINED_WITH = ("jax", "jaxlib", "flax", "optax")
LEFT_OUT_NAMED = 4  # points, at most, that are named
WIDE = 0.05  # of the median: a latency's interval wider than this is called unstable


def cautions(results: Results) -> tuple[Caution, ...]:
    """All that may bear on an answer made from these results."""
    rows = results.points.to_dict(orient="records")
    return (*_of_accuracies(rows, results), *_of_latencies(rows, results))


def bearing(known: Iterable[Caution], picked: Picked) -> tuple[str, ...]:
    """Those that bear on this answer: of the accuracies that rank, of the quantities that are
    limited, of all points or of the one that is named first.
    """
    first = picked.first
    if first is None:
        return ()
    about = {limit.of.about for limit in picked.budget.limits}
    if of_the_run(picked.source):
        about.add(ACCURACY)
    return tuple(
        each.text for each in known if each.about in about and each.label in ("", first.label)
    )


def outside(results: Results) -> tuple[str, ...]:
    """Which stored points no answer is made from, as the last run's grid has them not."""
    if not results.outside:
        return ()
    labels = listed([each.label for each in results.outside], longest=LEFT_OUT_NAMED)
    are, them = ("is", "it") if len(results.outside) == 1 else ("are", "them")
    return (
        f"{labels} {are} stored here, too, by earlier runs, and left out: the last run's grid does "
        f"not have {them}. A run of a grid that does shows {them} again.",
    )


def on_findings(results: Results) -> tuple[str, ...]:
    """Those that bear on every sentence about the measured accuracies."""
    rows = results.points.to_dict(orient="records")
    return tuple(each.text for each in _of_accuracies(rows, results))


def _of_accuracies(rows: list[dict[str, Any]], results: Results) -> Iterator[Caution]:
    if all(number(row[TOP1.name]) is None for row in rows):
        return
    recipe = results.settings.get("accuracy", {})
    trained = recipe.get("source", "train") in ("train", "shared")
    if trained and (steps := recipe.get("max_steps", 0)):
        yield Caution(
            f"Every training was ended after {steps} steps (accuracy.max_steps): its "
            "accuracies are a look at whether it runs, no result.",
            ACCURACY,
        )
    if told := of_trainings(evidence_of(results), shared=recipe.get("source") == "shared"):
        yield Caution(told, ACCURACY)
    if several := _several_versions(results.readings):
        yield Caution(
            f"The accuracies were read with {several}: another version takes sums in another "
            "order, which moves an accuracy as another seed would.",
            ACCURACY,
        )
    left_out = results.readings.loc[results.readings["metric"] == LEFT_OUT.name, "value"]
    if left_out.max() > 0:
        most = int(left_out.max())
        images = (
            "1 image could not be read and was"
            if most == 1
            else (f"Up to {most} images could not be read and were")
        )
        yield Caution(f"{images} left out; run.log names what.", ACCURACY)


def _several_versions(readings: pd.DataFrame) -> str:
    """ "jaxlib 0.10.2 and 0.11.0" where some accuracies are of one and some of the other."""
    told: dict[str, set[str]] = {}
    for text in readings.loc[readings["metric"] == TOP1.name, "versions"].unique():
        for name, version in _versions(text).items():
            told.setdefault(name, set()).add(str(version))
    several = [
        f"{name} {listed(sorted(all_of))}" for name, all_of in told.items() if len(all_of) > 1
    ]
    return listed(several)


def _versions(text: str) -> dict[str, Any]:
    """Those that bear on an accuracy; none where the text, which may be anybody's, tells none."""
    try:
        versions = json.loads(text)
    except ValueError:
        return {}
    known = versions.items() if isinstance(versions, dict) else ()
    return {name: version for name, version in known if name in TRAINED_WITH}


def _of_latencies(rows: list[dict[str, Any]], results: Results) -> Iterator[Caution]:
    for of in quantities(results):
        whose = what_it_is(results, of)
        if not whose or not any(number(row.get(of.column)) for row in rows):
            continue
        yield Caution(whose, of.name)
        if of.metric == LATENCY:
            yield from (Caution(text, of.name) for text in of_sessions(results))
        elif of.other and (told := of_another_session(results, of)):
            yield Caution(told, of.name)
        for row in rows:
            if (width := relative_width(row, of)) is not None and width > WIDE:
                interval = span(row[of.low], row[of.high], of.metric.form)
                yield Caution(
                    f"The {of.noun} of {label(row)} is unsure: its 95{SPACE}% interval, "
                    f"{interval}, is {percent(width)} of the median wide.",
                    of.name,
                    label(row),
                )


def of_another_session(results: Results, of: Quantity) -> str:
    """Where a runtime was timed later than the primary one, how those compare: the networks that
    were timed in both tell.
    """
    first, *others = results.deployments
    own = next((each for each in others if each.metric == of.metric), None)
    main, later = (
        with_values(results.readings, metric.name) for metric in (first.metric, of.metric)
    )
    if own is None or main.empty or later.empty or set(main[SESSION]) & set(later[SESSION]):
        return ""
    drifts = with_values(results.readings, by(DRIFT, own.words).name)["value"].tolist()
    told = "no network was timed in both sessions"
    if drifts:
        change = median(drifts) - 1
        told = (
            f"networks that were timed in both took {percent(abs(change))} "
            f"{'longer' if change > 0 else 'less'} in it"
        )
    return (
        f"Latencies by {own.words} were timed in another session than those by {first.words}: "
        f"{told}. run --again latency times all together."
    )


def withheld(results: Results) -> tuple[str, ...]:
    """Which latencies of a later session can't be compared with the others, and why."""
    return tuple(
        f"{listed([label(row) for row in rows])}{_runtime(results, rows)}: {bridge.reason}"
        for bridge in results.bridges
        if not bridge.comparable
        and (rows := results.readings.loc[list(bridge.rows)].to_dict("records"))
    )


def _runtime(results: Results, rows: list[dict[str, Any]]) -> str:
    """By which these were timed, where there are several."""
    names = {RUNTIMES.get(str(row["runtime"]), str(row["runtime"])) for row in rows}
    return f" by {listed(sorted(names))}" if len(results.deployments) > 1 else ""


def relative_width(row: dict[str, Any], of: Quantity) -> float | None:
    """The width of a reading's interval over its value; None where one isn't known."""
    value, low, high = (number(row.get(column)) for column in (of.column, of.low, of.high))
    return (high - low) / value if value and low is not None and high is not None else None


def of_sessions(results: Results) -> tuple[str, ...]:
    """Latencies of a later session, with what the networks that were timed in both tell; and those
    whose intervals can't hold what differs from process to process.
    """
    readings = results.readings
    later = [
        f"{listed([label(row) for row in rows])}{_runtime(results, rows)}: timed in a later "
        "session than the others. "
        f"{bridge.again}, timed in both, took {bridge.change}. That is within what a latency here "
        f"is known to (half an interval, {percent(bridge.allowed)} at the median), so they are "
        "compared as they are; run --again latency times all together."
        for bridge in results.bridges
        if bridge.comparable and (rows := readings.loc[list(bridge.rows)].to_dict("records"))
    ]
    timed, known = with_values(readings, LATENCY.name), processes_of(readings)
    one = [
        label(row)
        for row in timed.to_dict("records")
        if len(set(known.get(latency_key(row), ()))) < 2
    ]
    if not one:
        return tuple(later)
    names = list(dict.fromkeys(one))
    where = f"all {len(timed)}" if len(one) == len(timed) and len(names) > 1 else listed(names)
    whose, out, they = "The latencies' intervals", "leave out", "they are"
    if len(names) == 1:
        whose, out, they = "The latency's interval", "leaves out", "it is"
    return (
        *later,
        f"{whose} of {where} {out} what differs from process to process: {they} of one process, or "
        "of a version that did not keep which process took each sample.",
    )
