"""One training on all cores: as one device of as many threads, as several devices of one process,
and as processes that gloo joins; and PyTorch's, as one process and by DistributedDataParallel.

    python -m benchmarks.devices           # three networks, 3 rounds: about 20 minutes on 2 cores
    python -m benchmarks.devices --quick   # two of them, 2 rounds

Each arrangement has fresh processes in each round, one arrangement after the other, so that what
slows the machine down slows all. Ours has batch norm over the whole batch, DistributedDataParallel
over each process's share. Needs torch, else its columns are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.harness import figure, parser, publish, table
from benchmarks.training import SWEPT
from sweep.host.machine import cores, pin

ROOT = Path(__file__).parents[1]
CASES = (*SWEPT, (0.25, 128, 16))
# (name, processes, devices of each); 0: as many as there are cores.
OURS = (
    ("one device", 1, 1),
    ("a device a core", 1, 0),
    ("8 devices", 1, 8),
    ("a process a core", 0, 1),
    ("2 processes of 4 devices", 2, 4),
)
# Of no devices: PyTorch's.
TORCH = (("PyTorch", 1, -1), ("PyTorch, a process a core", 0, -1))
ARRANGED = (*OURS, *(TORCH if find_spec("torch") else ()))
SAMPLE_S, SAMPLES, CLASSES = 1.0, 3, 100


def main() -> None:
    """Images per second of each, and how many times as fast as the first."""
    asked = parser(__doc__)
    asked.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = asked.parse_args()
    if arguments.worker:
        sys.stdout.write(json.dumps(steps(**json.loads(arguments.worker))) + "\n")
        return
    there = len(cores())
    cases, rounds = (CASES[1:], 2) if arguments.quick else (CASES, 3)
    rows = []
    for alpha, side, batch in cases:
        rates: dict[str, list[float]] = {name: [] for name, _, _ in ARRANGED}
        for _ in range(rounds):
            for name, processes, devices in ARRANGED:
                seconds = timed(alpha, side, batch, processes or there, devices or there)
                rates[name].append(batch / seconds)
        first, *others = (statistics.median(each) for each in rates.values())
        ratios = [
            statistics.median(a / b for a, b in zip(each, rates[ARRANGED[0][0]], strict=True))
            for each in list(rates.values())[1:]
        ]
        told = (figure(each) for each in (first, *others))
        rows.append((f"{alpha}, {side} px, {batch}", *told, *(f"{each:.2f}" for each in ratios)))
        print(*rows[-1], sep="  ", flush=True)
    names = [name for name, _, _ in ARRANGED]
    headings = ("alpha, size, batch", *names, *(f"{name} / the first" for name in names[1:]))
    words = (
        f"Images per second of one training on {there} cores, medians of {rounds} rounds of fresh "
        "processes; ratios are medians of the rounds'. One process has all threads; several have a "
        "core each and are joined by Gloo, PyTorch's by DistributedDataParallel, with batch norm "
        "over each one's share of the batch."
    )
    publish("One training on all cores", f"{words}\n\n{table(headings, rows)}", arguments)


def timed(alpha: float, side: int, batch: int, processes: int, devices: int) -> float:
    """Seconds of a step, as the first of fresh processes has them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    begun = []
    for number in range(processes):
        job = {"alpha": alpha, "side": side, "batch": batch, "number": number}
        job |= {"processes": processes, "address": address, "torch": devices < 0}
        environment = dict(os.environ)
        if devices > 1:
            environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
        begun.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.devices", "--worker", json.dumps(job)],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    answers = [each.communicate() for each in begun]
    if any(each.returncode for each in begun):
        raise RuntimeError("\n".join(error[-2000:] for _, error in answers))
    return float(json.loads(answers[0][0].splitlines()[-1]))


def steps(
    alpha: float, side: int, batch: int, number: int, processes: int, address: str, *, torch: bool
) -> float:
    """In a process of its own: seconds of a step, the median of some samples of about a second."""
    if torch:
        return _torch_steps(alpha, side, batch, number, processes, address)
    from sweep.host.allocator import keep_freed_memory
    from sweep.host.compile_cache import default_root, enable

    keep_freed_memory()
    if processes > 1:
        pin(cores()[number : number + 1])
    import jax

    if processes > 1:
        jax.distributed.initialize(address, processes, number)
    enable(default_root())
    ready, call, state = _ready(alpha, side, batch)
    key = jax.random.key(0)

    def run(count: int) -> float:
        nonlocal state
        began = time.perf_counter()
        losses: Any = None
        for _ in range(count):
            state, (losses, _) = ready.run_steps(state, *call, key, 0)
            jax.block_until_ready(losses)
        return (time.perf_counter() - began) / count

    return _sampled(run, ready.learner.devices.from_the_first)


def _sampled(run: Callable[[int], float], from_the_first: Callable[[int], Any]) -> float:
    """All processes have to take as many steps: as the first has found."""
    run(2)
    count = int(from_the_first(max(2, round(SAMPLE_S / run(3)))))
    return statistics.median(run(count) for _ in range(SAMPLES))


def _torch_steps(
    alpha: float, side: int, batch: int, number: int, processes: int, address: str
) -> float:
    if processes > 1:
        pin(cores()[number : number + 1])
    import torch
    from torch import distributed

    from benchmarks.training_contenders import torch_step

    torch.set_num_threads(len(cores()))
    if processes > 1:
        distributed.init_process_group(
            "gloo", init_method=f"tcp://{address}", rank=number, world_size=processes
        )
    step = torch_step(
        alpha, side, batch // processes, way="channels_last", shared_out=processes > 1
    )

    def run(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - began) / count

    def from_the_first(count: int) -> int:
        told = [count]
        if processes > 1:
            distributed.broadcast_object_list(told, 0)
        return told[0]

    return _sampled(run, from_the_first)


def _ready(alpha: float, side: int, batch: int) -> tuple[Any, Any, Any]:
    import numpy as np

    from sweep.contracts import Network
    from sweep.families.mobilenet_v1 import MobileNetV1Family
    from sweep.settings.config import AccuracySettings
    from sweep.training.feeds import ResidentFeed
    from sweep.training.learner import make_ready
    from sweep.types import Images, Point

    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, side, side, 3)).astype(np.float32)
    split = Images(images, rng.integers(0, CLASSES, batch).astype(np.int32))
    settings = AccuracySettings(train_images=batch, batch_size=batch)
    network = Network(Point("mobilenet_v1", "separable", alpha, 1.0, side), MobileNetV1Family())
    ready = make_ready(network, ResidentFeed(split, side, settings), CLASSES, settings)
    devices = ready.learner.devices
    state = devices.placed(ready.state, devices.everywhere)
    return ready, next(iter(ready.calls(0, 1))), state


if __name__ == "__main__":
    main()
