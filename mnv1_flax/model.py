"""MobileNetV1 in Flax NNX, built from the rows of `architecture`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from mnv1_flax import architecture
from mnv1_flax.architecture import Kind, Layer, LayerType
from mnv1_flax.convolution import Padding, accumulator, full_conv, pointwise_conv
from mnv1_flax.depthwise import Lowering, default_lowering, depthwise_conv
from mnv1_flax.normalisation import Activation, BatchNormReLU, BiasReLU

# Keras's and TF-slim's value; both repeat it in each of their networks.
BN_EPSILON = 1e-3
# Variance of a kernel's start, times its fan-in. Batch norm makes the output independent of it: it
# only sets how far a step of the optimiser turns the kernel, and this (PyTorch's default for
# convolutions) trained wide and thin networks better side by side than He's 2.
CONV_GAIN = 1 / 3
# Standard deviation of a unit normal cut at two: dividing by it keeps the variance asked for.
_TRUNCATED_STD = 0.87962566103423978


# What a network is built from, beside random numbers: `MobileNetV1.arguments`.
ARGUMENTS = (
    *("alpha", "resolution", "num_classes", "kind", "dropout_rate", "bn_momentum", "bn_epsilon"),
    *("batch_norm", "padding", "activation", "input_scale", "input_offset", "lowering", "dtype"),
)


class DepthwiseKernel(nnx.Param):
    """Filters f[3,3,C]; a type of its own, since weight decay leaves it out (paper, 3.2)."""


class MobileNetV1(nnx.Module):
    """Howard et al. 2017: the network at one width multiplier and one resolution.

    >>> model = MobileNetV1(alpha=0.5, resolution=160, rngs=nnx.Rngs(0))
    >>> model.eval()
    >>> logits = model(jnp.zeros((1, 160, 160, 3)))  # f32[1, 1000]
    """

    def __init__(
        self,
        alpha: float = 1.0,
        resolution: int = 224,
        num_classes: int = 1000,
        kind: Kind | str = Kind.SEPARABLE,
        *,
        dropout_rate: float = 1e-3,
        bn_momentum: float = 0.99,
        bn_epsilon: float = BN_EPSILON,
        batch_norm: bool = True,
        padding: Padding | str = Padding.SAME,
        activation: Activation | str = Activation.RELU6,
        input_scale: float = 1.0,
        input_offset: float = 0.0,
        lowering: Lowering | str | None = None,
        dtype: jax.typing.DTypeLike | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        """
        alpha: width multiplier, above 0. resolution: side of the input in pixels.
        dropout_rate: share of the pooled features dropped in training, in [0, 1).
        bn_momentum: weight of the old running statistic, in [0, 1]. bn_epsilon: above 0.
        batch_norm: False builds the deployed form, a bias in its place (see `folded`).
        padding: of the 3x3 convolutions; it belongs to the weights, as the alpha does.
        activation: after each convolution; it belongs to the weights, too.
        input_scale, input_offset: the network begins with images * scale + offset, finite numbers;
        of networks that scale their own input. It isn't counted, as batch norm isn't.
        lowering: of the depthwise convolution; None chooses by platform.
        dtype: of the maps and of what convolutions multiply (bfloat16, say); None keeps the images'
        own. Parameters and running statistics are float32, in which batch norm, pooling and the
        classifier compute.
        rngs: streams "params" and "dropout" (or the default one).

        Raises ValueError where alpha, resolution, num_classes, kind, padding, activation, scaling
        or lowering is out of range.
        """
        self.alpha = alpha
        self.resolution = resolution
        self.num_classes = num_classes
        self.kind = Kind(kind)
        self.batch_norm = batch_norm
        self.bn_epsilon = bn_epsilon
        self.bn_momentum = bn_momentum
        self.dropout_rate = dropout_rate
        self.padding = Padding(padding)
        self.activation = Activation(activation)
        if not (math.isfinite(input_scale) and input_scale and math.isfinite(input_offset)):
            raise ValueError(f"images * {input_scale} + {input_offset}: is no scaling")
        self.input_scale, self.input_offset = float(input_scale), float(input_offset)
        self.lowering = default_lowering() if lowering is None else Lowering(lowering)
        self.dtype = None if dtype is None else jnp.dtype(dtype)

        def norm(channels: int) -> BatchNormReLU | BiasReLU:
            if not batch_norm:
                return BiasReLU(channels, activation=self.activation)
            return BatchNormReLU(
                channels, momentum=bn_momentum, epsilon=bn_epsilon, activation=self.activation
            )

        rows = self.layers()
        self.units = nnx.Dict(
            {
                row.name: ConvUnit(row, norm(row.channels_out), self.padding, self.lowering, rngs)
                for row in rows
                if row.type not in (LayerType.POOL, LayerType.CLASSIFIER)
            }
        )
        self.dropout = nnx.Dropout(dropout_rate, rngs=rngs)
        self.classifier = nnx.Linear(
            rows[-1].channels_in,
            num_classes,
            kernel_init=_normal(fan_in=rows[-1].channels_in, gain=1.0),
            bias_init=nnx.initializers.zeros_init(),
            rngs=rngs,
        )

    def layers(self) -> tuple[Layer, ...]:
        """The rows of Table 1 that this network is built from, in order of execution."""
        return architecture.layers(self.kind, self.alpha, self.resolution, self.num_classes)

    def arguments(self) -> dict[str, Any]:
        """What it was built from, by name, but for `rngs`."""
        return {name: getattr(self, name) for name in ARGUMENTS}

    def anew(self, **others: Any) -> MobileNetV1:
        """A network of the same arguments, but for `others`, with random weights."""
        arguments: dict[str, Any] = {"rngs": nnx.Rngs(0), **self.arguments(), **others}
        return type(self)(**arguments)

    def scaled(self, images: jax.Array) -> jax.Array:
        """The images as the first convolution is handed them."""
        if (self.input_scale, self.input_offset) != (1.0, 0.0):
            images = images * self.input_scale + self.input_offset
        return images if self.dtype is None else images.astype(self.dtype)

    def __call__(self, images: jax.Array) -> jax.Array:
        """images f[N,R,R,3], R the resolution; published weights expect [-1, 1]
        -> logits f[N,num_classes]. Raises ValueError where the shape differs.
        """
        expected = (self.resolution, self.resolution, architecture.IMAGE_CHANNELS)
        if images.ndim != 4 or images.shape[1:] != expected:
            raise ValueError(f"images {images.shape}: must be (N, {', '.join(map(str, expected))})")
        x = self.scaled(images)
        for row in self.layers():
            if row.name in self.units:
                x = self.units[row.name](x)
        with jax.named_scope("pool"):
            x = jnp.mean(x.astype(accumulator(x.dtype)), axis=(1, 2))
        with jax.named_scope("classifier"):
            return self.classifier(self.dropout(x))

    def folded(self) -> MobileNetV1:
        """The deployed form of this network: the running batch norm folded into each kernel.

        Same logits as this network in evaluation, up to rounding. Raises ValueError where it is
        folded already.
        """
        deployed = self.anew(batch_norm=False)
        for name, unit in self.units.items():
            if not isinstance(unit.norm, BatchNormReLU):
                raise ValueError("the network has no batch norm to fold")
            scale, shift = unit.norm.scale_and_shift()
            deployed.units[name].kernel[...] = unit.kernel[...] * scale
            deployed.units[name].norm.bias[...] = shift
        nnx.update(deployed.classifier, nnx.state(self.classifier))
        deployed.eval()
        return deployed


class ConvUnit(nnx.Module):
    """One convolution of Table 1 with what follows it.

    `kernel` is f[3,3,M,N] for a full convolution, f[3,3,C] for a depthwise, f[M,N] for a pointwise.
    """

    def __init__(
        self,
        row: Layer,
        norm: BatchNormReLU | BiasReLU,
        padding: Padding,
        lowering: Lowering,
        rngs: nnx.Rngs,
    ) -> None:
        self.row = row
        self.norm = norm
        self.padding = padding
        self.lowering = lowering
        m, n, k = row.channels_in, row.channels_out, row.kernel
        key = rngs.params()
        match row.type:
            case LayerType.FULL:
                init = _normal(fan_in=k * k * m, gain=CONV_GAIN)
                self.kernel = nnx.Param(init(key, (k, k, m, n), jnp.float32))
            case LayerType.DEPTHWISE:
                init = _normal(fan_in=k * k, gain=CONV_GAIN)
                self.kernel = DepthwiseKernel(init(key, (k, k, n), jnp.float32))
            case LayerType.POINTWISE:
                init = _normal(fan_in=m, gain=CONV_GAIN)
                self.kernel = nnx.Param(init(key, (m, n), jnp.float32))
            case _:
                raise ValueError(f"{row.type} is not a convolution")

    def __call__(self, x: jax.Array) -> jax.Array:
        """x f[N,H,W,M] -> f[N,H_out,W_out,N], activated."""
        with jax.named_scope(self.row.name):
            return self.norm(self.convolve(x))

    def convolve(self, x: jax.Array) -> jax.Array:
        """The convolution alone: f[N,H,W,M] -> f[N,H_out,W_out,N]."""
        kernel = self.kernel[...].astype(x.dtype)
        match self.row.type:
            case LayerType.DEPTHWISE:
                return depthwise_conv(
                    x,
                    kernel,
                    stride=self.row.stride,
                    lowering=self.lowering,
                    padding=self.padding,
                )
            case LayerType.POINTWISE:
                return pointwise_conv(x, kernel)
            case _:
                return full_conv(x, kernel, self.row.stride, self.padding)


def _normal(
    *, fan_in: int, gain: float
) -> Callable[[jax.Array, tuple[int, ...], jnp.dtype], jax.Array]:
    """Initialiser: normal cut at two deviations, of variance gain / fan_in."""
    deviation = math.sqrt(gain / fan_in) / _TRUNCATED_STD

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        size = math.prod(shape)
        drawn = _cut_normals(key, max(_SMALLEST_DRAW, 1 << (size - 1).bit_length()))
        return _shaped(drawn, jnp.float32(deviation), shape).astype(dtype)

    return init


# XLA takes half a second to compile the random bits of each new shape, and a network has thirty:
# drawing a power of two and keeping the front makes a few shapes serve every layer of every alpha.
_SMALLEST_DRAW = 1 << 16


@partial(jax.jit, static_argnums=1)
def _cut_normals(key: jax.Array, count: int) -> jax.Array:
    return jax.random.truncated_normal(key, -2.0, 2.0, (count,), jnp.float32)


@partial(jax.jit, static_argnums=2)
def _shaped(drawn: jax.Array, deviation: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return deviation * drawn[: math.prod(shape)].reshape(shape)
