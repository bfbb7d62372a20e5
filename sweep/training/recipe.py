"""The optimiser and its schedule, every hyperparameter from the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from sweep.settings.config import AccuracySettings

# The paper trains with TensorFlow's RMSProp; this is TF-slim's decay and epsilon for MobileNet.
RMSPROP_DECAY, RMSPROP_EPSILON = 0.9, 1.0
ADAM_B2, ADAM_EPSILON = 0.999, 1e-8
# Numbers that each keeps of a weight.
MOMENTS = {"sgd": 1, "adamw": 2, "rmsprop": 2}


Schedule = Callable[[jax.typing.ArrayLike], jax.Array]


def schedule(settings: AccuracySettings, steps_per_epoch: int) -> Schedule:
    """Learning rate by step, counted from 0.

    cosine: linear warm-up from 0 to the learning rate, then a cosine down to 0 over the rest.
    exponential: after the warm-up times `decay_rate` every `decay_epochs`, at once, as TF-slim
    trains MobileNet. A training with a `start` does that twice: for the classifier, then for all.
    """
    if settings.start:
        of_head, of_all = schedules(settings, steps_per_epoch)
        head = settings.head_epochs * steps_per_epoch
        return lambda step: jnp.where(
            jnp.asarray(step) < head, of_head(step), of_all(jnp.asarray(step) - head)
        )
    steps = settings.epochs * steps_per_epoch
    return _schedule(settings, settings.learning_rate, steps, steps_per_epoch)


def schedules(settings: AccuracySettings, steps_per_epoch: int) -> tuple[Schedule, Schedule]:
    """Of a training with a `start`: the classifier's, then that of all, each from its step 0."""
    head = settings.head_epochs * steps_per_epoch
    rest = settings.epochs * steps_per_epoch - head
    return (
        _schedule(settings, settings.head_rate, head, steps_per_epoch),
        _schedule(settings, settings.tuning_rate, rest, steps_per_epoch),
    )


def _schedule(
    settings: AccuracySettings, highest: float, steps: int, steps_per_epoch: int
) -> Schedule:
    warmup = max(1, round(settings.warmup_share * steps))
    if settings.schedule == "cosine":
        rate = optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=highest,
            warmup_steps=warmup,
            decay_steps=max(2, steps),
            end_value=0.0,
        )
        return lambda step: jnp.asarray(rate(step))
    decay = optax.exponential_decay(
        highest,
        transition_steps=max(1, round(settings.decay_epochs * steps_per_epoch)),
        decay_rate=settings.decay_rate,
        staircase=True,
    )
    if not settings.warmup_share:
        return lambda step: jnp.asarray(decay(step))
    rising = optax.linear_schedule(0.0, 1.0, warmup)
    return lambda step: jnp.asarray(decay(step) * rising(step))


def optimizer(
    settings: AccuracySettings, rate: optax.Schedule, decays: Any
) -> optax.GradientTransformation:
    """The transformation; `decays` is a tree of bools like the parameters': where weight decay
    applies.
    """
    decay = settings.weight_decay
    match settings.optimizer:
        case "sgd":
            return optax.chain(
                optax.add_decayed_weights(decay, decays),
                optax.sgd(rate, momentum=settings.momentum, nesterov=True),
            )
        case "adamw":
            return optax.adamw(
                rate,
                b1=settings.momentum,
                b2=ADAM_B2,
                eps=ADAM_EPSILON,
                weight_decay=decay,
                mask=decays,
            )
        case "rmsprop":
            return optax.chain(
                optax.add_decayed_weights(decay, decays),
                optax.rmsprop(
                    rate, decay=RMSPROP_DECAY, eps=RMSPROP_EPSILON, momentum=settings.momentum
                ),
            )


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Of softmax: f32[B,C] and shares f32[B,C], which add up to 1 -> f32[B].

    Each sum is over an array as it is or a product of two, which is known to be right as one fusion
    (`host.xla`); so is none whose largest logit is looked up in place of being reduced to.
    """
    held = jax.lax.stop_gradient(logits)
    largest = jnp.take_along_axis(held, held.argmax(-1, keepdims=True), -1)
    above = jnp.log(jnp.sum(jnp.exp(logits - largest), -1))
    return largest[:, 0] + above - jnp.sum(targets * logits, -1)
