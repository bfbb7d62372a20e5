"""The operation that the paper is about, and the ways to lower it.

A depthwise convolution applies one 3x3 filter to each channel. XLA has it as a grouped
convolution, which its CPU backend lowers to scalar loops: the whole network takes about ten times
longer there than when the same sum is written as nine shifted multiply-adds, which vectorise over
the channels. Both are here under their names; `default_lowering` chooses by platform.

The shifted lowering brings its own derivatives. Autodiff of nine strided slices gives nine
scattered sums for the input and nine reductions to [C] for the filter, which XLA's CPU backend
runs on one core; here the input's gradient is again a shifted sum, and the filter's gradient is
accumulated in maps as large as one image and reduced once at the end.
"""

from __future__ import annotations

from enum import StrEnum

import jax
import jax.numpy as jnp
from jax import lax

from mnv1_flax.convolution import (
    KERNEL,
    SUM_OF_PRODUCTS,
    Padding,
    accumulator,
    for_xla,
    pad,
    taps,
    zeros_around,
)


class Lowering(StrEnum):
    """How the depthwise convolution reaches the compiler."""

    SHIFTED = "shifted"  # nine shifted multiply-adds
    GROUPED = "grouped"  # lax.conv_general_dilated with feature_group_count = channels

    @classmethod
    def _missing_(cls, value: object) -> Lowering:
        raise ValueError(f"lowering = {value!r}: must be one of {', '.join(cls)}")


def default_lowering(platform: str | None = None) -> Lowering:
    """The lowering for a JAX platform name ("cpu", "gpu", "tpu"); None asks JAX for its own.

    GPUs and TPUs have tuned grouped convolutions; XLA's CPU backend has none.
    """
    return Lowering.SHIFTED if (platform or jax.default_backend()) == "cpu" else Lowering.GROUPED


def depthwise_conv(
    images: jax.Array,
    kernel: jax.Array,
    *,
    stride: int,
    lowering: Lowering | str,
    padding: Padding | str = Padding.SAME,
) -> jax.Array:
    """3x3 depthwise convolution.

    images f[N,H,W,C], kernel f[3,3,C], stride 1 or 2 -> f[N,ceil(H/stride),ceil(W/stride),C] of
    the images' dtype; sums of bfloat16 and float16 are taken in float32.
    Raises ValueError where the shapes, the stride, the lowering or the padding don't fit.
    """
    expected = (KERNEL, KERNEL, images.shape[-1])
    if kernel.shape != expected:
        raise ValueError(f"kernel {kernel.shape}: must be {expected} for images {images.shape}")
    if stride not in (1, 2):
        raise ValueError(f"stride = {stride}: must be 1 or 2")
    padding = Padding(padding)
    if Lowering(lowering) is Lowering.GROUPED:
        return _grouped(images, kernel, stride, padding)
    with jax.named_scope(SUM_OF_PRODUCTS):
        return _shifted(images, kernel, stride, padding)


def _grouped(images: jax.Array, kernel: jax.Array, stride: int, padding: Padding) -> jax.Array:
    return lax.conv_general_dilated(
        images,
        kernel[:, :, None, :],
        window_strides=(stride, stride),
        padding=for_xla(padding),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=images.shape[-1],
    )


def sum_over_taps(
    images: jax.Array, kernel: jax.Array, stride: int, padding: Padding = Padding.SAME
) -> jax.Array:
    """The sum over nine taps of (the image as the tap sees it) * (the tap's filter row [C]).

    The shifted lowering itself, its derivatives left to autodiff.
    """
    return _sum_over_padded(_padded(images, stride, padding), kernel, stride)


def _padded(images: jax.Array, stride: int, padding: Padding) -> jax.Array:
    """Behind the barrier XLA takes all nine taps from the padded map. It would else see that the
    middle one is the map itself, and compute that anew from what it was made of.
    """
    return lax.optimization_barrier(pad(images, stride, padding))


