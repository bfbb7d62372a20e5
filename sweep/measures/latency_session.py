"""One session of timing: a process that compiles, processes that time, and what they have said."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import geometric_mean, median
from typing import Any

from sweep.contracts import Failed, Network
from sweep.host.machine import this_cpu
from sweep.measures.latency_process import LatencyError, events
from sweep.metrics import CALLS, COMPILE, DRIFT, LATENCY, PEAK_MEMORY, PROCESS, REFERENCE
from sweep.settings.config import LatencySettings
from sweep.types import Point, Progress, Reading, listed

NO_ACCOUNT = "this backend does not account for the memory of a compiled program"
RUNTIME = "xla"  # what executes the networks
# A multiply-add of these networks, on the two cores of the reference run; for estimates alone.
MULT_ADD_S = 2.5e-11
COMPILED_S, STARTED_S, LOADED_S = 1.5, 4.0, 0.3  # a program, a process, a program from its file
# How often a process that died over no network is begun again, before the session makes do without.
AGAIN = 1

_Which = tuple[str, int]  # a point's key, and a batch size


@dataclass
class _Samples:
    """Of one network and batch size, in the order taken."""

    seconds: list[float] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)


class Session:
    """Times networks together, and keeps what their processes say by (point key, batch)."""

    def __init__(self, settings: LatencySettings, networks: Sequence[Network]) -> None:
        self._settings, self._networks = settings, networks
        self._labels = {each.point.key: each.point.label for each in networks}
        threads = settings.threads or this_cpu().cores
        self._conditions: dict[str, Any] = {
            "runtime": RUNTIME, "precision": settings.dtype, "threads": threads,
        }  # fmt: skip
        self._samples: dict[_Which, _Samples] = defaultdict(_Samples)
        self._reference: list[float] = []
        self._compiled: dict[_Which, list[float]] = defaultdict(list)
        self._memory: dict[_Which, int | None] = {}
        self._failed: dict[_Which, str] = {}  # why
        self._at: dict[str, Any] = {}  # what a process is at
        self._steps = 0  # that it has begun
        self._rounds: list[dict[str, Any]] = []  # of the process that is under way
        self._kept = True  # whether every program is in a file
        self._timed = 0  # processes that came to their end
        self._broken = ""  # why others did not

    def run(self, progress: Progress) -> None:
        """Compiles and times. Raises LatencyError where no process could."""
        processes = self._settings.processes
        # One process alone compiles for itself: there is no other that it could differ from.
        compiling, process_s = parts_s(self._settings, self._networks)
        ends = compiling / (compiling + processes * process_s) if processes > 1 else 0.0
        each = (1 - ends) / processes
        with tempfile.TemporaryDirectory(prefix="sweep-programs-") as folder:
            if processes > 1:
                self._to_the_end(
                    {"stage": "compile", "folder": folder, "process": 0},
                    lambda share, text: progress(ends * share, text),
                )
            if self._broken:
                raise LatencyError(self._broken)
            for process in range(processes):
                if self._broken or not self._left():
                    break
                loading = processes > 1 and self._kept
                self._to_the_end(
                    {"stage": "time", "folder": folder if loading else "", "process": process},
                    lambda share, text, process=process: progress(
                        ends + each * (process + share),
                        f"process {process + 1} of {processes}: {text}",
                    ),
                )
        if self._broken and not self._timed:
            raise LatencyError(self._broken)

    def _left(self) -> bool:
        return len(self._failed) < len(self._networks) * len(self._settings.batch_sizes)

    def _to_the_end(self, job: dict[str, Any], progress: Progress) -> None:
        """Runs a process. One that dies over a network is begun again without it; one that dies
        over none, once more as it was, and then breaks off the session: what other processes have
        timed stands.
        """
        again = 0
        while self._left():
            done = self._memory if job["stage"] == "compile" else ()
            self._at, self._steps, self._rounds = {}, 0, []
            try:
                for event in events(
                    job_of(self._settings, self._networks, [*self._failed, *done], **job)
                ):
                    self._take(event, job["stage"], progress)
            except LatencyError as error:
                which = self._at.get("key", ""), self._at.get("batch", 0)
                if "key" in self._at and which not in self._failed:
                    self._failed[which] = str(error)
                elif again < AGAIN:
                    again += 1
                else:
                    over = self._at.get("what")
                    self._broken = str(error) + (f" (over {over})" if over else "")
                    return
                continue
            if job["stage"] == "time":
                self._keep(job["process"])
            progress(1.0, "done")
            return

    def _take(self, event: dict[str, Any], stage: str, progress: Progress) -> None:
        which = (event.get("key", ""), event.get("batch", 0))
        match event["event"]:
            case "at":
                self._at, self._steps = event, self._steps + 1
                # Each is compiled; or loaded, warmed up, and called in every round, and so is the
                # reference but that it is not loaded.
                programs = len(self._networks) * len(self._settings.batch_sizes)
                rounds = self._settings.rounds
                timing = (2 + rounds) * programs + 1 + rounds
                whole = programs if stage == "compile" else timing
                at = event.get("what") or self._labels[which[0]]
                progress(min(1.0, (self._steps - 1) / whole), f"{stage} {at}")
            case "failed":
                self._failed[which] = event["reason"]
            case "compiled":
                self._memory[which] = event["memory_bytes"]
                self._kept &= event["kept"]
                self._compiled[which].append(event["seconds"])
            case "round":
                self._rounds.append(event)

    def _keep(self, process: int) -> None:
        """The samples of a process that came to its end."""
        self._timed += 1
        for each in self._rounds:
            self._reference.append(each["reference_s"])
            for key, batch, seconds, calls in each["samples"]:
                samples = self._samples[key, batch]
                samples.seconds.append(seconds)
                samples.processes.append(process)
                samples.calls.append(calls)

    def readings(self, network: Network, batch: int) -> Iterator[Reading]:
        """All metrics but the drift; of a network that failed, what there is, and the reason."""
        which, point = (network.point.key, batch), network.point
        read = partial(Reading, batch=batch, **self._conditions)
        failed, samples = self._failed.get(which, ""), self._samples[which]
        for metric, values, summary in (
            (LATENCY, samples.seconds, median),
            (PROCESS, samples.processes, lambda values: len(set(values))),
            (CALLS, samples.calls, median),
            (REFERENCE, self._reference if samples.seconds else [], median),
            (COMPILE, self._compiled[which], median),
        ):
            if values:
                value, raw = float(summary(values)), tuple(map(float, values))
                yield read(metric, point, value, samples=raw)
            else:
                yield read(metric, point, None, reason=failed or self._broken)
        memory = self._memory.get(which)
        if memory is None:
            yield read(PEAK_MEMORY, point, None, reason=failed or NO_ACCOUNT)
        else:
            yield read(PEAK_MEMORY, point, float(memory))

    def drift(
        self, earlier: Mapping[Network, Sequence[Reading]], batch: int, points: Sequence[Point]
    ) -> Iterator[Reading]:
        """How long the networks of `earlier` take now, as shares of what they took in the first
        session: the mean, and each. Nothing where none of them was timed in both.
        """
        ratios = {}
        for network, readings in earlier.items():
            then = {each.metric.name: each.value for each in readings if each.batch == batch}
            now = self._samples[network.point.key, batch].seconds
            if now and (before := then.get(LATENCY.name)):
                ratios[network.point.label] = median(now) / before * (then.get(DRIFT.name) or 1.0)
        if not ratios:
            return
        value, samples = geometric_mean(ratios.values()), tuple(ratios.values())
        note = f"timed again: {listed(list(ratios))}"
        read = partial(Reading, batch=batch, **self._conditions)
        for point in points:
            yield read(DRIFT, point, value, samples=samples, note=note)

    def failures(self, network: Network) -> Iterator[Failed]:
        """What is to be timed again, and why."""
        for batch in self._settings.batch_sizes:
            if reason := self._failed.get((network.point.key, batch)):
                yield Failed(network.point, f"batch {batch}: {reason}")
        if self._broken:
            of = f"{self._timed} of {self._settings.processes} processes timed it"
            yield Failed(network.point, f"{of}; then {self._broken}")


def parts_s(settings: LatencySettings, networks: Sequence[Network]) -> tuple[float, float]:
    """Estimated seconds of compiling, and of one process that times: its start, loading and warming
    up, and the rounds.
    """
    sample_s = [
        max(settings.min_sample_s, MULT_ADD_S * batch * mult_adds(network))
        for network in networks
        for batch in settings.batch_sizes
    ]
    loading = LOADED_S * len(sample_s)
    timing = settings.rounds * 1.5 * sum(sample_s)
    return STARTED_S + COMPILED_S * len(sample_s), STARTED_S + loading + timing


def mult_adds(network: Network) -> int:
    """Of one image."""
    return sum(row.mult_adds for row in network.layers())


def job_of(
    settings: LatencySettings,
    networks: Sequence[Network],
    left_out: Iterable[_Which],
    *,
    stage: str,
    folder: str,
    process: int,
) -> dict[str, Any]:
    """What a worker is told, as plain data. stage: "compile" or "time"; folder: of the programs,
    empty where they can't be kept.
    """
    return {
        "stage": stage,
        "folder": folder,
        "process": process,
        "left_out": [list(each) for each in left_out],
        "settings": settings.model_dump(mode="json"),
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
