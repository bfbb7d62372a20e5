"""Where a deployed network's time goes, layer by layer, against what the machine could do.

    python -m benchmarks.layers          # 1.0-224 and 0.25-128 on one core: two minutes
    python -m benchmarks.layers --quick  # 0.25-128

Ours, and beside it ONNX Runtime by its own profiler where it is installed, with the same rows. On
one core, since a profiler tells how long an operation was under way, and on several cores
operations wait for threads. Each operation of the compiled program belongs to the layer whose name
scope it carries.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.harness import figure, options, publish, table
from benchmarks.processes import WorkerProcess
from benchmarks.roofline import Limits, layer_limit_s, measured
from mnv1_flax import MobileNetV1, compiled, layers
from mnv1_flax.architecture import Layer
from mnv1_flax.export import content, deployed

POINTS = ((1.0, 224), (0.25, 128))
# A process is one draw of where its buffers lie.
PROCESSES, CALLS = 5, 20
OTHER = "other"
XLA, ORT = "XLA", "ONNX Runtime"
Seconds = Mapping[str, float]


def main() -> None:
    """Microseconds of each layer of one call at batch 1, and its limit."""
    arguments = options(__doc__)
    for alpha, resolution in POINTS[1:] if arguments.quick else POINTS:
        job = {
            "load": f"{__spec__.name}:timed",
            "arguments": {"alpha": alpha, "resolution": resolution},
        }
        draws = []
        for _ in range(1 if arguments.quick else PROCESSES):
            worker = WorkerProcess(min(os.sched_getaffinity(0)))
            try:
                draws.append(worker.ask(job)["result"])
            finally:
                worker.end()
        publish(
            f"Layers of {alpha}-{resolution}, one core, batch 1",
            _told(layers("separable", alpha=alpha, resolution=resolution), draws),
            arguments,
        )


def timed(alpha: float, resolution: int) -> Callable[[], dict[str, Any]]:
    """In a process of its own, on its core: what gives the seconds of each layer by each runtime,
    and the machine's limits.
    """
    import jax
    import jax.numpy as jnp
    from flax import nnx

    # As `sweep.runtimes.xla` calls it: the buffers of one call are free again for the next.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    model = MobileNetV1(alpha, resolution, batch_norm=False, rngs=nnx.Rngs(0))
    model.eval()
    program = compiled(model, batch=1)
    images = jnp.zeros((1, resolution, resolution, 3))
    text, names = program.as_text() or "", tuple(row.name for row in model.layers())

    def run() -> dict[str, Any]:
        ours: Counter[str] = Counter()
        for operation, spent in _traced_s(lambda: jax.block_until_ready(program(images))).items():
            ours[_layer_of(operation, text, names)] += spent
        return {XLA: ours, ORT: _onnx_runtime_s(model, names), "limits": asdict(measured())}

    return run


def _told(network: Iterable[Layer], draws: Sequence[dict[str, Any]]) -> str:
    limits = Limits(
        **{key: max(each["limits"][key] for each in draws) for key in ("flops", "bytes")}
    )
    rows = {row.name: row for row in network}
    ours, theirs = (
        {
            name: statistics.median(each[way].get(name, 0.0) for each in draws)
            for name in (*rows, OTHER)
        }
        for way in (XLA, ORT)
    )
    return (
        f"Limit: {limits.words()}, on one core. Medians of {len(draws)} processes. An operation "
        f"counts for the layer that it ends in: XLA's stem's sum for depthwise_1.\n\n"
        f"{_table(rows, ours, theirs, limits)}"
    )


def _table(rows: dict[str, Layer], ours: Seconds, theirs: Seconds, limits: Limits) -> str:
    """Microseconds of each layer by XLA and by ONNX Runtime, and the least that it could take."""
    limit_s = {name: layer_limit_s(row, 1, limits) for name, row in rows.items()}
    kinds = ("pointwise", "depthwise")
    of = {name: (name,) for name in (*rows, OTHER)} | {
        f"all {kind}": tuple(name for name in rows if name.startswith(kind)) for kind in kinds
    }
    lines = []
    for label, names in (of | {"sum": (*rows, OTHER)}).items():
        row = rows.get(label)
        shape = (
            f"{row.size_in}x{row.size_in}x{row.channels_in} to {row.channels_out}" if row else ""
        )
        spent, least = _sum(ours, names), sum(limit_s.get(name, 0.0) for name in names)
        other = figure(_sum(theirs, names) * 1e6) if any(theirs.values()) else "-"
        share = f"{100 * least / spent:.0f} %" if spent and least else "-"
        lines.append((label, shape, figure(spent * 1e6), other, figure(least * 1e6), share))
    headings = ("layer", "map", f"{XLA}, microseconds", ORT, "limit", "XLA's share of it")
    return table(headings, lines)


def _sum(seconds: Seconds, names: Iterable[str]) -> float:
    return sum(seconds[name] for name in names)


def _onnx_runtime_s(model: MobileNetV1, names: tuple[str, ...]) -> Seconds:
    """Mean seconds of each layer of one call by ONNX Runtime; none where it is missing."""
    import numpy as np

    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError:
        return {}
    settings: Any = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.enable_profiling = True
    images = np.zeros((1, 3, model.resolution, model.resolution), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        settings.profile_file_prefix = str(Path(folder) / "layers")
        session: Any = onnxruntime.InferenceSession(
            content(deployed(model), ".onnx"), settings, providers=["CPUExecutionProvider"]
        )
        for _ in range(2 * CALLS):
            session.run(None, {"images": images})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    microseconds: dict[str, list[int]] = {}
    for event in events:
        if event["cat"] == "Node":
            microseconds.setdefault(event["name"], []).append(event["dur"])
    spent = dict.fromkeys((*names, OTHER), 0.0)
    for node, each in microseconds.items():
        # "pointwise_1/relu6_nchwc_kernel_time"; what reorders maps has a name of its own.
        layer = re.split(r"/|_nchwc|_kernel_time", node)[0]
        layer = {"logits": "classifier", "features": "pool"}.get(layer, layer)
        spent[layer if layer in names else OTHER] += sum(each[CALLS:]) / CALLS * 1e-6
    return spent


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
    """The layer whose scope an operation carries in the text of the compiled program, or what it is
    computed for does.
    """
    name = rf"%{re.escape(operation)}\b(?![.\w-])"
    for pattern in (rf"{name} = .*", rf"= .*[(, ]{name}.*"):
        line = re.search(pattern, program)
        scope = re.search(r'op_name="([^"]*)"', line.group()) if line else None
        parts = scope.group(1).split("/") if scope else []
        if layer := next((name for name in names if name in parts), None):
            return layer
    return OTHER


if __name__ == "__main__":
    main()
