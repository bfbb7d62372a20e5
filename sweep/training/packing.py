"""Many small arrays as one, so that what is done to each of them is done once.

A network of thirty layers has well over a hundred vectors: scales, shifts, statistics, depthwise
filters. An optimiser that updates each on its own makes XLA compile, and then start, a few hundred
kernels of a microsecond's work. Packed, they are one kernel; only the large kernels stay apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

# Elements up to which an array is packed: copying it costs less than a kernel of its own.
SMALL = 1 << 14


class Packed(NamedTuple):
    """`large` arrays as they were, and one vector for the small ones of each label."""

    large: tuple[Any, ...]
    small: dict[str, Any]


class Packing:
    """How the arrays of one tree are packed. Made from shapes; works on values and on tracers."""

    def __init__(self, tree: Any, labels: Sequence[str]) -> None:
        """tree: of arrays f[...] of one dtype a label. labels: one for each leaf, in order; small
        arrays share a vector only with those of their own label.
        """
        leaves, self._structure = jax.tree.flatten(tree)
        self._shapes = [leaf.shape for leaf in leaves]
        sizes = [math.prod(shape) for shape in self._shapes]
        self._large = [index for index, size in enumerate(sizes) if size > SMALL]
        self._small: dict[str, list[int]] = {}
        for index, (size, label) in enumerate(zip(sizes, labels, strict=True)):
            if size <= SMALL:
                self._small.setdefault(label, []).append(index)
        self.labels = Packed(
            tuple(labels[index] for index in self._large), {label: label for label in self._small}
        )

    def pack(self, tree: Any) -> Packed:
        """A tree of the same structure and shapes, packed."""
        leaves = jax.tree.leaves(tree)
        return Packed(
            tuple(leaves[index] for index in self._large),
            {
                label: jnp.concatenate([leaves[index].ravel() for index in indices])
                for label, indices in self._small.items()
            },
        )

    def unpack(self, packed: Packed) -> Any:
        leaves: list[Any] = [None] * len(self._shapes)
        for index, leaf in zip(self._large, packed.large, strict=True):
            leaves[index] = leaf
        for label, indices in self._small.items():
            sizes = [math.prod(self._shapes[index]) for index in indices]
            for index, size, end in zip(indices, sizes, accumulate(sizes), strict=True):
                leaves[index] = packed.small[label][end - size : end].reshape(self._shapes[index])
        return jax.tree.unflatten(self._structure, leaves)
