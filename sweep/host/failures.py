"""Why a point failed, in words that can be stored and shown; and which readings can't be stored.

Whatever a measure does, short of ending the process, becomes one sentence at its point.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from numbers import Real

from sweep.contracts import Failed, Measure
from sweep.host.extras import told
from sweep.types import CurvePoint, Metric, Point, Reading

LONGEST = 10_000  # characters of a reason that are stored
A_LINE = 300  # of one that is shown while a run goes on
_GAP = " [..] "
OUT_OF_MEMORY = "out of memory"
# XLA's word for it, in the text of its one exception.
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_OURS = ("sweep", "mnv1_flax")


def reason_of(error: BaseException) -> str:
    """Why a point failed; never empty. Errors of this project are sentences; any other needs its
    type's name.
    """
    kind = type(error)
    try:
        text = str(error).strip()
    except Exception as second:  # noqa: BLE001 - somebody's error that can't even be told
        text = f"its message can't be told: {type(second).__name__}"
    if lacking := told(error):
        text = lacking
    elif isinstance(error, SystemExit):
        text = f"the measure asked to end the process (SystemExit: {text or 0})"
    elif not text:
        text = kind.__name__
    elif kind.__module__.partition(".")[0] not in _OURS:
        text = f"{kind.__name__}: {text}"
    if isinstance(error, MemoryError) or _EXHAUSTED in text:
        text = f"{OUT_OF_MEMORY} ({text})"
    return storable(text)


def storable(text: str) -> str:
    """Text that any file can hold: halves of surrogate pairs written out, and not endless."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return _cut(text.split("\n"), LONGEST, "\n")


def shortened(text: str) -> str:
    """A reason as far as a line on the screen has room for it."""
    return _cut([" ".join(line.split()) for line in text.splitlines()], A_LINE, " ").strip()


def _cut(lines: Sequence[str], most: int, between: str) -> str:
    """The lines as one text of at most so many characters. What is left out is its middle: errors
    say what went wrong in their first line or, below a traceback, in their last.
    """
    text = between.join(lines)
    if len(text) <= most:
        return text
    end = min(max(len(lines[-1]), most // 2), most * 3 // 4)
    return f"{text[: most - end - len(_GAP)]}{_GAP}{text[-end:]}"


def end_of(status: int) -> str:
    """How a process ended, from `Process.exitcode` or `Popen.returncode`."""
    if status >= 0:
        return f"the process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    killed = "; the system does that where memory runs out" if name == "SIGKILL" else ""
    return f"the process was ended by {name}{killed}"


@dataclass(frozen=True)
class SortedOut:
    """What a call of a measure comes to. `stored` is as it was read; `failed` stands for the points
    of `reasons`, which are to be tried again.
    """

    stored: tuple[Reading | CurvePoint, ...]
    failed: tuple[Reading | CurvePoint, ...]
    reasons: dict[Point, str]


def all_failed(measure: Measure, points: Sequence[Point], reason: str) -> SortedOut:
    """A call that came to nothing."""
    return _sorted_out(measure, dict.fromkeys(points, ()), dict.fromkeys(points, reason))


def sort_out(measure: Measure, points: Sequence[Point], items: Iterable[object]) -> SortedOut:
    """items: whatever the measure has yielded. A point that has something wrong among its items, or
    no reading, has failed; so have all where an item is of none of them.
    """
    of_point: dict[Point, list[Reading | CurvePoint]] = {point: [] for point in points}
    reasons: dict[Point, str] = {}
    wrong_ones: set[Point] = set()
    seen: set[tuple[Point, Metric, str]] = set()
    for item in items:
        try:
            own, wrong = _looked_at(item, measure, of_point, seen)
        except Exception as error:  # noqa: BLE001 - fields of kinds that nobody thought of
            own, wrong = None, f"{measure.name} gave something unreadable: {reason_of(error)}"
        if not wrong and isinstance(item, Reading | CurvePoint):
            of_point[item.point].append(item)
            continue
        for point in points if own is None else (own,):
            reasons.setdefault(point, storable(wrong))
            if not isinstance(item, Failed):
                wrong_ones.add(point)
    for point, read in of_point.items():
        if not any(isinstance(item, Reading) for item in read):
            reasons.setdefault(point, f"{measure.name} gave no reading of this point")
    # Beside something wrong, the rest is not to be trusted either.
    return _sorted_out(measure, of_point | {point: [] for point in wrong_ones}, reasons)


def _sorted_out(
    measure: Measure,
    of_point: Mapping[Point, Sequence[Reading | CurvePoint]],
    reasons: dict[Point, str],
) -> SortedOut:
    stored = [item for point, read in of_point.items() if point not in reasons for item in read]
    failed = [
        item
        for point, reason in reasons.items()
        for item in _rows(measure, point, reason, of_point[point])
    ]
    return SortedOut(tuple(stored), tuple(failed), reasons)


def _rows(
    measure: Measure,
    point: Point,
    reason: str,
    read: Sequence[Reading | CurvePoint],
) -> Iterable[Reading | CurvePoint]:
    """What was read of the point, and the reason at every metric that was not."""
    yield from read
    there = {item.metric for item in read if isinstance(item, Reading)}
    for metric in measure.metrics:
        if metric not in there:
            yield Reading(metric, point, None, reason=reason)


def _looked_at(
    item: object,
    measure: Measure,
    known: Container[Point],
    seen: set[tuple[Point, Metric, str]],
) -> tuple[Point | None, str]:
    """The item's point, None where it is of none that is known; and why the item can't be stored,
    empty where it can. seen: what readings there have been, which grows.
    """
    if not isinstance(item, Reading | CurvePoint | Failed):
        return None, f"{measure.name} gave a {type(item).__name__} where readings are asked for"
    if not isinstance(item.point, Point) or item.point not in known:
        other = getattr(item.point, "label", type(item.point).__name__)
        return None, f"{measure.name} read another point, {other}, than it was asked for"
    if isinstance(item, Failed):
        return item.point, item.reason or "it gave no reason"
    if isinstance(item, CurvePoint):
        right = _are_numbers(*astuple(item)[1:])
        return item.point, "" if right else _no_number(measure, "its curve")
    if item.metric not in measure.metrics:
        name = getattr(item.metric, "name", type(item.metric).__name__)
        return item.point, f"{measure.name} read {name}, which is none of its metrics"
    identity = item.point, item.metric, item.variant
    again, _ = identity in seen, seen.add(identity)
    return item.point, _wrong_in(item, measure, again)


def _wrong_in(item: Reading, measure: Measure, again: bool) -> str:
    name = item.metric.name
    value = () if item.value is None else (item.value,)
    if not isinstance(item.samples, tuple) or not _are_numbers(*item.samples, *value):
        return _no_number(measure, name)
    if not all(map(_is_text, (item.variant, item.reason, item.note))):
        return f"{measure.name} gave a text with {name} that can't be stored"
    return f"{measure.name} read {name} twice ({item.variant or 'no variant'})" if again else ""


def _no_number(measure: Measure, what: str) -> str:
    return f"{measure.name} gave a value of {what} that is no finite number"


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, Real) and math.isfinite(value) for value in values)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and storable(value[:LONGEST]) == value[:LONGEST]
