"""Why points that have readings are measured again, as far as what is stored can tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.contracts import Measure, Network
from sweep.results import contents, run_file
from sweep.results.identity import Identity
from sweep.results.load import readings_of
from sweep.results.soundness import Kept
from sweep.results.store import Store
from sweep.running.tasks import Task
from sweep.settings.config import Settings
from sweep.settings.toml_data import short
from sweep.types import Point, ResultsError, listed

MOST_NAMED = 4  # settings in a sentence
OTHER = "read under other settings"


@dataclass(frozen=True)
class _Of:
    """A container of the identities that some points have had of a measure."""

    measure: str
    keys: frozenset[str]

    def __contains__(self, identity: object) -> bool:
        return (
            isinstance(identity, tuple) and identity[0] in self.keys and identity[1] == self.measure
        )


def why_anew(
    measure: Measure,
    identities: Mapping[Network, Identity],
    name: str,
    settings: Settings,
    versions: Mapping[str, str | None],
    store: Store,
    *,
    again: bool,
) -> Iterator[str]:
    """A sentence for each reason, of the networks that are to be measured: "16 points anew: ..".
    Those that have no readings yet are not told of.

    identities: what their readings will be stored under. name: of the measure in the settings.
    versions: of the packages that bear on them, as they are now. again: --again asks for it.
    """
    keys = frozenset(network.point.key for network in identities)
    if not keys:
        return  # without reading all that is stored
    stored = readings_of(store.path, _Of(measure.name, keys)).drop_duplicates(
        [
            *("family", "kind", "alpha", "resolution", "seed", "runtime", "precision", "threads"),
            *("settings_hash", "machine_id", "failed"),
        ]
    )
    rows = stored.to_dict("records") if len(stored) else []
    of_key: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        point = Point(row["family"], row["kind"], row["alpha"], 0.0, row["resolution"])
        of_key.setdefault(point.key, []).append({str(name): row[name] for name in row})
    reasons: dict[str, list[str]] = {}
    there = contents.read(store.path, Kept) if of_key else None
    for network, identity in identities.items():
        own = [each for each in of_key.get(network.point.key, ()) if _is_of(each, network)]
        if own and there:
            bearing = {name: versions.get(name) for name in measure.versions_of(network)}
            reason = "--again" if again else _reason(own, identity, bearing, there.machines)
            if reason == OTHER and _is_of_last_run(own, network, measure.name, there):
                reason += _changed(name, settings, there.run or {})
            reasons.setdefault(reason, []).append(network.point.label)
    for reason, labels in reasons.items():
        count = len(set(labels))
        yield f"{count} point{'' if count == 1 else 's'} anew: {reason}"


def going_on(measure: Measure, networks: Sequence[Network], unfinished: Path) -> list[str]:
    """Labels of the networks whose calls were cut off and go on from there. unfinished: the folder
    of what was left.
    """
    labels = []
    for network in networks:
        try:
            name = next(iter(measure.unfinished(network)), "")
        except Exception:  # noqa: BLE001 - measuring the point will say what is wrong with it
            name = ""
        if name and (unfinished / name).is_file():
            labels.append(network.label)
    return list(dict.fromkeys(labels))


def cut_off(tasks: Sequence[Task], unfinished: Path) -> tuple[str, ...]:
    """What becomes of tasks that Ctrl-C has ended on this machine: a sentence on those that go on,
    and on those that begin again.
    """
    goes_on, again = [], []
    for task in tasks:
        left = going_on(task.measure, task.networks, unfinished)
        (goes_on if left else again).append(task.label)
    return tuple(
        f"{what} from {where}: {listed(labels)}"
        for what, where, labels in (
            ("continued next time", "where it was cut off", goes_on),
            ("done again next time", "its beginning", again),
        )
        if labels
    )


def _is_of(row: Mapping[str, Any], network: Network) -> bool:
    """Of the same replicate, and by the same runtime in the same way."""
    if (asked := network.deployment) and (row["runtime"], row["precision"]) != (
        asked.runtime,
        asked.precision,
    ):
        return False
    if asked and asked.threads and row["threads"] != asked.threads:
        return False
    return network.seed is None or row["seed"] != row["seed"] or row["seed"] in (None, network.seed)


def _reason(
    rows: Sequence[Mapping[str, Any]],
    identity: Identity,
    versions: Mapping[str, str | None],
    machines: Sequence[Mapping[str, Any]],
) -> str:
    _, _, settings_hash, machine = identity
    same = [row for row in rows if row["settings_hash"] == settings_hash]
    here = [row for row in same if row["machine_id"] == machine]
    if any(row["failed"] for row in here):
        return "failed before"
    if here:
        return "a file that it left in networks/ is gone or damaged"
    if same:
        of = [each for each in machines if each.get("id") == same[-1]["machine_id"]]
        if not of:
            return "read on another machine"
        cores = of[0].get("cores")
        named = f"{of[0].get('cpu')}, {cores} core{'' if cores == 1 else 's'}"
        return f"read on another machine ({named})"
    then = _versions(rows[-1]["versions"])
    other = {name: now for name, now in versions.items() if name in then and then[name] != now}
    if other:
        read = listed([f"{name} {then[name]}" for name in other])
        return f"read with {read}, now {listed([str(now) for now in other.values()])}"
    return OTHER


def _is_of_last_run(
    rows: Sequence[Mapping[str, Any]], network: Network, name: str, there: contents.Contents
) -> bool:
    """Whether run.json tells the settings that some of the rows were read under."""
    try:
        wanted = run_file.wanted(there.path / run_file.RUN, there.run or {})
    except ResultsError:
        return False
    hashes = wanted.get((network.point.key, name), set())
    return any(row["settings_hash"] in hashes for row in rows)


def _versions(text: object) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _changed(name: str, settings: Settings, run: Mapping[str, Any]) -> str:
    """Which settings of a measure are not those of the last run; empty where none is told."""
    before, now = run.get("settings") or {}, settings.model_dump(mode="json")
    old, new = (_flat(each, name) for each in (before, now))
    moved = [key for key in new if key in old and old[key] != new[key]]
    if not moved:
        return ""
    told = [f"{key} = {_written(old[key])}, now {_written(new[key])}" for key in moved[:MOST_NAMED]]
    more = ["others"] if len(moved) > MOST_NAMED else []
    return f": {listed(['; '.join(told), *more])}"


def _written(value: Any) -> str:
    return short(json.dumps(value))


def _flat(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings that may bear on a measure, by their whole names."""
    section = settings.get(name) or (settings.get("custom") or {}).get(name) or {}
    found = {"num_classes": settings.get("num_classes")}
    for key, value in section.items() if isinstance(section, dict) else ():
        inner = value if isinstance(value, dict) else {"": value}
        found |= {f"{name}.{key}.{each}".rstrip("."): of for each, of in inner.items()}
    return found
