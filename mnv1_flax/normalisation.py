"""Batch norm followed by ReLU6, or by ReLU, as one operation with one derivative.

Both are element-wise on the convolution's output; written apart, autodiff keeps the normalised
map and the mask, and reads every map several times more. Here the forward step is
clip(x * scale + shift, 0, 6) and the backward step recomputes it from x alone.
"""

from __future__ import annotations

import math
from enum import StrEnum

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from mnv1_flax.convolution import accumulator


class Activation(StrEnum):
    """What follows each convolution. The paper's Figure 3 says ReLU, its authors' networks and all
    that were published after them have ReLU6.
    """

    RELU6 = "relu6"
    RELU = "relu"

    @property
    def ceiling(self) -> float:
        """The largest value that it gives."""
        return 6.0 if self is Activation.RELU6 else math.inf

    def __call__(self, x: jax.Array) -> jax.Array:
        """min(max(x, 0), ceiling), element-wise."""
        return jnp.clip(x, 0, self.ceiling) if self is Activation.RELU6 else jnp.maximum(x, 0)


class BatchNormReLU(nnx.Module):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, then the activation.

    With `use_running_average` (which `model.eval()` sets) mean and variance are the running ones;
    else they are the batch's own, biased, over N, H, W, and the running ones move towards them:
    new = momentum * old + (1 - momentum) * batch.
    """

    def __init__(
        self, channels: int, *, momentum: float, epsilon: float, activation: Activation
    ) -> None:
        self.scale = nnx.Param(jnp.ones(channels, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))
        self.mean = nnx.BatchStat(jnp.zeros(channels, jnp.float32))
        self.var = nnx.BatchStat(jnp.ones(channels, jnp.float32))
        self.momentum = momentum
        self.epsilon = epsilon
        self.activation = activation
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """x f[N,H,W,C] -> f[N,H,W,C] from 0 to the activation's ceiling."""
        if self.use_running_average:
            scale, shift = self.scale_and_shift()
            return self.activation(x.astype(scale.dtype) * scale + shift).astype(x.dtype)
        y, mean, variance = batch_norm_relu(
            x, self.scale[...], self.bias[...], self.epsilon, self.activation
        )
        # By `[...] =` Flax would ask the old and the new one for their shardings, which a value
        # that is being traced answers with an error: a quarter of the time that tracing takes.
        self.mean.set_value(_moved(self.mean[...], mean, self.momentum))
        self.var.set_value(_moved(self.var[...], variance, self.momentum))
        return y

    def scale_and_shift(self) -> tuple[jax.Array, jax.Array]:
        """(scale, shift) f[C], so that the running form is x * scale + shift, then activated."""
        scale = self.scale[...] * lax.rsqrt(self.var[...] + self.epsilon)
        return scale, self.bias[...] - self.mean[...] * scale


def _moved(old: jax.Array, batch: jax.Array, keep: float) -> jax.Array:
    """keep * old + (1 - keep) * batch; with 0 the batch's own, so that XLA reads no old one."""
    return keep * old + (1 - keep) * batch if keep else batch


class BiasReLU(nnx.Module):
    """x + bias, then the activation: what is left of the batch norm once it is folded into the
    kernel.
    """

    def __init__(self, channels: int, *, activation: Activation) -> None:
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        """x f[N,H,W,C] -> f[N,H,W,C] from 0 to the activation's ceiling."""
        return self.activation(x + self.bias[...].astype(x.dtype))


def batch_norm_relu(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float, activation: Activation
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """x f[N,H,W,C], gamma and beta f[C] -> (output, batch mean f[C], biased batch variance f[C]).

    The output has x's dtype; everything is computed in float32, or in float64 where x is that.
    Mean and variance are for the running statistics and carry no gradient of their own.
    """
    y, mean, variance = _batch_norm_relu(x, gamma, beta, epsilon, activation)
    return y, lax.stop_gradient(mean), lax.stop_gradient(variance)


def _forward(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float, activation: Activation
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    # Without the barrier XLA repeats the convolution that made x inside each of its readers here.
    x = lax.optimization_barrier(x)
    wide = x.astype(accumulator(x.dtype))
    mean = jnp.mean(wide, axis=(0, 1, 2))
    variance = jnp.maximum(jnp.mean(wide * wide, axis=(0, 1, 2)) - mean * mean, 0)
    inverse = lax.rsqrt(variance + epsilon)
    scale = gamma * inverse
    y = activation(wide * scale + (beta - mean * scale)).astype(x.dtype)
    return (y, mean, variance), (x, mean, inverse, gamma, beta)


def _backward(
    epsilon: float,
    activation: Activation,
    saved: tuple[jax.Array, ...],
    gradients: tuple[jax.Array, jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Ioffe & Szegedy 2015, section 3, with the sums over x taken directly.

    With z = x * scale + shift before the clip and dz its gradient:
    d beta = sum dz, d gamma = (sum dz x - mean sum dz) * inverse, and
    d x = scale * (dz - d beta / n - normalised x * d gamma / n), here as dz * scale + x * a + c.
    """
    del epsilon
    narrow, mean, inverse, gamma, beta = saved
    x = narrow.astype(accumulator(narrow.dtype))
    count = x.size // x.shape[-1]
    scale = gamma * inverse
    before_clip = x * scale + (beta - mean * scale)
    inside = (before_clip > 0) & (before_clip < activation.ceiling)
    dz = jnp.where(inside, gradients[0].astype(x.dtype), 0)
    d_beta = jnp.sum(dz, axis=(0, 1, 2))
    d_gamma = (jnp.sum(dz * x, axis=(0, 1, 2)) - mean * d_beta) * inverse
    slope = -scale * inverse * d_gamma / count
    constant = -scale * d_beta / count - slope * mean
    return (dz * scale + x * slope + constant).astype(narrow.dtype), d_gamma, d_beta


def _primal(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float, activation: Activation
) -> tuple[jax.Array, jax.Array, jax.Array]:
    return _forward(x, gamma, beta, epsilon, activation)[0]


_batch_norm_relu = jax.custom_vjp(_primal, nondiff_argnums=(3, 4))
_batch_norm_relu.defvjp(_forward, _backward)
