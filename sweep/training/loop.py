"""Trains one network on images that lie on the device.

A compiled call takes the indices of its batches, picks and augments the images, and updates
donated buffers in place; the loss is fetched only now and then. Same seed, same machine: bitwise
the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from sweep.config import AccuracySettings
from sweep.contracts import Network
from sweep.training.augment import three_channels, turned_and_mirrored
from sweep.training.packing import Packed, Packing
from sweep.training.recipe import optimizer, schedule
from sweep.types import CurvePoint, Progress, Splits

# Steps between two points of the curve, and two moves of the progress bar.
STEPS_PER_REPORT = 20


class TrainingError(RuntimeError):
    """Training can't go on; the message says where it stopped and why."""


@dataclass(frozen=True)
class Ready:
    """A network compiled and waiting for its first step. `state` is spent by training; trace_s and
    compile_s are the seconds that its step took from Python to StableHLO, and from there.
    """

    network: Network
    splits: Splits
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
        """The network with the weights of `state`."""
        params = self.params.unpack(state.params)
        return nnx.merge(self.graph, params, self.statistics.unpack(state.statistics), state.rest)


def make_ready(network: Network, splits: Splits, classes: int, settings: AccuracySettings) -> Ready:
    """Draws the weights and compiles the step: all that can be done while another network trains.

    images f32[N,S,S,1 or 3]; grey ones are repeated over the network's three channels.
    """
    learner, state = _learner(network, splits, classes, settings)
    jitted = _steps(learner)
    shapes = jax.tree.map(
        lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype),
        (state, splits.train.images, splits.train.labels),
    )
    batches = jax.ShapeDtypeStruct((steps_per_call(), settings.batch_size), jnp.int32)
    began = time.perf_counter()
    lowered = jitted.lower(*shapes, batches, jax.random.key(0), 0)
    traced = time.perf_counter()
    compiled = lowered.compile()
    times = traced - began, time.perf_counter() - traced

    def run_steps(state: Any, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        # The last call may be shorter, and is then compiled when it comes.
        run = compiled if indices.shape == batches.shape else jitted
        return run(state, images, labels, indices, key, done)

    return Ready(network, splits, settings, learner, state, run_steps, *times)


def _learner(
    network: Network, splits: Splits, classes: int, settings: AccuracySettings
) -> tuple[Learner, State]:
    module = network.family.build(
        network.point,
        num_classes=classes,
        resolution=splits.train.images.shape[1],
        seed=settings.seed,
        lowering=settings.lowering or None,
        # 0: the network hands out each batch's own statistics, and a step averages all at once.
        bn_momentum=0.0,
        dropout_rate=settings.dropout_rate,
        dtype=settings.dtype,
    )
    module.train()
    graph, params, statistics, rest = nnx.split(module, nnx.Param, nnx.BatchStat, ...)
    decays = jax.tree.leaves(
        jax.tree.map(
            network.family.decays, params, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
        )
    )
    packing = Packing(params, ["decays" if each else "stays" for each in decays])
    of_statistics = Packing(statistics, ["statistic"] * len(jax.tree.leaves(statistics)))
    rate = schedule(settings, _steps_per_epoch(splits, settings) * settings.epochs)
    mask = jax.tree.map(lambda label: label == "decays", packing.labels)
    transformation = optimizer(settings, rate, mask)
    learner = Learner(graph, packing, of_statistics, transformation, settings)
    packed = packing.pack(params)
    state = State(packed, of_statistics.pack(statistics), rest, transformation.init(packed))
    return learner, state


def train(ready: Ready, progress: Progress) -> Generator[CurvePoint, None, nnx.Module]:
    """Yields the curve as it grows; returns the trained module, in evaluation mode.

    Raises TrainingError where the loss is no longer finite.
    """
    settings, train_split, state = ready.settings, ready.splits.train, ready.state
    steps_per_epoch = _steps_per_epoch(ready.splits, settings)
    steps = steps_per_epoch * settings.epochs
    rate = schedule(settings, steps)
    images, labels = jnp.asarray(train_split.images), jnp.asarray(train_split.labels)
    key = jax.random.key(settings.seed)
    per_call = steps_per_call()
    began, done = time.perf_counter(), 0
    for indices in _batches(len(train_split), settings):
        outcomes = []
        for some in np.split(indices, range(per_call, len(indices), per_call)):
            state, outcome = ready.run_steps(state, images, labels, some, key, done)
            outcomes.append(outcome)
            done += len(some)
        losses, rights = (jnp.concatenate(each) for each in zip(*outcomes, strict=True))
        loss = float(jnp.mean(losses))
        if not np.isfinite(loss):
            raise TrainingError(f"the loss is {loss} after {done} of {steps} steps")
        yield CurvePoint(
            ready.network.point,
            step=done,
            epoch=done / steps_per_epoch,
            loss=loss,
            accuracy=float(jnp.mean(rights)),
            learning_rate=float(rate(done - 1)),
            seconds=time.perf_counter() - began,
        )
        progress(done / steps, f"step {done} of {steps}, loss {loss:.2f}")
    trained = ready.learner.module(state)
    trained.eval()
    return trained


def steps_per_call() -> int:
    """Steps that one compiled call runs. On a GPU or TPU a scan over them saves starting each; on
    a CPU one: XLA runs the body of a loop on one core, which makes a step many times slower.
    """
    return 1 if jax.default_backend() == "cpu" else STEPS_PER_REPORT


def _steps(learner: Learner) -> jax.stages.Wrapped:
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
            return _step(learner, carry, images[batch], labels[batch], own_key)

        if indices.shape[0] == 1:
            state, outcome = one(state, (done, indices[0]))
            return state, jax.tree.map(lambda each: each[None], outcome)
        numbers = done + jnp.arange(indices.shape[0])
        return jax.lax.scan(one, state, (numbers, indices))

    return run_steps


def _step(
    learner: Learner, state: State, images: jax.Array, labels: jax.Array, key: jax.Array
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """One batch: the state after it, its loss, and the share of right answers in it."""
    settings = learner.settings
    if settings.turn_and_mirror:
        images = turned_and_mirrored(images, key)
    images = three_channels(images)
    statistics = learner.statistics.unpack(state.statistics)

    def loss_of(params: Any) -> tuple[jax.Array, tuple[Any, Any, jax.Array]]:
        module = nnx.merge(learner.graph, params, statistics, state.rest, copy=True)
        logits = module(images)
        targets = optax.smooth_labels(
            jax.nn.one_hot(labels, logits.shape[-1]), settings.label_smoothing
        )
        loss = jnp.mean(optax.softmax_cross_entropy(logits, targets))
        right = jnp.mean(jnp.argmax(logits, axis=-1) == labels, dtype=jnp.float32)
        _, _, of_batch, rest = nnx.split(module, nnx.Param, nnx.BatchStat, ...)
        return loss, (of_batch, rest, right)

    params = learner.params.unpack(state.params)
    (loss, (of_batch, rest, right)), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, moments = learner.transformation.update(
        learner.params.pack(gradients), state.moments, state.params
    )
    keep = settings.bn_momentum
    moved = jax.tree.map(
        lambda old, new: keep * old + (1 - keep) * new,
        state.statistics,
        learner.statistics.pack(of_batch),
    )
    updated = optax.apply_updates(state.params, updates)
    return State(cast("Packed", updated), moved, rest, moments), (loss, right)


def _steps_per_epoch(splits: Splits, settings: AccuracySettings) -> int:
    return len(splits.train) // settings.batch_size


def _batches(images: int, settings: AccuracySettings) -> Iterator[npt.NDArray[np.int32]]:
    """i32[K,B] at a time: each epoch is one shuffle from the seed, less its last short batch."""
    rng = np.random.default_rng(settings.seed)
    per_epoch = images // settings.batch_size
    order = np.concatenate(
        [rng.permutation(images)[: per_epoch * settings.batch_size] for _ in range(settings.epochs)]
    ).astype(np.int32)
    steps = order.reshape(-1, settings.batch_size)
    for start in range(0, len(steps), STEPS_PER_REPORT):
        yield steps[start : start + STEPS_PER_REPORT]
