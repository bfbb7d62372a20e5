"""How much memory a training or a timing takes, told by the layers' shapes, and how much there is.

The estimates are of a process on a CPU: what JAX and its compiler take, and what the network adds,
fitted to measured peaks (`python -m benchmarks.memory`). They are meant to be right within a factor
of 1.5. Importing this costs nothing: no JAX.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

from sweep.contracts import LayerRow, Limit
from sweep.host.machine import text_of

FLOAT_BYTES = 4
# A process with JAX in it that has compiled a training step, and one that has compiled the forward
# pass alone. JAX 0.12 takes 0.25 GB less than 0.10 for the smallest step (0.65 and 0.90 in all);
# this lies between them.
TRAINING_BASE, TIMING_BASE = 800 << 20, 310 << 20
# Bytes that a training step holds at its peak for each byte of the layers' outputs: the output of a
# convolution and of its batch norm are kept for the way back, and gradients come on top.
KEPT_FOR_GRADIENTS = 2.4
# Beside each weight: its gradient, and what the host keeps of the start.
COPIES = 2
# Bytes of the forward pass for each byte of the largest layer's input and output.
HELD = 1.9
# Of that, the share that stays with the process when another network is timed.
LEFT_BEHIND = 0.5
NO_LIMIT = 1 << 60
# Weights in the program while it is compiled and put into a file, and images while they are drawn.
COMPILING, DRAWING = 5, 3


# Memory maps of a compiled training step on a CPU: 96 in one process had 152,500 (jax 0.10.2).
MAPS_OF_STEP = 1_600
MOST_MAPS = Path("/proc/sys/vm/max_map_count")


def steps_allowed() -> int | None:
    """Training steps that one process can hold compiled before Linux gives it no other memory map,
    which ends it without a word; None where there is no such limit.
    """
    most = text_of(MOST_MAPS)
    return int(most) // MAPS_OF_STEP if most.isdigit() else None


def limit(share: float, memory_bytes: int, device_bytes: int = 0) -> Limit:
    """share: of the memory; 0 sets no limit. memory_bytes: of the machine; device_bytes: of the
    accelerator that measures, 0 where that is the machine itself. A container or a process that is
    allowed less has less.
    """
    if device_bytes:
        return Limit(int(share * device_bytes), f"this device's {said(device_bytes)}")
    limits = (
        (memory_bytes, "this machine's"),
        (_of_cgroup(), "this container's"),
        (_of_process(), "this process's"),
    )
    known = [each for each in limits if each[0] > 0]
    if not known or not share:
        return Limit(0, "")
    least, whose = min(known)
    return Limit(int(share * least), f"{whose} {said(least)}")


def said(size: float) -> str:
    """ "2.5 GB", "17 MB"."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def training_bytes(rows: Sequence[LayerRow], *, batch: int, moments: int, images: int) -> int:
    """Peak of a process that trains a network of these layers, in float32 or less.

    moments: numbers that the optimiser keeps of each weight; images: bytes of those that stay in
    memory.
    """
    weights = FLOAT_BYTES * sum(row.params_with_statistics for row in rows)
    outputs = FLOAT_BYTES * sum(row.channels_out * row.size_out**2 for row in rows)
    step = KEPT_FOR_GRADIENTS * batch * outputs + (1 + moments + COPIES) * weights
    return int(TRAINING_BASE + step + images)


def inference_bytes(rows: Sequence[LayerRow], *, batch: int) -> int:
    """What a forward pass of a batch holds, without the weights."""
    return int(HELD * FLOAT_BYTES * batch * max(row.activations for row in rows))


def timing_bytes(networks: Sequence[Sequence[LayerRow]], *, batches: Sequence[int]) -> int:
    """Peak of a process that compiles all these networks, at all batch sizes, and times them."""
    if not networks:
        return 0
    weights = [FLOAT_BYTES * sum(row.weights for row in rows) for rows in networks]
    passes = [inference_bytes(rows, batch=batch) for rows in networks for batch in batches]
    images = [
        FLOAT_BYTES * batch * rows[0].channels_in * rows[0].size_in ** 2
        for rows in networks
        for batch in batches
    ]
    held = LEFT_BEHIND * sum(passes) + (1 - LEFT_BEHIND) * max(passes)
    kept = len(batches) * sum(weights) + sum(images)
    return int(TIMING_BASE + kept + COMPILING * max(weights) + DRAWING * max(images) + held)


def _of_cgroup(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The least that a control group around this process allows; 0 where none does."""
    allowed: list[int] = []
    for line in text_of(own).splitlines():  # "4:memory:/a/b" in version 1, "0::/a/b" in version 2
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "memory" if controllers else root
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        parts = Path(path).parts[1:]
        # A container sees its own group at the top, whatever the path.
        allowed += [_number(top.joinpath(*parts[:n], name)) for n in range(len(parts) + 1)]
    # Version 1 has a number near 2**63 where there is no limit.
    return min((each for each in allowed if 0 < each < NO_LIMIT), default=0)


def _number(path: Path) -> int:
    text = text_of(path)
    return int(text) if text.isdecimal() else 0  # "max" is none


def _of_process(statm: Path = Path("/proc/self/statm")) -> int:
    """What RLIMIT_AS leaves for use: it counts addresses, of which a process has more than memory.
    0 where there is no such limit.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed in (resource.RLIM_INFINITY, -1):
        return 0
    addresses, resident, *_ = (*map(int, text_of(statm).split()), 0, 0)
    return max(1, allowed - (addresses - resident) * resource.getpagesize())
