"""Counts right answers on images that training has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from sweep.training.augment import as_floats, three_channels

TOP = 5


@dataclass(frozen=True)
class Score:
    """Counts over the test images: how many, how many right first, how many within five."""

    images: int
    top1: int
    top5: int


def evaluate(
    module: nnx.Module,
    batches: Iterable[tuple[Any, Any]],
    *,
    background: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Score:
    """Scores every image exactly once.

    batches: of one shape, (images u8 or f32[B,S,S,C], labels i32[B]); a label of -1 is padding.
    background: the network's first output is no class of the labels', and is left out.
    progress: told how many images are done.
    """
    graph, state = nnx.split(module)

    @jax.jit
    def count(state: Any, batch: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = nnx.merge(graph, state)(three_channels(as_floats(batch)))[:, int(background) :]
        own = jnp.take_along_axis(logits, jnp.maximum(labels, 0)[:, None], axis=1)
        # Rank of the true class: how many score higher. Where a score is NaN nothing is right.
        rank = jnp.sum(~(logits <= own), axis=1)
        real = labels >= 0
        return jnp.sum(real & (rank < 1)), jnp.sum(real & (rank < TOP))

    images = top1 = top5 = 0
    for pixels, labels in batches:
        first, within = count(state, pixels, labels)
        images += int((labels >= 0).sum())
        top1, top5 = top1 + int(first), top5 + int(within)
        if progress is not None:
            progress(images)
    return Score(images, top1, top5)
