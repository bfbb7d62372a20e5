"""What is left to do: the grid minus what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweep import grid
from sweep.config import Settings, SettingsError, digest_of
from sweep.contracts import (
    Describing,
    Estimating,
    Family,
    JointMeasure,
    Measure,
    Network,
    PointBound,
    SideBySide,
)
from sweep.machine import Machine
from sweep.registry import UnknownPartError, find
from sweep.store import Store
from sweep.toml_data import short
from sweep.types import Point, listed
from sweep.workers import places

# What a task of a measure that offers no estimate is taken to last.
UNKNOWN_ESTIMATE_S = 10.0


@dataclass(frozen=True)
class Task:
    """One call of a measure: on one network, or on all of them where it measures jointly."""

    measure: Measure | JointMeasure
    networks: tuple[Network, ...]
    estimate_s: float

    @property
    def label(self) -> str:
        """For a progress bar: "accuracy 0.75-192"."""
        if len(self.networks) == 1:
            return f"{self.measure.name} {self.networks[0].point.label}"
        return f"{self.measure.name}, {len(self.networks)} points together"


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
    measures: tuple[Measure | JointMeasure, ...]
    hashes: dict[str, Hashes]  # by the measure's name
    done: int  # point-measure pairs stored by earlier runs
    notes: tuple[str, ...] = ()  # what the measures say of their data, "accuracy: .."

    @property
    def estimate_s(self) -> float:
        """Seconds on the machine that the measures' estimates were taken on."""
        return sum(task.estimate_s for task in self.tasks)


def make_plan(settings: Settings, store: Store, machine: Machine) -> Plan:
    """Raises SettingsError where the family lacks a kind or lowering, LookupError for a part that
    doesn't exist.
    """
    family: Family = find("family", settings.family)()
    points = grid.points(settings.grid, family=family.name)
    _check(settings, family, points)
    measures = tuple(_measure(settings, name) for name in settings.measures)
    names = [measure.name for measure in measures]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"measures: several are called {listed(sorted(twice))}")
    finished = store.finished()
    tasks: list[Task] = []
    hashes: dict[str, Hashes] = {}
    notes: list[str] = []
    done = 0
    for name, measure in zip(settings.measures, measures, strict=True):
        wanted = [
            point
            for point in points
            if name in grid.measures_of(settings.grid, point, settings.measures)
        ]
        networks = [Network(point, family, settings.num_classes) for point in wanted]
        own = hashes[measure.name] = _hashes(measure, networks)
        where = machine_id(measure, machine)
        missing = [
            network
            for network in networks
            if (network.point.key, measure.name, own.of(network.point), where) not in finished
        ]
        done += len(networks) - len(missing)
        tasks += _tasks(measure, missing, machine)
        if isinstance(measure, Describing):
            notes += [f"{measure.name}: {line}" for line in measure.describe(networks)]
    return Plan(tuple(tasks), points, measures, hashes, done, tuple(notes))


def _hashes(measure: Measure | JointMeasure, networks: Sequence[Network]) -> Hashes:
    identity = measure.identity()
    of_points = {}
    if isinstance(measure, PointBound):
        of_points = {
            network.point.key: digest_of([identity, measure.identity_of(network)])
            for network in networks
        }
    return Hashes(digest_of(identity), of_points)


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


def _measure(settings: Settings, name: str) -> Measure | JointMeasure:
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
    if not isinstance(found, (Measure, JointMeasure)):
        raise UnknownPartError(f'measures = "{short(name)}": is no measure (docs/adding.md)')
    return found


def machine_id(measure: Measure | JointMeasure, machine: Machine) -> str:
    """Empty for readings that hold on any machine."""
    return machine.id if measure.machine_bound else ""


def groups_of_cores(
    measure: Measure | JointMeasure, machine: Machine
) -> tuple[tuple[int, ...], ...]:
    """For each point that is measured at the same time, the cores it has; () where points are
    measured one after the other in this process, as on an accelerator that they would share.
    """
    if isinstance(measure, SideBySide) and measure.threads and machine.platform == "cpu":
        return places(measure.threads, machine.memory_bytes)
    return ()


def _tasks(
    measure: Measure | JointMeasure, networks: Sequence[Network], machine: Machine
) -> Iterator[Task]:
    if not networks:
        return
    at_once = len(groups_of_cores(measure, machine)) or 1
    groups = (
        [tuple(networks)]
        if isinstance(measure, JointMeasure)
        else [(network,) for network in networks]
    )
    for group in groups:
        estimate = UNKNOWN_ESTIMATE_S * len(group)
        if isinstance(measure, Estimating):
            estimate = measure.estimate_s(group)
        yield Task(measure, group, estimate / at_once)
