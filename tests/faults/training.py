"""Trainings that are broken off at random moments: the whole run, or one of its processes, by
SIGKILL, by SIGTERM and by Ctrl-C.

python -m tests.faults training training-shared --times 20
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from flax import nnx

from sweep.contracts import Network
from sweep.measures.accuracy import Accuracy
from sweep.measures.shared_accuracy import SharedAccuracy
from sweep.results.load import load
from sweep.settings.config import AccuracySettings
from sweep.testing import is_alive
from sweep.training.loop import train
from sweep.types import Better, CurvePoint, Metric, Progress, Reading
from tests.faults import Row, row
from tests.faults.sweeps import CONTINUES, LEFT
from tests.support.commands import children_of, interruptible

SEED = 6
BREAKS_A_SWEEP = 5  # then it is let finish, and another begins
WEIGHTS = Metric("weights_digest", "Digest of the weights", "1", Better.NEITHER)
CONTINUED = "continued at step"
STARTED = ": started"
TEXT = """
name = "toy"
family = "tests.support.short:Short"
measures = ["{measure}"]
[grid]
alpha = [0.125]
resolution = [128, 96]
[custom."{measure}"]
epochs = {epochs}
checkpoint_s = 0.2
"""
EPOCHS = 400
SHARED_EPOCHS = 120  # a step trains three networks
LONGEST_S = 7.0  # after the first point's start, which is before its process has JAX
PATIENCE_S = 120.0


RECIPE: dict[str, Any] = {
    "dataset": "tests.support.toys:Brightness",
    "train_images": 256,
    "test_images": 16,
    "batch_size": 16,
    "learning_rate": 0.02,
    "dropout_rate": 0.1,
    "keep": False,
}
SHARED: dict[str, Any] = {"alpha": (0.125, 0.0625), "rho": (0.5714, 0.4286)}


class Weights(Accuracy):
    """The accuracy measure, but that it reads the weights themselves, as 48 bits of a digest."""

    name = "weights"
    metrics = (WEIGHTS,)

    def __init__(self, **settings: Any) -> None:
        super().__init__(AccuracySettings.model_validate(RECIPE | settings))

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint]:
        (network,) = networks
        ready, _ = self._make_ready(network)
        module = yield from train(ready, progress, self._checkpoint(network))
        yield Reading(WEIGHTS, network.point, _digest(module))


class SharedWeights(SharedAccuracy):
    """The same of one training for both points."""

    name = "weights"
    metrics = (WEIGHTS,)

    def __init__(self, **settings: Any) -> None:
        own = RECIPE | {"source": "shared", "shared": SHARED} | settings
        super().__init__(AccuracySettings.model_validate(own))

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint]:
        whole, _, _ = yield from self._trained(self.points.largest(networks[0]), networks, progress)
        for network in networks:
            yield Reading(WEIGHTS, network.point, _digest(whole))


def _digest(module: nnx.Module) -> float:
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(nnx.state(module, (nnx.Param, nnx.BatchStat))):
        digest.update(np.asarray(leaf).tobytes())
    return float(int.from_bytes(digest.digest()[:6], "big"))


@dataclass(frozen=True)
class Sweep:
    """Two trainings side by side, or one for two points, of some seconds each, in a folder of their
    own.
    """

    folder: Path
    cache: Path
    epochs: int = EPOCHS
    measure: type[Accuracy] = Weights

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        name = f"{self.measure.__module__}:{self.measure.__name__}"
        (self.folder / "sweep.toml").write_text(TEXT.format(epochs=self.epochs, measure=name))

    @property
    def results(self) -> Path:
        return self.folder / "results" / "toy"

    @property
    def log(self) -> str:
        path = self.results / "run.log"
        return path.read_text() if path.exists() else ""

    @property
    def checkpoints(self) -> list[Path]:
        return sorted(self.results.glob("unfinished/*.ckpt"))

    def start(self) -> subprocess.Popen[str]:
        return interruptible(["run", "--compile-cache", self.cache], self.folder)

    def outcome(self) -> str:
        """The weights' digests and the curves, by point, seconds apart."""
        results = load(self.results)
        readings = pd.DataFrame(results.readings[["resolution", "value"]])
        curve = results.training.drop(columns=["seconds", "time", "commit"])
        frames = (readings.sort_values("resolution"), curve.sort_values(["resolution", "step"]))
        return "".join(str(f.to_json(orient="records", double_precision=15)) for f in frames)


Breaks = Callable[[subprocess.Popen[str]], None]


def kill_run(process: subprocess.Popen[str]) -> None:
    """The run; its processes are on their own then."""
    process.kill()


def kill_worker(process: subprocess.Popen[str]) -> None:
    """One of its processes, as the kernel does where memory runs out."""
    if workers := workers_of(process.pid):
        os.kill(workers[0], signal.SIGKILL)


def terminate(process: subprocess.Popen[str]) -> None:
    """SIGTERM, as a machine that goes down sends it."""
    process.terminate()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)


