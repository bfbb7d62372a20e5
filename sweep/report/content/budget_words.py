"""The answer to a budget in words, for the terminal and for JSON; explorer.js says the same."""

from __future__ import annotations

from sweep.report.content.bearing import ACCURACY, guessing, not_told_apart
from sweep.report.content.budget import FORMS, Over, Picked, accuracy
from sweep.report.content.figures import MEASURED, written
from sweep.report.values.intervals import Estimate
from sweep.report.values.units import Form, percent, shown
from sweep.report.values.view import Candidate
from sweep.types import listed

_NAMES = {
    "latency_s": "latency",
    "params": "parameters",
    "mult_adds": "mult-adds",
    "peak_memory_bytes": "peak memory",
}
MANIFOLD = 9.0  # from an excess of this on "10 times" is plainer than per cent
LEAST = 0.001  # a smaller excess would be written as 0 %


def sentences(picked: Picked, called: str) -> tuple[str, ...]:
    """The answer in words, each sentence with its figures. called: the accuracies inside a
    sentence, "accuracy measured by this run".
    """
    if not picked.ranked:
        return (f"No point has an {called}, so none can be ranked.",)
    parts = [_what_fits(picked, called)]
    if picked.best is not None:
        parts.append(f"Best: {_described(picked.best, picked)}.")
        if picked.runner_up is None:
            better = " and is better than chance" if len(picked.fitting) > 1 else ""
            parts.append(f"There is no runner-up: no other point fits{better}.")
        else:
            parts.append(f"Runner-up: {_described(picked.runner_up, picked)}.")
        parts += _ties(picked)
        if picked.at_chance:
            names = listed([each.label for each in picked.at_chance])
            parts.append(f"Of those that fit, no better than {_guessing(picked.best)}: {names}.")
    elif picked.highest is not None:
        none = "The one that fits is" if len(picked.fitting) == 1 else "None of those that fit is"
        no = " no" if len(picked.fitting) == 1 else ""
        parts.append(
            f"{none}{no} better than {_guessing(picked.highest)}, as far as the test images tell: "
            "there is no best."
        )
        parts.append(f"The highest: {_described(picked.highest, picked)}.")
    elif picked.closest is not None:
        broken = "; ".join(_broken(each) for each in picked.over)
        parts.append(f"Closest: {_described(picked.closest, picked)}. Over the limit: {broken}.")
    else:
        parts.append("No point has a reading of all that is limited, so none comes closest.")
    return (*parts, *_unjudged(picked, called))


def _what_fits(picked: Picked, called: str) -> str:
    of = "the one point" if picked.ranked == 1 else f"{picked.ranked} points"
    limits = [
        f"{shown(limit, FORMS[name])} {named(name, picked.budget.batch)}"
        for name, limit in picked.budget.limits
    ]
    if not limits:
        return f"No limit is set: the best of {of} with an {called}."
    n = len(picked.fitting)
    fit = "none fits" if n == 0 else "1 fits" if n == 1 else f"{n} fit"
    return f"Of {of} with an {called}, {fit} a budget of {listed(limits)}."


def _described(candidate: Candidate, picked: Picked) -> str:
    """A point with its accuracy, and with what is limited where it fits."""
    found = accuracy(candidate, picked.source)
    text = candidate.label
    if found:
        text += f", {accuracy_text(candidate, picked.source, found)}"
    readings = [
        f"{shown(value, FORMS[name])} {named(name)}"
        for name, _ in picked.budget.limits
        if (value := picked.budget.read(candidate, name)) is not None and picked.fitting
    ]
    return f"{text}, with {listed(readings)}" if readings else text


def accuracy_text(candidate: Candidate, source: str, found: Estimate) -> str:
    """ "40.1 % (38.6 to 41.6) top-1, trained at 32 px for 224"."""
    of = f", {candidate.sizes}" if source == MEASURED and candidate.sizes else ""
    return f"{written(found, Form.SHARE)} top-1{of}"


def _guessing(candidate: Candidate) -> str:
    return guessing(candidate.classes or 1)


def _broken(over: Over) -> str:
    value, limit = (shown(each, FORMS[over.name]) for each in (over.value, over.limit))
    if over.excess >= MANIFOLD:
        by = f"{1 + over.excess:.0f} times"
    elif over.excess < LEAST:
        by = f"less than {percent(LEAST)} over"
    else:
        by = f"{percent(over.excess)} over"
    return f"{named(over.name)} {value}, {by} {limit}"


def _ties(picked: Picked) -> list[str]:
    best = picked.best and accuracy(picked.best, picked.source)
    without = best is not None and best.low is None
    if picked.best and picked.near_ties:
        names = [each.label for each in picked.near_ties]
        if without:
            return [f"As accurate, and without intervals: {listed(names)}."]
        return [not_told_apart(picked.best.label, names)]
    if without and picked.runner_up is not None:
        return ["These accuracies have no intervals: how near the runner-up is can't be told."]
    return []


def _unjudged(picked: Picked, called: str) -> list[str]:
    """Points that can't be judged, those that lack the same in one sentence."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for each in picked.lacking:
        groups.setdefault(each.names, []).append(each.label)
    said = []
    for names, labels in groups.items():
        lack = f"an {called}"
        if names != (ACCURACY,):
            lack = f"a reading of {listed([named(name, picked.budget.batch) for name in names])}"
        said.append(f"Left out, without {lack}: {listed(labels)}.")
    return said


def named(name: str, batch: int | None = None) -> str:
    """A quantity of FORMS inside a sentence: "latency", with a batch "latency at batch 1"."""
    return f"{_NAMES[name]} at batch {batch}" if batch and name == "latency_s" else _NAMES[name]
