"""Runs one worker of the latency measure, and hears what it says."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from sweep.host.failures import end_of

# Characters of what a process that failed said at last.
MOST_QUOTED = 2000


class LatencyError(RuntimeError):
    """A worker process failed; the message carries the end of what it said."""


def events(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Runs a worker on `job` and yields what it reports, a JSON object a line. Raises LatencyError
    where it does not end well.
    """
    environment = os.environ | {
        # The worker must find what this process finds, whatever the folder it is started in.
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        # Processes would differ by which of their programs were in the cache; and a program from
        # there has lost what it takes to be put into a file for the others.
        "JAX_ENABLE_COMPILATION_CACHE": "0",
    }
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
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
