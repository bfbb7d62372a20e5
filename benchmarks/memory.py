"""Peak memory of trainings and of timing processes, beside what `host.memory` says beforehand.

    python -m benchmarks.memory          # about 15 minutes on two cores; 4 GB at the most
    python -m benchmarks.memory --quick  # two of each

Each case is a process of its own, as a run would start it, without a cache of compiled programs.
The goal is a factor of 1.5 between the two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.harness import ROOT, options, publish, table
from sweep.contracts import Dataset

WITHIN = 1.5
STEPS = 3
CLASSES = 20


@dataclass(frozen=True)
class Case:
    """One process. Networks are (kind, alpha, side); optimizer is empty where they are timed."""

    networks: tuple[tuple[str, float, int], ...]
    batches: tuple[int, ...]
    optimizer: str = ""
    dtype: str = "float32"

    @property
    def words(self) -> str:
        """For the table."""
        kind, alpha, side = self.networks[0]
        first = f"{kind} {alpha}-{side}" if len(self.networks) == 1 else None
        return first or f"{len(self.networks)} networks, 1.0-224 the largest"


def _one(alpha: float, side: int, kind: str = "separable") -> tuple[tuple[str, float, int], ...]:
    return ((kind, alpha, side),)


_GRID = tuple(
    ("separable", alpha, side) for alpha in (1.0, 0.75, 0.5, 0.25) for side in (224, 192, 160, 128)
)
TRAINED = (
    Case(_one(0.25, 32), (8,), "sgd"),
    Case(_one(1.0, 224), (16,), "sgd"),
    Case(_one(0.25, 32), (64,), "sgd"),
    Case(_one(1.0, 32), (64,), "sgd"),
    Case(_one(1.0, 32), (64,), "adamw"),
    Case(_one(1.0, 96), (32,), "sgd"),
    Case(_one(0.5, 128), (64,), "rmsprop"),
    Case(_one(0.25, 224), (32,), "sgd"),
    Case(_one(0.5, 160), (16,), "adamw"),
    Case(_one(0.75, 192), (32,), "adamw"),
    Case(_one(1.0, 224), (64,), "rmsprop"),
    Case(_one(1.0, 96), (32,), "sgd", "bfloat16"),
    Case(_one(1.0, 96, "standard"), (16,), "sgd"),
    Case(_one(1.0, 96, "shallow"), (32,), "sgd"),
)
TIMED = (
    Case(_one(0.25, 128), (1,)),
    Case(_one(1.0, 224), (64,)),
    Case(_one(1.0, 224), (1,)),
    Case(_one(1.0, 224), (1, 8, 32)),
    Case(_one(0.25, 224), (256,)),
    Case(_one(1.0, 224), (16,), dtype="bfloat16"),
    Case(_one(1.0, 224, "standard"), (1,)),
    Case(_one(1.0, 224, "standard"), (16,)),
    Case(_GRID, (1,)),
    Case(_GRID, (32,)),
)


def main() -> None:
    """A table of all cases."""
    if len(sys.argv) == 3 and sys.argv[1] == "--case":
        _tell(json.loads(sys.argv[2]))
        return
    arguments = options(__doc__)
    cases = [*TRAINED[:2], *TIMED[:2]] if arguments.quick else [*TRAINED, *TIMED]
    publish("Memory", _text([(case, *measured(case)) for case in cases]), arguments)


def measured(case: Case) -> tuple[int, int]:
    """(bytes by the estimate, bytes at the peak of a process)."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--case", json.dumps(asdict(case))],
        cwd=ROOT,
        env=os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return told["estimated"], told["measured"]


def _text(found: list[tuple[Case, int, int]]) -> str:
    rows = [
        (
            f"{'trained, ' + case.optimizer if case.optimizer else 'timed'}: {case.words}",
            ", ".join(map(str, case.batches)) + ("" if case.dtype == "float32" else ", bfloat16"),
            f"{estimated / 1e6:.0f}",
            f"{peak / 1e6:.0f}",
            f"{estimated / peak:.2f}",
        )
        for case, estimated, peak in found
    ]
    ratios = [estimated / peak for _, estimated, peak in found]
    missed = sum(not 1 / WITHIN <= ratio <= WITHIN for ratio in ratios)
    verdict = "all" if not missed else f"all but {missed}"
    return (
        "Peak resident memory of a process, in MB, and what the layers' shapes told beforehand.\n\n"
        + table(("process", "batch", "estimated", "measured", "ratio"), rows)
        + f"\n\nRatios from {min(ratios):.2f} to {max(ratios):.2f}: {verdict} within a factor of "
        f"{WITHIN}."
    )


