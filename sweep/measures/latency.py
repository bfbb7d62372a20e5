"""How long a deployed network takes, timed so that points can be compared.

All networks are timed together, in one session. A first process compiles them; then fresh
processes, one after the other, load the same programs and time them in rounds, in a new random
order each round, so that the machine's drift hits all alike. A process is one draw of what stays
the same while it lives (where its memory lies, which cores are busy beside it), so there are many
with few rounds each, and every sample is kept with the process that took it and the calls that it
is the mean of. A fixed reference computation is timed in every round.

A later session times some points of an earlier one again: what these took, then and now, tells how
far the two may be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweep.contracts import Failed, Measure, Network
from sweep.host.machine import this_cpu
from sweep.host.memory import timing_bytes
from sweep.measures.latency_session import RUNTIME, LatencyError, Session, mult_adds, parts_s
from sweep.metrics import CALLS, COMPILE, DRIFT, LATENCY, PEAK_MEMORY, PROCESS, REFERENCE
from sweep.settings.config import LatencySettings, SettingsError
from sweep.types import Progress, Reading

__all__ = ["LATENCY", "Latency", "LatencyError"]

# Points that a later session times again: enough that one with a mood of its own does not decide.
BRIDGE = 5


class Latency(Measure):
    """Median time of one call of the ahead-of-time compiled, folded network."""

    name = "latency"
    machine_bound = True
    together = True
    # Flax traces the program, the others compile and call it.
    versions = ("jax", "jaxlib", "flax")
    metrics = (LATENCY, PROCESS, CALLS, REFERENCE, DRIFT, COMPILE, PEAK_MEMORY)

    def __init__(self, settings: LatencySettings) -> None:
        self.settings = settings
        self.nodes = settings.nodes

    def identity(self) -> dict[str, Any]:
        """The settings, and how programs are made and called."""
        made = {"runtime": RUNTIME, "dispatch": "synchronous", "fused_sums": False}
        return self.settings.model_dump(mode="json", exclude={"nodes"}) | made

    def check_points(self, networks: Sequence[Network]) -> None:
        """Raises SettingsError where it is to have more cores than there are: told now, and not by
        every process.
        """
        cores = this_cpu().cores
        if networks and self.settings.threads > cores:
            raise SettingsError(
                f"latency.threads = {self.settings.threads}: must be at most {cores}, the cores "
                "that this run has; 0 takes all"
            )

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Compiling; then of each process its start, loading and warming up, and the rounds."""
        compiling, process = parts_s(self.settings, networks)
        return compiling + self.settings.processes * process

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """Of a timing process, which holds them all."""
        return timing_bytes(
            [network.layers() for network in networks], batches=self.settings.batch_sizes
        )

    def bridge(self, earlier: Sequence[Network]) -> tuple[Network, ...]:
        """Which of the networks that an earlier session has read are timed again by a later one:
        a few from the smallest to the largest.
        """
        by_size = sorted(earlier, key=mult_adds)
        if len(by_size) <= BRIDGE:
            return tuple(by_size)
        last = len(by_size) - 1
        return tuple(by_size[round(place * last / (BRIDGE - 1))] for place in range(BRIDGE))

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | Failed]:
        """Readings of all networks, after the last process. A network that can't be compiled or
        called, or that a process dies over, fails alone. Raises LatencyError where none was timed.
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
        points = [network.point for network in networks]
        for batch in self.settings.batch_sizes:
            for network in networks:
                yield from session.readings(network, batch)
            yield from session.drift(earlier, batch, points)
        for network in networks:
            yield from session.failures(network)
