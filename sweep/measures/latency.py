"""How long a deployed network takes, timed so that points can be compared.

All networks are timed together, in fresh worker processes one after the other: each process
compiles them all, then times them in rounds, in a new random order each round, so that the
machine's drift hits all alike. A fixed reference computation is timed in every round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from sweep.config import LatencySettings
from sweep.contracts import Network
from sweep.types import Better, Metric, Progress, Reading

LATENCY = Metric("latency_s", "Latency", "s", Better.LOWER)
REFERENCE = Metric("reference_s", "Reference computation in the same rounds", "s", Better.NEITHER)
COMPILE = Metric("compile_s", "Compile time", "s", Better.LOWER)
PEAK_MEMORY = Metric("peak_memory_bytes", "Peak memory by XLA's account", "B", Better.LOWER)


# A multiply-add of these networks, on the two cores of the reference run; for estimates alone.
MULT_ADD_S = 2.5e-11


FROM_CACHE = "the program came from the compilation cache of an earlier run"


class LatencyError(RuntimeError):
    """A worker process failed; the message carries the end of what it said."""


class Latency:
    """Median time of one call of the ahead-of-time compiled, folded network."""

    name = "latency"
    machine_bound = True
    metrics = (LATENCY, REFERENCE, COMPILE, PEAK_MEMORY)

    def __init__(self, settings: LatencySettings) -> None:
        self.settings = settings

    def identity(self) -> dict[str, Any]:
        """The settings; the machine and versions come with `machine_bound`."""
        return self.settings.model_dump(mode="json")

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """A process starts in about 4 s, then samples every network in every round; the first
        also compiles each in 1.5, which the others load from the cache.
        """
        settings = self.settings
        sample_s = [
            max(settings.min_sample_s, MULT_ADD_S * batch * _mult_adds(network))
            for network in networks
            for batch in settings.batch_sizes
        ]
        per_process = 4 + 0.5 * len(sample_s) + settings.rounds * 1.5 * sum(sample_s)
        return 1.5 * len(sample_s) + settings.processes * per_process

    def measure_together(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading]:
        """Readings of all networks, after the last process. Raises LatencyError."""
        gathered = _Gathered()
        for process in range(self.settings.processes):
            job = _job(self.settings, networks, process)

            def report(share: float, text: str, process: int = process) -> None:
                of_all = (process + share) / self.settings.processes
                progress(of_all, f"process {process + 1} of {self.settings.processes}: {text}")

            for event in _events(job):
                gathered.take(event)
                if "progress" in event:
                    report(event["progress"], event["text"])
        for network in networks:
            for batch in self.settings.batch_sizes:
                yield from gathered.readings(network, batch)


def _mult_adds(network: Network) -> int:
    return sum(row.mult_adds for row in network.layers())


class _Gathered:
    """What the workers have said so far, by (point key, batch)."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.reference: list[float] = []
        self.compiled: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.memory: dict[tuple[str, int], int | None] = {}

    def take(self, event: dict[str, Any]) -> None:
        if event["event"] == "compiled":
            which = (event["key"], event["batch"])
            if event["seconds"] is not None:
                self.compiled[which].append(event["seconds"])
            self.memory[which] = event["memory_bytes"]
        elif event["event"] == "round":
            self.reference.append(event["reference_s"])
            for key, batch, seconds in event["samples"]:
                self.samples[key, batch].append(seconds)

    def readings(self, network: Network, batch: int) -> Iterator[Reading]:
        which, point, variant = (network.point.key, batch), network.point, f"batch={batch}"
        for metric, samples in (
            (LATENCY, self.samples[which]),
            (REFERENCE, self.reference),
            (COMPILE, self.compiled[which]),
        ):
            if samples:
                value, raw = median(samples), tuple(samples)
                yield Reading(metric, point, value, variant=variant, samples=raw)
            else:
                yield Reading(metric, point, None, variant=variant, reason=FROM_CACHE)
        memory = self.memory[which]
        if memory is None:
            reason = "this backend does not account for the memory of a compiled program"
            yield Reading(PEAK_MEMORY, point, None, variant=variant, reason=reason)
        else:
            yield Reading(PEAK_MEMORY, point, float(memory), variant=variant)


def _job(settings: LatencySettings, networks: Sequence[Network], process: int) -> dict[str, Any]:
    """What a worker is told, as plain data."""
    return {
        "settings": settings.model_dump(mode="json"),
        "process": process,
        "networks": [
            {
                "family": f"{type(each.family).__module__}:{type(each.family).__qualname__}",
                "point": [
                    each.point.family,
                    each.point.kind,
                    each.point.alpha,
                    each.point.rho,
                    each.point.resolution,
                ],
                "num_classes": each.num_classes,
            }
            for each in networks
        ],
    }


def _events(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Runs a worker on `job` and yields what it reports, a JSON object a line."""
    # The worker must find what this process finds, whatever the folder it is started in.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryFile("w+") as errors:
        worker = subprocess.Popen(
            [sys.executable, "-m", "sweep.measures.latency_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=Path.cwd(),
        )
        try:
            with cast("IO[str]", worker.stdin) as stdin:
                json.dump(job, stdin)
            with cast("IO[str]", worker.stdout) as lines:
                for line in lines:
                    yield json.loads(line)
            status = worker.wait()
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        if status != 0:
            errors.seek(0)
            said = errors.read()[-2000:].strip()
            raise LatencyError(f"the timing process ended with status {status}: {said}")
