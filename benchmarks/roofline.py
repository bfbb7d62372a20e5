"""What the machine can do at most: float32 matrix products, and reading and writing memory.

Both measured, through XLA, on all cores: the limits that a network of matrix products and
element-wise work can be held against.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mnv1_flax.architecture import Layer, LayerType

SIDES = (512, 768, 1024)
STREAM_BYTES = 256 << 20
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Limits:
    """flops: float32 operations a second, two for a multiply-add. bytes: moved a second from and
    to memory, reads and writes together.
    """

    flops: float
    bytes: float

    def words(self) -> str:
        """For the head of a table."""
        return (
            f"{self.flops / 1e9:.0f} GFLOP/s in matrix products, {self.bytes / 1e9:.0f} GB/s to "
            "and from memory"
        )


def measured() -> Limits:
    """The best of three sizes of product, and a map too large for any cache plus one."""
    import jax
    import jax.numpy as jnp

    def product_rate(side: int) -> float:
        square = jnp.ones((side, side), jnp.float32)
        run = jax.jit(jnp.matmul).lower(square, square).compile()
        return 2 * side**3 / _median_s(lambda: jax.block_until_ready(run(square, square)))

    long = jnp.ones(STREAM_BYTES // FLOAT_BYTES, jnp.float32)
    stream = jax.jit(lambda x: x + 1).lower(long).compile()
    seconds = _median_s(lambda: jax.block_until_ready(stream(long)))
    return Limits(max(map(product_rate, SIDES)), 2 * STREAM_BYTES / seconds)


def layer_limit_s(row: Layer[int], batch: int, limits: Limits) -> float:
    """Least seconds of a layer: its arithmetic or, if that takes longer, reading its input and
    weights and writing its output once from and to memory. Caches can undercut the second.
    """
    if row.type is LayerType.POOL:
        return 0.0
    moved = FLOAT_BYTES * (batch * row.activations + row.weights)
    return max(2 * batch * row.mult_adds / limits.flops, moved / limits.bytes)


def arithmetic_limit_s(rows: Iterable[Layer[int]], batch: int, limits: Limits) -> float:
    """Least seconds of a network whose maps all stay in caches."""
    return sum(2 * batch * row.mult_adds for row in rows) / limits.flops


def _median_s(run: Callable[[], object], runs: int = 9) -> float:
    run()
    samples = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        samples.append(time.perf_counter() - began)
    return statistics.median(samples)
