"""One session of timing: processes that make files, processes that time, and what they have said.

Each runtime has a process of its own for each number of threads. All are there at once and take
turns: one samples its programs while the others wait, their own threads asleep.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.contracts import Network, Runtime
from sweep.host.machine import this_cpu
from sweep.measures.timers import Draw, Target, TimerError, draw
from sweep.measures.timing_process import LatencyError, Process
from sweep.settings.config import LatencySettings
from sweep.settings.registry import find
from sweep.types import Deployment, Progress

# A multiply-add of these networks, on the two cores of the reference run; for estimates alone.
MULT_ADD_S = 2.5e-11
# A program that is compiled, or written and checked; a process; a program from its file; likewise.
MADE_S, STARTED_S, LOADED_S = 1.5, 2.0, 0.3
# How often a process that died over no network is begun again, before the session makes do without.
AGAIN = 1


@dataclass(frozen=True)
class Program:
    """What is timed. deployment: with the number of threads that it has. file: its name."""

    network: Network
    deployment: Deployment
    batch: int
    file: str

    @property
    def target(self) -> Target:
        """Which process times it."""
        return self.deployment.runtime, self.deployment.threads

    @property
    def source(self) -> tuple[str, str]:
        """What is made once: a file, checked by one runtime."""
        return self.deployment.runtime, self.file

    @property
    def label(self) -> str:
        """ "0.5-160, litert, int8, 2 threads"."""
        return f"{self.network.point.label}, {self.deployment.label}"


@dataclass
class Taken:
    """What was read of one program, sample by sample in the order taken, and process by process."""

    seconds: list[float] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)


class Session:
    """Times networks together.

    programs: each network at each batch size. taken: of each, by its place. made: what was told of
    each source. failed: why, by its place; missing: those for want of a library, which are
    left out for good. broken: of a process that times, why it did not come to
    its end; timed: how many did. reference: seconds of the reference computation.
    """

    def __init__(self, settings: LatencySettings, networks: Sequence[Network]) -> None:
        self.settings = settings
        own = {deployment_of(each, settings).runtime for each in networks}
        self._runtimes: dict[str, Runtime] = {name: find("runtime", name)() for name in own}
        self.programs = [
            self._program(network, batch) for network in networks for batch in settings.batch_sizes
        ]
        self.taken: dict[int, Taken] = defaultdict(Taken)
        self.made: dict[tuple[str, str], dict[str, Any]] = {}
        self.failed: dict[int, str] = {}
        self.missing: set[int] = set()
        self.broken: dict[Target, str] = {}
        self.timed: dict[Target, int] = defaultdict(int)
        self.reference: list[float] = []

    def _program(self, network: Network, batch: int) -> Program:
        of = deployment_of(network, self.settings)
        threads = of.threads or this_cpu().cores
        runtime = self._runtimes[of.runtime]
        parts = [network.point.key.replace("/", "-"), of.precision, f"batch{batch}"]
        parts += [f"threads{threads}"] if runtime.pinned else []
        file = "-".join(parts) + runtime.suffixes[0]
        return Program(network, Deployment(of.runtime, of.precision, threads), batch, file)

    def run(self, progress: Progress) -> None:
        """Makes files, and times them. Raises LatencyError where no process could."""
        making, process_s = parts_s(self.settings, [each.network for each in self.programs])
        count = self.settings.processes
        ends = making / (making + count * process_s)
        each = (1 - ends) / count
        with tempfile.TemporaryDirectory(prefix="sweep-programs-") as folder:
            self.make(Path(folder), lambda share, text: progress(ends * share, text))
            for number in range(count):
                self._time(
                    Path(folder),
                    number,
                    lambda share, text, number=number: progress(
                        ends + each * (number + share), f"process {number + 1} of {count}: {text}"
                    ),
                )
        if self.broken and not self.timed:
            raise LatencyError(next(iter(self.broken.values())))
        progress(1.0, "done")

    def make(self, folder: Path, progress: Progress) -> None:
        """Every file, checked, by a process for each number of threads. Where it dies over one, it
        is begun again without that. Raises LatencyError where it dies over none, again.
        """
        whole, again = len({program.source for program in self.programs}), 0
        for threads in dict.fromkeys(program.deployment.threads for program in self.programs):
            while (job := self.making(folder, threads))["programs"]:
                at = -1
                try:
                    with Process("timing_files") as process:
                        process.tell(job)
                        for event in process.events():
                            at = event["index"]
                            share = min(1.0, len(self.made) / whole)
                            progress(share, f"make {self.programs[at].label}")
                            if event["event"] != "at":
                                self._take(event)
                except LatencyError as error:
                    if at >= 0 and self.programs[at].source not in self.made:
                        self._take({"event": "failed", "index": at, "reason": str(error)})
                    elif (again := again + 1) > AGAIN:
                        raise

    def _to_make(self, threads: int) -> list[int]:
        """The first program of each source that this number of threads bears on, or that nobody has
        made, those of one network side by side.
        """
        first: dict[tuple[str, str], int] = {}
        for index, program in enumerate(self.programs):
            bears = program.deployment.threads == threads
            if bears and program.source not in self.made:
                first.setdefault(program.source, index)
        of = self.programs
        return sorted(first.values(), key=lambda at: (of[at].network.point.key, of[at].batch))

    def making(self, folder: Path, threads: int) -> dict[str, Any]:
        """What is told to the process that makes what is not made yet and this number of threads
        bears on.
        """
        indices = self._to_make(threads)
        points = {self.programs[at].network.point.key: self.programs[at] for at in indices}
        return {
            "settings": self.settings.model_dump(mode="json"),
            "threads": threads,
            "networks": {key: _spec(program.network) for key, program in points.items()},
            "programs": [self._told(folder, at) for at in indices],
        }

    def _told(self, folder: Path, index: int) -> dict[str, Any]:
        """A program, for a process."""
        program = self.programs[index]
        return {
            "index": index,
            "network": program.network.point.key,
            "runtime": program.deployment.runtime,
            "precision": program.deployment.precision,
            "batch": program.batch,
            "resolution": program.network.point.resolution,
            "file": str(folder / program.file),
        }

    def _take(self, event: dict[str, Any]) -> None:
        """What became of a file, for all programs that it is of."""
        source = self.programs[event["index"]].source
        self.made[source] = event
        if event["event"] == "failed":
            for at, each in enumerate(self.programs):
                if each.source == source:
                    self.failed[at] = event["reason"]
                    self.missing |= {at} if event.get("missing") else set()

    def _time(self, folder: Path, number: int, progress: Progress) -> None:
        """One process of each runtime, to its end. Where one dies over a program, all begin again
        without that; over none, once more as they were, and then without it: what others have timed
        stands.
        """
        again: dict[Target, int] = defaultdict(int)
        while jobs := self.jobs(folder):
            try:
                drawn = draw(jobs, _timing, self.settings, number, progress)
            except TimerError as end:
                if end.over >= 0:
                    self.failed[end.over] = str(end)
                elif (again := again | {end.target: again[end.target] + 1})[end.target] > AGAIN:
                    self.broken[end.target] = str(end)
                continue
            for target in jobs:
                self.timed[target] += 1
            self._keep(drawn, number)
            return

    def jobs(self, folder: Path) -> dict[Target, list[dict[str, Any]]]:
        """The programs that can still be timed, by the process that is to do it."""
        jobs: dict[Target, list[dict[str, Any]]] = {}
        for index, program in enumerate(self.programs):
            if index not in self.failed and program.target not in self.broken:
                jobs.setdefault(program.target, []).append(self._told(folder, index))
        return jobs

    def _keep(self, drawn: Draw, number: int) -> None:
        """What the processes of one draw have said, now that they have come to their end."""
        self.reference += drawn.reference
        self.failed |= drawn.failed
        for index, event in drawn.opened.items():
            self.taken[index].opened.append(event)
        for index, seconds in drawn.samples:
            taken = self.taken[index]
            taken.seconds.append(seconds)
            taken.processes.append(number)
            taken.calls.append(drawn.calls[index])


def _timing() -> Process:
    return Process("timing_worker")


def deployment_of(network: Network, settings: LatencySettings) -> Deployment:
    """What executes it: where nobody says, the first of each list."""
    first = settings.runtimes[0], settings.precisions[0], settings.threads[0]
    return network.deployment or Deployment(*first)


def _spec(network: Network) -> dict[str, Any]:
    """A network as plain data."""
    family, point = type(network.family), network.point
    return {
        "family": f"{family.__module__}:{family.__qualname__}",
        "point": [point.family, point.kind, point.alpha, point.rho, point.resolution],
        "num_classes": network.num_classes,
    }


def parts_s(settings: LatencySettings, networks: Sequence[Network]) -> tuple[float, float]:
    """Estimated seconds of making files, and of one process of each runtime: its start, loading and
    warming up, and the rounds.
    """
    sample_s = [
        max(settings.min_sample_s, MULT_ADD_S * batch * mult_adds(network))
        for network in networks
        for batch in settings.batch_sizes
    ]
    targets = {(each.runtime, each.threads) for n in networks if (each := n.deployment)}
    started = STARTED_S * max(1, len(targets))
    timing = settings.rounds * 1.5 * sum(sample_s)
    return started + MADE_S * len(sample_s), started + LOADED_S * len(sample_s) + timing


def mult_adds(network: Network) -> int:
    """Of one image."""
    return sum(row.mult_adds for row in network.layers())
