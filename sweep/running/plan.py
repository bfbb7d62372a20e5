"""What is left to do: the grid minus what is stored."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field

from sweep.contracts import Device, Engine, Family, Limit, Measure, Network
from sweep.host.failures import reason_of
from sweep.results.identity import Identity
from sweep.results.load import readings_of
from sweep.results.schema import reading_of
from sweep.results.sessions import SESSION, main_session
from sweep.results.store import Store
from sweep.running.anew import MOST_NAMED, going_on, why_anew
from sweep.running.artefacts import Artefacts, in_order, seeds_of
from sweep.running.attempts import FOLDER
from sweep.running.identities import Hashes, machine_id
from sweep.running.local import LocalEngine
from sweep.running.tasks import Task, bridged, on_device, tasks_of
from sweep.settings import grid
from sweep.settings.config import Settings
from sweep.settings.registry import UnknownPartError, find
from sweep.settings.toml_data import short
from sweep.types import Machine, Point, Reading, SettingsError, listed

__all__ = ["Plan", "Task", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """What is left to do, and how much is done already."""

    tasks: tuple[Task, ...]
    points: tuple[Point, ...]
    measures: tuple[Measure, ...]
    hashes: dict[str, Hashes]  # by the measure's name
    artefacts: Artefacts
    done: int  # readings of a point, of one replicate where there are several, that are stored
    notes: tuple[str, ...] = ()  # what the measures say of their data, "accuracy: .."
    limit_bytes: int = 0  # that tasks may take together; 0 for any
    again: frozenset[str] = frozenset()  # measures whose points are measured whatever is stored
    devices: Mapping[str, str] = field(default_factory=dict)  # machine ids by kinds' names

    @property
    def estimate_s(self) -> float:
        """Seconds on the machine that the measures' estimates were taken on."""
        return sum(task.estimate_s for task in self.tasks)


@dataclass
class _Part:
    """What is there of one measure on one device, and what is to be measured now."""

    name: str  # in the settings
    measure: Measure
    device: Device
    networks: list[Network]
    hashes: Hashes
    there: dict[Network, Identity]
    wanted: bool
    again: bool  # whatever is stored

    def identity(self, network: Network) -> Identity:
        """What its readings are stored under."""
        where = machine_id(self.measure, self.device.machine)
        return network.point.key, self.measure.name, self.hashes.of(network), where

    @property
    def missing(self) -> list[Network]:
        return [each for each in self.networks if self.wanted and each not in self.there]


def make_plan(
    settings: Settings,
    store: Store,
    machine: Machine,
    *,
    again: Collection[str] = (),
    only: Collection[str] = (),
    engine: Engine | None = None,
) -> Plan:
    """again: measures, as the settings name them, whose points are all measured anew; only: those
    that are measured now, all where it is empty. engine: that will do it; None for this machine.

    Raises SettingsError where the family lacks a kind or lowering, where points don't fit a
    measure's settings, or where measures need what the others don't give; LookupError for a part
    that doesn't exist.
    """
    _check_options(settings, again, only)
    family: Family = find("family", settings.family)()
    points = grid.points(settings.grid, family=family.name)
    _check(settings, family, points)
    engine = engine or LocalEngine(machine)
    artefacts = Artefacts(store.path)
    parts: list[_Part] = []
    measures = in_order(_measures(settings))
    for name, measure in measures.items():
        networks = [
            Network(point, family, settings.num_classes, seed=seed, deployment=deployment)
            for seed in seeds_of(name, measures) or (None,)
            for deployment in measure.deployments or (None,)
            for point in points
            if name in grid.measures_of(settings.grid, point, settings.measures)
        ]
        hashes = Hashes(measure, networks, settings.num_classes, artefacts)
        wanted = not only or name in only
        for device in engine.devices(measure) if measure.machine_bound else (Device("", machine),):
            parts.append(_Part(name, measure, device, networks, hashes, {}, wanted, name in again))
    _look_up(parts, store, artefacts)
    most = engine.limit(settings.max_memory_share)
    tasks, notes = _tasks(parts, settings, store, engine, artefacts, most)
    notes += _outside(points, store)
    return Plan(
        tuple(tasks),
        points,
        tuple(measures.values()),
        {part.measure.name: part.hashes for part in parts},
        artefacts,
        sum(len(part.there) for part in parts),
        tuple(notes),
        most.bytes,
        frozenset(part.measure.name for part in parts if part.again),
        {part.device.name: part.device.machine.id for part in parts if part.device.name},
    )


