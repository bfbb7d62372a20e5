"""What a call has yielded, looked at before it is stored: a measure may be anybody's.

Whatever a measure does, short of ending the process, becomes one sentence at its point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from numbers import Real
from typing import Any

from sweep.contracts import Artefact, Failed, Measure, Network
from sweep.host.failures import LONGEST, reason_of, storable
from sweep.running.owners import Owners
from sweep.types import NUMBERED, CurvePoint, Reading, condition_words

_Kept = Reading | CurvePoint | Artefact


@dataclass(frozen=True)
class Screened:
    """What a call of a measure comes to. `stored` is as it was read, `artefacts` belong to it;
    `failed` stands for the networks of `reasons`, which are to be tried again.
    """

    stored: tuple[Reading | CurvePoint, ...]
    artefacts: tuple[Artefact, ...]
    failed: tuple[Reading | CurvePoint, ...]
    reasons: dict[Network, str]


def all_failed(measure: Measure, networks: Sequence[Network], reason: str) -> Screened:
    """A call that came to nothing."""
    return _screened(measure, dict.fromkeys(networks, ()), dict.fromkeys(networks, reason))


def screen(measure: Measure, networks: Sequence[Network], items: Iterable[object]) -> Screened:
    """items: whatever the measure has yielded. A network that has something wrong among its items,
    or no reading, or not all that the measure gives, has failed; so have all where an item is of
    none of them.
    """
    of_network: dict[Network, list[_Kept]] = {network: [] for network in networks}
    reasons: dict[Network, str] = {}
    wrong_ones: set[Network] = set()
    seen: set[object] = set()
    owners = Owners(networks)
    for item in items:
        try:
            own, wrong = _looked_at(item, measure, owners, seen)
        except Exception as error:  # noqa: BLE001 - fields of kinds that nobody thought of
            own, wrong = None, f"{measure.name} gave something unreadable: {reason_of(error)}"
        if not wrong and own and isinstance(item, _Kept):
            of_network[own].append(item)
            continue
        for network in networks if own is None else (own,):
            reasons.setdefault(network, storable(wrong))
            if not isinstance(item, Failed):
                wrong_ones.add(network)
    for network, items_of_it in of_network.items():
        if lacking := _lacking(measure, items_of_it):
            reasons.setdefault(network, f"{measure.name} gave no {lacking} of this point")
    # Beside something wrong, the rest is not to be trusted either.
    return _screened(measure, of_network | {network: [] for network in wrong_ones}, reasons)


def _lacking(measure: Measure, items: Sequence[_Kept]) -> str:
    """What a point that is measured has, and this one has not."""
    if not any(isinstance(item, Reading) for item in items):
        return "reading"
    given = {item.kind for item in items if isinstance(item, Artefact)}
    return next((kind for kind in measure.gives if kind not in given), "")


def _screened(
    measure: Measure, of_network: Mapping[Network, Sequence[_Kept]], reasons: dict[Network, str]
) -> Screened:
    whole = [item for own, read in of_network.items() if own not in reasons for item in read]
    failed = [
        item
        for network, reason in reasons.items()
        for item in _rows(measure, network, reason, of_network[network])
    ]
    return Screened(
        tuple(item for item in whole if not isinstance(item, Artefact)),
        tuple(item for item in whole if isinstance(item, Artefact)),
        tuple(failed),
        reasons,
    )


def _rows(
    measure: Measure, network: Network, reason: str, read: Sequence[_Kept]
) -> Iterator[Reading | CurvePoint]:
    """What was read of the network, and the reason at every metric that was not."""
    of: dict[str, Any] = {}
    if network.deployment:
        of = asdict(network.deployment) | {"threads": network.deployment.threads or None}
    yield from (item for item in read if not isinstance(item, Artefact))
    there = {item.metric for item in read if isinstance(item, Reading)}
    for metric in measure.metrics:
        if metric not in there:
            yield Reading(metric, network.point, None, reason=reason, **of)


def _looked_at(
    item: object, measure: Measure, owners: Owners, seen: set[object]
) -> tuple[Network | None, str]:
    """Whose the item is, None where it is of none that is known; and why the item can't be stored,
    empty where it can. seen: what there has been, which grows.
    """
    if not isinstance(item, _Kept | Failed):
        return None, f"{measure.name} gave a {type(item).__name__} where readings are asked for"
    if (own := owners.of(item)) is None:
        other = getattr(item.point, "label", type(item.point).__name__)
        return None, f"{measure.name} read another point, {other}, than it was asked for"
    match item:
        case Failed():
            wrong = item.reason or "it gave no reason"
        case Artefact():
            wrong = _wrong_artefact(item, measure, seen)
        case CurvePoint():
            wrong = "" if _are_numbers(*astuple(item)[1:-1]) else _no_number(measure, "its curve")
        case Reading():
            wrong = _wrong_reading(item, measure, seen)
    return own, wrong


def _wrong_reading(item: Reading, measure: Measure, seen: set[object]) -> str:
    name = getattr(item.metric, "name", type(item.metric).__name__)
    if item.metric not in measure.metrics:
        return f"{measure.name} read {name}, which is none of its metrics"
    value = () if item.value is None else (item.value,)
    identity = item.point, item.metric, *item.conditions.values()
    again, _ = identity in seen, seen.add(identity)
    if not isinstance(item.samples, tuple):
        return f"{measure.name} gave samples of {name} that are no tuple"
    if not _are_numbers(*item.samples, *value):
        return _no_number(measure, name)
    numbers = [item.conditions[each] for each in NUMBERED]
    if not all(each is None or type(each) is int for each in numbers):
        return f"{measure.name} gave a {' or '.join(NUMBERED)} with {name} that is no whole number"
    texts = [value for each, value in item.conditions.items() if each not in NUMBERED]
    if not all(map(_is_text, (*texts, item.reason, item.note))):
        return f"{measure.name} gave a text with {name} that can't be stored"
    same = condition_words(item.conditions) or "no conditions"
    return f"{measure.name} read {name} twice ({same})" if again else ""


def _wrong_artefact(item: Artefact, measure: Measure, seen: set[object]) -> str:
    identity = item.point, item.kind
    again, _ = identity in seen, seen.add(identity)
    if item.kind not in measure.gives:
        return f"{measure.name} gave a {item.kind}, which is none of what it gives"
    if not all(each.isalnum() or each in "_-" for each in item.kind):
        return f"{measure.name} gave a {item.kind}, whose name has more than letters and digits"
    if not item.path.is_file():
        return f"{measure.name} gave a {item.kind}, {item.path}, that is no file"
    return f"{measure.name} gave a {item.kind} twice" if again else ""


def _no_number(measure: Measure, what: str) -> str:
    return f"{measure.name} gave a value of {what} that is no finite number"


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, Real) and math.isfinite(value) for value in values)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and storable(value[:LONGEST]) == value[:LONGEST]
