"""A plan -> measured -> stored. The only room, with `plan`, that joins the others."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

from sweep.host.failures import reason_of
from sweep.host.interrupts import Terminated
from sweep.host.machine import Machine
from sweep.report.content.build import view
from sweep.report.page.page import write
from sweep.results.points import with_points
from sweep.results.store import Store, load, writer
from sweep.running.attempts import Unfinished
from sweep.running.plan import Plan, Task, groups_of_cores
from sweep.running.provenance import command_line, commit
from sweep.running.recorder import Keeper, Observer
from sweep.running.workers import WORKER_BYTES, Ended, Progressed, Said, Started, side_by_side
from sweep.settings.config import Settings
from sweep.types import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: seconds by measure and of the report, what failed, whether by Ctrl-C or, as
    `terminated` says, by SIGTERM.
    """

    stage_s: dict[str, float]
    failures: tuple[str, ...]
    interrupted: bool
    report: Path
    terminated: bool = False


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
    Ctrl-C, or SIGTERM where it is heard, ends it between two readings' being whole: what is
    finished is kept and reported.
    """
    run: dict[str, Any] = {
        "command": command_line(["python", "-m", "sweep", *sys.argv[1:]]),
        "commit": commit(),
        "started": now().isoformat(timespec="seconds"),
        "machine_id": machine.id,
        "points": [[p.family, p.kind, p.alpha, p.resolution] for p in plan.points],
        "base_resolution": settings.grid.base_resolution,
        "measures": {
            name: {"settings_hash": hashes.measure}
            | ({"points": hashes.points} if hashes.points else {})
            for name, hashes in plan.hashes.items()
        },
    }
    as_run = settings.model_dump(mode="json")
    keeper = Keeper(store, plan.hashes, run["commit"], machine, observer, now)
    stage_s: dict[str, float] = {}
    end: KeyboardInterrupt | None = None
    with store.writing():
        store.write_run(as_run, machine.as_dict(), run | {"writer": writer(run["started"])})
        unfinished = Unfinished(store.path)
        for note in plan.notes:
            log.info("%s", note)
        try:
            _ready_to_resume(plan, unfinished)
            for name, tasks in _stages(plan, unfinished, keeper):
                began = time.perf_counter()
                try:
                    _stage(tasks, plan, machine, keeper, unfinished)
                finally:
                    took = time.perf_counter() - began
                    stage_s[name] = stage_s.get(name, 0.0) + took
        except KeyboardInterrupt as error:
            end = error
        finally:
            unfinished.close()
        store.compact()
        run |= {"finished": now().isoformat(timespec="seconds"), "interrupted": end is not None}
        store.write_run(as_run, machine.as_dict(), run | {"stage_s": stage_s})
        began = time.perf_counter()
        report = publish(store)
        stage_s = stage_s | {"report": time.perf_counter() - began}
    return Outcome(
        stage_s, tuple(keeper.failures), end is not None, report, isinstance(end, Terminated)
    )


def look_first(plan: Plan) -> tuple[str, ...]:
    """What the measures that have something to do find in their data, before any of them begins.

    Raises SettingsError where that must stop the run.
    """
    busy = {id(task.measure): task.measure for task in plan.tasks if not task.refusal}
    return tuple(f"{each.name}: {line}" for each in busy.values() for line in each.look())


def publish(store: Store) -> Path:
    """Derives the points of what is stored, and draws the report."""
    store.write_points(with_points(load(store.path)).points)
    report = store.path / "report.html"
    write(view(load(store.path)), report)
    return report


def _ready_to_resume(plan: Plan, unfinished: Unfinished) -> None:
    """Tells measures where they may leave what is unfinished, and has them forget what is stored:
    a process may have died between the two.
    """
    for measure in plan.measures:
        measure.keep_in(unfinished.path)
        if unfinished.path.exists():
            tasks = [task for task in plan.tasks if task.measure is measure]
            left = {network.point for task in tasks for network in task.networks}
            for point in plan.points:
                if point not in left:
                    measure.forget(point)


def _stages(plan: Plan, unfinished: Unfinished, keeper: Keeper) -> Iterator[tuple[str, list[Task]]]:
    """The tasks of each measure in turn; at the end, those that processes have died over, so that
    they keep no other from being measured and reported. Those that are refused are over at once.
    """
    tasks = []
    for task in plan.tasks:
        if task.refusal:
            keeper.started(task)
            keeper.ended(task, (), 0.0, task.refusal)
        else:
            tasks.append(task)
    deadly = [task for task in tasks if unfinished.deadly(task.label)]
    rest = [task for task in tasks if task not in deadly]
    for name, group in groupby(rest, key=lambda task: task.measure.name):
        yield name, list(group)
    if deadly:
        for task in deadly:
            keeper.foretold(task)
        publish(keeper.store)
    for name, group in groupby(deadly, key=lambda task: task.measure.name):
        yield name, list(group)


def _stage(
    tasks: Sequence[Task], plan: Plan, machine: Machine, keeper: Keeper, unfinished: Unfinished
) -> None:
    """Tasks of one measure."""
    if groups := groups_of_cores(tasks[0].measure, machine):
        # The longest first, so that the last ones to run are short and all cores end together.
        tasks = sorted(tasks, key=lambda task: -task.estimate_s)
        _beside(tasks, groups, plan.limit_bytes, keeper)
    else:
        _one_by_one(tasks, keeper, unfinished)


def _beside(
    tasks: Sequence[Task], groups: Sequence[tuple[int, ...]], limit: int, keeper: Keeper
) -> None:
    calls = [(task.measure, task.networks[0]) for task in tasks]
    needs = [task.bytes or WORKER_BYTES for task in tasks]
    with closing(side_by_side(calls, groups, needs=needs, limit=limit)) as events:
        for event in events:
            task = tasks[event.index]
            match event:
                case Started():
                    keeper.started(task)
                case Progressed():
                    keeper.progressed(task, event.share, event.text)
                case Said():
                    log.log(event.level, "%s: %s", task.label, event.text)
                case Ended():
                    if event.trace:
                        log.error("%s failed\n%s", task.label, event.trace)
                    keeper.ended(task, event.items, event.seconds, event.failure)


def _one_by_one(tasks: Sequence[Task], keeper: Keeper, unfinished: Unfinished) -> None:
    ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    prepared: Future[None] | None = None
    try:
        for task, following in zip_longest(tasks, tasks[1:]):
            if prepared is not None:
                wait([prepared])
            prepared = _prepare(ahead, task, following)
            unfinished.begin(task.label)
            _do(task, keeper)
            unfinished.end(task.label)
    finally:
        ahead.shutdown(wait=False, cancel_futures=True)


def _prepare(ahead: ThreadPoolExecutor, task: Task, following: Task | None) -> Future[None] | None:
    """Starts on the task after this one, where the measure can prepare. If it fails, the task
    itself will say so.
    """
    if following is None:
        return None
    return ahead.submit(task.measure.prepare, following.networks[0])


def _do(task: Task, keeper: Keeper) -> None:
    """Runs one task here and stores it."""
    began, failure = time.perf_counter(), ""
    keeper.started(task)
    items: list[object] = []
    try:
        items = list(_call(task, lambda share, text: keeper.progressed(task, share, text)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a call of sys.exit, too
        log.exception("%s failed", task.label)
        failure = reason_of(error)
    keeper.ended(task, items, time.perf_counter() - began, failure)


def _call(task: Task, progress: Progress) -> Iterator[object]:
    if task.earlier:
        yield from task.measure.measure_bridged(task.networks, dict(task.earlier), progress)
    else:
        yield from task.measure(task.networks, progress)
