"""MobileNetV1 as a family of the sweep: the only room that knows `mnv1_flax`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx

from mnv1_flax import (
    DepthwiseKernel,
    Kind,
    Layer,
    Lowering,
    MobileNetV1,
    checkpoints,
    export,
    layers,
)
from mnv1_flax.convolution import SUM_OF_PRODUCTS
from mnv1_flax.deployment import compiler_options
from mnv1_flax.unfolding import unfolded
from sweep.contracts import Trained
from sweep.types import Point

# keras.applications.MobileNet, argument `weights`.
KERAS_CHECKPOINTS = tuple(product((1.0, 0.75, 0.5, 0.25), (224, 192, 160, 128)))


class MobileNetV1Family:
    """The paper's network, its full-convolution twin and its shallow one."""

    name = "mobilenet_v1"
    kinds = tuple(kind.value for kind in Kind)
    lowerings = tuple(lowering.value for lowering in Lowering)
    sum_of_products = SUM_OF_PRODUCTS
    _network = MobileNetV1

    def layers(self, point: Point, *, num_classes: int) -> tuple[Layer, ...]:
        """Rows of the paper's Table 1 at this point."""
        return layers(point.kind, point.alpha, point.resolution, num_classes)

    def build(
        self,
        point: Point,
        *,
        num_classes: int,
        resolution: int,
        seed: int,
        lowering: str | None,
        bn_momentum: float,
        dropout_rate: float,
        dtype: str,
    ) -> MobileNetV1:
        """The Flax network with random weights, in training mode."""
        return self._network(
            point.alpha,
            resolution,
            num_classes,
            point.kind,
            dropout_rate=dropout_rate,
            bn_momentum=bn_momentum,
            lowering=lowering,
            dtype=dtype,
            rngs=nnx.Rngs(seed),
        )

    def trainable(self, module: nnx.Module, images: jax.Array) -> MobileNetV1:
        """With batch norm in place of biases: see `mnv1_flax.unfolding`."""
        model = _ours(module)
        return model if model.batch_norm else unfolded(model, images)

    def build_like(
        self,
        module: nnx.Module,
        point: Point,
        *,
        num_classes: int,
        resolution: int,
        seed: int,
        lowering: str | None,
        bn_momentum: float,
        dropout_rate: float,
        dtype: str,
    ) -> MobileNetV1:
        """With the other network's padding, activation, scaling of images and epsilon."""
        theirs = _ours(module)
        return self._network(
            point.alpha,
            resolution,
            num_classes,
            point.kind,
            dropout_rate=dropout_rate,
            bn_momentum=bn_momentum,
            bn_epsilon=theirs.bn_epsilon,
            padding=theirs.padding,
            activation=theirs.activation,
            input_scale=theirs.input_scale,
            input_offset=theirs.input_offset,
            lowering=lowering,
            dtype=dtype,
            rngs=nnx.Rngs(seed),
        )

    def deploy(self, module: nnx.Module) -> MobileNetV1:
        """Batch norm folded into the kernels, in evaluation mode."""
        return _ours(module).folded()

    def load_checkpoint(
        self,
        path: Path,
        *,
        alpha: float | None,
        resolution: int | None,
        input_range: tuple[float, float] | None = None,
    ) -> Trained:
        """Keras, TFLite, safetensors or our own: see `mnv1_flax.checkpoints`."""
        checkpoint = checkpoints.load(path, alpha=alpha, resolution=resolution)
        if input_range is not None:
            low, high = input_range
            told = f"its images are in [{low:g}, {high:g}], as was asked for"
            notes = (each for each in checkpoint.notes if not each.startswith("its images are in"))
            checkpoint = replace(checkpoint, input_range=input_range, notes=(*notes, told))
        return _trained(checkpoint)

    def save_checkpoint(self, module: nnx.Module, path: Path, *, classes: Sequence[str]) -> None:
        """Our own: see `mnv1_flax.checkpoints.save`."""
        checkpoints.save(_ours(module), path, classes=classes)

    def export(
        self,
        module: nnx.Module,
        path: Path,
        *,
        classes: Sequence[str],
        int8: Iterable[npt.NDArray[np.float32]] | None,
        batch: int = 1,
    ) -> None:
        """ONNX or TFLite: see `mnv1_flax.export`."""
        export.save(_ours(module), path, classes=classes, int8=int8, batch=batch)

    def shares_weights(self, point: Point, larger: Point) -> bool:
        """The first int(alpha * C) channels of each layer, as in slimmable networks."""
        return point.kind == larger.kind and point.alpha <= larger.alpha

    def from_keras(self, point: Point) -> Trained:
        """keras.applications.MobileNet(weights="imagenet") at this alpha and resolution."""
        os.environ.setdefault("KERAS_BACKEND", "jax")
        import keras

        separable = point.kind == Kind.SEPARABLE
        if not separable or (point.alpha, point.resolution) not in KERAS_CHECKPOINTS:
            raise ValueError(f"Keras has no MobileNet checkpoint at {point.label}")
        side = point.resolution
        mobilenet: Any = keras.applications.MobileNet
        network = mobilenet(
            input_shape=(side, side, 3),
            alpha=point.alpha,
            weights="imagenet",
            classifier_activation=None,
        )
        return _trained(checkpoints.from_keras(network))

    def compiler_options(
        self, point: Point, *, num_classes: int, batch: int, platform: str
    ) -> dict[str, bool | str]:
        rows = self.layers(point, num_classes=num_classes)
        return compiler_options(batch * sum(row.mult_adds for row in rows), platform)

    def decays(self, variable: nnx.Variable[Any]) -> bool:
        """Kernels decay; depthwise filters (paper, section 3.2), biases and batch norm don't."""
        return variable.ndim >= 2 and not isinstance(variable, DepthwiseKernel)

    def torch_twin(self, point: Point, *, num_classes: int) -> Any:
        """The network in PyTorch, written independently (see `mobilenet_v1_torch`)."""
        from sweep.families.mobilenet_v1_torch import mobilenet_v1

        return mobilenet_v1(point.kind, point.alpha, num_classes)


def _ours(module: nnx.Module) -> MobileNetV1:
    if not isinstance(module, MobileNetV1):
        raise TypeError(f"{type(module).__name__} is not a MobileNetV1")
    return module


def _trained(checkpoint: checkpoints.Checkpoint) -> Trained:
    model, told = checkpoint.on_range(-1.0, 1.0), (checkpoint.notes, checkpoint.classes)
    return Trained(model, model.alpha, model.resolution, model.num_classes, *told)
