"""The rule of `budget` as tables, so that the page's script decides nothing and words nothing.

What does not wait for the limits is settled here: the order that points are ranked in, which are no
better than chance, which are not told apart, what bears on whom, and every sentence. Limits come
from the reader, several at once, and in any number: a table of all answers would have a row for
each combination of the points' costs, which of 18 points and four quantities are 100,000 and of
10,000 points no number at all. So the script does the arithmetic that `budget` has on limits, and
that alone: which values are at most theirs, and the largest value / limit - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from shlex import quote
from statistics import median
from typing import Any

import numpy as np

from sweep.report.content import budget_words
from sweep.report.content.bearing import ACCURACY
from sweep.report.content.budget import BY_DEFAULT, at_chance, order
from sweep.report.content.budget_words import accuracy_text, costs_text
from sweep.report.content.certainty import NEIGHBOURS, guessing, tied
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated
from sweep.report.content.figures import MEASURED
from sweep.report.content.held_back import CHOSEN, worth
from sweep.report.values.panel import Bearing, Field, Panel, Ranked, Read
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import scale_of
from sweep.report.values.view import Candidate, Caution
from sweep.types import LONGEST_LIST

WORDS: dict[str, Any] = {
    "fit": "{fit} of {all} points fit; the others are faded.",
    "all_fit": "All {all} points fit.",
    "one_fits": "The one point fits.",
    "best": "Best",
    "runner_up": "Runner-up",
    "highest": "The highest",
    "closest": "Nothing fits. Closest",
    "also": "Also: {names}.",
    "guessing": "No better than {guessing}: {names}.",
    "none_better": "None is better than {guessing}, as far as the test images tell: there is no "
    "best.",
    "one_not_better": "It is no better than {guessing}, as far as the test images tell: there is "
    "no best.",
    "over": budget_words.OVER_THE_LIMIT,
    "broken": budget_words.BROKEN,
    "crosses": budget_words.CROSSES,
    "excesses": [asdict(each) for each in budget_words.EXCESSES],
    "unread": "No point has a reading of all that is limited.",
    "unranked": "No point has such an accuracy.",
    "bad": "{title}: must be a number above 0; not held against it.",
    "same": "The same in a terminal: ",
    "more": "{n} more",
    "longest": LONGEST_LIST,
    "cheap_by": BY_DEFAULT.name,
}


def panel(
    candidates: Sequence[Candidate],
    costs: Iterable[Quantity],
    sources: Iterable[str],
    cautions: Sequence[Caution],
    evidence: Mapping[str, Evidence],
) -> Panel:
    """costs: what can be limited. sources: of accuracies, by their names. evidence: what tells
    those of a source apart, where it is more than their intervals.
    """
    limited = [each for each in costs if each.is_cost]
    batches = tuple(dict.fromkeys(str(each.batch) for each in limited if each.batch))
    names = {each.name for each in limited}
    return Panel(
        fields=tuple(_fields(limited, candidates)),
        batches=batches,
        ranked={
            source: _ranked(
                candidates,
                source,
                limited,
                batches or ("",),
                evidence.get(source, BY_INTERVALS),
            )
            for source in sources
        },
        read={each.label: _read(each, limited) for each in candidates if each.accuracies},
        bearing={
            MEASURED if about == ACCURACY else about: _bearing(about, cautions)
            for about in dict.fromkeys(each.about for each in cautions)
            if about in {ACCURACY, *names}
        },
    )


def _fields(limited: Sequence[Quantity], candidates: Sequence[Candidate]) -> Iterable[Field]:
    read = [dict(each.costs) for each in candidates]
    # One scale for all that is typed in one unit: latencies by several runtimes are compared.
    typical: dict[str, float] = {}
    for each in limited:
        values = [of[each.name] for of in read if each.name in of]
        typical.setdefault(_scaled_by(each), median(values) if values else 1.0)
    for metric in dict.fromkeys(each.metric for each in limited):
        own = [each for each in limited if each.metric == metric]
        unit, factor = scale_of(typical[_scaled_by(own[0])], metric.unit)
        typed = unit.replace("µ", "u")
        yield Field(
            # Both may be from somebody else's folder, and this is to be pasted into a shell.
            option=f"--max {quote(metric.name)}={{typed}}{quote(typed) if typed else ''}",
            title=f"{metric.short}{own[0].on}",
            noun=own[0].noun,
            unit=unit,
            factor=factor,
            names={str(each.batch or ""): each.name for each in own},
            other=own[0].other,
        )


def _scaled_by(of: Quantity) -> str:
    """Counts have nothing in common but that they are counts."""
    return of.metric.name if of.metric.unit == "1" else of.metric.unit


def _ranked(
    candidates: Sequence[Candidate],
    source: str,
    limited: Sequence[Quantity],
    batches: Sequence[str],
    by: Evidence,
) -> tuple[Ranked, ...]:
    pairs = order(candidates, source)
    ties = _ties(by, [Rated(each.label, estimate) for estimate, each in pairs])
    return tuple(
        Ranked(
            label=each.label,
            described={batch: _described(each, source, limited, batch) for batch in batches},
            guessing=guessing(each.classes or 1) if at_chance(each, source) else "",
            ties=of_point,
            tied=budget_words.AS_ACCURATE
            if estimate.low is None and not by.once
            else tied(by).replace("{best}", each.label),
            most_tied=LONGEST_LIST if estimate.low is None else NEIGHBOURS,
            cheapest=budget_words.CHEAPEST if estimate.has_interval and not by.once else "",
            **_worth(each, source),
        )
        for (estimate, each), of_point in zip(pairs, ties, strict=True)
    )


def _worth(candidate: Candidate, source: str) -> dict[str, str]:
    """Of the best point, and of the best of several."""
    label, estimate = candidate.label, candidate.held_back
    if source != MEASURED:
        return {"worth": "", "chosen": ""}
    if estimate is None:
        return {"worth": "", "chosen": CHOSEN.replace("{label}", label)}
    return {"worth": worth(label, estimate, candidate.held_back_images, 1)[0], "chosen": ""}


def _described(candidate: Candidate, source: str, limited: Sequence[Quantity], batch: str) -> str:
    main = [each for each in limited if not each.other]  # the script adds those that are limited
    of_batch = [each for each in main if each.batch is None or str(each.batch) == batch]
    return ", ".join((accuracy_text(candidate, source), *costs_text(candidate, of_batch)))


def _ties(by: Evidence, order: Sequence[Rated]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Of each, the others that it is not told apart from, as runs of places in the order: few, as a
    rule, and not thousands of places.
    """
    for tied_with in by.ties(order):
        edges = np.flatnonzero(np.diff(tied_with, prepend=False, append=False)).tolist()
        yield tuple((first, last - 1) for first, last in zip(edges[::2], edges[1::2], strict=True))


def _read(candidate: Candidate, limited: Sequence[Quantity]) -> dict[str, Read]:
    read, spreads = dict(candidate.costs), dict(candidate.spreads)
    found = {}
    for each in limited:
        if each.name not in read:
            continue
        known = Read(read[each.name], each.written(read[each.name]))
        if spread := spreads.get(each.name):
            known = replace(
                known, low=spread[0], high=spread[1], interval=each.written_span(*spread)
            )
        found[each.name] = known
    return found


def _bearing(about: str, cautions: Sequence[Caution]) -> Bearing:
    own = [each for each in cautions if each.about == about]
    texts: dict[str, tuple[str, ...]] = {"": ()}
    for each in own:
        texts[each.label] = (*texts.get(each.label, ()), each.text)
    return Bearing(texts.pop(""), texts)
