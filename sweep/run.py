"""A plan -> measured -> stored. The only room, with `plan`, that joins the others."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, Protocol, cast

from sweep.config import Settings
from sweep.contracts import JointMeasure, Measure, Preparing
from sweep.machine import Machine, commit
from sweep.plan import Hashes, Plan, Task, groups_of_cores, machine_id
from sweep.points import derive
from sweep.report.page import write
from sweep.report.view import view
from sweep.schema import Stamp
from sweep.store import Store, load, writer
from sweep.types import CurvePoint, Progress, Reading
from sweep.workers import Ended, Progressed, Said, Started, reason_of, side_by_side

log = logging.getLogger(__name__)


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
    """How a run ended: seconds by measure and of the report, what failed, whether by Ctrl-C."""

    stage_s: dict[str, float]
    failures: tuple[str, ...]
    interrupted: bool
    report: Path


def execute(
    plan: Plan,
    settings: Settings,
    store: Store,
    machine: Machine,
    observer: Observer,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Outcome:
    """Does what the plan says; a task's readings are on disk as soon as it is finished.

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
            name: {"settings_hash": hashes.measure}
            | ({"points": hashes.points} if hashes.points else {})
            for name, hashes in plan.hashes.items()
        },
    }
    as_run = settings.model_dump(mode="json")
    keeper = _Keeper(store, plan.hashes, run["commit"], machine, observer, now)
    stage_s: dict[str, float] = {}
    interrupted = False
    with store.writing():
        store.write_run(as_run, machine.as_dict(), run | {"writer": writer(run["started"])})
        try:
            for name, group in groupby(plan.tasks, key=lambda task: task.measure.name):
                began = time.perf_counter()
                try:
                    _stage(list(group), machine, keeper)
                finally:
                    stage_s[name] = time.perf_counter() - began
        except KeyboardInterrupt:
            interrupted = True
        store.compact()
        run |= {"finished": now().isoformat(timespec="seconds"), "interrupted": interrupted}
        store.write_run(as_run, machine.as_dict(), run | {"stage_s": stage_s})
        began = time.perf_counter()
        report = publish(store)
        stage_s = stage_s | {"report": time.perf_counter() - began}
    return Outcome(stage_s, tuple(keeper.failures), interrupted, report)


def publish(store: Store) -> Path:
    """Derives the points of what is stored, and draws the report."""
    results = load(store.path)
    store.write_points(derive(results.readings))
    report = store.path / "report.html"
    write(view(load(store.path)), report)
    return report


@dataclass
class _Keeper:
    """Tells the observer and the log what goes on, and stores what comes of it."""

    store: Store
    hashes: dict[str, Hashes]
    commit: str
    machine: Machine
    observer: Observer
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        self.failures: list[str] = []

    def started(self, task: Task) -> None:
        self.observer.started(task)
        log.info("%s: started", task.label)

    def ended(
        self, task: Task, items: Sequence[Reading | CurvePoint], seconds: float, failure: str
    ) -> None:
        """Stores a task's items or, where it failed, its reason in place of each of its metrics."""
        measure = task.measure
        if failure:
            self.failures.append(f"{task.label}: {failure}")
            items = [
                Reading(metric, network.point, None, reason=failure)
                for network in task.networks
                for metric in measure.metrics
            ]
        stamp = Stamp(
            settings_hash=self.hashes[measure.name].of(task.networks[0].point),
            machine_id=machine_id(measure, self.machine),
            commit=self.commit,
            versions=json.dumps(self.machine.versions, sort_keys=True),
            time=self.now().isoformat(timespec="seconds"),
        )
        self.store.add(measure.name, list(items), stamp, failed=bool(failure))
        log.info("%s: %s in %.1f s", task.label, failure or "stored", seconds)
        self.observer.finished(task, seconds, failure)


def _stage(tasks: Sequence[Task], machine: Machine, keeper: _Keeper) -> None:
    """All tasks of one measure."""
    if groups := groups_of_cores(tasks[0].measure, machine):
        # The longest first, so that the last ones to run are short and all cores end together.
        _beside(sorted(tasks, key=lambda task: -task.estimate_s), groups, keeper)
    else:
        _one_by_one(tasks, keeper)


def _beside(tasks: Sequence[Task], groups: Sequence[tuple[int, ...]], keeper: _Keeper) -> None:
    calls = [(cast("Measure", task.measure), task.networks[0]) for task in tasks]
    with closing(side_by_side(calls, groups)) as events:
        for event in events:
            task = tasks[event.index]
            match event:
                case Started():
                    keeper.started(task)
                case Progressed():
                    keeper.observer.progressed(task, event.share, event.text)
                case Said():
                    log.warning("%s: %s", task.label, event.text)
                case Ended():
                    if event.trace:
                        log.error("%s failed\n%s", task.label, event.trace)
                    keeper.ended(task, event.items, event.seconds, event.failure)


def _one_by_one(tasks: Sequence[Task], keeper: _Keeper) -> None:
    ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    prepared: Future[None] | None = None
    try:
        for task, following in zip_longest(tasks, tasks[1:]):
            if prepared is not None:
                wait([prepared])
            prepared = _prepare(ahead, task, following)
            _do(task, keeper)
    finally:
        ahead.shutdown(wait=False, cancel_futures=True)


def _prepare(ahead: ThreadPoolExecutor, task: Task, following: Task | None) -> Future[None] | None:
    """Starts on the task after this one, where the measure can prepare. If it fails, the task
    itself will say so.
    """
    if following is None or not isinstance(task.measure, Preparing):
        return None
    return ahead.submit(task.measure.prepare, following.networks[0])


def _do(task: Task, keeper: _Keeper) -> None:
    """Runs one task here and stores it."""
    began, failure = time.perf_counter(), ""
    keeper.started(task)
    items: list[Reading | CurvePoint] = []
    try:
        items = list(_call(task, lambda share, text: keeper.observer.progressed(task, share, text)))
    except Exception as error:
        log.exception("%s failed", task.label)
        failure = reason_of(error)
    keeper.ended(task, items, time.perf_counter() - began, failure)


def _call(task: Task, progress: Progress) -> Iterator[Reading | CurvePoint]:
    if isinstance(task.measure, JointMeasure):
        yield from task.measure.measure_together(task.networks, progress)
    else:
        yield from task.measure(task.networks[0], progress)
