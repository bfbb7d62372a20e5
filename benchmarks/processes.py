"""Contenders' processes, stopped whenever nothing is asked of them: none outlives its benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

ROOT = Path(__file__).parents[1]
# Waits for the end of its input, which only the benchmark holds: killed or not, it lets go. What is
# stopped would never find out by itself.
_GUARD = 'read -r _; kill -s KILL -- "-$0"'


class WorkerProcess:
    """`benchmarks.worker` in a group with the processes that it may start."""

    def __init__(self, core: int | None = None) -> None:
        """core: the one that it and all that it starts run on."""
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        if core is not None:  # before it is told what to load, which makes threads
            os.sched_setaffinity(self._process.pid, {core})
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ask(self, *jobs: dict[str, Any]) -> dict[str, Any]:
        """Wakes the group, tells it the jobs one after the other, and stops it once it has answered
        the last, whose answer it returns. Raises RuntimeError where it has ended.
        """
        self._signal(signal.SIGCONT)
        answer = [self._answer(job) for job in jobs][-1]
        self._signal(signal.SIGSTOP)
        return answer

    def _answer(self, job: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        line = ""
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(job) + "\n")
            stdin.flush()
            line = stdout.readline()
        if line:
            return json.loads(line)
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read()[-2000:].strip()
        raise RuntimeError(f"ended with status {status} at {job}: {said}")

    def end(self) -> None:
        """Ends the whole group."""
        self._guard.kill()
        self._guard.communicate()
        self._signal(signal.SIGKILL)
        self._process.communicate()
        self._errors.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


class SideBySide:
    """A process on each of these cores, asked the same at the same time."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._workers = [WorkerProcess(core) for core in cores]

    def ask(self, *jobs: dict[str, Any]) -> dict[str, Any]:
        """The first one's answer; of seconds a call those over which all of them together do one:
        their rates add up.
        """
        with ThreadPoolExecutor(len(self._workers)) as pool:
            answers = list(pool.map(lambda worker: worker.ask(*jobs), self._workers))
        if "seconds" not in answers[0]:
            return answers[0]
        return {"seconds": 1 / sum(1 / each["seconds"] for each in answers)}

    def end(self) -> None:
        """Ends all of them."""
        for worker in self._workers:
            worker.end()
