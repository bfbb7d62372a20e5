"""The answer to a budget in words, for the terminal and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sweep.report.content.budget import BY_DEFAULT, Over, Picked, accuracy
from sweep.report.content.certainty import guessing, not_told_apart
from sweep.report.content.figures import MEASURED, of_the_run, written
from sweep.report.content.held_back import worth
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, Form
from sweep.report.values.view import Candidate
from sweep.types import listed

AS_ACCURATE = "As accurate, and without intervals: {names}."
CHEAPEST = "Of all these the cheapest is {label}, with {costs}."
OVER_THE_LIMIT = "Over the limit: {broken}."
CROSSES = (
    f"The 95{SPACE}% interval of the {{noun}} of {{label}}, {{interval}}, crosses the limit of "
    "{limit}: on which side it is can't be told."
)
BROKEN = "{called} {value}, {by} {limit}"


@dataclass(frozen=True)
class Excess:
    """How an excess below `below` is told: `text` with scale * excess + offset in so many digits.
    As data, because the page tells it of limits that nobody knew when it was written.
    """

    below: float
    text: str
    scale: float = 100.0
    offset: float = 0.0
    digits: int = 0

    def told(self, excess: float) -> str:
        """In words: "25 % over"."""
        number = f"{self.scale * excess + self.offset:.{self.digits}f}"
        return self.text.format(n=number.removesuffix(".0"))


EXCESSES = (
    Excess(0.001, f"less than 0.1{SPACE}% over"),  # else 0 % over
    Excess(0.0995, f"{{n}}{SPACE}% over", digits=1),
    Excess(9.0, f"{{n}}{SPACE}% over"),
    Excess(1e308, "{n} times", scale=1.0, offset=1.0),  # plainer than 900 % over
)


def sentences(picked: Picked, called: str) -> tuple[str, ...]:
    """The answer in words, each sentence with its figures. called: the accuracies inside a
    sentence, "accuracy measured by this run".
    """
    if not picked.ranked:
        return (f"No point has an {called}, so none can be ranked.",)
    parts = [_what_fits(picked, called)]
    if picked.best is not None:
        parts += _best(picked, picked.best)
    elif picked.highest is not None:
        none = "The one that fits is" if len(picked.fitting) == 1 else "None of those that fit is"
        no = " no" if len(picked.fitting) == 1 else ""
        parts.append(
            f"{none}{no} better than {_guessing(picked.highest)}, as far as the test images tell: "
            "there is no best."
        )
        parts.append(f"The highest: {_described(picked.highest, picked)}.")
    elif picked.closest is not None:
        broken = "; ".join(map(_broken, picked.over))
        over = OVER_THE_LIMIT.format(broken=broken)
        parts.append(f"Closest: {_described(picked.closest, picked)}. {over}")
    else:
        parts.append("No point has a reading of all that is limited, so none comes closest.")
    return (*parts, *_near(picked), *_unjudged(picked, called))


def _near(picked: Picked) -> Iterator[str]:
    """What a slightly larger budget would bring, and what may be on either side of a limit."""
    if near := [
        f"{each.point.label}, {accuracy_text(each.point, picked.source)} "
        f"({'; '.join(map(_broken, each.over))})"
        for each in picked.just_over
    ]:
        yield f"More accurate, and just over: {'; '.join(near)}."
    for each in picked.crossing:
        of = each.limit.of
        yield CROSSES.format(
            noun=of.noun,
            label=each.label,
            interval=of.written_span(each.low, each.high),
            limit=of.written(each.limit.value),
        )


def _what_fits(picked: Picked, called: str) -> str:
    of = "the one point" if picked.ranked == 1 else f"{picked.ranked} points"
    limits = [f"{each.of.written(each.value)} {each.of.at_batch}" for each in picked.budget.limits]
    if not limits:
        return f"No limit is set: the best of {of} with an {called}."
    n = len(picked.fitting)
    fit = "none fits" if n == 0 else "1 fits" if n == 1 else f"{n} fit"
    return f"Of {of} with an {called}, {fit} a budget of {listed(limits)}."


def _best(picked: Picked, best: Candidate) -> list[str]:
    parts = [f"Best: {_described(best, picked)}."]
    if picked.runner_up is None:
        better = " and is better than chance" if len(picked.fitting) > 1 else ""
        parts.append(f"There is no runner-up: no other point fits{better}.")
    else:
        parts.append(f"Runner-up: {_described(picked.runner_up, picked)}.")
    parts += _ties(picked, best)
    if picked.source == MEASURED:
        images = best.held_back_images
        parts += worth(best.label, best.held_back, images, len(picked.fitting))
    if picked.at_chance:
        names = listed([each.label for each in picked.at_chance])
        parts.append(f"Of those that fit, no better than {_guessing(best)}: {names}.")
    return parts


def _described(candidate: Candidate, picked: Picked) -> str:
    """A point with its accuracy, and with what is limited where it fits."""
    text = ", ".join(filter(None, (candidate.label, accuracy_text(candidate, picked.source))))
    limited = [limit.of for limit in picked.budget.limits if picked.fitting]
    readings = costs_text(candidate, limited)
    return f"{text}, with {listed(readings)}" if readings else text


def accuracy_text(candidate: Candidate, source: str) -> str:
    """ "40.1 % (38.6 to 41.6) top-1, trained at 32 px for 224"; empty where there is none."""
    estimate = accuracy(candidate, source)
    if estimate is None:
        return ""
    of = f", {candidate.sizes}" if of_the_run(source) and candidate.sizes else ""
    return f"{written(estimate, Form.SHARE)} top-1{of}"


def costs_text(candidate: Candidate, quantities: Iterable[Quantity]) -> list[str]:
    """Each that was read: "3.10 ms latency"."""
    read = dict(candidate.costs)
    return [
        f"{each.written(read[each.name])} {each.noun}" for each in quantities if each.name in read
    ]


def _guessing(candidate: Candidate) -> str:
    return guessing(candidate.classes or 1)


def _broken(over: Over) -> str:
    of = over.limit.of
    return BROKEN.format(
        called=of.noun,
        value=of.written(over.value),
        by=next(each for each in EXCESSES if over.excess < each.below).told(over.excess),
        limit=of.written(over.limit.value),
    )


def _ties(picked: Picked, best: Candidate) -> list[str]:
    estimate = accuracy(best, picked.source)
    without = estimate is not None and estimate.low is None
    if picked.near_ties:
        names = [each.label for each in picked.near_ties]
        if without and not picked.evidence.once:
            return [AS_ACCURATE.format(names=listed(names))]
        return [not_told_apart(best.label, names, picked.evidence), *_cheapest(picked)]
    if without and picked.runner_up is not None:
        return ["These accuracies have no intervals: how near the runner-up is can't be told."]
    return []


def _cheapest(picked: Picked) -> list[str]:
    """Of the best and what is not told apart from it: the one to take."""
    if picked.cheapest is None:
        return []
    costs = costs_text(picked.cheapest, [each.of for each in picked.budget.limits] or [BY_DEFAULT])
    return [CHEAPEST.format(label=picked.cheapest.label, costs=listed(costs))]


def _unjudged(picked: Picked, called: str) -> list[str]:
    """Points that can't be judged, those that lack the same in one sentence."""
    groups: dict[tuple[Quantity, ...], list[str]] = {}
    for each in picked.lacking:
        groups.setdefault(each.unread, []).append(each.label)
    said = []
    for unread, labels in groups.items():
        lack = f"an {called}"
        if unread:
            lack = f"a reading of {listed([each.at_batch for each in unread])}"
        said.append(f"Left out, without {lack}: {listed(labels)}.")
    return said