def _tell(told: dict[str, Any]) -> None:
    """In the process of a case: does it, and prints the estimate and its own peak."""
    from sweep.host.allocator import keep_freed_memory

    keep_freed_memory()
    networks = tuple(map(tuple, told["networks"]))
    case = Case(**{**told, "networks": networks, "batches": tuple(told["batches"])})
    if case.optimizer:
        estimated, compiling = _train(case), 0
    else:
        estimated, compiling = _time(case)
    with open("/proc/self/status", encoding="utf-8") as status:  # noqa: PTH123 - no file
        (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    print(json.dumps({"estimated": estimated, "measured": max(compiling, int(peak) * 1024)}))


def _train(case: Case) -> int:
    """As a worker trains: on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from sweep.contracts import Network
    from sweep.families.mobilenet_v1 import MobileNetV1Family
    from sweep.measures.accuracy import Accuracy
    from sweep.settings.config import AccuracySettings
    from sweep.types import Point

    ((kind, alpha, side),), (batch,) = case.networks, case.batches
    settings = AccuracySettings(
        dataset="benchmarks.memory:Noise",
        base_resolution=side,
        train_images=STEPS * batch,
        test_images=STEPS * batch,
        epochs=1,
        batch_size=batch,
        optimizer=case.optimizer,  # type: ignore[arg-type]
        learning_rate=1e-3,
        dtype=case.dtype,  # type: ignore[arg-type]
    )
    measure = Accuracy(settings)
    network = Network(Point("mobilenet_v1", kind, alpha, 1.0, side), MobileNetV1Family())
    for _ in measure([network], lambda *_: None):
        pass
    return measure.bytes_of([network])


def _time(case: Case) -> tuple[int, int]:
    """As the latency measure's processes do: one that makes programs, and this one, which times
    them. The estimate, and the peak of the other.
    """
    from sweep.contracts import Network
    from sweep.families.mobilenet_v1 import MobileNetV1Family
    from sweep.measures import timing_worker
    from sweep.measures.latency import Latency
    from sweep.measures.latency_session import Session
    from sweep.settings.config import LatencySettings
    from sweep.types import Point

    settings = LatencySettings(
        batch_sizes=case.batches,
        rounds=3,
        min_sample_s=1e-3,
        warmup_s=0.05,
        precisions=(case.dtype,),  # type: ignore[arg-type]
    )
    networks = [
        Network(Point("mobilenet_v1", kind, alpha, 1.0, side), MobileNetV1Family())
        for kind, alpha, side in case.networks
    ]
    with tempfile.TemporaryDirectory() as folder:
        session = Session(settings, networks)
        ((runtime, threads), programs), *_ = session.jobs(Path(folder)).items()
        peak = _peak_of_worker(session.making(Path(folder), threads))
        length = {"min_sample_s": settings.min_sample_s, "warmup_s": settings.warmup_s}
        commands = [
            {"do": do, "index": each["index"], "calls": 1, **length}
            for do in ("warm", *("sample" for _ in range(settings.rounds)))
            for each in programs
        ]
        job = {"runtime": runtime, "threads": threads, "programs": programs}
        timing_worker.main(iter([job, *commands]), lambda _: None)
    return Latency(settings).bytes_of(networks), peak


def _peak_of_worker(job: dict[str, Any]) -> int:
    """Bytes at the peak of a worker of its own."""
    command = [sys.executable, "-m", "sweep.measures.timing_files"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        stdin, stdout = cast("IO[str]", worker.stdin), cast("IO[str]", worker.stdout)
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()
        stdout.read()  # to its end
        _, status, usage = os.wait4(worker.pid, 0)
        worker.returncode = os.waitstatus_to_exitcode(status)
    if worker.returncode:
        raise RuntimeError(f"the worker ended with status {worker.returncode}")
    return usage.ru_maxrss * 1024


class Noise(Dataset):
    """Images to be trained on for their number and size alone."""

    name = "noise"
    class_names = tuple(map(str, range(CLASSES)))
    base_resolution = 32

    def identity(self) -> dict[str, Any]:
        """Always the same."""
        return {"name": self.name}

    def load(self, resolution: int, *, train: int, test: int, seed: int) -> Any:
        """Colour images of the size that is asked for."""
        import numpy as np

        from sweep.types import Images, Splits

        rng = np.random.default_rng(seed)

        def draw(count: int) -> Images:
            pixels = rng.standard_normal((count, resolution, resolution, 3), np.float32)
            return Images(pixels, (np.arange(count) % CLASSES).astype(np.int32))

        return Splits(draw(train), draw(test))


if __name__ == "__main__":
    main()
