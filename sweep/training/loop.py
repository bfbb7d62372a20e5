"""Trains one network on images that lie on the device, and evaluates it.

A compiled call takes the indices of its batches, picks and augments the images, and updates
donated buffers in place; the loss is fetched only now and then. Same seed, same machine: bitwise
the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from sweep.config import AccuracySettings
from sweep.training.augment import turned_and_mirrored
from sweep.training.recipe import optimizer, schedule
from sweep.types import CurvePoint, Images, Network, Progress, Splits

# Steps between two points of the curve, and two moves of the progress bar.
STEPS_PER_REPORT = 20
EVALUATION_BATCH = 500
TOP = 5


class TrainingError(RuntimeError):
    """Training can't go on; the message says where it stopped and why."""


@dataclass(frozen=True)
class Score:
    """Counts over the test images: how many, how many right first, how many within five."""

    images: int
    top1: int
    top5: int


def train(
    network: Network,
    splits: Splits,
    classes: int,
    settings: AccuracySettings,
    progress: Progress,
) -> Generator[CurvePoint, None, nnx.Module]:
    """Yields the curve as it grows; returns the trained module, in evaluation mode.

    images f32[N,S,S,1 or 3]; grey ones are repeated over the network's three channels.
    Raises TrainingError where the loss is no longer finite.
    """
    side = splits.train.images.shape[1]
    module = network.family.build(
        network.point,
        num_classes=classes,
        resolution=side,
        seed=settings.seed,
        lowering=None,
        bn_momentum=settings.bn_momentum,
        dropout_rate=settings.dropout_rate,
    )
    module.train()
    steps_per_epoch = len(splits.train) // settings.batch_size
    steps = steps_per_epoch * settings.epochs
    rate = schedule(settings, steps)
    graph, params, rest = nnx.split(module, nnx.Param, ...)
    transformation = optimizer(settings, rate, network.family.decays, params)
    run_steps = _compiled_steps(graph, transformation, settings)
    state = (params, rest, transformation.init(params))
    images, labels = jnp.asarray(splits.train.images), jnp.asarray(splits.train.labels)
    key = jax.random.key(settings.seed)
    per_call = steps_per_call()
    progress(0.0, "compiling")
    began, done = time.perf_counter(), 0
    for indices in _batches(len(splits.train), settings):
        outcomes = []
        for some in np.split(indices, range(per_call, len(indices), per_call)):
            state, outcome = run_steps(state, images, labels, some, key, done)
            outcomes.append(outcome)
            done += len(some)
        losses, rights = (jnp.concatenate(each) for each in zip(*outcomes, strict=True))
        loss = float(jnp.mean(losses))
        if not np.isfinite(loss):
            raise TrainingError(f"the loss is {loss} after {done} of {steps} steps")
        yield CurvePoint(
            network.point,
            step=done,
            epoch=done / steps_per_epoch,
            loss=loss,
            accuracy=float(jnp.mean(rights)),
            learning_rate=float(rate(done - 1)),
            seconds=time.perf_counter() - began,
        )
        progress(done / steps, f"step {done} of {steps}, loss {loss:.2f}")
    trained = nnx.merge(graph, *state[:2])
    trained.eval()
    return trained


def steps_per_call() -> int:
    """Steps that one compiled call runs. On a GPU or TPU a scan over them saves starting each; on
    a CPU one: XLA runs the body of a loop on one core, which makes a step many times slower.
    """
    return 1 if jax.default_backend() == "cpu" else STEPS_PER_REPORT


def evaluate(module: nnx.Module, images: Images) -> Score:
    """Scores every image exactly once, the last short batch included."""
    graph, state = nnx.split(module)

    @jax.jit
    def count(state: Any, batch: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = nnx.merge(graph, state)(_three_channels(batch))
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


def _compiled_steps(
    graph: nnx.GraphDef[Any],
    transformation: optax.GradientTransformation,
    settings: AccuracySettings,
) -> Callable[..., Any]:
    """(state, images, labels, indices i32[K,B], key, steps done) -> (state, (losses, rights)).

    state is (parameters, other state, optimiser's moments), donated; rights are shares of a batch.
    """

    def step(state: Any, images: jax.Array, labels: jax.Array, key: jax.Array) -> Any:
        params, rest, moments = state
        if settings.turn_and_mirror:
            images = turned_and_mirrored(images, key)
        images = _three_channels(images)

        def loss_of(params: Any) -> tuple[jax.Array, tuple[Any, jax.Array]]:
            module = nnx.merge(graph, params, rest, copy=True)
            logits = module(images)
            targets = optax.smooth_labels(
                jax.nn.one_hot(labels, logits.shape[-1]), settings.label_smoothing
            )
            loss = jnp.mean(optax.softmax_cross_entropy(logits, targets))
            right = jnp.mean(jnp.argmax(logits, axis=-1) == labels, dtype=jnp.float32)
            return loss, (nnx.split(module, nnx.Param, ...)[2], right)

        (loss, (rest, right)), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
        updates, moments = transformation.update(gradients, moments, params)
        return (optax.apply_updates(params, updates), rest, moments), (loss, right)

    @partial(jax.jit, donate_argnums=0)
    def run_steps(
        state: Any,
        images: jax.Array,
        labels: jax.Array,
        indices: jax.Array,
        key: jax.Array,
        done: jax.Array,
    ) -> Any:
        def one(carry: Any, numbered: tuple[jax.Array, jax.Array]) -> Any:
            number, batch = numbered
            return step(carry, images[batch], labels[batch], jax.random.fold_in(key, number))

        numbers = done + jnp.arange(indices.shape[0])
        return jax.lax.scan(one, state, (numbers, indices))

    return run_steps


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


def _three_channels(images: jax.Array) -> jax.Array:
    """Grey f[N,H,W,1] repeated to f[N,H,W,3]; colour as it is."""
    return jnp.broadcast_to(images, (*images.shape[:-1], 3))
