"""The processes that time, one of each runtime, taking turns: one draw of what stays the same while
a process lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep.measures.timing_process import LatencyError, Process
from sweep.measures.timing_worker import REFERENCE
from sweep.settings.config import LatencySettings
from sweep.types import Progress

Target = tuple[str, int]  # a runtime, and how many threads it has

# Between the turns of two processes: the threads of one may wait for its next call for some
# milliseconds before they sleep, on the cores that the other is to have.
SETTLE_S = 0.02
_NOWHERE = -2


class TimerError(RuntimeError):
    """A process that times ended. over: the program that it was at; below 0 where at none."""

    def __init__(self, target: Target, over: int, reason: str) -> None:
        super().__init__(reason)
        self.target, self.over = target, over


@dataclass
class Draw:
    """What one process of each runtime has said. samples: (program, seconds of a call) in the order
    taken; calls: that a sample is the mean of; reference: seconds of the reference computation.
    """

    opened: dict[int, dict[str, Any]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=dict)
    samples: list[tuple[int, float]] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)


class Timer:
    """A process that holds the programs of one runtime on so many threads."""

    def __init__(self, target: Target, process: Process) -> None:
        self.target, self._process = target, process
        self._at = _NOWHERE

    def open(self, programs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """What it says of each program. Raises TimerError where it ends over one, or before."""
        runtime, threads = self.target
        self._process.tell({"runtime": runtime, "threads": threads, "programs": list(programs)})
        while (event := self._heard())["event"] != "ready":
            self._at = event["index"]
            if event["event"] != "at":
                yield event
        self._at = _NOWHERE

    def ask(self, index: int, do: str, **more: Any) -> dict[str, Any]:
        """Has it warm a program up, or sample it; what it says of that. Raises TimerError."""
        self._at = index
        self._process.tell({"do": do, "index": index, **more})
        event = self._heard()
        self._at = _NOWHERE
        return event

    def _heard(self) -> dict[str, Any]:
        try:
            return self._process.next_event()
        except LatencyError as error:
            over = " (over the reference computation)" if self._at == REFERENCE else ""
            raise TimerError(self.target, self._at, f"{error}{over}") from None


def draw(
    jobs: Mapping[Target, Sequence[Mapping[str, Any]]],
    start: Callable[[], Process],
    settings: LatencySettings,
    number: int,
    progress: Progress,
) -> Draw:
    """Opens all programs, warms them up, and samples each in every round: runtime by runtime, and
    within it program by program, in a random order each time. start: a process that times.
    Raises TimerError where one dies.
    """
    drawn, steps = Draw(), 0
    whole = (2 + settings.rounds) * sum(map(len, jobs.values()))

    def step(what: str) -> None:
        nonlocal steps
        progress(min(1.0, steps / whole), what)
        steps += 1

    with ExitStack() as stack:
        timers = []
        for target, programs in jobs.items():
            timers.append(Timer(target, stack.enter_context(start())))
            for event in timers[-1].open(programs):
                step(f"{target[0]} opens its programs")
                if _went_well(event, drawn):
                    drawn.opened[event["index"]] = event
        for timer in timers:
            _warm(timer, [each["index"] for each in jobs[timer.target]], settings, drawn, step)
        rng = np.random.default_rng([settings.seed, number])
        for at_round in range(settings.rounds):
            for timer in [timers[at] for at in rng.permutation(len(timers))]:
                if len(timers) > 1:
                    time.sleep(SETTLE_S)
                if timer is timers[0]:
                    told = timer.ask(REFERENCE, "sample", calls=drawn.calls[REFERENCE])
                    drawn.reference.append(told["seconds"])
                own = [each["index"] for each in jobs[timer.target]]
                for index in [own[at] for at in rng.permutation(len(own))]:
                    step(f"round {at_round + 1} of {settings.rounds}, {timer.target[0]}")
                    _sample(timer, index, drawn)
    return drawn


def _warm(
    timer: Timer,
    indices: Sequence[int],
    settings: LatencySettings,
    drawn: Draw,
    step: Callable[[str], None],
) -> None:
    length = {"min_sample_s": settings.min_sample_s, "warmup_s": settings.warmup_s}
    for index in (REFERENCE, *(each for each in indices if each in drawn.opened)):
        step(f"{timer.target[0]} warms up")
        event = timer.ask(index, "warm", **length)
        if _went_well(event, drawn):
            drawn.calls[index] = event["calls"]


def _sample(timer: Timer, index: int, drawn: Draw) -> None:
    if index in drawn.calls and index not in drawn.failed:
        event = timer.ask(index, "sample", calls=drawn.calls[index])
        if _went_well(event, drawn):
            drawn.samples.append((index, event["seconds"]))


def _went_well(event: dict[str, Any], drawn: Draw) -> bool:
    if event["event"] == "failed":
        drawn.failed[event["index"]] = event["reason"]
    return event["event"] != "failed"
