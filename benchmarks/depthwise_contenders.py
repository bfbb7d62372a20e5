"""One depthwise layer, forward alone or with both gradients, ours and theirs.

Every maker takes side (of the input map, px), channels, stride, batch and gradients, and returns a
call that waits for its result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Run = Callable[[], None]


def jax_layer(
    side: int, channels: int, stride: int, batch: int, gradients: bool, *, lowering: str
) -> Run:
    """lowering: one of ours, or "autodiff": the shifted sum without derivatives of its own."""
    import jax
    import jax.numpy as jnp

    from mnv1_flax.depthwise import depthwise_conv, sum_over_taps

    if lowering == "autodiff":
        convolve: Callable[..., jax.Array] = partial(sum_over_taps, stride=stride)
    else:
        convolve = partial(depthwise_conv, stride=stride, lowering=lowering)

    def with_gradients(images: jax.Array, kernel: jax.Array, weight: jax.Array) -> Any:
        out, transpose = jax.vjp(convolve, images, kernel)
        return out, transpose(weight)

    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.standard_normal((batch, side, side, channels)), jnp.float32)
    kernel = jnp.asarray(rng.standard_normal((3, 3, channels)), jnp.float32)
    weight = jnp.ones((batch, -(-side // stride), -(-side // stride), channels), jnp.float32)
    arguments = (images, kernel, weight) if gradients else (images, kernel)
    program = jax.jit(with_gradients if gradients else convolve).lower(*arguments).compile()

    def run() -> None:
        jax.block_until_ready(program(*arguments))

    return run


def torch_layer(
    side: int, channels: int, stride: int, batch: int, gradients: bool, *, channels_last: bool
) -> Run:
    """PyTorch's grouped convolution, symmetric padding."""
    import torch
    from torch.nn import functional

    memory = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.randn(batch, channels, side, side).contiguous(memory_format=memory)
    kernel = torch.randn(channels, 1, 3, 3)
    images.requires_grad_(gradients)
    kernel.requires_grad_(gradients)
    weight = torch.ones_like(
        functional.conv2d(images, kernel, None, stride, 1, groups=channels).detach()
    )

    def run() -> None:
        with torch.set_grad_enabled(gradients):
            out = functional.conv2d(images, kernel, None, stride, 1, groups=channels)
            if gradients:
                images.grad = kernel.grad = None
                out.backward(weight)

    return run


def onnx_layer(side: int, channels: int, stride: int, batch: int, gradients: bool) -> Run:
    """ONNX Runtime's grouped convolution; it has no gradients."""
    if gradients:
        raise ImportError("ONNX Runtime computes no gradients")
    import onnxruntime  # pyright: ignore[reportMissingImports]

    from benchmarks.onnx_twin import onnx_convolution

    model = onnx_convolution(side, channels, stride, batch)
    session: Any = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).standard_normal((batch, channels, side, side))
    feed = {"images": images.astype(np.float32)}

    def run() -> None:
        session.run(None, feed)

    return run
