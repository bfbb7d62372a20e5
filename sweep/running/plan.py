"""What is left to do: the grid minus what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.contracts import Family, Measure, Network
from sweep.host.failures import reason_of
from sweep.host.machine import Machine, device_bytes
from sweep.host.memory import Limit, limit
from sweep.results.load import readings_of
from sweep.results.parquet import Identity
from sweep.results.schema import reading_of
from sweep.results.sessions import SESSION, main_session
from sweep.results.store import Store
from sweep.running.tasks import Task, bridged, groups_of_cores, tasks_of
from sweep.settings import grid
from sweep.settings.config import Settings, SettingsError, digest_of
from sweep.settings.registry import UnknownPartError, find, lacking_base
from sweep.settings.toml_data import short
from sweep.types import Point, Reading, listed

__all__ = ["Hashes", "Plan", "Task", "groups_of_cores", "machine_id", "make_plan"]


@dataclass(frozen=True)
class Hashes:
    """What a measure's readings belong to: one hash for all points, or each its own."""

    measure: str
    points: dict[str, str]  # by the point's key; empty where all have the measure's

    def of(self, point: Point) -> str:
        """The hash that a reading of this point is stored under."""
        return self.points.get(point.key, self.measure)


@dataclass(frozen=True)
class Plan:
    """What is left to do, and how much is done already."""

    tasks: tuple[Task, ...]
    points: tuple[Point, ...]
    measures: tuple[Measure, ...]
    hashes: dict[str, Hashes]  # by the measure's name
    done: int  # point-measure pairs stored by earlier runs
    notes: tuple[str, ...] = ()  # what the measures say of their data, "accuracy: .."
    limit_bytes: int = 0  # that tasks may take together; 0 for any

    @property
    def estimate_s(self) -> float:
        """Seconds on the machine that the measures' estimates were taken on."""
        return sum(task.estimate_s for task in self.tasks)


def make_plan(
    settings: Settings,
    store: Store,
    machine: Machine,
    *,
    again: Collection[str] = (),
    only: Collection[str] = (),
) -> Plan:
    """again: measures, as the settings name them, whose points are all measured anew; only: those
    that are measured now, all where it is empty.

    Raises SettingsError where the family lacks a kind or lowering, or where points don't fit a
    measure's settings; LookupError for a part that doesn't exist.
    """
    for option, names in (("--again", again), ("--only", only)):
        for name in names:
            if name not in settings.measures:
                raise SettingsError(
                    f"{option} {name}: must be one of measures = {list(settings.measures)}"
                )
    for name in again:
        if only and name not in only:
            raise SettingsError(f"--again {name}: goes together with --only {name}, or with none")
    family: Family = find("family", settings.family)()
    points = grid.points(settings.grid, family=family.name)
    _check(settings, family, points)
    measures = tuple(_measure(settings, name) for name in settings.measures)
    names = [measure.name for measure in measures]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"measures: several are called {listed(sorted(twice))}")
    finished = store.finished()
    most = memory_limit(settings, machine)
    tasks: list[Task] = []
    hashes: dict[str, Hashes] = {}
    notes: list[str] = []
    done = 0
    for name, measure in zip(settings.measures, measures, strict=True):
        asked = [
            point
            for point in points
            if name in grid.measures_of(settings.grid, point, settings.measures)
        ]
        networks = [Network(point, family, settings.num_classes) for point in asked]
        if not only or name in only:
            measure.check_points(networks)
        own = hashes[measure.name] = _hashes(measure, networks, settings.num_classes)
        where = machine_id(measure, machine)
        there = {
            network: identity
            for network in networks
            if (identity := (network.point.key, measure.name, own.of(network.point), where))
            in finished
        }
        if name in again:
            there = {}
        done += len(there)
        missing = (
            [] if only and name not in only else [each for each in networks if each not in there]
        )
        new = tasks_of(measure, missing, machine, most)
        if measure.together and there:
            new = [_bridged(measure, task, store, there, most) for task in new]
        tasks += new
        notes += [f"{measure.name}: {line}" for line in _sentences(measure, networks, new)]
    return Plan(tuple(tasks), points, measures, hashes, done, tuple(notes), most.bytes)


