"""What happens to images inside the compiled step."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

# What the published checkpoints were trained on: pixel / 127.5 - 1.
HALF_RANGE = 127.5


def as_floats(images: jax.Array) -> jax.Array:
    """u8[N,H,W,C] -> f32[N,H,W,C] in [-1, 1]; images in float as they are."""
    if images.dtype != jnp.uint8:
        return images
    return images.astype(jnp.float32) / HALF_RANGE - 1


def turned_and_mirrored(images: jax.Array, key: jax.Array) -> jax.Array:
    """Each image under one of the eight symmetries of the square, all equally likely.

    images f[N,S,S,C] -> f[N,S,S,C].
    """
    transpose, upside_down, mirror = jax.random.split(key, 3)
    images = jnp.where(_coins(transpose, images), images.transpose(0, 2, 1, 3), images)
    images = jnp.where(_coins(upside_down, images), images[:, ::-1], images)
    return mirrored(images, mirror)


def mirrored(images: jax.Array, key: jax.Array) -> jax.Array:
    """Every other image, by chance, with left and right changed: f[N,H,W,C] -> f[N,H,W,C]."""
    return jnp.where(_coins(key, images), images[:, :, ::-1], images)


def _coins(key: jax.Array, images: jax.Array) -> jax.Array:
    return jax.random.bernoulli(key, 0.5, (images.shape[0], 1, 1, 1))


def three_channels(images: jax.Array) -> jax.Array:
    """Grey f[N,H,W,1] repeated to f[N,H,W,3]; colour as it is."""
    return jnp.broadcast_to(images, (*images.shape[:-1], 3))


def random_boxes(
    key: jax.Array,
    count: int,
    height: int,
    width: int,
    area: tuple[float, float],
    aspect: tuple[float, float],
) -> jax.Array:
    """f32[count,4] (top, left, height, width), as `loading.crops.ResizedCrop` draws one, but in
    fractions of pixels, and with sides that are cut to the image's where a draw exceeds them, and
    are a whole pixel where it is less.
    """
    of_area, of_aspect, of_place = jax.random.split(key, 3)
    pixels = jax.random.uniform(of_area, (count,), minval=area[0], maxval=area[1]) * height * width
    ratio = jnp.exp(
        jax.random.uniform(
            of_aspect, (count,), minval=math.log(aspect[0]), maxval=math.log(aspect[1])
        )
    )
    box_height = jnp.clip(jnp.sqrt(pixels / ratio), 1, height)
    box_width = jnp.clip(jnp.sqrt(pixels * ratio), 1, width)
    place = jax.random.uniform(of_place, (2, count))
    top, left = place[0] * (height - box_height), place[1] * (width - box_width)
    return jnp.stack([top, left, box_height, box_width], axis=1)


def resampled(images: jax.Array, boxes: jax.Array, side: int) -> jax.Array:
    """A box of each image at size `side`: bilinear, averaging where it shrinks, as Pillow resizes.

    images f32[N,H,W,C], boxes f32[N,4] (top, left, height, width) -> f32[N,side,side,C].
    """
    rows = _weights(boxes[:, 0], boxes[:, 2], images.shape[1], side)
    columns = _weights(boxes[:, 1], boxes[:, 3], images.shape[2], side)
    return jnp.einsum("nyh,nhwc,nxw->nyxc", rows, images, columns)


def _weights(start: jax.Array, length: jax.Array, size: int, side: int) -> jax.Array:
    """f32[N,side,size]: how much each pixel of an axis gives to each of the box's `side`.

    A triangle around the place that the output pixel's centre falls on, as wide as one pixel of
    the larger of the two grids on either side; pixels outside the box give nothing.
    """
    scale = (length / side)[:, None, None]
    start = start[:, None, None]
    centre = start + (jnp.arange(side, dtype=jnp.float32)[:, None] + 0.5) * scale
    pixel = jnp.arange(size, dtype=jnp.float32) + 0.5
    weights = jnp.maximum(0, 1 - jnp.abs(pixel - centre) / jnp.maximum(scale, 1))
    inside = (pixel >= start) & (pixel <= start + length[:, None, None])
    weights = jnp.where(inside, weights, 0)
    return weights / jnp.sum(weights, axis=-1, keepdims=True)
