"""The engine that is a Ray cluster: Ray Core alone, since plan and store are ours.

The driver, the process that runs this, alone writes the results folder: machines share no disk with
it, and need no lock. Each task is a Ray generator whose supervisor starts a process for the measure
(`ray_node`). Ray's own retries are turned off: a generator that is begun again has to tell the same
things in the same order, and progress never does. What is lost with a machine is begun again here.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import groupby
from typing import Any

import ray
from ray._private import worker as ray_worker

from sweep.contracts import Call, Device, Engine, Event, Limit, Measure, Network
from sweep.host.failures import reason_of
from sweep.host.machine import cores
from sweep.running.hosts_engine import no_threads
from sweep.running.ray_hosts import RayHosts, others
from sweep.running.ray_nodes import PATIENCE_S, Node, Nodes
from sweep.running.ray_tasks import Tasks
from sweep.running.surroundings import Surroundings, surroundings_here
from sweep.types import Machine, SettingsError, listed


def connect(address: str) -> str:
    """As `_connect`; SIGTERM does afterwards what it did before: Ray sets a handler of its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        return _connect(address)
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _connect(address: str) -> str:
    """Joins a cluster: that of the address or of RAY_ADDRESS, else one that was begun on this
    machine, else begins one here; tells which, in words. Raises SettingsError where it can't.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Of a machine that dies Ray prints the last hundred lines; the engine has one.
    ray_worker.print_to_stdstream = lambda *_, **__: None
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    asked = address or os.environ.get("RAY_ADDRESS", "")
    try:
        with suppress(ConnectionError):
            ray.init(address=asked or "auto", **quiet)
            return f"joined the Ray cluster at {asked or 'this machine'}"
        if asked:
            raise SettingsError(
                f"no Ray cluster answers at {asked}: must be its first machine's address, with the "
                "port of ray start, 6379 by default; this machine must have joined it"
            )
        ray.init(num_cpus=len(cores()), include_dashboard=False, **quiet)
    except (RuntimeError, ValueError, OSError) as error:
        raise SettingsError(f"Ray: {reason_of(error)}") from None
    return "begun Ray on this machine"


class RayEngine(Engine):
    """around: None for this process's own surroundings. kinds: of machine that take latencies; the
    first of them is the run's own machine. hosts: how many perform a call that spans hosts.
    """

    name = "ray"

    def __init__(
        self, around: Surroundings | None = None, *, kinds: Sequence[str] = (), hosts: int = 1
    ) -> None:
        """Asks all machines of the cluster for their facts. Raises SettingsError where none is left
        to work.
        """
        self._surroundings = around or surroundings_here()
        self.hosts = hosts
        self._surroundings.place()  # raises SettingsError
        self._nodes = Nodes(self._surroundings)
        self.refused = tuple(self._nodes.look(PATIENCE_S))
        first = self._nodes.of_kind("latency", kinds[0]).machine if kinds else None
        self.machine: Machine = first or self._nodes.machine

    @property
    def members_in_words(self) -> str:
        """ "3 machines: pi5 (4 CPUs), .."."""
        cpus = ["1 CPU" if node.cpus == 1 else f"{node.cpus} CPUs" for node in self.members]
        names = [f"{node.name} ({n})" for node, n in zip(self.members, cpus, strict=True)]
        are = "1 machine" if len(names) == 1 else f"{len(names)} machines"
        return f"{are}: {listed(names)}"

    @property
    def members(self) -> tuple[Node, ...]:
        """The machines that may have work."""
        return self._nodes.all

    def devices(self, measure: Measure) -> tuple[Device, ...]:
        """Each of `Measure.nodes`; else one of all that are alike."""
        named = tuple(self._nodes.of_kind(measure.name, kind) for kind in measure.nodes)
        return named or (Device("", self.machine),)

    def limit(self, share: float) -> Limit:
        return self._nodes.limit(share)

    def at_once(self, measure: Measure) -> int:
        """Raises SettingsError where no machine has as many cores."""
        self._nodes.hindrances(measure, ())
        if self._spans(measure):
            if measure.threads:
                raise no_threads(measure)
            if (there := 1 + len(others(self._nodes, measure))) < self.hosts:
                raise SettingsError(
                    f"run.hosts = {self.hosts}: {there} of the cluster's machines can do this"
                )
            return 1
        return sum(node.calls_at_once(measure) for node in self._nodes.able(measure))

    def notes(self, measure: Measure, networks: Sequence[Network]) -> tuple[str, ...]:
        return tuple(self._nodes.hindrances(measure, networks))

    def _spans(self, measure: Measure) -> bool:
        return self.hosts > 1 and measure.spans_hosts

    def run(self, tasks: Sequence[Call]) -> Generator[Event, None, None]:
        """One replicate after the other, of each the longest first; light calls many in a task."""
        for spanning, group in groupby(range(len(tasks)), lambda n: self._spans(tasks[n].measure)):
            numbers = list(group)
            own = [tasks[number] for number in numbers]
            with closing(self._together(own) if spanning else self._apart(own)) as events:
                for event in events:
                    yield replace(event, index=numbers[event.index])

    def _apart(self, tasks: Sequence[Call]) -> Generator[Event, None, None]:
        running = Tasks(tasks, self._nodes, self._surroundings, self.machine)
        try:
            yield from running.events()
        finally:
            running.end()

    def _together(self, tasks: Sequence[Call]) -> Generator[Event, None, None]:
        hosts = RayHosts(
            self.machine,
            tasks[0].measure,
            self._nodes,
            hosts=self.hosts,
            surroundings=self._surroundings,
        )
        with closing(hosts):
            yield from hosts.run(tasks)
