"""The two ordinary convolutions of the network, and TensorFlow's SAME padding."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax import lax

KERNEL = 3
# Up to this many input channels a 3x3 convolution is one matrix product over its patches: the
# stem has 3, and nine copies of it are cheap beside what it saves in the gradient of its kernel.
PATCH_CHANNELS = 4


def same_padding(size: int, stride: int) -> tuple[int, int]:
    """Zeros before and after a side of `size` pixels, so that the output has ceil(size / stride).

    At stride 2 an even side is padded at its end only. PyTorch's usual padding=1 is symmetric:
    weights of one don't give the same output under the other.
    """
    out = -(-size // stride)
    total = max((out - 1) * stride + KERNEL - size, 0)
    return total // 2, total - total // 2


def pad_same(images: jax.Array, stride: int) -> jax.Array:
    """images f[N,H,W,C] with the zeros of `same_padding` around each map."""
    _, height, width, _ = images.shape
    return jnp.pad(
        images, ((0, 0), same_padding(height, stride), same_padding(width, stride), (0, 0))
    )


def taps(padded: jax.Array, stride: int) -> Iterator[tuple[int, int, jax.Array]]:
    """The nine views of a padded image that a 3x3 filter multiplies.

    padded f[N,H+2,W+2,C] -> (dy, dx, the image as tap (dy, dx) sees it: f[N,H_out,W_out,C]).
    """
    batch, height, width, channels = padded.shape
    last_row = (height - KERNEL) // stride * stride
    last_column = (width - KERNEL) // stride * stride
    for dy in range(KERNEL):
        for dx in range(KERNEL):
            stop = (batch, dy + last_row + 1, dx + last_column + 1, channels)
            yield dy, dx, lax.slice(padded, (0, dy, dx, 0), stop, (1, stride, stride, 1))


def full_conv(images: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Standard 3x3 convolution, SAME padding.

    images f[N,H,W,M], kernel f[3,3,M,N_out] -> f[N,ceil(H/stride),ceil(W/stride),N_out].
    """
    _, _, channels_in, channels_out = kernel.shape
    if channels_in <= PATCH_CHANNELS:
        views = [view for _, _, view in taps(pad_same(images, stride), stride)]
        patches = jnp.concatenate(views, axis=-1)
        return pointwise_conv(patches, kernel.reshape(KERNEL**2 * channels_in, channels_out))
    return lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(stride, stride),
        padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def pointwise_conv(images: jax.Array, kernel: jax.Array) -> jax.Array:
    """1x1 convolution: images f[N,H,W,M], kernel f[M,N_out] -> f[N,H,W,N_out].

    One matrix product over all positions of all images.
    """
    *positions, channels_in = images.shape
    return (images.reshape(-1, channels_in) @ kernel).reshape(*positions, -1)