def _bridged(
    measure: Measure, task: Task, store: Store, there: Mapping[Network, Identity], most: Limit
) -> Task:
    """The task with networks of the session that most readings are of, to be read again."""
    if task.refusal:
        return task
    readings = readings_of(store.path, set(there.values()))
    readings = readings.loc[readings[SESSION] == main_session(readings)]
    found: dict[str, list[Reading]] = {}
    for row in readings.to_dict("records"):
        reading = reading_of({str(name): value for name, value in row.items()})
        found.setdefault(reading.point.key, []).append(reading)
    earlier = measure.bridge([each for each in there if each.point.key in found])
    return bridged(task, [(each, tuple(found[each.point.key])) for each in earlier], most)


def _hashes(measure: Measure, networks: Sequence[Network], num_classes: int) -> Hashes:
    identity: Any = measure.identity()
    if not measure.classes_of_data:
        identity = [identity, {"num_classes": num_classes}]
    of_points = {
        network.point.key: digest_of([identity, own])
        for network in networks
        if (own := _identity_of(measure, network))
    }
    return Hashes(digest_of(identity), of_points)


def _identity_of(measure: Measure, network: Network) -> dict[str, Any]:
    """Where it can't be told, as of a file that can't be read, measuring the point will say why."""
    try:
        return measure.identity_of(network)
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - one point's trouble, and no other's
        return {"failed": reason_of(error)}


def _sentences(measure: Measure, networks: Sequence[Network], tasks: Sequence[Task]) -> list[str]:
    """What a measure says of its data, and which points are refused."""
    told: list[str] = []
    try:
        told += measure.describe(networks)
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - a plan without its sentences is still one
        told.append(f"can't say what it will look at: {reason_of(error)}")
    refused: dict[str, list[str]] = {}
    for task in tasks:
        if task.refusal:
            refused.setdefault(task.refusal, []).append(task.networks[0].point.label)
    again = [network.point.label for task in tasks for network, _ in task.earlier]
    if again:
        are = "is" if len(again) == 1 else "are"
        told.append(
            f"{listed(again)} {are} read once more beside them, to see whether the two sessions "
            "can be compared; what is stored of an earlier one stays"
        )
    return told + [f"{listed(labels)}: {refusal}" for refusal, labels in refused.items()]


def _check(settings: Settings, family: Family, points: Sequence[Point]) -> None:
    for point in points:
        if point.kind not in family.kinds:
            raise SettingsError(
                f'grid.kind = "{point.kind}": must be one of {", ".join(family.kinds)} '
                f"of family {family.name}"
            )
    for section in ("latency", "accuracy"):
        lowering = getattr(settings, section).lowering
        if lowering and lowering not in family.lowerings:
            raise SettingsError(
                f'{section}.lowering = "{lowering}": must be one of '
                f"{', '.join(family.lowerings)}, or empty for the platform's own"
            )


def _measure(settings: Settings, name: str) -> Measure:
    """A measure with its section: one of this package's own, or [custom.<name>]."""
    part = find("measure", name)
    section = getattr(settings, name, None) if name in type(settings).model_fields else None
    try:
        found = part(**settings.custom.get(name, {})) if section is None else part(section)
    except UnknownPartError:
        raise
    except (TypeError, ValueError) as error:
        if section is not None:
            raise
        raise SettingsError(f"custom.{short(name)}: {error}") from None
    named = f'measures = "{short(name)}"'
    if not isinstance(found, Measure):
        raise UnknownPartError(f"{named}: {lacking_base('measure')}")
    if lacking := [each for each in ("name", "metrics") if not hasattr(found, each)]:
        raise UnknownPartError(f"{named}: has no {' and no '.join(lacking)} (docs/adding.md)")
    return found


def machine_id(measure: Measure, machine: Machine) -> str:
    """Empty for readings that hold on any machine."""
    return machine.id if measure.machine_bound else ""


def memory_limit(settings: Settings, machine: Machine) -> Limit:
    """What a point may take; on an accelerator of its memory, where JAX knows that."""
    device = device_bytes() if machine.platform != "cpu" else 0
    return limit(settings.max_memory_share, machine.memory_bytes, device)