@dataclass(frozen=True)
class Kind:
    """A way to break off; status: how the run then ends, and `says` what it says."""

    fault: str
    breaks: Breaks
    status: int
    says: str = ""


KINDS = (
    Kind("SIGKILL of a run in the middle of trainings", kill_run, -9),
    Kind(
        "SIGKILL of one training's process", kill_worker, 1,
        "the process was ended by SIGKILL; the system does that where memory runs out",
    ),
    Kind("SIGTERM in the middle of trainings", terminate, 143, f"Terminated. {CONTINUES}"),
    Kind("Ctrl-C in the middle of trainings", interrupt, 130, f"Interrupted. {CONTINUES}"),
)  # fmt: skip
# It has the run's own process.
SHARED_KINDS = (
    Kind("SIGKILL of a run in the middle of a shared training", kill_run, -9),
    Kind("SIGTERM in the middle of a shared training", terminate, 143, f"Terminated. {CONTINUES}"),
    Kind("Ctrl-C in the middle of a shared training", interrupt, 130, f"Interrupted. {CONTINUES}"),
)  # fmt: skip


def shared(times: int, folder: Path, kinds: Sequence[Kind] = SHARED_KINDS) -> Iterator[Row]:
    """As `harness`, of one training for all points."""
    yield from harness(times, folder, kinds, SHARED_EPOCHS, SharedWeights)


def harness(
    times: int,
    folder: Path,
    kinds: Sequence[Kind] = KINDS,
    epochs: int = EPOCHS,
    measure: type[Accuracy] = Weights,
) -> Iterator[Row]:
    """Each kind of break; all of them make `times`."""
    times = max(1, times // len(kinds))
    cache = folder / "cache"
    whole = Sweep(folder / "whole", cache, epochs, measure)
    process = whole.start()
    out, err = process.communicate(timeout=600)
    if process.returncode or CONTINUED in whole.log:
        raise AssertionError(f"{out}{err}")
    for number, kind in enumerate(kinds):
        chance = random.Random(SEED)  # noqa: S311 - moments, no secret
        lost: list[str] = []
        for at in range(0, times, BREAKS_A_SWEEP):
            sweep = Sweep(folder / f"{number}-{at}", cache, epochs, measure)
            for _ in range(min(BREAKS_A_SWEEP, times - at)):
                lost += _broken_once(sweep, chance, kind)
            lost += _finished_wrong(sweep, whole.outcome())
        said = f"`{kind.says}`; " if kind.says else ""
        shows = f"{said}run.log of the next run: `.. {CONTINUED} .. of ..`; the same weights"
        yield row(kind.fault, times, lost, shows)


def _broken_once(sweep: Sweep, chance: random.Random, kind: Kind) -> list[str]:
    """What was wrong with a run that was broken off; nothing, where it was over before."""
    had, before = bool(sweep.checkpoints), len(sweep.log)
    process = sweep.start()
    if not _wait_for(lambda: STARTED in sweep.log[before:], process):
        out, err = process.communicate()
        return [] if process.returncode == 0 else [f"never started: {out}{err}"]
    workers = workers_of(process.pid)
    time.sleep(chance.uniform(0.0, LONGEST_S))
    workers += workers_of(process.pid)
    if process.poll() is None:
        kind.breaks(process)
    out, err = process.communicate(timeout=300)
    news = sweep.log[before:]
    lost = []
    if process.returncode not in (kind.status, 0):
        lost.append(f"status {process.returncode}: {err}")
    if process.returncode == kind.status and kind.says not in " ".join(err.split()):
        lost.append(f"did not say {kind.says}: {err}")
    if had and not (sweep.checkpoints or CONTINUED in news or "stored" in news):
        lost.append("a checkpoint is gone")
    if not _wait_for(lambda: not any(map(is_alive, workers)), None):
        lost.append("a process outlived its run")
    return lost


def _finished_wrong(sweep: Sweep, expected: str) -> list[str]:
    """Where the same command, let finish, did not end as one that nobody broke off."""
    had, before = bool(sweep.checkpoints), len(sweep.log)
    process = sweep.start()
    _, err = process.communicate(timeout=600)
    wrong = [f"status {process.returncode}: {err}"] if process.returncode else []
    if had and CONTINUED not in sweep.log[before:]:
        wrong.append("did not go on from a checkpoint")
    strays = {path.name for path in sweep.results.iterdir()} ^ LEFT
    if strays:
        wrong.append(f"strays: {sorted(strays)}")
    return wrong + (["other weights or curves"] if sweep.outcome() != expected else [])


def _wait_for(what: Callable[[], bool], process: subprocess.Popen[str] | None) -> bool:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if what():
            return True
        if process is not None and process.poll() is not None:
            return what()
        time.sleep(0.05)
    return False


def workers_of(pid: int) -> list[int]:
    """Processes of multiprocessing's under `pid` that measure."""
    return children_of(pid, "spawn_main")
