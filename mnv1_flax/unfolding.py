"""A network whose batch norm was folded into its kernels, made one that can be trained on.

A folded kernel's channels differ in size by orders of magnitude, and without the normalisation a
step that is right for one throws another out of its range.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from mnv1_flax.model import CONV_GAIN, MobileNetV1


def unfolded(model: MobileNetV1, images: jax.Array) -> MobileNetV1:
    """The network with batch norm in place of its biases, in evaluation: the same logits, up to
    rounding. The inverse of `MobileNetV1.folded`, as far as there is one: what was folded is not
    known, so the statistics are those of the maps on these images, and scale and bias undo them.
    Each filter gets the size that it has in a network with random weights, which its scale undoes.

    images: f32[N,R,R,3], such as it is going to be trained on. Raises ValueError where the network
    has a batch norm.
    """
    if model.batch_norm:
        raise ValueError("the network has its batch norm")
    whole = model.anew(batch_norm=True)
    graph, state = nnx.split(model)
    moments = jax.jit(lambda state, images: _moments(nnx.merge(graph, state), images))
    for name, (mean, variance) in moments(state, images).items():
        old, new = model.units[name], whole.units[name]
        norm: Any = new.norm
        kernel = old.kernel[...]
        size = jnp.sqrt(jnp.sum(kernel * kernel, axis=tuple(range(kernel.ndim - 1))))
        times = jnp.where(size > 0, math.sqrt(CONV_GAIN) / jnp.where(size > 0, size, 1), 1)
        new.kernel[...] = kernel * times
        norm.mean[...], norm.var[...] = mean * times, variance * times**2
        norm.scale[...] = jnp.sqrt(variance * times**2 + model.bn_epsilon) / times
        norm.bias[...] = old.norm.bias[...] + mean
    nnx.update(whole.classifier, nnx.state(model.classifier))
    whole.eval()
    return whole


def _moments(model: MobileNetV1, images: jax.Array) -> dict[str, Any]:
    """Mean and biased variance f32[C] of what each convolution gives."""
    x, found = model.scaled(images), {}
    for row in model.layers():
        if row.name in model.units:
            unit = model.units[row.name]
            maps = unit.convolve(x)
            wide = maps.astype(jnp.float32)
            found[row.name] = wide.mean(axis=(0, 1, 2)), wide.var(axis=(0, 1, 2))
            x = unit.norm(maps)
    return found
