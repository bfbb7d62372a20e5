"""Inference side by side: ours, JAX's usual lowering, PyTorch, ONNX Runtime, OpenVINO, Keras.

    python -m benchmarks.inference          # 16 points at batch 1 and 8: 20 minutes
    python -m benchmarks.inference --quick  # four corners at batch 1

float32, batch norm folded (Keras's own apart), all cores, the same weights and allocator settings.
Needs the `peers` extra; what is missing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.harness import Arena, Contender, figure, geometric_mean, options, publish, table

ALPHAS, RESOLUTIONS = (1.0, 0.75, 0.5, 0.25), (224, 192, 160, 128)
MAKERS = "benchmarks.inference_contenders"
OURS = Contender("ours", f"{MAKERS}:ours")
ORT = Contender("ONNX Runtime", f"{MAKERS}:onnx_runtime")
COMPILE = Contender("torch compile", f"{MAKERS}:torch_call", {"way": "compile"})
FAST = (
    OURS,
    ORT,
    Contender("OpenVINO", f"{MAKERS}:openvino"),
    COMPILE,
    Contender("torch eager", f"{MAKERS}:torch_call", {"way": "eager"}),
)
SLOW = (
    Contender("grouped lax", f"{MAKERS}:ours", {"lowering": "grouped"}),
    Contender("Keras on JAX", f"{MAKERS}:keras_on_jax"),
)
# How far two contenders' logits may lie apart, as a share of the largest.
AGREEMENT = 1e-3


def main() -> None:
    """A table for each batch size: milliseconds, and ours over ONNX Runtime."""
    arguments = options(__doc__)
    corners = [(a, r) for a in ALPHAS for r in RESOLUTIONS]
    points = [corners[0], corners[3], corners[12], corners[15]] if arguments.quick else corners
    for batch in (1,) if arguments.quick else (1, 8):
        # Compiling with torch takes half a minute a point: once is enough.
        contenders = (*FAST, *SLOW) if batch == 1 else [c for c in FAST if c is not COMPILE]
        with Arena(contenders, rounds=5 if arguments.quick else 7, min_sample_s=0.06) as arena:
            rows, ratios, behind = [], [], []
            for alpha, resolution in points:
                seconds = arena.race(alpha=alpha, resolution=resolution, batch=batch)
                _hold_together(arena.results)
                shown = [
                    f"{seconds[c.name] * 1e3:.3g}" if c.name in seconds else "-" for c in contenders
                ]
                ratio = seconds[OURS.name] / seconds.get(ORT.name, float("nan"))
                ratios.append(ratio)
                if seconds[OURS.name] > seconds.get(COMPILE.name, float("inf")):
                    behind.append(f"{alpha}-{resolution}")
                rows.append((f"{alpha}-{resolution}", *shown, f"{ratio:.2f}"))
                print(*rows[-1], sep="  ", flush=True)
        headings = ("point", *(each.name for each in contenders), "ours / ONNX Runtime")
        text = (
            "Milliseconds a call; lower is better. float32, all cores.\n\n"
            f"{table(headings, rows)}\n\n"
            f"Geometric mean of ours over ONNX Runtime: {figure(geometric_mean(ratios))}."
        )
        if COMPILE in contenders:
            text += f" Behind torch compile at: {', '.join(behind) or 'no point'}."
        publish(f"Inference, batch {batch}", text, arguments)


def _hold_together(logits: Mapping[str, list[float]]) -> None:
    """All contenders with our weights give our logits; a fast wrong answer counts for nothing."""
    expected = logits[OURS.name]
    largest = max(map(abs, expected))
    for name, found in logits.items():
        if found:
            apart = max(abs(a - b) for a, b in zip(found, expected, strict=True)) / largest
            assert apart < AGREEMENT, f"{name} is {apart:.1e} away from ours"


if __name__ == "__main__":
    main()