def _outside(points: Sequence[Point], store: Store) -> list[str]:
    """Which stored points the report will not show."""
    left = {identity[0] for identity in store.finished()} - {point.key for point in points}
    if not left:
        return []
    are, they = ("point is", "it stays") if len(left) == 1 else ("points are", "they stay")
    named = listed([point.label for point in Point.of(left)], longest=MOST_NAMED)
    return [f"{len(left)} {are} stored that this grid does not have ({named}): {they}, unshown."]


def _look_up(parts: Sequence[_Part], store: Store, artefacts: Artefacts) -> None:
    """What of each part is stored. Raises SettingsError as the measures' checks do."""
    finished = store.finished()
    needed = {kind for part in parts for kind in part.measure.needs}
    for part in parts:
        if part.wanted:
            part.measure.check_points(part.networks)
        if not part.again:
            part.there = _finished(part, finished, artefacts)
        joint = part.measure.together and part.measure.gives
        if part.there and (joint or needed.intersection(part.measure.gives)):
            _note_artefacts(part, store, artefacts)
    _give_again(parts, artefacts)


def _finished(
    part: _Part, finished: Container[Identity], artefacts: Artefacts
) -> dict[Network, Identity]:
    """The networks whose readings are stored, under the identities that they have now."""
    known = _identities(part, part.networks, artefacts)
    return {network: each for network, each in known.items() if each in finished}


def _identities(
    part: _Part, networks: Sequence[Network], artefacts: Artefacts
) -> dict[Network, Identity]:
    """Of those whose files, that the measure needs, are there."""
    needs = part.measure.needs
    return {
        network: part.identity(network)
        for network in networks
        if not needs or artefacts.names_of(network, needs)
    }


def _note_artefacts(part: _Part, store: Store, artefacts: Artefacts) -> None:
    """Which files the stored readings belong to."""
    networks = {(each[0], each[2]): network for network, each in part.there.items()}
    for row in readings_of(store.path, set(part.there.values())).to_dict("records"):
        reading = reading_of({str(name): value for name, value in row.items()})
        network = networks[reading.point.key, row["settings_hash"]]
        artefacts.note(network, reading.artefacts)


def _give_again(parts: Sequence[_Part], artefacts: Artefacts) -> None:
    """Where a file is gone or damaged that is wanted now, it is made again, and what else needs it
    is looked at again then.
    """
    for needing in reversed(parts):
        for network in needing.missing:
            for kind in artefacts.damaged(network, needing.measure.needs):
                artefacts.forget(network, kind)
                for part in parts:
                    if kind in (*part.measure.gives, *part.measure.needs):
                        part.there.pop(network, None)


def _tasks(
    parts: Sequence[_Part],
    settings: Settings,
    store: Store,
    engine: Engine,
    artefacts: Artefacts,
    most: Limit,
) -> tuple[list[Task], list[str]]:
    """What there is to do, and what the measures say of it."""
    tasks: list[Task] = []
    notes: list[str] = []
    for part in parts:
        measure = part.measure
        own = tasks_of(measure, part.missing, engine, most)
        if measure.machine_bound:
            own = [on_device(task, part.device) for task in own]
        if measure.together and part.there:
            own = [_bridged(task, store, part.there, artefacts, most) for task in own]
        tasks += own
        lines = _sentences(measure, part.networks, own)
        if left := going_on(measure, part.missing, store.path / FOLDER):
            lines.append(f"continued where they were cut off: {listed(left)}")
        missing = _identities(part, part.missing, artefacts)
        versions = part.hashes.versions
        lines += why_anew(measure, missing, part.name, settings, versions, store, again=part.again)
        if own:
            lines += engine.notes(measure, part.missing)
        notes += [f"{measure.name}: {line}" for line in lines]
    return tasks, list(dict.fromkeys(notes))


