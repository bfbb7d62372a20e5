"""For tests of engines, and light: their processes import it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from sweep.contracts import Network
from sweep.running.local import LocalEngine
from sweep.testing import SIDE, Check
from sweep.types import Machine, Progress, Reading

MACHINE = Machine(
    cpu="abacus",
    cores=1,
    memory_bytes=1,
    system="none",
    platform="cpu",
    device="cpu",
    governor="unknown",
    xla_flags="",
    allocator="default",
)


def local() -> LocalEngine:
    return LocalEngine(MACHINE)


class Where(Check):
    """The process, and the cores that it may use."""

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        cores = tuple(float(core) for core in sorted(os.sched_getaffinity(0)))
        yield Reading(SIDE, networks[0].point, float(os.getpid()), samples=cores)


def on_ray():
    """A cluster of this process's own, or the one of RAY_ADDRESS."""
    import ray

    from sweep.running.ray_engine import RayEngine, connect

    if not ray.is_initialized():
        connect("")
    return RayEngine()
