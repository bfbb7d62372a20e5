"""plan = grid minus what is stored -> measure -> store. The only room that joins the others."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol

from sweep import grid
from sweep.config import Settings, SettingsError, digest_of
from sweep.machine import Machine, commit
from sweep.points import derive
from sweep.registry import find
from sweep.report.page import write
from sweep.report.view import view
from sweep.schema import Stamp
from sweep.store import Store, load
from sweep.types import (
    CurvePoint,
    Estimating,
    Family,
    JointMeasure,
    Measure,
    Network,
    Point,
    Preparing,
    Progress,
    Reading,
)

log = logging.getLogger(__name__)

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
class Plan:
    """What is left to do, and how much is done already."""

    tasks: tuple[Task, ...]
    points: tuple[Point, ...]
    measures: tuple[Measure | JointMeasure, ...]
    done: int  # point-measure pairs stored by earlier runs

    @property
    def estimate_s(self) -> float:
        """Seconds on the machine that the measures' estimates were taken on."""
        return sum(task.estimate_s for task in self.tasks)


class Observer(Protocol):
    """Who watches a run: a progress bar, a test."""

    def started(self, task: Task) -> None:
        """Before a task's first step."""
        ...

    def progressed(self, task: Task, share: float, text: str) -> None:
        """Now and then within a task: the share done, 0..1, and what is going on."""
        ...

    def finished(self, task: Task, seconds: float, failure: str) -> None:
        """Once the task's readings are on disk; `failure` is empty where it went well."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a run ended: seconds by measure, what failed, whether Ctrl-C ended it."""

    stage_s: dict[str, float]
    failures: tuple[str, ...]
    interrupted: bool
    report: Path


def make_plan(settings: Settings, store: Store, machine: Machine) -> Plan:
    """Raises SettingsError where the family lacks a kind or lowering, LookupError for a part that
    doesn't exist.
    """
    family: Family = find("family", settings.family)()
    points = grid.points(settings.grid, family=family.name)
    _check(settings, family, points)
    measures = tuple(_measure(settings, name) for name in settings.measures)
    finished = store.finished()
    tasks: list[Task] = []
    done = 0
    for name, measure in zip(settings.measures, measures, strict=True):
        wanted = [
            point
            for point in points
            if name in grid.measures_of(settings.grid, point, settings.measures)
        ]
        identity = (digest_of(measure.identity()), _machine_id(measure, machine))
        missing = [
            point for point in wanted if (point.key, measure.name, *identity) not in finished
        ]
        done += len(wanted) - len(missing)
        networks = [Network(point, family, settings.num_classes) for point in missing]
        tasks += _tasks(measure, networks)
    return Plan(tuple(tasks), points, measures, done)


def execute(
    plan: Plan,
    settings: Settings,
    store: Store,
    machine: Machine,
    observer: Observer,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Outcome:
    """Does what the plan says; every task's readings are on disk before the next begins.

    A task that fails is stored as failed, with its reason, and tried again by the next run.
    Ctrl-C ends it between two readings' being whole: what is finished is kept and reported.
    """
    run: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "sweep", *sys.argv[1:]]),
        "commit": commit(),
        "started": now().isoformat(timespec="seconds"),
        "machine_id": machine.id,
        "points": [[p.family, p.kind, p.alpha, p.resolution] for p in plan.points],
        "measures": {
            measure.name: {"settings_hash": digest_of(measure.identity())}
            for measure in plan.measures
        },
    }
    as_run = settings.model_dump(mode="json")
    store.write_run(as_run, machine.as_dict(), run)
    stage_s: dict[str, float] = {}
    failures: list[str] = []
    interrupted = False
    ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    prepared: Future[None] | None = None
    try:
        for task, following in zip_longest(plan.tasks, plan.tasks[1:]):
            if prepared is not None:
                wait([prepared])
            prepared = _prepare(ahead, task, following)
            seconds, failure = _do(task, store, run, machine, observer, now)
            stage_s[task.measure.name] = stage_s.get(task.measure.name, 0.0) + seconds
            failures += [failure] if failure else []
    except KeyboardInterrupt:
        interrupted = True
    finally:
        ahead.shutdown(wait=False, cancel_futures=True)
    run |= {"finished": now().isoformat(timespec="seconds"), "interrupted": interrupted}
    store.write_run(as_run, machine.as_dict(), run | {"stage_s": stage_s})
    return Outcome(stage_s, tuple(failures), interrupted, publish(store))


