"""How fast this machine trains and decodes, for estimates of runs of hours and days."""

from __future__ import annotations

import time
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from sweep.contracts import Records

# Side of the product that is timed, and how often: some tens of milliseconds on two cores.
_SIDE, _TIMES = 1024, 5
_DECODED = 24


@cache
def multiply_add_s() -> float:
    """Seconds of one multiply-add in a large float32 matrix product on JAX's device: the best of a
    few, since whatever else runs can only make it slower.
    """
    product = jax.jit(jnp.matmul)
    matrix = jnp.ones((_SIDE, _SIDE), jnp.float32)
    jax.block_until_ready(product(matrix, matrix))
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        jax.block_until_ready(product(matrix, matrix))
        taken.append(time.perf_counter() - began)
    return min(taken) / _SIDE**3


def decode_s(records: Records, side: int) -> float:
    """Seconds that one process takes to read, decode and resize an image: the mean of a few, drawn
    evenly from all.
    """
    from sweep.loading.crops import CentralCrop, shown
    from sweep.loading.images import BadImageError
    from sweep.loading.reading import pixels_of

    places = np.unique(np.linspace(0, len(records.labels) - 1, _DECODED).astype(int))
    began = time.perf_counter()
    for index in map(int, places):
        try:
            pixels = pixels_of(records, index)
        except BadImageError:
            continue  # told when it is its turn
        shown(CentralCrop(1.0), side, pixels)
    return (time.perf_counter() - began) / len(places)
