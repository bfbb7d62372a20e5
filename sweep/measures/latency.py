"""How long a deployed network takes, timed so that points can be compared.

All networks are timed together, in fresh worker processes one after the other: each process
compiles them all, then times them in rounds, in a new random order each round, so that the
machine's drift hits all alike. A fixed reference computation is timed in every round.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from sweep.config import LatencySettings
from sweep.contracts import Failed, Network
from sweep.failures import end_of
from sweep.memory import timing_bytes
from sweep.types import Better, Metric, Progress, Reading

LATENCY = Metric("latency_s", "Latency", "s", Better.LOWER)
REFERENCE = Metric("reference_s", "Reference computation in the same rounds", "s", Better.NEITHER)
COMPILE = Metric("compile_s", "Compile time", "s", Better.LOWER)
PEAK_MEMORY = Metric("peak_memory_bytes", "Peak memory by XLA's account", "B", Better.LOWER)


# A multiply-add of these networks, on the two cores of the reference run; for estimates alone.
MULT_ADD_S = 2.5e-11


FROM_CACHE = "the program came from the compilation cache of an earlier run"


# Characters of what a process that failed said at last.
MOST_QUOTED = 2000


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

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """Of a timing process, which holds them all."""
        return timing_bytes(
            [network.layers() for network in networks], batches=self.settings.batch_sizes
        )

    def measure_together(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | Failed]:
        """Readings of all networks, after the last process. A network that can't be compiled or
        called, or that a process dies over, fails alone. Raises LatencyError.
        """
        gathered = _Gathered()
        for process in range(self.settings.processes):

            def report(share: float, text: str, process: int = process) -> None:
                of_all = (process + share) / self.settings.processes
                progress(of_all, f"process {process + 1} of {self.settings.processes}: {text}")

            while not self._done(networks, process, gathered, report):
                pass
        for network in networks:
            for batch in self.settings.batch_sizes:
                yield from gathered.readings(network, batch)
            yield from gathered.failures(network, self.settings.batch_sizes)

    def _done(
        self, networks: Sequence[Network], process: int, gathered: _Gathered, report: Progress
    ) -> bool:
        """Runs a process; False where it died over one network, which the next leaves out."""
        left_out = gathered.failed.keys()
        if len(left_out) == len(networks) * len(self.settings.batch_sizes):
            return True
        try:
            for event in _events(job_of(self.settings, networks, process, left_out)):
                gathered.take(event)
                if "progress" in event:
                    report(event["progress"], event["text"])
        except LatencyError as error:
            if gathered.at is None or gathered.at in gathered.failed:
                raise
            gathered.failed[gathered.at] = str(error)
            return False
        finally:
            gathered.at = None
        return True


def _mult_adds(network: Network) -> int:
    return sum(row.mult_adds for row in network.layers())


class _Gathered:
    """What the workers have said so far, by (point key, batch)."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.reference: list[float] = []
        self.compiled: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.memory: dict[tuple[str, int], int | None] = {}
        self.failed: dict[tuple[str, int], str] = {}  # why
        self.at: tuple[str, int] | None = None  # what a process is at, where it is at one alone

    def take(self, event: dict[str, Any]) -> None:
        if event["event"] == "begins":
            self.at = event["key"], event["batch"]
        elif event["event"] == "failed":
            self.failed[event["key"], event["batch"]] = event["reason"]
        elif event["event"] == "compiled":
            which = (event["key"], event["batch"])
            if event["seconds"] is not None:
                self.compiled[which].append(event["seconds"])
            self.memory[which] = event["memory_bytes"]
        elif event["event"] == "round":
            self.at = None
            self.reference.append(event["reference_s"])
            for key, batch, seconds in event["samples"]:
                self.samples[key, batch].append(seconds)

    def readings(self, network: Network, batch: int) -> Iterator[Reading]:
        which, point, variant = (network.point.key, batch), network.point, f"batch={batch}"
        if which in self.failed:
            for metric in Latency.metrics:
                yield Reading(metric, point, None, variant=variant, reason=self.failed[which])
            return
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

    def failures(self, network: Network, batches: Sequence[int]) -> Iterator[Failed]:
        for batch in batches:
            if reason := self.failed.get((network.point.key, batch)):
                yield Failed(network.point, f"batch {batch}: {reason}")


def job_of(
    settings: LatencySettings,
    networks: Sequence[Network],
    process: int,
    left_out: Iterable[tuple[str, int]] = (),
) -> dict[str, Any]:
    """What a worker is told, as plain data. left_out: keys of points, and batch sizes."""
    return {
        "left_out": [list(each) for each in left_out],
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
        stdin = cast("IO[str]", worker.stdin)
        try:
            # It stays open: the worker ends when this process does.
            with contextlib.suppress(BrokenPipeError):
                stdin.write(json.dumps(job) + "\n")
                stdin.flush()
            with cast("IO[str]", worker.stdout) as lines:
                for line in lines:
                    yield json.loads(line)
            status = worker.wait()
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
            with contextlib.suppress(BrokenPipeError):
                stdin.close()
        if status != 0:
            errors.seek(0)
            said = errors.read()[-MOST_QUOTED:].strip()
            ended = end_of(status).replace("the process", "the timing process")
            raise LatencyError(f"{ended}: {said}" if said else ended)
