"""A sweep on a simulated Ray cluster, of which a process, a machine or the driver is killed.

python -m tests.faults cluster --times 60
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sweep.settings.config import GridSettings
from sweep.settings.grid import points as grid_points
from tests.faults import Row, row
from tests.faults.parts import Numbers
from tests.faults.sweeps import LEFT, ROWS, content, contents, load
from tests.support.commands import children_of, interruptible
from tests.support.ray_cluster import SimulatedCluster

SEED = 7
LONGEST_S = 6.0  # after the first point's start
PATIENCE_S = 120.0
ALPHAS = tuple(round(0.05 * (n + 1), 2) for n in range(6))
TEXT = f"""
name = "toy"
family = "tests.faults.parts:Family"
measures = ["tests.faults.cluster:OnOneCore"]
[grid]
alpha = {list(ALPHAS)}
resolution = [64, 32]
[custom."tests.faults.cluster:OnOneCore"]
rows = {ROWS}
pause_s = 0.5
"""


class OnOneCore(Numbers):
    """The toy's numbers, a call a process."""

    threads = 1


@dataclass(frozen=True)
class Kind:
    """A way to break; breaks: is handed the cluster, its machines' processes and the driver's."""

    fault: str
    breaks: Callable[[SimulatedCluster, list[int], int], None]
    shows: str


def kill_supervisor(cluster: SimulatedCluster, machines: list[int], driver: int) -> None:
    """One that watches a point's process, which ends with it."""
    for machine in machines:
        if pids := children_of(machine, "perform_all"):
            os.kill(pids[0], signal.SIGKILL)
            return


def kill_machine(cluster: SimulatedCluster, machines: list[int], driver: int) -> None:
    """And another one comes."""
    cluster.kill(machines.pop(0))
    machines.append(cluster.add())


def kill_driver(cluster: SimulatedCluster, machines: list[int], driver: int) -> None:
    os.kill(driver, signal.SIGKILL)


AGAIN = "run.log: `lost on ..; begun again`; nothing else is done again"
KINDS = (
    Kind("cluster: SIGKILL of a process that watches a point", kill_supervisor, AGAIN),
    Kind("cluster: a machine is gone, and another comes", kill_machine, AGAIN),
    Kind(
        "cluster: SIGKILL of the driver", kill_driver,
        "`stored already: nothing of it is done again.`",
    ),
)  # fmt: skip


def harness(times: int, folder: Path) -> Iterator[Row]:
    """Each kind of break; all of them make `times`."""
    each = max(1, times // len(KINDS))
    with closing(SimulatedCluster()) as cluster:
        machines = [cluster.add() for _ in range(2)]
        for number, kind in enumerate(KINDS):
            chance = random.Random(SEED)  # noqa: S311 - moments, no secret
            lost: list[str] = []
            for at in range(each):
                own = folder / f"{number}-{at}"
                lost += broken(own, kind, cluster, machines, LONGEST_S * chance.random())
            yield row(kind.fault, each, lost, kind.shows)


def broken(
    folder: Path, kind: Kind, cluster: SimulatedCluster, machines: list[int], after_s: float
) -> Iterator[str]:
    """One sweep that is broken once; what was lost."""
    folder.mkdir(parents=True)
    (folder / "sweep.toml").write_text(TEXT)
    results = folder / "results/toy"
    log = results / "run.log"
    arguments = ["run", "--no-compile-cache", "--on", f"ray:{cluster.address}"]
    process = interruptible(arguments, folder)
    until = time.monotonic() + PATIENCE_S
    while not (log.exists() and ": started" in log.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(after_s)
    kind.breaks(cluster, machines, process.pid)
    out, err = process.communicate(timeout=PATIENCE_S)
    if process.returncode == -signal.SIGKILL:
        process = interruptible(arguments, folder)
        out, err = process.communicate(timeout=PATIENCE_S)
    if process.returncode:
        yield f"status {process.returncode}: {out[-500:]}{err[-500:]}"
        return
    found = contents(load(results))
    points = grid_points(GridSettings(alpha=ALPHAS, resolution=(64, 32)), family="toy")
    for point in points:
        if found.get(point.label) != content(point, ROWS):
            yield f"{point.label} is not as it was read"
    told = log.read_text()
    for point in points:
        if told.count(f" {point.label}: stored in") != 1:
            yield f"{point.label} was read {told.count(f' {point.label}: stored in')} times"
    if strays := {path.name for path in results.iterdir()} ^ LEFT:
        yield f"left behind: {sorted(strays)}"
