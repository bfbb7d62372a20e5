"""One fresh process of the latency measure: a job on standard input, events on standard output.

A session has two kinds. One process compiles: it leaves every program in a folder. The others time:
each loads the same programs, so that none differs from another by what it has compiled. Where a
backend's programs can't be kept in files, each timing process compiles all of them.

Events, a JSON object a line. {"event": "at", "key": .., "batch": ..}: what the process is about to
do is for this network alone; should it die, it was at that. {"event": "at", "what": ..}: it is for
none. {"event": "compiled", ..} or {"event": "failed", ..} of a network; {"event": "round", ..}: one
sample of each network and of the reference.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from sweep.host import machine
from sweep.host.allocator import keep_freed_memory
from sweep.host.failures import reason_of
from sweep.types import Point

Say = Callable[[dict[str, Any]], None]
Run = Callable[[], None]  # one call of a network, awaited
Which = tuple[str, int]  # a network, by its point's key, at a batch size

# A warm-up ends when the median of its last calls is within this share of the one before.
STEADY = 0.02
STEADY_CALLS = 5


def main(text: str, stdout: TextIO) -> None:
    """text: the job. Pins the threads; compiles, or times; reports."""

    def say(event: dict[str, Any]) -> None:
        print(json.dumps(event), file=stdout, flush=True)

    keep_freed_memory()
    job = json.loads(text)
    keep_to(job["settings"]["threads"])
    import jax

    # A call that has returned has given its temporary buffers back. Dispatched asynchronously, it
    # may still hold them while the next one asks for its own: twice the memory, now and then.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if runs := dict(programs(job, say)):
        rounds(runs, reference(), job["settings"], job["process"], say)


def programs(job: dict[str, Any], say: Say) -> Iterator[tuple[Which, Run]]:
    """Each network at each batch size, less those that the job leaves out and those that fail:
    loaded from the job's folder, or compiled. The stage that compiles puts them there, and has
    nothing to run.
    """
    settings, folder, compiling = job["settings"], job["folder"], job["stage"] == "compile"
    pairs = [(each, batch) for each in job["networks"] for batch in settings["batch_sizes"]]
    for index, (spec, batch) in enumerate(pairs):
        which = key_of(spec), batch
        if list(which) in job["left_out"]:
            continue
        file = Path(folder) / f"{index}.program" if folder else None
        with at(which, say):
            compiled = None if compiling or file is None else load(file)
            if compiled is None:
                compiled, told = compile_network(spec, batch, settings)
                kept = compiling and file is not None and keep(compiled, file)
                say({"event": "compiled", "key": which[0], "batch": batch, **told, "kept": kept})
            if not compiling:
                yield which, runnable(spec, batch, compiled, settings)


@contextlib.contextmanager
def at(which: Which, say: Say) -> Iterator[None]:
    """Says what the process is at, and what goes wrong with it, which ends that alone."""
    name = {"key": which[0], "batch": which[1]}
    say({"event": "at", **name})
    try:
        yield
    except Exception as error:  # noqa: BLE001 - one point's trouble, and no other's
        say({"event": "failed", **name, "reason": reason_of(error)})


def keep_to(threads: int) -> None:
    """Keeps this process, and the thread pools that it will start, on the first `threads` cores.

    0 leaves every core. Raises ValueError where there are fewer.
    """
    there = machine.cores()
    if threads > len(there):
        raise ValueError(f"latency.threads = {threads}: this machine has {len(there)} cores")
    if threads:
        machine.pin(there[:threads])


def runnable(spec: dict[str, Any], batch: int, compiled: Any, settings: dict[str, Any]) -> Run:
    """A call of the program with images of its shape and dtype, which are on the device."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    # Drawn and converted by NumPy: nothing is compiled for it.
    side = Point(*spec["point"]).resolution
    drawn = 2 * np.random.default_rng(0).random((batch, side, side, 3), np.float32) - 1
    images = jax.device_put(drawn.astype(jnp.dtype(settings["dtype"])))
    jax.block_until_ready(images)
    return lambda: jax.block_until_ready(compiled(images))


def key_of(spec: dict[str, Any]) -> str:
    """Of a network of the job, its point's."""
    return Point(*spec["point"]).key