def _check_options(settings: Settings, again: Collection[str], only: Collection[str]) -> None:
    for option, names in (("--again", again), ("--only", only)):
        for name in names:
            if name not in settings.measures:
                raise SettingsError(
                    f"{option} {name}: must be one of measures = {list(settings.measures)}"
                )
    for name in again:
        if only and name not in only:
            raise SettingsError(f"--again {name}: goes together with --only {name}, or with none")


def _bridged(
    task: Task,
    store: Store,
    there: Mapping[Network, Identity],
    artefacts: Artefacts,
    most: Limit,
) -> Task:
    """The task with networks of the session that most readings are of, to be read again, and their
    files.
    """
    if task.refusal:
        return task
    there = {network: each for network, each in there.items() if network.seed == task.seed}
    readings = readings_of(store.path, set(there.values()))
    if session := main_session(readings):
        readings = readings.loc[readings[SESSION] == session]
    of_network: dict[Network, list[Reading]] = {}
    by_hash = {(each[0], each[2]): network for network, each in there.items()}
    for row in readings.to_dict("records"):
        reading = reading_of({str(name): value for name, value in row.items()})
        network = by_hash[reading.point.key, row["settings_hash"]]
        of_network.setdefault(network, []).append(reading)
    gives = task.measure.gives
    earlier = task.measure.bridge(
        [
            each if artefacts.damaged(each, gives) else artefacts.handed(each, gives)
            for each in there
            if each in of_network
        ]
    )
    return bridged(task, [(each, tuple(of_network[each])) for each in earlier], most)


def _sentences(measure: Measure, networks: Sequence[Network], tasks: Sequence[Task]) -> list[str]:
    """What a measure that has something to do says of its data, and which points are refused."""
    told: list[str] = []
    try:
        told += measure.describe(networks) if tasks else ()
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - a plan without its sentences is still one
        told.append(f"can't say what it will look at: {reason_of(error)}")
    refused: dict[str, list[str]] = {}
    for task in tasks:
        if task.refusal:
            refused.setdefault(task.refusal, []).append(task.networks[0].label)
    earlier = [network for task in tasks for network, _ in task.earlier]
    if earlier:
        told.append(measure.describe_bridge(earlier))
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


def _measures(settings: Settings) -> dict[str, Measure]:
    """By the names that the settings give them."""
    measures = {name: _measure(settings, name) for name in settings.measures}
    names = [measure.name for measure in measures.values()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"measures: several are called {listed(sorted(twice))}")
    return measures


def _measure(settings: Settings, name: str) -> Measure:
    """A measure with its section: one of this package's own, with those that it names as `also`
    behind it, or [custom.<name>].
    """
    part = find("measure", name)
    section = getattr(settings, name, None) if name in type(settings).model_fields else None
    others = [getattr(settings, other) for other in getattr(part, "also", ())]
    try:
        if section is None:
            measure = part(**settings.custom.get(name, {}))
        else:
            measure = part(section, *others)
    except UnknownPartError:
        raise
    except (TypeError, ValueError) as error:
        if section is not None:
            raise
        raise SettingsError(f"custom.{short(name)}: {error}") from None
    named = f'measures = "{short(name)}"'
    if lacking := [each for each in ("name", "metrics") if not hasattr(measure, each)]:
        raise UnknownPartError(f"{named}: has no {' and no '.join(lacking)} (docs/adding.md)")
    return measure
