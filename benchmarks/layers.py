"""Where a deployed network's time goes, layer by layer, against what the machine could do.

    python -m benchmarks.layers          # 1.0-224 and 0.25-128 on one core: a minute
    python -m benchmarks.layers --quick  # 0.25-128

On one core, since XLA's profiler tells how long an operation was under way, and on several cores
operations wait for threads. Each operation of the compiled program belongs to the layer whose name
scope it carries.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import figure, options, publish, table
from benchmarks.roofline import Limits, layer_limit_s, measured
from mnv1_flax import MobileNetV1, compiled
from sweep.host.allocator import keep_freed_memory

POINTS = ((1.0, 224), (0.25, 128))
CALLS = 20
OTHER = "other"


def main() -> None:
    """Microseconds of each layer of one call at batch 1, and its limit."""
    keep_freed_memory()
    arguments = options(__doc__)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX counts its threads
    limits = measured()
    for alpha, resolution in POINTS[1:] if arguments.quick else POINTS:
        publish(
            f"Layers of {alpha}-{resolution}, one core, batch 1",
            _layers(alpha, resolution, limits),
            arguments,
        )


def _layers(alpha: float, resolution: int, limits: Limits) -> str:
    import jax
    import jax.numpy as jnp
    from flax import nnx

    model = MobileNetV1(alpha, resolution, batch_norm=False, rngs=nnx.Rngs(0))
    model.eval()
    program = compiled(model, batch=1)
    images = jnp.zeros((1, resolution, resolution, 3))

    def run() -> None:
        jax.block_until_ready(program(images))

    rows = {row.name: row for row in model.layers()}
    text, names = program.as_text() or "", tuple(rows)
    seconds: Counter[str] = Counter()
    for operation, spent in _traced_s(run).items():
        seconds[_layer_of(operation, text, names)] += spent
    lines = []
    for name, row in rows.items():
        limit = layer_limit_s(row, 1, limits)
        shape = f"{row.size_in}x{row.size_in}x{row.channels_in} to {row.channels_out}"
        share = f"{100 * limit / seconds[name]:.0f} %" if seconds[name] else "-"
        lines.append((name, shape, figure(seconds[name] * 1e6), figure(limit * 1e6), share))
    in_all = sum(layer_limit_s(row, 1, limits) for row in rows.values())
    total = seconds.total()
    lines.append((OTHER, "", figure(seconds[OTHER] * 1e6), "", ""))
    lines.append(
        ("sum", "", figure(total * 1e6), figure(in_all * 1e6), f"{100 * in_all / total:.0f} %")
    )
    headings = ("layer", "map", "microseconds", "limit", "share of it reached")
    words = "An operation counts for the layer that it ends in: the stem's sum for depthwise_1."
    return f"Limit: {limits.words()}, on one core. {words}\n\n{table(headings, lines)}"


def _traced_s(run: Callable[[], None]) -> Counter[str]:
    """Mean seconds of each operation of the compiled program, by its name in the program."""
    import jax

    for _ in range(CALLS):
        run()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(CALLS):
                run()
        (path,) = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(path))
        spent: Counter[str] = Counter()
        for plane in data.planes:
            for line in plane.lines:
                for event in line.events:
                    if any(key == "hlo_op" for key, _ in event.stats):
                        spent[event.name] += event.duration_ns / CALLS * 1e-9
    return spent


def _layer_of(operation: str, program: str, names: tuple[str, ...]) -> str:
    """The layer whose scope an operation carries in the text of the compiled program."""
    line = re.search(rf"%{re.escape(operation)} = .*", program)
    scope = re.search(r'op_name="([^"]*)"', line.group()) if line else None
    parts = scope.group(1).split("/") if scope else []
    return next((name for name in names if name in parts), OTHER)


if __name__ == "__main__":
    main()
