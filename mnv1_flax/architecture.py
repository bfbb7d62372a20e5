"""The paper's Table 1 as data, and what it costs in closed form.

Source: Howard et al. 2017, arXiv 1704.04861. Pure arithmetic: no JAX here. The same rows drive the
Flax network (`model.py`), the counts, and the tables of the report.

Convention of every count, as in the paper: one multiply with its add counts once; positions that
fall on the padding count; bias, batch norm, ReLU and pooling are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

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
class Layer:
    """One row of Table 1. Sizes are sides of square maps in pixels."""

    name: str
    type: LayerType
    stride: int
    kernel: int
    channels_in: int
    channels_out: int
    size_in: int
    size_out: int

    @property
    def mult_adds(self) -> int:
        """Multiply-adds for one image: D_K.D_K.M.N.D_F.D_F, with N = 1 for a depthwise layer."""
        if self.type is LayerType.POOL:
            return 0
        return self.weights * self.size_out * self.size_out

    @property
    def weights(self) -> int:
        """Elements of the kernel or matrix, without bias and batch norm."""
        if self.type is LayerType.POOL:
            return 0
        per_output = 1 if self.type is LayerType.DEPTHWISE else self.channels_in
        return self.kernel * self.kernel * per_output * self.channels_out

    @property
    def trainable_params(self) -> int:
        """Weights with the batch norm's gamma and beta, or the classifier's bias."""
        if self.type is LayerType.POOL:
            return 0
        vectors = 1 if self.type is LayerType.CLASSIFIER else 2
        return self.weights + vectors * self.channels_out

    @property
    def params_with_statistics(self) -> int:
        """Trainable parameters with the batch norm's running mean and variance."""
        normalised = self.type not in (LayerType.POOL, LayerType.CLASSIFIER)
        return self.trainable_params + (2 if normalised else 0) * self.channels_out

    @property
    def activations(self) -> int:
        """Elements of the layer's input and output together, for one image: what it takes to
        execute it on its own, without fusion.
        """
        return (
            self.channels_in * self.size_in * self.size_in
            + self.channels_out * self.size_out * self.size_out
        )


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
) -> tuple[Layer, ...]:
    """Rows of the network in order of execution.

    Raises ValueError where alpha <= 0, resolution < 1 or num_classes < 1.
    """
    kind = Kind(kind)
    _check(alpha, resolution, num_classes)
    channels, size = scaled_width(alpha, STEM_CHANNELS), _halved(resolution, 2)
    rows = [Layer("conv_0", LayerType.FULL, 2, KERNEL, IMAGE_CHANNELS, channels, resolution, size)]
    for number, (block_channels, stride) in enumerate(blocks_of(kind), start=1):
        before, size_in = channels, size
        channels, size = scaled_width(alpha, block_channels), _halved(size, stride)
        filtered = (stride, KERNEL, before)
        if kind is Kind.STANDARD:
            rows.append(Layer(f"conv_{number}", LayerType.FULL, *filtered, channels, size_in, size))
            continue
        rows += [
            Layer(f"depthwise_{number}", LayerType.DEPTHWISE, *filtered, before, size_in, size),
            Layer(f"pointwise_{number}", LayerType.POINTWISE, 1, 1, before, channels, size, size),
        ]
    return (
        *rows,
        Layer("pool", LayerType.POOL, 1, size, channels, channels, size, 1),
        Layer("classifier", LayerType.CLASSIFIER, 1, 1, channels, num_classes, 1, 1),
    )


def _check(alpha: float, resolution: int, num_classes: int) -> None:
    """Raises ValueError, saying what is allowed, where a network can't be built."""
    if not (alpha > 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha = {alpha}: must be a finite number above 0")
    for name, value in (("resolution", resolution), ("num_classes", num_classes)):
        if value < 1:
            raise ValueError(f"{name} = {value}: must be at least 1")


def _halved(size: int, stride: int) -> int:
    """Side of the output under SAME padding: the side over the stride, rounded up."""
    return -(-size // stride)
