"""How long a deployed network takes, timed so that points and runtimes can be compared.

All networks are timed together, in one session, by every runtime that is asked for. A first process
makes a file of each, and holds what it computes against the Flax network. Then fresh processes, one
of each runtime, open the same files and time them in rounds, in a new random order each round, so
that the machine's drift hits all alike. A process is one draw of what stays the same while it lives
(where its memory lies, which cores are busy beside it), so there are many with few rounds each, and
every sample is kept with the process that took it and the calls that it is the mean of. A fixed
reference computation is timed in every round.

A later session times some points of an earlier one again: what these took, then and now, tells how
far the two may be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweep.contracts import Failed, Measure, Network, Runtime
from sweep.host.machine import NOT_INSTALLED, this_cpu, versions_of
from sweep.host.memory import timing_bytes
from sweep.measures.latency_readings import METRICS, drift, failures, readings
from sweep.measures.latency_session import Session, deployment_of, mult_adds, parts_s
from sweep.measures.timing_process import LatencyError
from sweep.metrics import LATENCY
from sweep.settings.config import LatencySettings, SettingsError
from sweep.settings.registry import find
from sweep.types import Deployment, Progress, Reading

__all__ = ["LATENCY", "Latency", "LatencyError"]


class Latency(Measure):
    """Median time of one call of the deployed network, batch norm folded, by each runtime."""

    name = "latency"
    machine_bound = True
    together = True
    metrics = METRICS

    def __init__(self, settings: LatencySettings) -> None:
        """Raises SettingsError where no runtime has any of the precisions, UnknownPartError where
        there is no such runtime.
        """
        self.settings = settings
        self.nodes = settings.nodes
        runtimes: dict[str, Runtime] = {
            name: find("runtime", name, key="latency.runtimes")() for name in settings.runtimes
        }
        self._packages = {name: runtime.packages for name, runtime in runtimes.items()}
        self._made = {name: dict(runtime.made) for name, runtime in runtimes.items()}
        self.versions = tuple(
            dict.fromkeys(each for own in self._packages.values() for each in own)
        )
        self.deployments = _deployments(settings, runtimes)

    def identity(self) -> dict[str, Any]:
        """The settings, and what the networks hold."""
        # Each network has its own of these lists.
        others = {"nodes", "bridge", "runtimes", "precisions", "threads"}
        weights = {"weights": "He et al. 2015"}
        return self.settings.model_dump(mode="json", exclude=others) | weights

    def identity_of(self, network: Network) -> dict[str, Any]:
        """How its runtime's programs are made and called."""
        made = self._made[deployment_of(network, self.settings).runtime]
        return {"made": made} if made else {}

    def versions_of(self, network: Network) -> tuple[str, ...]:
        """Of the runtime's own packages."""
        return self._packages[deployment_of(network, self.settings).runtime]

    def check_points(self, networks: Sequence[Network]) -> None:
        """Raises SettingsError where it is to have more cores than there are, or the same number
        twice: told now, and not by every process.
        """
        cores, asked = this_cpu().cores, list(self.settings.threads)
        if networks and not self.nodes and {0, cores} <= set(asked):
            raise SettingsError(
                f"latency.threads = {asked}: 0 is every core, and this run has {cores}: leave one "
                "of the two away"
            )
        for threads in asked if networks else ():
            if threads > cores:
                raise SettingsError(
                    f"latency.threads = {threads}: must be at most {cores}, the cores that this "
                    "run has; 0 takes all"
                )

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:  # noqa: ARG002
        """What executes them, and what is asked for that a runtime does not have."""
        labels = [each.label for each in self.deployments]
        told = ["in turns by " + "; ".join(labels)] if len(labels) > 1 else []
        told += [
            f"{name} is not installed (pip install 'mobilenet-sweep[runtimes]'): left out"
            for name, packages in self._packages.items()
            if NOT_INSTALLED in versions_of(packages).values()
        ]
        there = {(each.runtime, each.precision) for each in self.deployments}
        told += [
            f"{runtime} has no {precision}: left out"
            for runtime in self.settings.runtimes
            for precision in self.settings.precisions
            if (runtime, precision) not in there
        ]
        return tuple(told)

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Files; then of each process its start, loading and warming up, and the rounds."""
        making, process = parts_s(self.settings, networks)
        return making + self.settings.processes * process

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """Of the processes that time, one of each runtime, which hold them all."""
        of: dict[tuple[str, int], list[Network]] = {}
        for network in networks:
            deployment = deployment_of(network, self.settings)
            of.setdefault((deployment.runtime, deployment.threads), []).append(network)
        return sum(
            timing_bytes([each.layers() for each in own], batches=self.settings.batch_sizes)
            for own in of.values()
        )

    def bridge(self, earlier: Sequence[Network]) -> tuple[Network, ...]:
        """Which of the networks that an earlier session has read are timed again by a later one:
        of each deployment a few from the smallest to the largest.
        """
        chosen: list[Network] = []
        for deployment in dict.fromkeys(each.deployment for each in earlier):
            own = [each for each in earlier if each.deployment == deployment]
            by_size, last = sorted(own, key=mult_adds), len(own) - 1
            places = range(len(own))
            if len(own) > (most := self.settings.bridge):
                ends = max(1, most - 1)
                places = [round((place + (most == 1) / 2) * last / ends) for place in range(most)]
            chosen += [by_size[place] for place in places]
        return tuple(chosen)

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | Failed]:
        """Readings of all networks, after the last process. A network that can't be made, opened or
        called, that computes something else, or that a process dies over, fails alone. Raises
        LatencyError where none was timed.
        """
        yield from self.measure_bridged(networks, {}, progress)

    def measure_bridged(
        self,
        networks: Sequence[Network],
        earlier: Mapping[Network, Sequence[Reading]],
        progress: Progress,
    ) -> Iterator[Reading | Failed]:
        """As a call; and how long the networks of `earlier` take now, as shares of
        their earlier readings: a `latency_drift` of each of `networks`.
        """
        session = Session(self.settings, (*networks, *earlier))
        session.run(progress)
        for index, program in enumerate(session.programs):
            if program.network not in earlier:
                yield from readings(session, index)
                yield from drift(session, index, earlier)
        for network in networks:
            yield from failures(session, network)


def _deployments(
    settings: LatencySettings, runtimes: Mapping[str, Runtime]
) -> tuple[Deployment, ...]:
    """The lists' product, as far as runtimes have it: the first of each list first."""
    found = [
        Deployment(name, precision, threads)
        for name, runtime in runtimes.items()
        for precision in settings.precisions
        if precision in runtime.precisions
        for threads in settings.threads
    ]
    if not found:
        raise SettingsError(
            f"latency.precisions = {list(settings.precisions)}: none of latency.runtimes = "
            f"{list(settings.runtimes)} has one of these"
        )
    return tuple(found)
