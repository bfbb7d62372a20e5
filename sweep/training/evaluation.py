"""Which answers are right, and how many are on images that training has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from sweep.host.xla import options
from sweep.training.augment import as_floats, three_channels
from sweep.training.devices import devices_behind
from sweep.training.evaluation_images import TestImages

TOP = 5
NEVER = 2**31 - 1  # rank of an answer that is none

Batches = Iterable[tuple[Any, Any]]
Evaluator = Callable[..., "Score"]  # (batches, and perhaps a progress)
# Images f32[N,S,S,3] in [-1, 1] -> outputs f32[N,C], by a runtime that isn't JAX.
Executed = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
Judged = Callable[[Any, Any], jax.Array]  # (logits, or images; labels) -> bool[3,N]


@dataclass(frozen=True, eq=False)
class Score:
    """Which of the N test images are right first, and which within five: bool[N] in their order;
    and for how many the network's outputs are not all finite.
    """

    first: npt.NDArray[np.bool_]
    within: npt.NDArray[np.bool_]
    not_finite: int = 0

    @property
    def images(self) -> int:
        return len(self.first)

    @property
    def top1(self) -> int:
        return int(self.first.sum())

    @property
    def top5(self) -> int:
        return int(self.within.sum())


def ranks(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Rank of each label among the classes, 0 for the first: logits f32[B,C], labels i32[B] in
    0..C-1 -> i32[B]. An answer is right within k where its rank is below k.

    Ahead of a class are those that score higher and, of those that score the same, those of a lower
    index: rank 0 is what `argmax` gives in NumPy, JAX, Keras and LiteRT. Where an output is not
    finite no answer is right: the rank is above any k.
    """
    own = jnp.take_along_axis(logits, labels[:, None], axis=1)
    earlier = jnp.arange(logits.shape[1]) < labels[:, None]
    ahead = (logits > own) | ((logits == own) & earlier)
    rank = jnp.sum(ahead, axis=1, dtype=jnp.int32)
    return jnp.where(jnp.isfinite(logits).all(axis=1), rank, NEVER)


def evaluate(
    module: nnx.Module | Executed,
    batches: Batches,
    *,
    background: bool = False,
    outputs: Sequence[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Score:
    """Scores every image exactly once.

    batches: of one shape, (images u8 or f32[B,S,S,C], labels i32[B]); a label of -1 is padding.
    background: the network's first output is no class of the labels', and is left out.
    outputs: which of the others is that of each label; None where they are in the labels' order.
    progress: told how many images are done.
    """
    return evaluator(module, background=background, outputs=outputs)(batches, progress)


def evaluator(
    module: nnx.Module | Executed,
    *,
    background: bool = False,
    outputs: Sequence[int] | None = None,
) -> Evaluator:
    """`evaluate` for several sets of images: batches of one shape are compiled for once."""
    of_label = None if outputs is None else np.asarray(outputs, np.int32)

    def judged(logits: jax.Array, labels: jax.Array) -> jax.Array:
        finite = jnp.isfinite(logits).all(axis=1)
        labels = jnp.maximum(labels, 0)
        own = labels if of_label is None else jnp.asarray(of_label)[labels]
        rank = ranks(logits[:, int(background) :], own)
        return jnp.stack([finite & (rank < 1), finite & (rank < TOP), ~finite])

    told = _by_flax(module, judged) if isinstance(module, nnx.Module) else _by(module, judged)

    def scored(batches: Batches, progress: Callable[[int], None] | None = None) -> Score:
        done: Sequence[Any] = []
        images = 0
        for pixels, labels in batches:
            there = np.asarray(labels)[None] >= 0
            done.append(np.concatenate([np.asarray(told(pixels, labels)), there]))
            images += int(there.sum())
            if progress is not None:
                progress(images)
        if isinstance(batches, TestImages):
            done = batches.joined(done, np.zeros((4, batches.size), bool))
        first, within, wild, there = np.concatenate([np.zeros((4, 0), bool), *done], axis=1)
        return Score(first[there], within[there], int(wild[there].sum()))

    return scored


def _by_flax(module: nnx.Module, judged: Judged) -> Judged:
    """One program for the network and what its outputs come to."""
    graph, state = nnx.split(module)
    devices = devices_behind(state)

    @partial(jax.jit, compiler_options=options())
    def told(state: Any, batch: jax.Array, labels: jax.Array) -> jax.Array:
        return judged(nnx.merge(graph, state)(three_channels(as_floats(batch))), labels)

    def shared_out(batch: Any, labels: Any) -> jax.Array:
        """Filled up so that each device has as many, and cut again."""
        images = len(labels)
        more = -images % devices.count
        both = (np.asarray(each) for each in (batch, labels))
        padded = (np.pad(each, [(0, more)] + [(0, 0)] * (each.ndim - 1)) for each in both)
        return told(state, *jax.device_put(tuple(padded), devices.shared_out()))[:, :images]

    return shared_out if devices.count > 1 else partial(told, state)


def _by(executed: Executed, judged: Judged) -> Judged:
    """The outputs are another runtime's."""
    compiled = jax.jit(judged, compiler_options=options())

    def told(batch: Any, labels: Any) -> jax.Array:
        images = np.asarray(three_channels(as_floats(jnp.asarray(batch))))
        return compiled(executed(images), jnp.asarray(labels))

    return told
