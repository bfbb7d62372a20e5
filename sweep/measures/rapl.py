"""The energy of a call of the deployed network, by the processor's own counters (RAPL).

A sample is what the counters of all packages, and of the memory where it is counted, rise by while
calls follow each other for a second, over the number of calls: they move about every millisecond.
So it holds all that the packages take meanwhile, at rest and for other programs, too; what they
take at rest stands beside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sweep.contracts import Measure, Network
from sweep.host.machine import this_cpu
from sweep.host.rapl import Counters, NoCountersError
from sweep.measures.timing_files import weighted
from sweep.settings.config import LatencySettings, RaplSettings
from sweep.settings.registry import find
from sweep.types import Better, Metric, Progress, Reading

ENERGY = Metric("rapl_energy_j", "Energy by RAPL", "J", Better.LOWER)
IDLE = Metric(
    "rapl_idle_w", "Power at rest by RAPL", "W", Better.NEITHER, short="At rest",
    beside=ENERGY.name,
)  # fmt: skip
STARTED_S = 3.0  # to write and to open a program; for estimates alone
Joules = Callable[[], float]


class Rapl(Measure):
    """By the first runtime, precision, number of threads and batch size of [latency]."""

    name = "rapl"
    machine_bound = True
    metrics = (ENERGY, IDLE)
    also = ("latency",)

    def __init__(self, settings: RaplSettings, latency: LatencySettings) -> None:
        """Raises UnknownPartError where there is no such runtime."""
        self.settings, self.latency = settings, latency
        self._runtime = find("runtime", latency.runtimes[0], key="latency.runtimes")
        self.versions = self._runtime.packages

    def identity(self) -> dict[str, Any]:
        """What is executed, and for how long."""
        asked = self.latency
        return self.settings.model_dump(mode="json") | {
            "runtime": asked.runtimes[0],
            "precision": asked.precisions[0],
            "threads": asked.threads[0],
            "batch": asked.batch_sizes[0],
            "lowering": asked.lowering,
            "seed": asked.seed,
            "made": dict(self._runtime.made),
        }

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """By what; or why there will be no figure."""
        del networks
        try:
            Counters()
        except (NoCountersError, OSError) as error:
            return (f"energy by RAPL: none here, {error}",)
        return (f"energy by RAPL of the whole processor, by {self.latency.runtimes[0]}",)

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Of each network its windows, one to warm up and one at rest; nothing without counters."""
        try:
            Counters()
        except (NoCountersError, OSError):
            return 0.0
        windows = self.settings.windows + 2
        return len(networks) * (STARTED_S + windows * self.settings.window_s)

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Reading]:
        """Raises PermissionError where counters may not be read, and what the runtime raises."""
        (network,) = networks
        try:
            joules = Counters().joules
        except NoCountersError as error:
            yield Reading(ENERGY, network.point, None, reason=str(error))
            return
        asked, window_s = self.latency, self.settings.window_s
        conditions = {
            "batch": asked.batch_sizes[0], "runtime": asked.runtimes[0],
            "precision": asked.precisions[0], "threads": asked.threads[0] or this_cpu().cores,
        }  # fmt: skip
        with TemporaryDirectory(prefix="sweep-rapl-") as folder:
            call = self._program(network, Path(folder))
            idle = power(joules, window_s)
            energy_of(call, joules, window_s)  # warm: caches and clocks
            samples = []
            for window in range(self.settings.windows):
                progress(window / self.settings.windows, f"window {window + 1}")
                samples.append(energy_of(call, joules, window_s))
        note = f"{self.settings.windows} windows of {window_s:g} s; at rest {idle:.1f} W"
        per_image = tuple(each / asked.batch_sizes[0] for each in samples)
        yield Reading(
            ENERGY, network.point, median(per_image), samples=per_image, note=note, **conditions
        )
        yield Reading(IDLE, network.point, idle, **conditions)

    def _program(self, network: Network, folder: Path) -> Callable[[], object]:
        """A call of the deployed network, as the latency is measured of."""
        asked, runtime = self.latency, self._runtime()
        side, batch = network.point.resolution, asked.batch_sizes[0]
        rng = np.random.default_rng(asked.seed)
        images = 2 * rng.random((batch, side, side, 3), np.float32) - 1
        file = folder / f"network{runtime.suffixes[0]}"
        module = weighted(network, asked.lowering, asked.seed)
        runtime.make(
            network, module, file, batch=batch, precision=asked.precisions[0], images=[images]
        )
        return runtime.open(file, threads=asked.threads[0]).ready(images)


def energy_of(call: Callable[[], object], joules: Joules, seconds: float) -> float:
    """Joules of a call, of so many as take so long."""
    calls, began, before = 0, time.perf_counter(), joules()
    while time.perf_counter() - began < seconds:
        call()
        calls += 1
    return (joules() - before) / calls


def power(joules: Joules, seconds: float) -> float:
    """Watts, doing nothing."""
    began, before = time.perf_counter(), joules()
    time.sleep(seconds)
    return (joules() - before) / (time.perf_counter() - began)
