"""The tasks of one run of the Ray engine: what is begun where, what comes of it, and what is lost
with its machine.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from sweep.contracts import Call, Ended, Event, Measure, Said
from sweep.host.failures import OUT_OF_MEMORY, reason_of
from sweep.host.machine import PACKAGES, versions_of
from sweep.running import ray_node
from sweep.running.calls import pickled, pickled_rest, turn
from sweep.running.local import GRACE_S
from sweep.running.ray_node import Delivered, Job
from sweep.running.ray_nodes import Nodes, on, threads_of
from sweep.running.surroundings import Surroundings
from sweep.types import Machine, digest_of

log = logging.getLogger(__name__)

BATCH_S = 10.0  # of light calls that go together, by their estimates
RETRIES = 3  # of a call whose machine is lost
WAIT_S = 1.0  # between two looks at the cluster
# Ray's own memory monitor ends a supervisor, and its process with it.
KILLED_FOR_MEMORY = f"{OUT_OF_MEMORY} (Ray ended the process: its machine was about to run out)"


@dataclass(eq=False)
class _Batch:
    """Calls that one task performs, by their indices; tries: that were lost with their machine."""

    indices: list[int]
    measure: Measure
    machine: str
    tries: int = 0
    node: str = ""
    under_way: int = -1
    names: dict[int, tuple[str, ...]] = field(default_factory=dict)


class Tasks:
    """Waiting, and under way. machine: that of calls which none has executed."""

    def __init__(
        self,
        tasks: Sequence[Call],
        nodes: Nodes,
        surroundings: Surroundings,
        machine: Machine,
    ) -> None:
        self._tasks, self._nodes = tasks, nodes
        self._surroundings, self._machine = surroundings, machine
        self._files = Path(mkdtemp(prefix="sweep-"))  # that measures have made
        self._under_way: dict[Any, _Batch] = {}
        self._measures: dict[int, Any] = {}  # pickled, in the object store, by identity
        self._forget = ray.remote(num_cpus=0)(ray_node.forget)
        self._waiting = _batches(tasks)
        self._perform = ray.remote(num_returns="streaming", max_retries=0)(ray_node.perform_all)

    def events(self) -> Iterator[Event]:
        """Until nothing is left."""
        looked = time.monotonic()
        while self._waiting or self._under_way:
            yield from self._begin_what_fits()
            generators = list(self._under_way)
            ready, _ = ray.wait(generators, timeout=WAIT_S) if generators else ([], [])
            for generator in ready:
                yield from self._next(generator)
            if time.monotonic() - looked > WAIT_S:
                looked = time.monotonic()
                for sentence in self._nodes.look():
                    log.warning("%s", sentence)
            elif not generators:
                time.sleep(WAIT_S)  # for a machine

    def end(self) -> None:
        """All that is under way, with some seconds to put down how far it is. Nothing is read any
        more: the next word of a task that never heard of it could be waited for without end.
        """
        left = {generator.completed(): generator for generator in self._under_way}
        for force in (False, False, True):  # an interrupt can be lost where libraries call back
            for generator in left.values():
                with suppress(RayError, ValueError):
                    ray.cancel(generator, force=force)
            if left and not force:
                _, late = ray.wait(list(left), num_returns=len(left), timeout=GRACE_S)
                left = {ref: left[ref] for ref in late}
        with suppress(OSError):  # whoever has not taken a file over yet has it there
            self._files.rmdir()

    def _begin_what_fits(self) -> Iterator[Event]:
        """Gives Ray as many tasks as the machines have room for, and one more for each, so that
        none waits for the driver: what stays here is begun in the order of the plan.
        """
        full: set[int] = set()  # measures
        for batch in list(self._waiting):
            if id(batch.measure) in full:
                continue
            if (how := self._options(batch)) is None:
                full.add(id(batch.measure))
                continue
            self._waiting.remove(batch)
            yield from self._begin(batch, how)

    def _options(self, batch: _Batch) -> dict[str, Any] | None:
        """Ray's options for the batch; None where there is no room for it now."""
        able = self._nodes.able(batch.measure, batch.machine)
        threads = threads_of(batch.measure)
        beside = [each for each in self._under_way.values() if threads_of(each.measure) == threads]
        if not threads:
            taken = {each.node for each in beside}
            node = next((each for each in able if each.id not in taken), None)
            batch.node = node.id if node else ""
            return node and {"num_cpus": node.cpus, "scheduling_strategy": on(node.id)}
        if len(beside) >= sum(node.calls_at_once(batch.measure) for node in able) + len(able):
            return None
        how: dict[str, Any] = {"num_cpus": threads, "scheduling_strategy": "SPREAD"}
        names = [each for own in batch.names.values() for each in own]
        if (node := next(self._nodes.holding(names, able), None)) is not None:
            how["scheduling_strategy"] = on(node.id, soft=True)
        elif len(able) < self._nodes.count:
            # Ray can be told some machines by their labels, but takes the first of them then.
            loads = Counter(each.node for each in beside)
            node = min(able, key=lambda each: loads[each.id] / each.calls_at_once(batch.measure))
            batch.node = node.id
            how["scheduling_strategy"] = on(node.id)
        if size := max(self._tasks[index].bytes for index in batch.indices):
            how["memory"] = min(size, *(node.memory for node in able))
        return how

    def _begin(self, batch: _Batch, how: dict[str, Any]) -> Iterator[Event]:
        calls = []
        files: dict[str, Any] = {}
        for index in list(batch.indices):
            call = self._tasks[index]
            try:
                rest = pickled_rest(call)
                if id(batch.measure) not in self._measures:
                    self._measures[id(batch.measure)] = ray.put(pickled(batch.measure))
            except Exception as error:  # noqa: BLE001 - somebody's measure can't be pickled
                yield from self._failed(
                    batch, index, f"can't be sent to a machine: {reason_of(error)}"
                )
                continue
            calls.append((index, rest, batch.names[index]))
            networks = (*call.networks, *(network for network, _ in call.earlier))
            for path in (path for network in networks for path in network.artefacts.values()):
                files.setdefault(str(path), path)
        if not calls:
            return
        job = Job(
            tuple(calls),
            digest_of(batch.measure.identity()),
            threads_of(batch.measure),
            self._nodes.source,
            batch.measure.versions,
            tuple(files),
            self._surroundings,
        )
        contents = [ray.put(path.read_bytes()) for path in files.values()]
        task = self._perform.options(**how)
        generator = task.remote(job, self._measures[id(batch.measure)], *contents)
        self._under_way[generator] = batch

    def _next(self, generator: Any) -> Iterator[Event]:
        """What a task says next."""
        batch = self._under_way[generator]
        try:
            message: Any = ray.get(next(generator))
        except StopIteration:
            del self._under_way[generator]
            yield from self._lost(batch, "it ended early")
        except RayTaskError as error:
            del self._under_way[generator]
            cause = error.cause if isinstance(error.cause, BaseException) else error
            for index in list(batch.indices):
                yield from self._failed(batch, index, reason_of(cause))
        except OutOfMemoryError:
            del self._under_way[generator]
            if batch.under_way in batch.indices:
                yield from self._failed(batch, batch.under_way, KILLED_FOR_MEMORY)
            if batch.indices:
                self._waiting.insert(0, batch)
        except RayError as error:
            del self._under_way[generator]
            yield from self._lost(batch, type(error).__name__)
        else:
            if isinstance(message, Delivered):
                yield from self._delivered(batch, message)
            elif isinstance(message, str):
                batch.node = message
            else:
                batch.under_way = message.index
                yield message

    def _delivered(self, batch: _Batch, message: Delivered) -> Iterator[Event]:
        index, node = message.index, self._nodes.get(batch.node)
        paths = {}
        for number, (path, content) in enumerate(message.files.items()):
            own = self._files / f"{index}-{number}-{Path(path).name}"
            own.write_bytes(content)
            paths[path] = own
        result = ray_node.at(message.result, paths)
        batch.indices.remove(index)
        yield Ended(
            index,
            node.facts.machine if node else self._machine,
            message.versions,
            message.seconds,
            result.items,
            result.artefacts,
            result.failure,
            result.trace,
        )
        # Who took the event has stored it: what the machine kept for another try can go.
        if batch.names[index] and not result.failure and node is not None:
            self._forget.options(scheduling_strategy=on(node.id)).remote(
                self._surroundings, batch.names[index]
            )

    def _lost(self, batch: _Batch, why: str) -> Iterator[Event]:
        """A task's machine, or its supervisor, is gone: what is not finished is begun again."""
        if not batch.indices:
            return
        node = self._nodes.get(batch.node)
        where = f" on {node.name}" if node else ""
        index = batch.under_way if batch.under_way in batch.indices else batch.indices[0]
        batch.tries += 1
        if batch.tries > RETRIES:
            told = (
                f"lost {batch.tries} times{where}, at last with {why}: its machine, or the process"
            )
            yield from self._failed(batch, index, f"{told} that watched it there, ended")
            batch.tries = 0
        else:
            yield Said(index, f"lost{where} ({why}); begun again", logging.WARNING)
        if batch.indices:
            batch.node = ""
            self._waiting.insert(0, batch)

    def _failed(self, batch: _Batch, index: int, failure: str) -> Iterator[Event]:
        batch.indices.remove(index)
        versions = versions_of((*PACKAGES, *batch.measure.versions))
        yield Ended(index, self._machine, versions, 0.0, failure=failure)


def _batches(tasks: Sequence[Call]) -> list[_Batch]:
    """In the order in which they are to be begun."""
    order = sorted(range(len(tasks)), key=lambda index: turn(tasks[index]))
    batches: list[_Batch] = []
    room = 0.0
    for index in order:
        call = tasks[index]
        own = _Batch([], call.measure, call.machine)
        last = batches[-1] if batches else own
        joins = call.measure.light and last.measure is call.measure and room >= call.estimate_s
        if not joins or last.machine != call.machine:
            batches.append(last := own)
            room = BATCH_S
        room -= call.estimate_s
        last.indices.append(index)
        names = (each for network in call.networks for each in call.measure.unfinished(network))
        last.names[index] = tuple(dict.fromkeys(names))
    return batches
