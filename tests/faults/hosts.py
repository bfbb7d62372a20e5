"""Trainings that two hosts perform together, of which one, or one of its processes, is killed at a
random moment.

python -m tests.faults hosts --times 24
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.measures.accuracy import Accuracy
from sweep.running.hosts import KEY, free_port
from sweep.testing import is_alive
from sweep.testing.engine import wait_for
from tests.faults import Row, row
from tests.faults.sweeps import CONTINUES, LEFT
from tests.faults.training import CONTINUED, PATIENCE_S, Sweep, Weights, workers_of
from tests.support.commands import interruptible
from tests.support.hosts import SECRET, joined

SEED = 8
EPOCHS = 6
LONGEST_S = 16.0  # after both hosts have begun, before their processes have JAX
HAS_JOINED = "has joined"


class WeightsOfHosts(Weights):
    """The weights of trainings that have all cores."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(threads=0, **settings)


@dataclass(frozen=True)
class Kind:
    """A way to break off. breaks: is handed the pids of the run and of the joined host; status: how
    the run then ends, 0 where it goes on by itself with another host; says: in words of its log or
    of its messages.
    """

    fault: str
    breaks: Callable[[int, int], None]
    status: int
    says: str = ""


def kill_run(run: int, host: int) -> None:
    os.kill(run, signal.SIGKILL)


def kill_host(run: int, host: int) -> None:
    os.kill(host, signal.SIGKILL)


def kill_process_of_host(run: int, host: int) -> None:
    for pid in workers_of(host)[:1]:
        os.kill(pid, signal.SIGKILL)


def interrupt(run: int, host: int) -> None:
    os.kill(run, signal.SIGINT)


KINDS = (
    Kind(
        "two hosts: SIGKILL of the one that has joined, and another joins", kill_host, 0,
        "is gone; begun again when another has joined",
    ),
    Kind(
        "two hosts: SIGKILL of the process that trains on the one that has joined",
        kill_process_of_host, 1,
        "the process was ended by SIGKILL; the system does that where memory runs out",
    ),
    Kind("two hosts: SIGKILL of the run", kill_run, -signal.SIGKILL),
    Kind("two hosts: Ctrl-C", interrupt, 130, f"Interrupted. {CONTINUES}"),
)  # fmt: skip


@dataclass(frozen=True)
class Pair(Sweep):
    """A sweep of two hosts."""

    epochs: int = EPOCHS
    measure: type[Accuracy] = WeightsOfHosts

    def begun(self, address: str) -> subprocess.Popen[str]:
        hosts = "--hosts", "2", "--on", f"local://{address}"
        arguments = ["run", "--compile-cache", self.cache, *hosts]
        return interruptible(arguments, self.folder, **{KEY: SECRET})

    def finished(self) -> str:
        """Undisturbed, with a host that joins; what went wrong."""
        address = f"127.0.0.1:{free_port()}"
        with joined(address):
            run = self.begun(address)
            out, err = run.communicate(timeout=PATIENCE_S)
        return f"status {run.returncode}: {out[-500:]}{err[-500:]}" if run.returncode else ""


def harness(times: int, folder: Path, kinds: Sequence[Kind] = KINDS) -> Iterator[Row]:
    """Each kind of break; all of them make `times`."""
    times = max(1, times // len(kinds))
    cache = folder / "cache"
    whole = Pair(folder / "whole", cache)
    if (wrong := whole.finished()) or CONTINUED in whole.log:
        raise AssertionError(wrong or "it went on from somewhere")
    for number, kind in enumerate(kinds):
        chance = random.Random(SEED)  # noqa: S311 - moments, no secret
        lost: list[str] = []
        for at in range(times):
            pair = Pair(folder / f"{number}-{at}", cache)
            lost += _broken(pair, kind, chance.uniform(0.0, LONGEST_S))
            if not lost and pair.outcome() != whole.outcome():
                lost.append("other weights or curves")
        where = "run.log: " if kind.status == 0 else ""
        said = f"{where}`{kind.says}`; " if kind.says else ""
        again = "" if kind.status == 0 else f"run.log of the next run: `.. {CONTINUED} .. of ..`; "
        yield row(kind.fault, times, lost, f"{said}{again}the same weights")


def _broken(pair: Pair, kind: Kind, after_s: float) -> Iterator[str]:
    """What was lost of a sweep that is broken off once, and then let finish."""
    address = f"127.0.0.1:{free_port()}"
    with joined(address, count=2 if kind.status == 0 else 1) as hosts:
        run = pair.begun(address)
        wait_for(lambda: HAS_JOINED in pair.log or run.poll() is not None)
        time.sleep(after_s)
        there = [pid for pid in (host.pid for host in hosts) if workers_of(pid)]
        workers = [*workers_of(run.pid), *(each for pid in there for each in workers_of(pid))]
        if run.poll() is None and there:
            kind.breaks(run.pid, there[0])
        _, err = run.communicate(timeout=PATIENCE_S)
        if run.returncode not in (kind.status, 0):
            yield f"status {run.returncode}: {err[-500:]}"
        broken = run.returncode or any(each.poll() == -signal.SIGKILL for each in hosts)
        if broken and kind.says not in f"{' '.join(err.split())} {pair.log}":
            yield f"did not say {kind.says}: {err[-500:]}"
        wait_for(lambda: not any(map(is_alive, workers)))
    if run.returncode and (wrong := pair.finished()):
        yield wrong
    if strays := {path.name for path in pair.results.iterdir()} ^ LEFT:
        yield f"strays: {sorted(strays)}"
