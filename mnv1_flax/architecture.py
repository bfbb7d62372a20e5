"""The paper's Table 1 as data, and what it costs in closed form.

Source: Howard et al. 2017, arXiv 1704.04861. Pure arithmetic: no JAX here. The same rows drive the
Flax network (`model.py`), the counts, and the tables of the report.

Convention of every count, as in the paper: one multiply with its add counts once; positions that
fall on the padding count; bias, batch norm, ReLU and pooling are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

STEM_CHANNELS = 32
# (channels out, stride of the 3x3 filter) of each block after the stem. The paper prints stride 2
# for the last block; its own shapes (7x7 in, 7x7 out) and its 569 M need stride 1.
BLOCKS = (
    (64, 1),
    (128, 2), (128, 1),
    (256, 2), (256, 1),
    (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
KERNEL = 3
IMAGE_CHANNELS = 3

Number = TypeVar("Number", int, npt.NDArray[np.int64])


class Kind(StrEnum):
    """Which network is built from the blocks."""

    SEPARABLE = "separable"  # the paper's network: depthwise then pointwise
    STANDARD = "standard"  # Table 4: every block one full 3x3 convolution
    SHALLOW = "shallow"  # Table 5: without the five 14x14x512 blocks

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        raise ValueError(f"kind = {value!r}: must be one of {', '.join(cls)}")


class LayerType(StrEnum):
    """Layer types under the names of the paper's Table 2."""

    FULL = "Conv 3x3"
    DEPTHWISE = "Conv DW 3x3"
    POINTWISE = "Conv 1x1"
    POOL = "Avg Pool"
    CLASSIFIER = "Fully Connected"


@dataclass(frozen=True)
class Layer(Generic[Number]):
    """One row of Table 1. Sizes are sides of square maps in pixels; numbers are ints, or int64
    arrays that broadcast when many networks are counted at once.
    """

    name: str
    type: LayerType
    stride: int
    kernel: Number
    channels_in: Number
    channels_out: Number
    size_in: Number
    size_out: Number

    @property
    def mult_adds(self) -> Number:
        """Multiply-adds for one image: D_K.D_K.M.N.D_F.D_F, with N = 1 for a depthwise layer."""
        if self.type is LayerType.POOL:
            return self.channels_in * 0
        return self.weights * self.size_out * self.size_out

    @property
    def weights(self) -> Number:
        """Elements of the kernel or matrix, without bias and batch norm."""
        if self.type is LayerType.POOL:
            return self.channels_in * 0
        per_output = 1 if self.type is LayerType.DEPTHWISE else self.channels_in
        return self.kernel * self.kernel * per_output * self.channels_out

    @property
    def trainable_params(self) -> Number:
        """Weights with the batch norm's gamma and beta, or the classifier's bias."""
        if self.type is LayerType.POOL:
            return self.channels_in * 0
        vectors = 1 if self.type is LayerType.CLASSIFIER else 2
        return self.weights + vectors * self.channels_out

    @property
    def params_with_statistics(self) -> Number:
        """Trainable parameters with the batch norm's running mean and variance."""
        normalised = self.type not in (LayerType.POOL, LayerType.CLASSIFIER)
        return self.trainable_params + (2 if normalised else 0) * self.channels_out

    @property
    def activations(self) -> Number:
        """Elements of the layer's input and output together, for one image."""
        return (
            self.channels_in * self.size_in * self.size_in
            + self.channels_out * self.size_out * self.size_out
        )


@dataclass(frozen=True)
class Costs(Generic[Number]):
    """Totals of a network, per image. `peak_activations` is the largest sum of one layer's input
    and output: what layer-by-layer execution without fusion has to hold, in elements.
    """

    mult_adds: Number
    weights: Number
    trainable_params: Number
    params_with_statistics: Number
    peak_activations: Number


def scaled_width(alpha: float, channels: int) -> int:
    """Channels of a layer thinned by `alpha`: int(alpha * channels), but never 0."""
    return max(1, int(alpha * channels))


def blocks_of(kind: Kind) -> tuple[tuple[int, int], ...]:
    """The (channels, stride) rows that `kind` builds."""
    if kind is not Kind.SHALLOW:
        return BLOCKS
    first = BLOCKS.index((512, 1))
    return BLOCKS[:first] + BLOCKS[first + 5 :]


