"""What the machine can do at most: float32 matrix products, and reading and writing maps.

Both measured, through XLA, on the cores of this process: the limits that a network of matrix
products and element-wise work can be held against. The map is of 4 MB, as the larger ones of these
networks are, and stays in caches; memory itself is several times slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mnv1_flax.architecture import Layer, LayerType

SIDES = (512, 768, 1024)
MAP_BYTES = 4 << 20
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Limits:
    """flops: float32 operations a second, two for a multiply-add. bytes: moved a second from and
    to caches, reads and writes together.
    """

    flops: float
    bytes: float

    def words(self) -> str:
        """For the head of a table."""
        return (
            f"{self.flops / 1e9:.0f} GFLOP/s in matrix products, {self.bytes / 1e9:.0f} GB/s "
            "reading and writing a map of 4 MB"
        )


def measured() -> Limits:
    """The best of three sizes of product and of many runs, and a map plus one."""
    import jax
    import jax.numpy as jnp

    def product_rate(side: int) -> float:
        square = jnp.ones((side, side), jnp.float32)
        run = jax.jit(jnp.matmul).lower(square, square).compile()
        return 2 * side**3 / _least_s(lambda: jax.block_until_ready(run(square, square)))

    numbers = jnp.ones((MAP_BYTES // FLOAT_BYTES // 1024, 1024), jnp.float32)
    plus_one = jax.jit(lambda x: x + 1).lower(numbers).compile()
    seconds = _least_s(lambda: jax.block_until_ready(plus_one(numbers)), runs=99)
    return Limits(max(map(product_rate, SIDES)), 2 * MAP_BYTES / seconds)


def layer_limit_s(row: Layer, batch: int, limits: Limits) -> float:
    """Least seconds of a layer: its arithmetic or, if that takes longer, reading its input and
    weights and writing its output once.
    """
    if row.type is LayerType.POOL:
        return 0.0
    moved = FLOAT_BYTES * (batch * row.activations + row.weights)
    return max(2 * batch * row.mult_adds / limits.flops, moved / limits.bytes)


def arithmetic_limit_s(rows: Iterable[Layer], batch: int, limits: Limits) -> float:
    """Least seconds of a network whose maps cost nothing to read and write."""
    return sum(2 * batch * row.mult_adds for row in rows) / limits.flops


def _least_s(run: Callable[[], object], runs: int = 30) -> float:
    """The best run: what the machine can do, whoever else is on it."""
    samples = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        samples.append(time.perf_counter() - began)
    return min(samples)
