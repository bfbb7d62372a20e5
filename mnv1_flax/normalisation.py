"""Batch norm followed by ReLU6, as one operation with one derivative.

Both are element-wise on the convolution's output; written apart, autodiff keeps the normalised
map and the mask, and reads every map several times more. Here the forward step is
clip(x * scale + shift, 0, 6) and the backward step recomputes it from x alone.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from mnv1_flax.convolution import accumulator

RELU6_CEILING = 6.0


def relu6(x: jax.Array) -> jax.Array:
    """min(max(x, 0), 6), element-wise."""
    return jnp.clip(x, 0, RELU6_CEILING)


class BatchNormReLU6(nnx.Module):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, then ReLU6.

    With `use_running_average` (which `model.eval()` sets) mean and variance are the running ones;
    else they are the batch's own, biased, over N, H, W, and the running ones move towards them:
    new = momentum * old + (1 - momentum) * batch.
    """

    def __init__(self, channels: int, *, momentum: float, epsilon: float) -> None:
        self.scale = nnx.Param(jnp.ones(channels, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))
        self.mean = nnx.BatchStat(jnp.zeros(channels, jnp.float32))
        self.var = nnx.BatchStat(jnp.ones(channels, jnp.float32))
        self.momentum = momentum
        self.epsilon = epsilon
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """x f[N,H,W,C] -> f[N,H,W,C] in [0, 6]."""
        if self.use_running_average:
            scale, shift = self.scale_and_shift()
            return relu6(x.astype(scale.dtype) * scale + shift).astype(x.dtype)
        y, mean, variance = batch_norm_relu6(x, self.scale[...], self.bias[...], self.epsilon)
        # By `[...] =` Flax would ask the old and the new one for their shardings, which a value
        # that is being traced answers with an error: a quarter of the time that tracing takes.
        self.mean.set_value(_moved(self.mean[...], mean, self.momentum))
        self.var.set_value(_moved(self.var[...], variance, self.momentum))
        return y

    def scale_and_shift(self) -> tuple[jax.Array, jax.Array]:
        """(scale, shift) f[C], so that the running form is x * scale + shift before ReLU6."""
        scale = self.scale[...] * lax.rsqrt(self.var[...] + self.epsilon)
        return scale, self.bias[...] - self.mean[...] * scale


def _moved(old: jax.Array, batch: jax.Array, keep: float) -> jax.Array:
    """keep * old + (1 - keep) * batch; with 0 the batch's own, so that XLA reads no old one."""
    return keep * old + (1 - keep) * batch if keep else batch


class BiasReLU6(nnx.Module):
    """x + bias, then ReLU6: what is left of the batch norm once it is folded into the kernel."""

    def __init__(self, channels: int) -> None:
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """x f[N,H,W,C] -> f[N,H,W,C] in [0, 6]."""
        return relu6(x + self.bias[...].astype(x.dtype))


def batch_norm_relu6(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """x f[N,H,W,C], gamma and beta f[C] -> (output, batch mean f[C], biased batch variance f[C]).

    The output has x's dtype; everything is computed in float32, or in float64 where x is that.
    Mean and variance are for the running statistics and carry no gradient of their own.
    """
    y, mean, variance = _batch_norm_relu6(x, gamma, beta, epsilon)
    return y, lax.stop_gradient(mean), lax.stop_gradient(variance)


def _forward(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    # Without the barrier XLA repeats the convolution that made x inside each of its readers here.
    x = lax.optimization_barrier(x)
    wide = x.astype(accumulator(x.dtype))
    mean = jnp.mean(wide, axis=(0, 1, 2))
    variance = jnp.maximum(jnp.mean(wide * wide, axis=(0, 1, 2)) - mean * mean, 0)
    inverse = lax.rsqrt(variance + epsilon)
    scale = gamma * inverse
    y = relu6(wide * scale + (beta - mean * scale)).astype(x.dtype)
    return (y, mean, variance), (x, mean, inverse, gamma, beta)


def _backward(
    epsilon: float,
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
    inside = (before_clip > 0) & (before_clip < RELU6_CEILING)
    dz = jnp.where(inside, gradients[0].astype(x.dtype), 0)
    d_beta = jnp.sum(dz, axis=(0, 1, 2))
    d_gamma = (jnp.sum(dz * x, axis=(0, 1, 2)) - mean * d_beta) * inverse
    slope = -scale * inverse * d_gamma / count
    constant = -scale * d_beta / count - slope * mean
    return (dz * scale + x * slope + constant).astype(narrow.dtype), d_gamma, d_beta


def _primal(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    return _forward(x, gamma, beta, epsilon)[0]


_batch_norm_relu6 = jax.custom_vjp(_primal, nondiff_argnums=(3,))
_batch_norm_relu6.defvjp(_forward, _backward)
