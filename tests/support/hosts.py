"""For tests of calls that several hosts perform together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweep.contracts import Call, Network
from sweep.host.interrupts import heard
from sweep.running.hosts import KEY, Address, free_port
from sweep.running.hosts_engine import HostsEngine
from sweep.running.surroundings import surroundings_here
from sweep.testing import SIDE, Check, call
from sweep.testing.engine import wait_for
from sweep.types import Progress, Reading
from tests.support.engines import MACHINE

ROOT = Path(__file__).parents[2]
SECRET = "open sesame"  # noqa: S105 - of tests


class Together(Check):
    """Reads the sum of the hosts' numbers, 1 for the first, after the last host has done what it is
    told to; its samples are the hosts' numbers of devices.
    """

    threads = 0
    spans_hosts = True

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        import jax
        import numpy as np
        from jax.experimental.multihost_utils import process_allgather

        number, done = jax.process_index(), Path(self.folder) / f"done {self.does}"
        if number and not done.exists():
            done.touch()
            self._do()
        progress(0.5, "together")
        if self.does == "hang":
            self._hang_together(first=not number)
        numbers = np.array([number + 1, jax.local_device_count()])
        told = process_allgather(numbers)
        samples = tuple(map(float, told[:, 1]))
        yield Reading(SIDE, networks[0].point, float(told[:, 0].sum()), samples=samples)

    def _do(self) -> None:
        match self.does:
            case "raise":
                raise RuntimeError("a stone in the way")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "leave":
                os.kill(os.getppid(), signal.SIGKILL)
                wait_for(lambda: False)

    def _hang_together(self, *, first: bool) -> None:
        folder = Path(self.folder)
        if not first:
            (folder / "other hangs").touch()
            wait_for(lambda: False)
        with heard():
            try:
                (folder / "first hangs").touch()
                wait_for(lambda: False)
            except KeyboardInterrupt:
                (folder / "put down").touch()
                raise


def together(does: str, folder: Path) -> Call:
    return replace(call(), measure=Together(does, str(folder)))


def of_two() -> HostsEngine:
    """With this process and one that joins it."""
    address = Address("127.0.0.1", free_port())
    return HostsEngine(MACHINE, hosts=2, address=address, surroundings=surroundings_here())


@contextmanager
def joined(address: Address | str, key: str = SECRET, count: int = 1) -> Iterator[list[Any]]:
    """`python -m sweep join` there, so many times; each ends at the latest with the context."""
    hosts = [
        subprocess.Popen(
            [sys.executable, "-m", "sweep", "join", str(address)],
            env=os.environ | {KEY: key, "PYTHONPATH": str(ROOT)}, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(count)
    ]  # fmt: skip
    try:
        yield hosts
    finally:
        for each in hosts:
            each.kill()
            each.communicate()