def layers(
    kind: Kind | str, alpha: float, resolution: int, num_classes: int = 1000
) -> tuple[Layer[int], ...]:
    """Rows of the network in order of execution.

    Raises ValueError where alpha <= 0, resolution < 1 or num_classes < 1.
    """
    kind = Kind(kind)
    check(alpha, resolution, num_classes)
    return tuple(
        _rows(kind, lambda channels: scaled_width(alpha, channels), resolution, num_classes)
    )


def costs(kind: Kind | str, alpha: float, resolution: int, num_classes: int = 1000) -> Costs[int]:
    """Totals of one network. Raises ValueError as `layers` does."""
    rows = layers(kind, alpha, resolution, num_classes)
    return Costs(
        mult_adds=sum(row.mult_adds for row in rows),
        weights=sum(row.weights for row in rows),
        trainable_params=sum(row.trainable_params for row in rows),
        params_with_statistics=sum(row.params_with_statistics for row in rows),
        peak_activations=max(row.activations for row in rows),
    )


def costs_of_many(
    kind: Kind | str,
    alpha: npt.ArrayLike,
    resolution: npt.ArrayLike,
    num_classes: int = 1000,
) -> Costs[npt.NDArray[np.int64]]:
    """Totals for whole arrays of networks: alpha f64[...], resolution i64[...], broadcast together.

    The same rows as `layers`, walked once for all of them. Raises ValueError as `layers` does.
    """
    alphas, sizes = np.broadcast_arrays(
        np.asarray(alpha, np.float64), np.asarray(resolution, np.int64)
    )
    if alphas.size == 0:
        empty = np.zeros(alphas.shape, np.int64)
        return Costs(empty, empty, empty, empty, empty)
    for extreme in (alphas.min(), alphas.max()):
        check(float(extreme), int(sizes.min()), num_classes)

    def width(channels: int) -> npt.NDArray[np.int64]:
        return np.maximum(1, (alphas * channels).astype(np.int64))

    zero = np.zeros(alphas.shape, np.int64)
    mult_adds, weights, trainable, with_statistics, peak = (zero.copy() for _ in range(5))
    for row in _rows(Kind(kind), width, sizes, num_classes):
        mult_adds += row.mult_adds
        weights += row.weights
        trainable += row.trainable_params
        with_statistics += row.params_with_statistics
        np.maximum(peak, row.activations, out=peak)
    return Costs(mult_adds, weights, trainable, with_statistics, peak)


def check(alpha: float, resolution: int, num_classes: int) -> None:
    """Raises ValueError, saying what is allowed, where a network can't be built."""
    if not (alpha > 0 and np.isfinite(alpha)):
        raise ValueError(f"alpha = {alpha}: must be a finite number above 0")
    if resolution < 1:
        raise ValueError(f"resolution = {resolution}: must be at least 1")
    if num_classes < 1:
        raise ValueError(f"num_classes = {num_classes}: must be at least 1")


def _rows(
    kind: Kind, width: Callable[[int], Number], resolution: Number, num_classes: int
) -> Iterator[Layer[Number]]:
    """The one walk over Table 1, for ints and for arrays alike."""
    one = resolution * 0 + 1
    three = KERNEL * one
    channels, size = width(STEM_CHANNELS), _halved(resolution, 2)
    yield Layer(
        "conv_0", LayerType.FULL, 2, three, IMAGE_CHANNELS * one, channels, resolution, size
    )
    for number, (block_channels, stride) in enumerate(blocks_of(kind), start=1):
        before, size_in = channels, size
        channels, size = width(block_channels), _halved(size, stride)
        if kind is Kind.STANDARD:
            yield Layer(
                f"conv_{number}", LayerType.FULL, stride, three, before, channels, size_in, size
            )
            continue
        yield Layer(
            f"depthwise_{number}", LayerType.DEPTHWISE, stride, three, before, before, size_in, size
        )
        yield Layer(
            f"pointwise_{number}", LayerType.POINTWISE, 1, one, before, channels, size, size
        )
    yield Layer("pool", LayerType.POOL, 1, size, channels, channels, size, one)
    yield Layer("classifier", LayerType.CLASSIFIER, 1, one, channels, num_classes * one, one, one)


def _halved(size: Number, stride: int) -> Number:
    """Side of the output under SAME padding: the side over the stride, rounded up."""
    return -(-size // stride)
