"""Runs of `tests.faults.driver`, each forked from a process that has imported all of it: a toy run
takes a fifth of a second then, and importing what it needs seven times as long.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
# Nothing of JAX, whose threads a fork would not survive.
_SERVER.set_forkserver_preload(
    ["tests.faults.driver", "tests.faults.failures", "sweep.cli.progress"]
)


class Forked:
    """One of them, with what the harnesses use of `subprocess.Popen`."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._errors = tempfile.NamedTemporaryFile("r", errors="surrogateescape")  # noqa: SIM115 - closed by `communicate`
        reading, writing = _SERVER.Pipe(duplex=False)
        told = (list(arguments), folder, dict(environment), writing, self._errors.name)
        self._process = _SERVER.Process(target=_run, args=told)
        self._process.start()
        writing.close()
        self.stdout = os.fdopen(os.dup(reading.fileno()), errors="surrogateescape")
        reading.close()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def returncode(self) -> int:
        return self._process.exitcode or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of standard output, and standard error."""
        with self.stdout, self._errors:
            out = self.stdout.read()
            self._process.join(timeout)
            return out, self._errors.read()


def _run(
    arguments: list[str], folder: Path, environment: dict[str, str], out: Connection, err: str
) -> None:
    from tests.faults.driver import drive

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(out.fileno(), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_APPEND), 2)
    out.close()
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - no path
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["sweep", *arguments]
    drive(arguments)
