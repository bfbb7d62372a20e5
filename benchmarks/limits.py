"""The least that the networks of the other tables could take on this machine: their arithmetic at
the rate of XLA's best matrix product, maps free of charge.

    python -m benchmarks.limits          # seconds
    python -m benchmarks.limits --quick  # the same, written nowhere
"""

from __future__ import annotations

from benchmarks.harness import figure, options, publish, table
from benchmarks.inference import ALPHAS, RESOLUTIONS
from benchmarks.roofline import arithmetic_limit_s, measured
from benchmarks.training import CASES
from mnv1_flax import layers
from sweep.host.allocator import keep_freed_memory

# Forward, the input's gradient and the kernel's: each as much arithmetic as the other.
PASSES = 3


def main() -> None:
    """Milliseconds of inference at both batch sizes, images per second of training."""
    keep_freed_memory()
    arguments = options(__doc__)
    limits = measured()
    inference = [
        (
            f"{alpha}-{resolution}",
            *(
                figure(1e3 * arithmetic_limit_s(layers("separable", alpha, resolution), n, limits))
                for n in (1, 8)
            ),
        )
        for alpha in ALPHAS
        for resolution in RESOLUTIONS
    ]
    training = [
        (
            f"{alpha}, {side} px",
            figure(1 / (PASSES * arithmetic_limit_s(layers("separable", alpha, side), 1, limits))),
        )
        for alpha, side, _ in CASES
    ]
    publish(
        "Limits",
        f"{limits.words()}.\n\n"
        f"{table(('point', 'ms, batch 1', 'ms, batch 8'), inference)}\n\n"
        f"{table(('training', 'images per second'), training)}",
        arguments,
    )


if __name__ == "__main__":
    main()
