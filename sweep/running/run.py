"""A plan -> executed -> stored. The only room, with `plan`, that joins the others."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from sweep.contracts import Engine
from sweep.host.interrupts import Terminated, ended_by
from sweep.host.machine import PACKAGES, versions_of
from sweep.report.content.build import view
from sweep.report.page.page import write
from sweep.results.load import load
from sweep.results.points import with_points
from sweep.results.store import Store, writer
from sweep.running.anew import cut_off
from sweep.running.attempts import Attempts
from sweep.running.identities import machine_id
from sweep.running.local import LocalEngine
from sweep.running.plan import Plan, Task
from sweep.running.provenance import command_line, commit
from sweep.running.recorder import Observer, Recorder
from sweep.settings.config import Settings
from sweep.types import Machine, listed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: seconds by measure and of the report, what failed, whether by Ctrl-C or, as
    `terminated` says, by SIGTERM; and what becomes of tasks that this cut off.
    """

    stage_s: dict[str, float]
    failures: tuple[str, ...]
    interrupted: bool
    report: Path
    terminated: bool = False
    cut_off: tuple[str, ...] = ()


def execute(
    plan: Plan,
    settings: Settings,
    store: Store,
    machine: Machine,
    observer: Observer,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    engine: Engine | None = None,
) -> Outcome:
    """Does what the plan says; a task's readings are on disk as soon as it is finished.

    engine: that executes the tasks; None for this machine. A task that fails is stored as failed,
    with its reason, and tried again by the next run. Ctrl-C, or SIGTERM where it is heard, ends it
    between two readings' being whole: what is finished is kept and reported.
    """
    run = _told(plan, settings, machine, now)
    as_run = settings.model_dump(mode="json")
    recorder = Recorder(plan, store, run["commit"], machine, observer, now)
    engine = engine or LocalEngine(machine)
    if isinstance(engine, LocalEngine):
        engine.most_bytes, engine.meanwhile = plan.limit_bytes, recorder.take

    def write_run(**more: Any) -> None:
        """What is asked for now; hashes grow with the artefacts that are made."""
        measures = {name: hashes.as_dict() for name, hashes in plan.hashes.items()}
        for each in recorder.machines.values():
            store.write_run(as_run, each.as_dict(), run | {"measures": measures} | more)

    with store.writing():
        begin = partial(write_run, writer=writer(run["started"]))
        begin()
        stage_s, end = _execute(plan, engine, recorder, begin)
        run |= {"finished": now().isoformat(timespec="seconds"), "interrupted": end is not None}
        write_run(stage_s=stage_s)
        began = time.perf_counter()
        report = publish(store)
        stage_s = stage_s | {"report": time.perf_counter() - began}
    return Outcome(
        stage_s,
        tuple(recorder.failures),
        end is not None,
        report,
        isinstance(end, Terminated),
        recorder.cut_off,
    )


def _told(
    plan: Plan, settings: Settings, machine: Machine, now: Callable[[], datetime]
) -> dict[str, Any]:
    """What run.json tells of a run that begins."""
    return {
        "command": command_line(["python", "-m", "sweep", *sys.argv[1:]]),
        "commit": commit(),
        "versions": versions_of(PACKAGES),
        "started": now().isoformat(timespec="seconds"),
        "machine_id": machine.id,
        "devices": dict(plan.devices),
        "points": [[p.family, p.kind, p.alpha, p.resolution] for p in plan.points],
        "base_resolution": settings.grid.base_resolution,
    }


def look_first(plan: Plan) -> tuple[str, ...]:
    """What the measures that have something to do find in their data, before any of them begins.

    Raises SettingsError where that must stop the run.
    """
    busy = {id(task.measure): task.measure for task in plan.tasks if not task.refusal}
    return tuple(f"{each.name}: {line}" for each in busy.values() for line in each.look())


def publish(store: Store) -> Path:
    """Derives the tables of what is stored, and draws the report."""
    results = load(store.path)
    store.write_derived(results)
    report = store.path / "report.html"
    write(view(with_points(results)), report)
    return report


def _execute(
    plan: Plan, engine: Engine, recorder: Recorder, write_run: Callable[[], None]
) -> tuple[dict[str, float], KeyboardInterrupt | None]:
    """The seconds of each measure, and what has ended them early."""
    stage_s: dict[str, float] = {}
    attempts = recorder.attempts
    for note in plan.notes:
        log.info("%s", note)
    try:
        _ready_to_resume(plan, attempts)
        for name, tasks in _stages(plan, recorder):
            began = time.perf_counter()
            try:
                recorder.record(engine, _ready(tasks, plan, recorder, write_run))
            finally:
                took = time.perf_counter() - began
                stage_s[name] = stage_s.get(name, 0.0) + took
    except KeyboardInterrupt as error:
        log.warning("%s", ended_by(isinstance(error, Terminated))[0].lower())
        if engine.name == LocalEngine.name:  # others' machines keep what they leave
            recorder.cut_off = cut_off(tuple(recorder.under_way.values()), attempts.path)
        for line in recorder.cut_off:
            log.warning("%s", line)
        return stage_s, error
    finally:
        attempts.close()
    return stage_s, None


def _ready_to_resume(plan: Plan, attempts: Attempts) -> None:
    """Tells measures where they may leave what is unfinished, and has them forget what is stored:
    a process may have died between the two.
    """
    for measure in plan.measures:
        measure.keep_in(attempts.path)
        if attempts.path.exists():
            tasks = [task for task in plan.tasks if task.measure is measure]
            left = {network for task in tasks for network in task.networks}
            for network in plan.hashes[measure.name].networks:
                if network not in left:
                    measure.forget(network)


def _stages(plan: Plan, recorder: Recorder) -> Iterator[tuple[str, list[Task]]]:
    """The tasks of each measure in turn; at the end, those that processes have died over, so that
    they keep no other from being measured and reported. Those that are refused are over at once.
    """
    tasks = []
    for task in plan.tasks:
        if task.refusal:
            recorder.refuse(task, task.refusal)
        else:
            tasks.append(task)
    deadly = [task for task in tasks if recorder.attempts.deadly(task.label)]
    rest = [task for task in tasks if task not in deadly]
    for name, group in groupby(rest, key=lambda task: task.measure.name):
        yield name, list(group)
    if deadly:
        for task in deadly:
            recorder.foretold(task)
        publish(recorder.store)
    for name, group in groupby(deadly, key=lambda task: task.measure.name):
        yield name, list(group)


def _ready(
    tasks: Sequence[Task], plan: Plan, recorder: Recorder, write_run: Callable[[], None]
) -> Sequence[Task]:
    """The tasks with the artefacts that their measure needs, now that those are made. Points that
    lack one have failed; points that are stored already, as read with the same ones, are done.
    """
    measure, artefacts = tasks[0].measure, plan.artefacts
    if not measure.needs:
        return tasks
    write_run()  # hashes are made with the artefacts'
    finished = set() if measure.name in plan.again else recorder.store.finished()
    hashes, here = plan.hashes[measure.name], machine_id(measure, recorder.machine)
    ready = []
    for task in tasks:
        left = []
        for network in task.networks:
            alone = replace(task, networks=(network,))
            identity = network.point.key, measure.name, hashes.of(network), task.machine or here
            if not artefacts.names_of(network, measure.needs):
                recorder.refuse(alone, f"there is no {listed(list(measure.needs))} of this point")
            elif identity in finished:
                recorder.pass_over(alone)
            else:
                left.append(artefacts.handed(network, measure.needs))
        if left:
            ready.append(replace(task, networks=tuple(left)))
    return ready
