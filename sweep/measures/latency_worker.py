"""One fresh process of the latency measure: a job on standard input, events on standard output.

Events, a JSON object a line: {"event": "begins", ...} before a network and batch size is compiled,
and before it is first called: should the process die, it was at that; {"event": "compiled", ...}
for each, or {"event": "failed", ...}, which goes on without it; {"event": "round", ...} with one
sample of each and of the reference. "compiled" and "round" come with "progress".
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from sweep.allocator import keep_freed_memory
from sweep.compile_cache import cache_hits
from sweep.failures import reason_of
from sweep.types import Point

Say = Callable[[dict[str, Any]], None]

# A warm-up ends when the median of its last calls is within this share of the one before.
STEADY = 0.02
STEADY_CALLS = 5
# Share of the progress that compiling takes: on a CPU about half of a process.
COMPILING = 0.5


def main(text: str, stdout: TextIO) -> None:
    """text: the job. Pins the threads, times, reports."""

    def say(event: dict[str, Any]) -> None:
        print(json.dumps(event), file=stdout, flush=True)

    keep_freed_memory()
    job = json.loads(text)
    settings = job["settings"]
    pin(settings["threads"])
    executables = compiled(job, say)
    if executables:
        for event in rounds(executables, reference(), settings, job["process"], say):
            say(event)


def compiled(job: dict[str, Any], say: Say) -> list[Executable]:
    """All networks at all batch sizes, less those that the job leaves out and those that fail."""
    settings, executables = job["settings"], []
    pairs = [(each, batch) for each in job["networks"] for batch in settings["batch_sizes"]]
    for done, (network, batch) in enumerate(pairs):
        name = {"key": key_of(network), "batch": batch}
        if [name["key"], batch] in job["left_out"]:
            continue
        say({"event": "begins", **name})
        try:
            executable = compile_network(network, batch, settings)
        except Exception as error:  # noqa: BLE001 - one point's trouble, and no other's
            say({"event": "failed", **name, "reason": reason_of(error)})
            continue
        executables.append(executable)
        event = {
            "event": "compiled",
            **name,
            "seconds": executable.compile_s,
            "memory_bytes": executable.memory_bytes,
            "progress": COMPILING * (done + 1) / len(pairs),
            "text": f"compiled {executable.label}",
        }
        say(event)
    return executables


def pin(threads: int) -> None:
    """Keeps this process, and the thread pools that it will start, on the first `threads` cores.

    0 leaves every core. Raises ValueError where there are fewer.
    """
    if not threads:
        return
    cores = sorted(os.sched_getaffinity(0))
    if threads > len(cores):
        raise ValueError(f"latency.threads = {threads}: this machine has {len(cores)} cores")
    os.sched_setaffinity(0, cores[:threads])


@dataclass(frozen=True)
class Executable:
    """A compiled network with its input on the device, ready to be timed. `run` awaits. compile_s
    is None where the program came from the cache.
    """

    key: str
    label: str
    batch: int
    run: Callable[[], None]
    compile_s: float | None
    memory_bytes: int | None


def key_of(spec: dict[str, Any]) -> str:
    """Of a network of the job, its point's."""
    return Point(*spec["point"]).key


def compile_network(spec: dict[str, Any], batch: int, settings: dict[str, Any]) -> Executable:
    """Ahead of time in the asked dtype, batch norm folded, the weights constants of the program."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from sweep.contracts import Network
    from sweep.registry import find

    network = Network(Point(*spec["point"]), find("family", spec["family"])(), spec["num_classes"])
    dtype = jnp.dtype(settings["dtype"])
    # Shapes first, then numbers: the time of a call doesn't depend on the weights' values, and
    # initialising thirty layers properly takes longer than timing them.
    lowering = settings["lowering"] or None
    graph, shapes = nnx.split(nnx.eval_shape(lambda: network.deployed(lowering=lowering)))
    rng = np.random.default_rng(settings["seed"])
    state = jax.tree.map(lambda leaf: _filled(rng, leaf, dtype), shapes)
    side = network.point.resolution
    images = jax.random.uniform(jax.random.key(0), (batch, side, side, 3), dtype, -1, 1)
    images = jax.block_until_ready(jax.device_put(images))

    def forward(images: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(images)

    options = network.family.compiler_options(
        network.point,
        num_classes=network.num_classes,
        batch=batch,
        platform=jax.default_backend(),
    )
    lowered = jax.jit(forward).lower(images)
    with cache_hits() as hits:
        began = time.perf_counter()
        compiled = lowered.compile(compiler_options=options)
        compile_s = time.perf_counter() - began
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(state) if hasattr(leaf, "nbytes"))
    return Executable(
        network.point.key,
        network.point.label,
        batch,
        lambda: jax.block_until_ready(compiled(images)),
        None if hits else compile_s,
        _memory_bytes(compiled, weights),
    )


def _filled(rng: Any, leaf: Any, dtype: Any) -> Any:
    """Small normal numbers in the shape of a parameter; other state (random keys) as zeros."""
    import jax
    import jax.numpy as jnp

    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.asarray(0.05 * rng.standard_normal(leaf.shape, "float32"), dtype)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
    return jnp.zeros(leaf.shape, leaf.dtype)


def _memory_bytes(compiled: Any, weights: int) -> int | None:
    """Weights, and by the compiler's account input, output and temporaries, in bytes."""
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    return weights + int(
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        + analysis.temp_size_in_bytes
        - analysis.alias_size_in_bytes
    )


