"""What comes of a run's tasks: stored, told to whoever watches, and put in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from sweep.host.failures import SortedOut, all_failed, sort_out
from sweep.host.interrupts import go_on
from sweep.host.machine import Machine
from sweep.results.schema import Stamp
from sweep.results.store import Store
from sweep.running.attempts import DEADLY
from sweep.running.plan import Hashes, Task, machine_id
from sweep.types import CurvePoint, Reading

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
class Keeper:
    """Tells the observer and the log what goes on, and stores what comes of it."""

    store: Store
    hashes: dict[str, Hashes]
    commit: str
    machine: Machine
    observer: Observer
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        self.failures: list[str] = []  # "accuracy 0.5-160: why"

    def started(self, task: Task) -> None:
        """Before a task's first step. Raises KeyboardInterrupt where one has been lost."""
        go_on()
        self.observer.started(task)
        log.info("%s: started", task.label)

    def progressed(self, task: Task, share: float, text: str) -> None:
        """Now and then within a task. Raises KeyboardInterrupt where one has been lost."""
        go_on()
        self.observer.progressed(task, share, text)

    def ended(self, task: Task, items: Iterable[object], seconds: float, failure: str = "") -> None:
        """Stores what a task has read or, of each point that failed, the reason in place of each of
        its metrics.
        """
        measure, points = task.measure, [network.point for network in task.networks]
        if failure:
            found = all_failed(measure, points, failure)
        else:
            found = sort_out(measure, points, items)
        self._store(task, found)
        self.failures += _failures(task, found)
        told = "; ".join(dict.fromkeys(found.reasons.values()))
        log.info("%s: %s in %.1f s", task.label, told or "stored", seconds)
        self.observer.finished(task, seconds, told)

    def foretold(self, task: Task) -> None:
        """Stores as failed what processes have died over, before it is tried again."""
        points = [network.point for network in task.networks]
        self._store(task, all_failed(task.measure, points, DEADLY))

    def _store(self, task: Task, found: SortedOut) -> None:
        measure = task.measure
        stamp = Stamp(
            settings_hash="",
            machine_id=machine_id(measure, self.machine),
            commit=self.commit,
            versions=json.dumps(self.machine.versions, sort_keys=True),
            time=self.now().isoformat(timespec="seconds"),
        )
        for items, failed in ((found.stored, False), (found.failed, True)):
            for settings_hash, own in self._by_hash(measure.name, items).items():
                own_stamp = replace(stamp, settings_hash=settings_hash)
                self.store.add(measure.name, own, own_stamp, failed=failed)
        for network in task.networks:
            if network.point not in found.reasons:
                measure.forget(network.point)

    def _by_hash(
        self, measure: str, items: Sequence[Reading | CurvePoint]
    ) -> dict[str, list[Reading | CurvePoint]]:
        """What is stored under each hash: points that are measured together may have their own."""
        found: dict[str, list[Reading | CurvePoint]] = {}
        for item in items:
            found.setdefault(self.hashes[measure].of(item.point), []).append(item)
        return found


def _failures(task: Task, found: SortedOut) -> list[str]:
    """ "latency 0.5-160: why" for each point, or the task's own label where all failed alike."""
    if len(found.reasons) == len(task.networks) and len(set(found.reasons.values())) == 1:
        return [f"{task.label}: {reason}" for reason in set(found.reasons.values())]
    return [
        f"{task.measure.name} {point.label}: {reason}" for point, reason in found.reasons.items()
    ]