def _sum_over_padded(padded: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    exact = accumulator(padded.dtype)
    wide = kernel.astype(exact)
    products = [view.astype(exact) * wide[dy, dx] for dy, dx, view in taps(padded, stride)]
    return sum(products[1:], start=products[0]).astype(padded.dtype)


_shifted = jax.custom_vjp(sum_over_taps, nondiff_argnums=(2, 3))


def _shifted_forward(
    images: jax.Array, kernel: jax.Array, stride: int, padding: Padding
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Keeps the padded map for the filter's gradient, which would else pad it once more."""
    padded = _padded(images, stride, padding)
    # An array without elements tells the backward step the map's shape.
    shape = jnp.empty((0, *images.shape[1:]), images.dtype)
    return _sum_over_padded(padded, kernel, stride), (padded, kernel, shape)


def _shifted_backward(
    stride: int, padding: Padding, saved: tuple[jax.Array, ...], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    padded, kernel, shape = saved
    if stride == 1:
        # Odd filter, one zero on either side: the transpose is the same sum with the filter turned.
        images_gradient = _shifted(gradient, kernel[::-1, ::-1], 1, padding)
    else:
        images_gradient = _images_gradient_stride2(gradient, kernel, shape.shape[1:3], padding)
    kernel_gradient = _kernel_gradient(padded, gradient, stride)
    return images_gradient, kernel_gradient.astype(kernel.dtype)


_shifted.defvjp(_shifted_forward, _shifted_backward)


def _images_gradient_stride2(
    gradient: jax.Array, kernel: jax.Array, sides: tuple[int, ...], padding: Padding
) -> jax.Array:
    """Transpose of the stride-2 sum, by the parity of the padded image's row and column.

    Padded position j receives gradient[i] * kernel[k] from every 2 i + k = j: an even j from taps
    0 and 2, an odd j from tap 1 alone. Four small sums, interleaved, instead of one sum over a
    gradient that is three quarters zeros.
    """
    batch, rows, columns, channels = gradient.shape
    exact = accumulator(gradient.dtype)
    kernel = kernel.astype(exact)
    edged = jnp.pad(gradient, ((0, 0), (1, 1), (1, 1), (0, 0)))

    def at(back_y: int, back_x: int) -> jax.Array:
        """gradient[m - back] for m in 0..rows, 0..columns, zero outside."""
        y, x = 1 - back_y, 1 - back_x
        return edged[:, y : y + rows + 1, x : x + columns + 1].astype(exact)

    reach = ((0, 0), (1, 2)), ((0, 1),)  # per parity: (steps back, tap)

    def phase(parity_y: int, parity_x: int) -> jax.Array:
        terms = [
            at(back_y, back_x) * kernel[dy, dx]
            for back_y, dy in reach[parity_y]
            for back_x, dx in reach[parity_x]
        ]
        return sum(terms[1:], start=terms[0]).astype(gradient.dtype)

    interleaved = jnp.stack(
        [jnp.stack([phase(y, 0), phase(y, 1)], axis=3) for y in (0, 1)], axis=2
    ).reshape(batch, 2 * (rows + 1), 2 * (columns + 1), channels)
    height, width = sides
    top, left = (zeros_around(side, 2, padding)[0] for side in sides)
    return interleaved[:, top : top + height, left : left + width]


def _kernel_gradient(padded: jax.Array, gradient: jax.Array, stride: int) -> jax.Array:
    """f[3,3,C]: per tap, the sum over images and positions of (image as it sees it) * gradient.

    At stride 1 columns and channels are one axis, on which a step to the next column is a shift by
    C: XLA vectorises only along the last axis, and thin layers have 8 to 64 channels.
    """
    batch, rows, columns, channels = gradient.shape
    exact = accumulator(gradient.dtype)
    wide = stride == 1
    if wide:
        padded = padded.reshape(batch, padded.shape[1], -1)
        gradient = gradient.reshape(batch, rows, -1)

    def views(image: jax.Array) -> list[jax.Array]:
        if not wide:
            return [view[0] for _, _, view in taps(image[None], stride)]
        return [
            image[dy : dy + rows, dx * channels : (dx + columns) * channels]
            for dy in range(KERNEL)
            for dx in range(KERNEL)
        ]

    def add_image(
        maps: tuple[jax.Array, ...], image_and_gradient: tuple[jax.Array, jax.Array]
    ) -> tuple[tuple[jax.Array, ...], None]:
        image, image_gradient = (each.astype(exact) for each in image_and_gradient)
        pairs = zip(maps, views(image), strict=True)
        return tuple(total + view * image_gradient for total, view in pairs), None

    zeros = jnp.zeros(gradient.shape[1:], exact)
    maps, _ = lax.scan(add_image, (zeros,) * KERNEL**2, (padded, gradient))
    summed = jnp.stack([jnp.sum(each.reshape(-1, channels), axis=0) for each in maps])
    return summed.reshape(KERNEL, KERNEL, channels)
