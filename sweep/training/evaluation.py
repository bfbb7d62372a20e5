"""Counts right answers on images that training has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from sweep.training.augment import three_channels
from sweep.types import Images

EVALUATION_BATCH = 500
TOP = 5


@dataclass(frozen=True)
class Score:
    """Counts over the test images: how many, how many right first, how many within five."""

    images: int
    top1: int
    top5: int


def evaluate(module: nnx.Module, images: Images) -> Score:
    """Scores every image exactly once, the last short batch included."""
    graph, state = nnx.split(module)

    @jax.jit
    def count(state: Any, batch: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = nnx.merge(graph, state)(three_channels(batch))
        own = jnp.take_along_axis(logits, jnp.maximum(labels, 0)[:, None], axis=1)
        # Rank of the true class: how many others score higher. Padding has label -1.
        rank = jnp.sum(logits > own, axis=1)
        real = labels >= 0
        return jnp.sum(real & (rank < 1)), jnp.sum(real & (rank < TOP))

    batch = min(EVALUATION_BATCH, len(images))
    top1 = top5 = 0
    for start in range(0, len(images), batch):
        pixels, labels = images.images[start : start + batch], images.labels[start : start + batch]
        short = batch - len(labels)
        pixels = np.pad(pixels, ((0, short), (0, 0), (0, 0), (0, 0)))
        labels = np.pad(labels, (0, short), constant_values=-1)
        first, within = count(state, pixels, labels)
        top1, top5 = top1 + int(first), top5 + int(within)
    return Score(len(images), top1, top5)
