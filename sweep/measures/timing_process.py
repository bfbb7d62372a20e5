"""Processes of the latency measure, and what is said between them: JSON, an object a line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from sweep.host.failures import end_of

# Characters of what a process that failed said at last.
MOST_QUOTED = 2000
# Processes would differ by which of their programs were in JAX's cache; and a program from there
# has lost what it takes to be put into a file for the others. NumPy's own threads would wait for
# work on cores that a runtime has.
_ENVIRONMENT = {"JAX_ENABLE_COMPILATION_CACHE": "0", "OPENBLAS_NUM_THREADS": "1"}

Say = Callable[[dict[str, Any]], None]


class LatencyError(RuntimeError):
    """A process of the measure failed; the message carries the end of what it said."""


class Process:
    """A module of this package, run as a process of its own; gone at the end of the block."""

    def __init__(self, module: str) -> None:
        # The process must find what this one finds, whatever the folder it is started in.
        path = os.pathsep.join(path for path in sys.path if path)
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"sweep.measures.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | {"PYTHONPATH": path} | _ENVIRONMENT,
            cwd=Path.cwd(),
        )
        self._to = cast("IO[str]", self._process.stdin)
        self._from = cast("IO[str]", self._process.stdout)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._from.close()
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        self._errors.close()

    def tell(self, message: dict[str, Any]) -> None:
        """A line for the process; one that has ended hears nothing, and `events` will say so."""
        with contextlib.suppress(BrokenPipeError):
            self._to.write(json.dumps(message) + "\n")
            self._to.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        """What the process says, up to its end. Raises LatencyError where it does not end well."""
        for line in self._from:
            yield json.loads(line)
        if status := self._process.wait():
            self._errors.seek(0)
            said = self._errors.read()[-MOST_QUOTED:].strip()
            ended = end_of(status).replace("the process", "the timing process")
            raise LatencyError(f"{ended}: {said}" if said else ended)

    def next_event(self) -> dict[str, Any]:
        """What it says next. Raises LatencyError where it says nothing any more."""
        for event in self.events():
            return event
        raise LatencyError("the timing process ended too early")


def serve(main: Callable[[Iterator[dict[str, Any]], Say], None]) -> None:
    """The process's own side: what it is told, and how it says something. It ends when its parent
    does, which holds the other end of its input.
    """
    told, words = os.pipe()
    threading.Thread(target=_passed_on, args=(words,), daemon=True).start()

    def say(event: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    with os.fdopen(told, encoding="utf-8") as lines:
        main((json.loads(line) for line in lines), say)


def _passed_on(words: int) -> None:
    """The input, read by a thread that notices its end whatever the process is at."""
    while said := os.read(0, 1 << 16):
        os.write(words, said)
    os._exit(1)
