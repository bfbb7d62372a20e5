"""The depthwise layers of the paper's table, one by one: each lowering against the others.

    python -m benchmarks.depthwise          # nine layers, forward and with gradients: 10 minutes
    python -m benchmarks.depthwise --quick  # three layers, forward

Peers need the `peers` extra. All cores, float32, batch 1 forward and 16 with gradients.
"""

from __future__ import annotations

from benchmarks.harness import Arena, Contender, figure, options, publish, table
from benchmarks.roofline import layer_limit_s, measured
from mnv1_flax import layers
from mnv1_flax.architecture import LayerType
from sweep.host.allocator import keep_freed_memory

MAKERS = "benchmarks.depthwise_contenders"
CONTENDERS = (
    Contender("shifted", f"{MAKERS}:jax_layer", {"lowering": "shifted"}),
    Contender("autodiff", f"{MAKERS}:jax_layer", {"lowering": "autodiff"}),
    Contender("grouped lax", f"{MAKERS}:jax_layer", {"lowering": "grouped"}),
    Contender("torch", f"{MAKERS}:torch_layer", {"channels_last": False}),
    Contender("torch channels last", f"{MAKERS}:torch_layer", {"channels_last": True}),
    Contender("ONNX Runtime", f"{MAKERS}:onnx_layer"),
)


def main() -> None:
    """Microseconds of each, forward and with both gradients."""
    keep_freed_memory()
    arguments = options(__doc__)
    rows = {
        (row.size_in, row.channels_in, row.stride): row
        for row in layers("separable", 1.0, 224)
        if row.type is LayerType.DEPTHWISE
    }
    shapes = list(rows)[:3] if arguments.quick else list(rows)
    limits = measured()
    for gradients, batch in ((False, 1), (True, 16)) if not arguments.quick else ((False, 1),):
        # Forward the shifted sum and its autodiff are the same program.
        contenders = [c for c in CONTENDERS if gradients or c.name != "autodiff"]
        lines = []
        with Arena(contenders, rounds=5) as arena:
            for side, channels, stride in shapes:
                seconds = arena.race(
                    side=side, channels=channels, stride=stride, batch=batch, gradients=gradients
                )
                # With gradients: the input's is one more such layer, the filter's another.
                limit = layer_limit_s(rows[side, channels, stride], batch, limits)
                shown = [
                    figure(seconds[c.name] * 1e6) if c.name in seconds else "-" for c in contenders
                ]
                limit *= 3 if gradients else 1
                lines.append((f"{side}x{side}x{channels}, s{stride}", *shown, figure(limit * 1e6)))
                print(*lines[-1], sep="  ", flush=True)
        headings = ("map, stride", *(each.name for each in contenders), "limit")
        what = "forward and both gradients" if gradients else "forward"
        publish(
            f"Depthwise layers, {what}, batch {batch}",
            f"Microseconds a call; lower is better. Limit: {limits.words()}.\n\n"
            f"{table(headings, lines)}",
            arguments,
        )


if __name__ == "__main__":
    main()
