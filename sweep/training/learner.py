"""A network and its optimiser as one compiled step, ready for the first.

A compiled call takes the indices of its batches, picks and augments the images, and updates
donated buffers in place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from sweep.contracts import Network
from sweep.host.xla import with_fused_sums
from sweep.settings.config import AccuracySettings
from sweep.training.augment import three_channels
from sweep.training.evaluation import ranks
from sweep.training.feeds import Feed
from sweep.training.packing import Packed, Packing
from sweep.training.recipe import optimizer, schedule


@dataclass(frozen=True)
class Ready:
    """A network compiled and waiting for its first step. `state` is spent by training; trace_s and
    compile_s are the seconds that its step took from Python to StableHLO, and from there.
    """

    network: Network
    feed: Feed
    settings: AccuracySettings
    learner: Learner
    state: State
    run_steps: Callable[..., Any]
    trace_s: float
    compile_s: float


class State(NamedTuple):
    """What a step changes. Running statistics are packed as the parameters are; `rest` is the
    state of random streams.
    """

    params: Packed
    statistics: Packed
    rest: Any
    moments: Any


@dataclass(frozen=True)
class Learner:
    """The network's fixed part, and how its arrays are packed."""

    graph: nnx.GraphDef[Any]
    params: Packing
    statistics: Packing
    transformation: optax.GradientTransformation
    settings: AccuracySettings

    def module(self, state: State) -> nnx.Module:
        params = self.params.unpack(state.params)
        return nnx.merge(self.graph, params, self.statistics.unpack(state.statistics), state.rest)


def make_ready(network: Network, feed: Feed, classes: int, settings: AccuracySettings) -> Ready:
    """Draws the weights and compiles the step: all that can be done while another network trains.

    Grey images are repeated over the network's three channels.
    """
    learner, state = learner_of(network, feed, classes, settings)
    jitted = _steps(learner, feed)
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), state)
    labels = jax.ShapeDtypeStruct(feed.images.shape[:1], jnp.int32)
    batches = jax.ShapeDtypeStruct((feed.steps_per_call, settings.batch_size), jnp.int32)
    began = time.perf_counter()
    lowered = jitted.lower(shapes, feed.images, labels, batches, jax.random.key(0), 0)
    traced = time.perf_counter()
    compiled = with_fused_sums(lowered)
    times = traced - began, time.perf_counter() - traced

    def run_steps(state: Any, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        # The last call may be shorter, and is then compiled when it comes.
        run = compiled if indices.shape == batches.shape else jitted
        return run(state, images, labels, indices, key, done)

    return Ready(network, feed, settings, learner, state, run_steps, *times)


def learner_of(
    network: Network, feed: Feed, classes: int, settings: AccuracySettings
) -> tuple[Learner, State]:
    """The network with its weights drawn, and its optimiser, before the first step."""
    module = module_of(network, feed.side, classes, settings)
    graph, params, statistics, rest = nnx.split(module, nnx.Param, nnx.BatchStat, ...)
    decays = jax.tree.leaves(
        jax.tree.map(
            network.family.decays, params, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
        )
    )
    packing = Packing(params, ["decays" if each else "stays" for each in decays])
    of_statistics = Packing(statistics, ["statistic"] * len(jax.tree.leaves(statistics)))
    rate = schedule(settings, feed.steps_per_epoch)
    mask = jax.tree.map(lambda label: label == "decays", packing.labels)
    transformation = optimizer(settings, rate, mask)
    learner = Learner(graph, packing, of_statistics, transformation, settings)
    packed = packing.pack(params)
    state = State(packed, of_statistics.pack(statistics), rest, transformation.init(packed))
    return learner, state


def module_of(network: Network, side: int, classes: int, settings: AccuracySettings) -> nnx.Module:
    """The network with its weights drawn, in training, for images of that side."""
    module = network.family.build(
        network.point,
        num_classes=classes,
        resolution=side,
        seed=settings.seed,
        lowering=settings.lowering or None,
        # 0: the network hands out each batch's own statistics, and a step averages all at once.
        bn_momentum=0.0,
        dropout_rate=settings.dropout_rate,
        dtype=settings.dtype,
    )
    module.train()
    return module


def _steps(learner: Learner, feed: Feed) -> jax.stages.Wrapped:
    """(state, images, labels, indices i32[K,B], key, steps done) -> (state, (losses, rights)).

    state is donated; losses and rights are f32[K], rights as shares of a batch.
    """

    @partial(jax.jit, donate_argnums=0)
    def run_steps(
        state: State,
        images: jax.Array,
        labels: jax.Array,
        indices: jax.Array,
        key: jax.Array,
        done: jax.Array,
    ) -> Any:
        def one(carry: State, numbered: tuple[jax.Array, jax.Array]) -> Any:
            number, batch = numbered
            own_key = jax.random.fold_in(key, number)
            seen = three_channels(feed.augmented(images[batch], own_key))
            return _step(learner, carry, seen, labels[batch])

        if indices.shape[0] == 1:
            state, outcome = one(state, (done, indices[0]))
            return state, jax.tree.map(lambda each: each[None], outcome)
        numbers = done + jnp.arange(indices.shape[0])
        return jax.lax.scan(one, state, (numbers, indices))

    return run_steps


def _step(
    learner: Learner, state: State, images: jax.Array, labels: jax.Array
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """One batch: the state after it, its loss, and the share of right answers in it."""
    keep = learner.settings.bn_momentum
    params = learner.params.unpack(state.params)
    statistics = learner.statistics.unpack(state.statistics)
    outcome, gradients = gradients_of(
        learner.graph, params, statistics, state.rest, images, labels, learner.settings
    )
    loss, (of_batch, rest, right) = outcome
    updates, moments = learner.transformation.update(
        learner.params.pack(gradients), state.moments, state.params
    )
    moved = jax.tree.map(
        lambda old, new: keep * old + (1 - keep) * new,
        state.statistics,
        learner.statistics.pack(of_batch),
    )
    updated = optax.apply_updates(state.params, updates)
    return State(cast("Packed", updated), moved, rest, moments), (loss, right)


def gradients_of(
    graph: nnx.GraphDef[Any],
    params: Any,
    statistics: Any,
    rest: Any,
    images: jax.Array,
    labels: jax.Array,
    settings: AccuracySettings,
) -> tuple[tuple[jax.Array, tuple[Any, Any, jax.Array]], Any]:
    """((loss, (the batch's statistics, the streams after it, the share of right answers)), the
    gradient of the loss by the parameters) of one batch: images f32[B,S,S,3], labels i32[B].
    """

    def loss_of(params: Any) -> tuple[jax.Array, tuple[Any, Any, jax.Array]]:
        module = nnx.merge(graph, params, statistics, rest, copy=True)
        logits = module(images)
        targets = optax.smooth_labels(
            jax.nn.one_hot(labels, logits.shape[-1]), settings.label_smoothing
        )
        loss = jnp.mean(optax.softmax_cross_entropy(logits, targets))
        right = jnp.mean(ranks(logits, labels) < 1, dtype=jnp.float32)
        _, _, of_batch, after = nnx.split(module, nnx.Param, nnx.BatchStat, ...)
        return loss, (of_batch, after, right)

    return jax.value_and_grad(loss_of, has_aux=True)(params)