def compile_network(
    spec: dict[str, Any], batch: int, settings: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Ahead of time in the asked dtype, batch norm folded, the weights constants of the program.

    The program, and what is told of it: seconds and memory_bytes.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from sweep.contracts import Network
    from sweep.host import xla
    from sweep.settings.registry import find

    network = Network(Point(*spec["point"]), find("family", spec["family"])(), spec["num_classes"])
    dtype = jnp.dtype(settings["dtype"])
    # Shapes first, then numbers: the time of a call doesn't depend on the weights' values, and
    # initialising thirty layers properly takes longer than timing them.
    lowering = settings["lowering"] or None
    graph, shapes = nnx.split(nnx.eval_shape(lambda: network.deployed(lowering=lowering)))
    rng = np.random.default_rng(settings["seed"])
    state = jax.tree.map(lambda leaf: _filled(rng, leaf, dtype), shapes)
    side = network.point.resolution

    def forward(images: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(images)

    options = network.family.compiler_options(
        network.point,
        num_classes=network.num_classes,
        batch=batch,
        platform=jax.default_backend(),
    )
    lowered = jax.jit(forward).lower(jax.ShapeDtypeStruct((batch, side, side, 3), dtype))
    began = time.perf_counter()
    compiled = lowered.compile(compiler_options=xla.options(options))
    compile_s = time.perf_counter() - began
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(state) if hasattr(leaf, "nbytes"))
    return compiled, {"seconds": compile_s, "memory_bytes": _memory_bytes(compiled, weights)}


def keep(compiled: Any, file: Path) -> bool:
    """Puts a program into a file; False where the backend, or the disk, can't."""
    from jax.experimental.serialize_executable import serialize

    try:
        program, _, _ = serialize(compiled)
        file.write_bytes(program)
    except Exception:  # noqa: BLE001 - every backend has an error of its own for it
        return False
    return True


def load(file: Path) -> Any:
    """A program that `keep` has put into a file a moment ago, in a folder of this session's own;
    None where it can't be loaded again, as in any other process: all then compile it.
    """
    import jax
    from jax.experimental.serialize_executable import deserialize_and_load

    arguments = jax.tree.structure(((0,), {}))  # of a call: the images, and nothing by name
    try:
        return deserialize_and_load(file.read_bytes(), arguments, jax.tree.structure(0))
    except Exception:  # noqa: BLE001 - every backend has an error of its own for it
        return None


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


def reference() -> Run:
    """A fixed computation, f32[512,512] @ f32[512,512], to normalise one run against another."""
    import jax
    import jax.numpy as jnp

    square = jnp.ones((512, 512), jnp.float32) / 512
    compiled = jax.jit(jnp.matmul).lower(square, square).compile()
    return lambda: jax.block_until_ready(compiled(square, square))


def rounds(
    runs: dict[Which, Run], reference_run: Run, settings: dict[str, Any], process: int, say: Say
) -> None:
    """Says an event a round: one sample of everything, in random order: its key, batch size,
    seconds of a call, and calls. Also what is about to be called, and what fails; the others go on.
    """
    import numpy as np

    min_sample_s, warmup_s = settings["min_sample_s"], settings["warmup_s"]
    at_the_reference = {"event": "at", "what": "the reference computation"}
    calls: dict[Which, int] = {}  # of a sample
    for which, run in runs.items():
        with at(which, say):
            calls[which] = calls_per_sample(run, min_sample_s, warmup_s)
    say(at_the_reference)
    reference_calls = calls_per_sample(reference_run, min_sample_s, warmup_s)
    rng, places = np.random.default_rng([settings["seed"], process]), list(runs)
    for _ in range(settings["rounds"]):
        samples = []
        say(at_the_reference)
        reference_s = sample(reference_run, reference_calls)
        for which in [places[index] for index in rng.permutation(len(places))]:
            if not (own_calls := calls.pop(which, 0)):
                continue
            with at(which, say):
                runs[which]()  # brings its weights back into the cache, as in a loop of its own
                samples.append([*which, sample(runs[which], own_calls), own_calls])
                calls[which] = own_calls
        say({"event": "round", "reference_s": reference_s, "samples": samples})


def calls_per_sample(run: Run, min_sample_s: float, warmup_s: float) -> int:
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
