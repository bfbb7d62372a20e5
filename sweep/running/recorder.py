"""What comes of a run's tasks: stored, told to whoever watches, and put in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sweep.contracts import Artefact, Ended, Engine, Event, Progressed, Said, Started
from sweep.host.interrupts import go_on
from sweep.host.machine import PACKAGES, versions_of
from sweep.results.schema import Stamp
from sweep.results.store import Store
from sweep.running.attempts import DEADLY, Attempts
from sweep.running.identities import machine_id
from sweep.running.owners import Owners
from sweep.running.plan import Plan, Task
from sweep.running.screening import Screened, all_failed, screen
from sweep.types import CurvePoint, Machine, Point, Reading, listed

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


@dataclass
class Recorder:
    """Tells the observer and the log what an engine is doing, and stores what comes of it."""

    plan: Plan
    store: Store
    commit: str
    machine: Machine
    observer: Observer
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        self.failures: list[str] = []  # "accuracy 0.5-160: why"
        self.machines = {self.machine.id: self.machine}  # that have executed something
        self.attempts = Attempts(self.store.path)
        self.under_way: dict[str, Task] = {}  # by their labels
        self.cut_off: tuple[str, ...] = ()  # what becomes of those that Ctrl-C has ended
        self._tasks: Sequence[Task] = ()

    def record(self, engine: Engine, tasks: Sequence[Task]) -> None:
        """Has the engine execute the tasks. Raises KeyboardInterrupt where one has been lost."""
        self._tasks = tasks
        with closing(engine.run(tasks)) as events:
            for event in events:
                self.take(event)

    def take(self, event: Event) -> None:
        """An event of the tasks under way."""
        task = self._tasks[event.index]
        match event:
            case Started():
                go_on()
                if event.here:
                    self.attempts.begin(task.label)
                self.under_way[task.label] = task
                self.observer.started(task)
                log.info("%s: started", task.label)
            case Progressed():
                go_on()
                self.observer.progressed(task, event.share, event.text)
            case Said():
                log.log(event.level, "%s: %s", task.label, event.text)
            case Ended():
                self._end(task, event)
                self.attempts.end(task.label)
                self.under_way.pop(task.label, None)

    def refuse(self, task: Task, reason: str) -> None:
        """A task that no engine is given has failed."""
        self.observer.started(task)
        self._end(task, self._nowhere(task, reason))

    def pass_over(self, task: Task) -> None:
        """A task turns out to be done already."""
        self.observer.started(task)
        self._told(task, "", 0.0)

    def foretold(self, task: Task) -> None:
        """Stores as failed what processes have died over, before it is tried again."""
        self._store(
            task, all_failed(task.measure, task.networks, DEADLY), self._nowhere(task, DEADLY)
        )

    def _end(self, task: Task, event: Ended) -> None:
        """Stores what a task has read or, of each point that failed, the reason in place of each of
        its metrics.
        """
        if event.trace:
            log.error("%s failed\n%s", task.label, event.trace)
        planned = self.plan.hashes[task.measure.name].versions
        there = {name: event.versions.get(name) for name in planned}
        failure = event.failure
        if planned != there:
            failure = f"executed with {_words(there)}, and the plan is for {_words(planned)}"
        if failure:
            screened = all_failed(task.measure, task.networks, failure)
        else:
            screened = screen(task.measure, task.networks, (*event.readings, *event.artefacts))
        self.machines[event.machine.id] = event.machine
        self._store(task, screened, event)
        self.failures += _failures(task, screened)
        self._told(task, "; ".join(dict.fromkeys(screened.reasons.values())), event.seconds)

    def _told(self, task: Task, reason: str, seconds: float) -> None:
        log.info("%s: %s in %.1f s", task.label, reason or "stored", seconds)
        self.observer.finished(task, seconds, reason)

    def _store(self, task: Task, screened: Screened, event: Ended) -> None:
        measure, hashes = task.measure, self.plan.hashes[task.measure.name]
        stamp = Stamp(
            settings_hash="",
            machine_id=machine_id(measure, event.machine),
            commit=self.commit,
            versions=json.dumps(event.versions, sort_keys=True),
            time=self.now().isoformat(timespec="seconds"),
        )
        owners, networks = Owners(task.networks), {each.point: each for each in task.networks}
        names = self._kept(screened.artefacts)
        for items, failed in ((screened.stored, False), (screened.failed, True)):
            batches: dict[str, list[Reading | CurvePoint]] = {}
            for item in items:
                own_hash = hashes.of(owners.of(item) or networks[item.point])
                batches.setdefault(own_hash, []).append(_filled_in(item, task, names))
            for settings_hash, own in batches.items():
                own_stamp = replace(stamp, settings_hash=settings_hash)
                self.store.add(measure.name, own, own_stamp, failed=failed)
        for point, own_names in names.items():
            self.plan.artefacts.note(networks[point], own_names)
        for network in task.networks:
            if network not in screened.reasons:
                measure.forget(network)

    def _kept(self, artefacts: Sequence[Artefact]) -> dict[Point, list[str]]:
        """Stores the files, before the readings that name them; their names, by point. One file may
        be several points'.
        """
        names: dict[Point, list[str]] = {}
        stored: dict[Path, str] = {}
        for each in artefacts:
            if each.path not in stored:
                stored[each.path] = self.store.keep(each.path, each.kind)
            names.setdefault(each.point, []).append(stored[each.path])
        return names

    def _nowhere(self, task: Task, reason: str) -> Ended:
        """The end of a task that nobody has executed."""
        versions = versions_of((*PACKAGES, *task.measure.versions))
        return Ended(0, self.machine, versions, 0.0, failure=reason)


def _filled_in(
    item: Reading | CurvePoint, task: Task, names: Mapping[Point, list[str]]
) -> Reading | CurvePoint:
    """With the replicate that it is of, and the names of its point's files."""
    seed = task.seed if item.seed is None else item.seed
    if isinstance(item, CurvePoint):
        return replace(item, seed=seed)
    return replace(item, seed=seed, artefacts=tuple(names.get(item.point, item.artefacts)))


def _words(versions: Mapping[str, str | None]) -> str:
    return listed([f"{name} {version}" for name, version in versions.items()])


def _failures(task: Task, screened: Screened) -> list[str]:
    """ "latency 0.5-160: why" for each point, or the task's own label where all failed alike."""
    reasons = screened.reasons
    if len(reasons) == len(task.networks) and len(set(reasons.values())) == 1:
        return [f"{task.label}: {reason}" for reason in set(reasons.values())]
    return [f"{task.measure.name} {network.label}: {why}" for network, why in reasons.items()]
