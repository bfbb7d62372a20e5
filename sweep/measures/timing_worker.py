"""A fresh process that holds the programs of one runtime on so many threads, and times a sample of
one when it is told to. Between its turns it waits, while those of other runtimes have theirs.

It is told a job, then {"do": "warm" | "sample", ..}, and answers each. Program -1 is a fixed
reference computation. Without JAX, unless the runtime is XLA.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sweep.contracts import Runtime
from sweep.host import machine
from sweep.host.allocator import keep_freed_memory
from sweep.host.failures import reason_of
from sweep.host.resident import forget_peak, peak_bytes
from sweep.measures.timing_process import Say, serve
from sweep.settings.registry import find

Run = Callable[[], object]  # one call of a network, awaited

REFERENCE = -1
SIDE = 512  # of the reference computation's matrices
# A warm-up ends when the median of its last calls is within this share of the one before.
STEADY = 0.02
STEADY_CALLS = 5


def main(told: Iterator[dict[str, Any]], say: Say) -> None:
    """Opens the job's programs, one by one, then does as it is told."""
    keep_freed_memory()
    job = next(told)
    keep_to(job["threads"])
    runtime: Runtime = find("runtime", job["runtime"])()
    runs: dict[int, Run] = {REFERENCE: reference()}
    for program in job["programs"]:
        say({"event": "at", "index": program["index"]})
        try:
            runs[program["index"]], opened = open_program(runtime, program, job["threads"])
        except Exception as error:  # noqa: BLE001 - one program's trouble, and no other's
            say({"event": "failed", "index": program["index"], "reason": reason_of(error)})
        else:
            say({"event": "opened", "index": program["index"], **opened})
    say({"event": "ready"})
    for command in told:
        index = command["index"]
        try:
            say({"event": "done", "index": index, **_done(command, runs[index])})
        except Exception as error:  # noqa: BLE001 - one program's trouble, and no other's
            say({"event": "failed", "index": index, "reason": reason_of(error)})


def _done(command: dict[str, Any], run: Run) -> dict[str, Any]:
    if command["do"] == "warm":
        calls = calls_per_sample(run, command["min_sample_s"], command["warmup_s"])
        return {"calls": calls}
    run()  # brings its weights back into the cache, as in a loop of its own
    return {"seconds": sample(run, command["calls"])}


def open_program(
    runtime: Runtime, program: dict[str, Any], threads: int
) -> tuple[Run, dict[str, Any]]:
    """A call of the program with images of its own, and what is told of it: seconds to open the
    file, and by how many bytes that and the first call let the process grow, at the most; None
    where the system doesn't tell.
    """
    side, batch = program["resolution"], program["batch"]
    images = 2 * np.random.default_rng(0).random((batch, side, side, 3), np.float32) - 1
    gc.collect()
    before = forget_peak()
    began = time.perf_counter()
    opened = runtime.open(Path(program["file"]), threads=threads)
    run = opened.ready(images)
    seconds = time.perf_counter() - began
    run()
    grown = None if before is None else max(0, (peak_bytes() or before) - before)
    return run, {"seconds": seconds, "memory_bytes": grown, "kernels": opened.kernels}


def keep_to(threads: int) -> None:
    """Keeps this process, and the thread pools that it will start, on the first `threads` cores.

    0 leaves every core. Raises ValueError where there are fewer.
    """
    there = machine.cores()
    if threads > len(there):
        raise ValueError(f"latency.threads = {threads}: this machine has {len(there)} cores")
    if threads:
        machine.pin(there[:threads])


def reference() -> Run:
    """A fixed computation, f32[512,512] @ f32[512,512] on one core, to normalise one run against
    another.
    """
    square = np.ones((SIDE, SIDE), np.float32) / SIDE
    return lambda: square @ square


def calls_per_sample(run: Run, min_sample_s: float, warmup_s: float) -> int:
    """Warms `run` up until its time is steady, and says how many calls make a sample that long."""
    began, before, recent = time.perf_counter(), float("inf"), [sample(run, 1)]
    while time.perf_counter() - began < warmup_s:
        recent = [sample(run, 1) for _ in range(STEADY_CALLS)]
        now = float(np.median(recent))
        if abs(now - before) <= STEADY * now:
            break
        before = now
    return max(1, round(min_sample_s / float(np.median(recent)) + 0.5))


def sample(run: Run, calls: int) -> float:
    """Mean seconds of one call over `calls` calls."""
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls


if __name__ == "__main__":
    serve(main)