def reference() -> Callable[[], None]:
    """A fixed computation, f32[512,512] @ f32[512,512], to normalise one run against another."""
    import jax
    import jax.numpy as jnp

    square = jnp.ones((512, 512), jnp.float32) / 512
    compiled = jax.jit(jnp.matmul).lower(square, square).compile()
    return lambda: jax.block_until_ready(compiled(square, square))


def rounds(
    executables: list[Executable],
    reference_run: Callable[[], None],
    settings: dict[str, Any],
    process: int,
    say: Say = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Yields an event a round: one sample of every executable, in random order.

    say: told which is called first, and which fail; the others go on.
    """
    import numpy as np

    min_sample_s, warmup_s = settings["min_sample_s"], settings["warmup_s"]
    calls: dict[int, int] = {}  # of a sample, by the executable's place
    for index, each in enumerate(executables):
        say({"event": "begins", "key": each.key, "batch": each.batch})
        with told(each, say):
            calls[index] = calls_per_sample(each.run, min_sample_s, warmup_s)
    reference_calls = calls_per_sample(reference_run, min_sample_s, warmup_s)
    rng = np.random.default_rng([settings["seed"], process])
    for number in range(settings["rounds"]):
        samples = []
        reference_s = sample(reference_run, reference_calls)
        for index in map(int, rng.permutation(len(executables))):
            each, own_calls = executables[index], calls.pop(index, 0)
            if not own_calls:
                continue
            with told(each, say):
                each.run()  # brings its weights back into the cache, as in a loop of its own
                samples.append([each.key, each.batch, sample(each.run, own_calls)])
                calls[index] = own_calls
        yield {
            "event": "round",
            "reference_s": reference_s,
            "samples": samples,
            "progress": COMPILING + (1 - COMPILING) * (number + 1) / settings["rounds"],
            "text": f"round {number + 1} of {settings['rounds']}",
        }


@contextlib.contextmanager
def told(executable: Executable, say: Say) -> Iterator[None]:
    """Ends at what goes wrong within it, and says so."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - one point's trouble, and no other's
        name = {"key": executable.key, "batch": executable.batch}
        say({"event": "failed", **name, "reason": reason_of(error)})


def calls_per_sample(run: Callable[[], None], min_sample_s: float, warmup_s: float) -> int:
    """Warms `run` up until its time is steady, and says how many calls make a sample that long."""
    import numpy as np

    began, before, recent = time.perf_counter(), float("inf"), [sample(run, 1)]
    while time.perf_counter() - began < warmup_s:
        recent = [sample(run, 1) for _ in range(STEADY_CALLS)]
        now = float(np.median(recent))
        if abs(now - before) <= STEADY * now:
            break
        before = now
    return max(1, round(min_sample_s / float(np.median(recent)) + 0.5))


def sample(run: Callable[[], object], calls: int) -> float:
    """Mean seconds of one call over `calls` calls."""
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls


def _end_with(handle: int) -> None:
    """Waits for the end of the input, which the parent keeps open as long as it lives."""
    while os.read(handle, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    _job = sys.stdin.readline()
    threading.Thread(target=_end_with, args=(sys.stdin.fileno(),), daemon=True).start()
    main(_job, sys.stdout)
