"""Processes of the latency measure, made up: they say what real ones would, and take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sweep.measures import latency_session
from sweep.measures.timing_process import LatencyError

REFERENCE = -1
# Seconds of a call, by (which process of its runtime, the program, the sample of it).
Takes = Callable[[int, dict[str, Any], int], float]


class Processes:
    """In place of all of them. takes: what a call lasts. jobs: what each was told at its start.

    dies: (which process of those that time, in which sample, over which side in pixels or -1 for
    the reference computation). computes: reasons why a program can't be made, by runtime; missing:
    those of which that is a library.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        takes: Takes,
        *dies: tuple[int, int, int],
        computes: dict[str, str] | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        self.takes, self.dies, self.computes = takes, dies, computes or {}
        self.missing = missing
        self.jobs: list[dict[str, Any]] = []
        self.timing: dict[str, int] = {}  # processes of each runtime that have begun
        monkeypatch.setattr(latency_session, "Process", self._started)
        monkeypatch.setattr("sweep.measures.timers.SETTLE_S", 0.0)

    def _started(self, module: str) -> _Process:
        return _Process(self, module)


class _Process:
    def __init__(self, of: Processes, module: str) -> None:
        self._of, self._module = of, module
        self._saying: Iterator[dict[str, Any]] = iter(())
        self._programs: dict[int, dict[str, Any]] = {}
        self._samples: dict[int, int] = {}

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, message: dict[str, Any]) -> None:
        if "do" in message:
            self._saying = self._done(message)
            return
        self._of.jobs.append({"module": self._module, **message})
        self._programs = {each["index"]: each for each in message["programs"]}
        if self._module == "timing_files":
            self._saying = self._made()
        else:
            self._number = self._of.timing.setdefault(message["runtime"], 0)
            self._of.timing[message["runtime"]] += 1
            self._saying = self._opened()

    def events(self) -> Iterator[dict[str, Any]]:
        return self._saying

    def next_event(self) -> dict[str, Any]:
        return next(self._saying)

    def _made(self) -> Iterator[dict[str, Any]]:
        for index, program in self._programs.items():
            yield {"event": "at", "index": index}
            if reason := self._of.computes.get(program["runtime"]):
                gone = program["runtime"] in self._of.missing
                yield {"event": "failed", "index": index, "reason": reason, "missing": gone}
                continue
            compiled = program["runtime"] == "xla"
            told = {"seconds": 1.0, "memory_bytes": 1} if compiled else {"seconds": None}
            yield {"event": "made", "index": index, "memory_bytes": None, "file_bytes": 8, **told}

    def _opened(self) -> Iterator[dict[str, Any]]:
        for index in self._programs:
            yield {"event": "at", "index": index}
            told = {"seconds": 0.1, "memory_bytes": 4096, "kernels": "made up"}
            yield {"event": "opened", "index": index, **told}
        yield {"event": "ready"}

    def _done(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        index, done = message["index"], {"event": "done", "index": message["index"]}
        if message["do"] == "warm":
            yield {**done, "calls": 5}
            return
        number = self._samples.get(index, 0)
        self._samples[index] = number + 1
        side = REFERENCE if index == REFERENCE else self._programs[index]["resolution"]
        if (self._number, number, side) in self._of.dies:
            raise LatencyError("the timing process was ended by SIGKILL")
        reference = {"runtime": "", "resolution": 0}
        seconds = self._of.takes(self._number, self._programs.get(index, reference), number)
        yield {**done, "seconds": seconds}