def publish(store: Store) -> Path:
    """Derives the points of what is stored, and draws the report."""
    results = load(store.path)
    store.write_points(derive(results.readings))
    report = store.path / "report.html"
    write(view(load(store.path)), report)
    return report


def _check(settings: Settings, family: Family, points: Sequence[Point]) -> None:
    for point in points:
        if point.kind not in family.kinds:
            raise SettingsError(
                f'grid.kind = "{point.kind}": must be one of {", ".join(family.kinds)} '
                f"of family {family.name}"
            )
    lowering = settings.latency.lowering
    if lowering and lowering not in family.lowerings:
        raise SettingsError(
            f'latency.lowering = "{lowering}": must be one of {", ".join(family.lowerings)}, '
            "or empty for the platform's own"
        )


def _measure(settings: Settings, name: str) -> Measure | JointMeasure:
    """A measure with its section: one of this package's own, or [custom.<name>]."""
    part = find("measure", name)
    section = getattr(settings, name, None) if name in type(settings).model_fields else None
    if section is not None:
        return part(section)
    return part(**settings.custom.get(name, {}))


def _machine_id(measure: Measure | JointMeasure, machine: Machine) -> str:
    """Empty for readings that hold on any machine."""
    return machine.id if measure.machine_bound else ""


def _tasks(measure: Measure | JointMeasure, networks: Sequence[Network]) -> Iterator[Task]:
    if not networks:
        return
    groups = (
        [tuple(networks)]
        if isinstance(measure, JointMeasure)
        else [(network,) for network in networks]
    )
    for group in groups:
        estimate = UNKNOWN_ESTIMATE_S * len(group)
        if isinstance(measure, Estimating):
            estimate = measure.estimate_s(group)
        yield Task(measure, group, estimate)


def _prepare(ahead: ThreadPoolExecutor, task: Task, following: Task | None) -> Future[None] | None:
    """Starts on the task after this one, where both are of a measure that can: never beside
    another measure, whose timings it would disturb. If it fails, the task itself will say so.
    """
    if (
        following is None
        or following.measure is not task.measure
        or not isinstance(task.measure, Preparing)
    ):
        return None
    return ahead.submit(task.measure.prepare, following.networks[0])


def _do(
    task: Task,
    store: Store,
    run: dict[str, Any],
    machine: Machine,
    observer: Observer,
    now: Callable[[], datetime],
) -> tuple[float, str]:
    """Runs one task and stores it. Returns its seconds and, where it failed, why."""
    measure = task.measure
    began, failure = time.perf_counter(), ""
    observer.started(task)
    log.info("%s: started", task.label)
    try:
        items = list(_call(task, lambda share, text: observer.progressed(task, share, text)))
    except Exception as error:
        log.exception("%s failed", task.label)
        failure = f"{type(error).__name__}: {error}"
        items = [
            Reading(metric, network.point, None, reason=failure)
            for network in task.networks
            for metric in measure.metrics
        ]
    stamp = Stamp(
        settings_hash=run["measures"][measure.name]["settings_hash"],
        machine_id=_machine_id(measure, machine),
        commit=run["commit"],
        versions=json.dumps(machine.versions, sort_keys=True),
        time=now().isoformat(timespec="seconds"),
    )
    store.add(measure.name, items, stamp, failed=bool(failure))
    seconds = time.perf_counter() - began
    log.info("%s: %s in %.1f s", task.label, failure or "stored", seconds)
    observer.finished(task, seconds, failure)
    return seconds, f"{task.label}: {failure}" if failure else ""


def _call(task: Task, progress: Progress) -> Iterator[Reading | CurvePoint]:
    if isinstance(task.measure, JointMeasure):
        yield from task.measure.measure_together(task.networks, progress)
    else:
        yield from task.measure(task.networks[0], progress)
