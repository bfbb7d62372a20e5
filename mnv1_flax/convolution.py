"""The two ordinary convolutions of the network, and the zeros around a map."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

KERNEL = 3
# Up to this many input channels a 3x3 convolution is not left to XLA's CPU backend: the stem has 3.
FEW_CHANNELS = 4
# Every `mul` traced under a scope of this name is the product of a multiply-add. It lets a walk
# over the traced program count a sum of products that is not one of XLA's own operations.
SUM_OF_PRODUCTS = "sum_of_products"


class Padding(StrEnum):
    """Where the zeros around a map lie. The output has ceil(size / stride) pixels either way, and
    only a stride of 2 on an even side tells them apart: but weights trained under one give other
    logits under the other.
    """

    SAME = "same"  # TensorFlow's: as few as are needed, an odd one at the end
    SYMMETRIC = "symmetric"  # one on either side: PyTorch's padding=1

    @classmethod
    def _missing_(cls, value: object) -> Padding:
        raise ValueError(f"padding = {value!r}: must be one of {', '.join(cls)}")


def accumulator(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """What sums of `dtype` are taken in: itself, but float32 for the half-precision types."""
    return jnp.dtype(jnp.float32 if jnp.finfo(dtype).bits < 32 else dtype)


def zeros_around(size: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Zeros before and after a side of `size` pixels, so that the output has ceil(size / stride).

    At stride 2 SAME pads an even side at its end only.
    """
    if padding is Padding.SYMMETRIC:
        return KERNEL // 2, KERNEL // 2
    out = -(-size // stride)
    total = max((out - 1) * stride + KERNEL - size, 0)
    return total // 2, total - total // 2


def pad(images: jax.Array, stride: int, padding: Padding) -> jax.Array:
    """images f[N,H,W,C] with the zeros of `zeros_around` around each map."""
    rows, columns = (zeros_around(side, stride, padding) for side in images.shape[1:3])
    return jnp.pad(images, ((0, 0), rows, columns, (0, 0)))


def for_xla(padding: Padding) -> str | tuple[tuple[int, int], ...]:
    """`padding` as `lax.conv_general_dilated` takes it."""
    return "SAME" if padding is Padding.SAME else ((KERNEL // 2, KERNEL // 2),) * 2


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


def full_conv(
    images: jax.Array, kernel: jax.Array, stride: int, padding: Padding = Padding.SAME
) -> jax.Array:
    """Standard 3x3 convolution.

    images f[N,H,W,M], kernel f[3,3,M,N_out] -> f[N,ceil(H/stride),ceil(W/stride),N_out].
    """
    if images.shape[-1] <= FEW_CHANNELS:
        return _of_few_channels(images, kernel, stride, padding)
    return lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(stride, stride),
        padding=for_xla(padding),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def pointwise_conv(images: jax.Array, kernel: jax.Array) -> jax.Array:
    """1x1 convolution: images f[N,H,W,M], kernel f[M,N_out] -> f[N,H,W,N_out].

    One matrix product over all positions of all images.
    """
    *positions, channels_in = images.shape
    return (images.reshape(-1, channels_in) @ kernel).reshape(*positions, -1)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _of_few_channels(
    images: jax.Array, kernel: jax.Array, stride: int, padding: Padding
) -> jax.Array:
    """The stem. Where no derivative is wanted it is a sum of 9 M products of one number a pixel
    with a row of filters: no patches are written, and the batch norm and ReLU6 that follow join
    the same loop. (At 224 px and 8 filters 0.13 ms against 0.32 on one core.)
    """
    with jax.named_scope(SUM_OF_PRODUCTS):
        exact = accumulator(images.dtype)
        rows = kernel.astype(exact)
        products = [
            view[..., channel, None].astype(exact) * rows[dy, dx, channel]
            for dy, dx, view in taps(pad(images, stride, padding), stride)
            for channel in range(images.shape[-1])
        ]
        total = sum(products[1:], start=products[0]).astype(images.dtype)
        # Kept from merging with the next layer's padding: 2 to 10 % of a call on two cores.
        return lax.optimization_barrier(total)


def _patches(images: jax.Array, stride: int, padding: Padding) -> jax.Array:
    """f[N,H_out,W_out,9 M]: the nine pixels, all channels of each, that a filter stands on."""
    views = [view for _, _, view in taps(pad(images, stride, padding), stride)]
    return jnp.concatenate(views, axis=-1)


def _of_few_channels_forward(
    images: jax.Array, kernel: jax.Array, stride: int, padding: Padding
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """In training one matrix product over patches: the kernel's gradient is another, over the same
    patches, so that they are worth being written.
    """
    patches = _patches(images, stride, padding)
    out = pointwise_conv(patches, kernel.reshape(-1, kernel.shape[-1]))
    return out, (patches, images, kernel)


def _of_few_channels_backward(
    stride: int, padding: Padding, saved: tuple[jax.Array, ...], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    patches, images, kernel = saved
    flat = gradient.reshape(-1, kernel.shape[-1])
    kernel_gradient = patches.reshape(len(flat), -1).T @ flat

    # The images' gradient is rarely asked for: where it isn't, XLA drops this.
    _, transpose = jax.vjp(partial(_patches, stride=stride, padding=padding), images)
    of_patches = pointwise_conv(gradient, kernel.reshape(-1, kernel.shape[-1]).T)
    (images_gradient,) = transpose(of_patches)
    return images_gradient, kernel_gradient.reshape(kernel.shape)


_of_few_channels.defvjp(_of_few_channels_forward, _of_few_channels_backward)
