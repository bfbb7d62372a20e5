"""How fast this machine trains and decodes, for estimates of runs of hours and days."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from sweep.contracts import Records

if TYPE_CHECKING:
    from sweep.loading.images import Pixels

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
    """Seconds that one process takes to read, decode and resize an image: the mean of a few."""
    from sweep.loading.crops import CentralCrop, shown

    began, images = time.perf_counter(), 0
    for pixels in _a_few(records):
        shown(CentralCrop(1.0), side, pixels)
        images += 1
    return (time.perf_counter() - began) / max(1, images)


def shorter_side(records: Records) -> int:
    """Of an image, in pixels: the middle of a few; 0 where none of them can be read."""
    sides = [min(pixels.shape[:2]) for pixels in _a_few(records)]
    return int(np.median(sides)) if sides else 0


def _a_few(records: Records) -> Iterator[Pixels]:
    """Drawn evenly from all; those that can't be read are told of when it is their turn."""
    from sweep.loading.images import BadImageError
    from sweep.loading.reading import pixels_of

    places = np.unique(np.linspace(0, len(records.labels) - 1, _DECODED).astype(int))
    for index in map(int, places):
        with suppress(BadImageError):
            yield pixels_of(records, index)
