"""What happens to images inside the compiled step."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def turned_and_mirrored(images: jax.Array, key: jax.Array) -> jax.Array:
    """Each image under one of the eight symmetries of the square, all equally likely.

    images f[N,S,S,C] -> f[N,S,S,C].
    """

    def coin(key: jax.Array) -> jax.Array:
        return jax.random.bernoulli(key, 0.5, (images.shape[0], 1, 1, 1))

    transpose, upside_down, mirror = jax.random.split(key, 3)
    images = jnp.where(coin(transpose), images.transpose(0, 2, 1, 3), images)
    images = jnp.where(coin(upside_down), images[:, ::-1], images)
    return jnp.where(coin(mirror), images[:, :, ::-1], images)


def three_channels(images: jax.Array) -> jax.Array:
    """Grey f[N,H,W,1] repeated to f[N,H,W,3]; colour as it is."""
    return jnp.broadcast_to(images, (*images.shape[:-1], 3))
