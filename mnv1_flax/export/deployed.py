"""The deployed network as plain arrays, a step for each layer: what each format is written from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mnv1_flax.architecture import KERNEL, Layer, LayerType
from mnv1_flax.checkpoints.contents import INPUT_RANGE
from mnv1_flax.convolution import zeros_around
from mnv1_flax.model import ConvUnit, MobileNetV1
from mnv1_flax.normalisation import Activation, BatchNormReLU

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """A convolution or the classifier. kernel f32: [3,3,M,N] of a full convolution, [3,3,C] of a
    depthwise one, [M,N] of a pointwise one and of the classifier; bias f32[N]. zeros: before and
    after each side of its map.
    """

    layer: Layer
    kernel: Floats
    bias: Floats
    zeros: tuple[int, int]


@dataclass(frozen=True)
class Deployed:
    """images f32[N,R,R,3], times `scale` plus `offset` -> the steps, each but the classifier with
    its activation, and before that the mean over the map -> logits f32[N,classes].

    about: texts for a file's metadata, by name.
    """

    steps: tuple[Step, ...]
    resolution: int
    activation: Activation
    scale: float = 1.0
    offset: float = 0.0
    about: dict[str, str] = field(default_factory=dict)

    @property
    def convolutions(self) -> tuple[Step, ...]:
        """All steps but the last."""
        return self.steps[:-1]

    @property
    def classifier(self) -> Step:
        """The last step."""
        return self.steps[-1]

    @property
    def classes(self) -> int:
        """The number of outputs."""
        return len(self.classifier.bias)

    @property
    def scales(self) -> bool:
        """Whether it scales its own input."""
        return (self.scale, self.offset) != (1.0, 0.0)


def deployed(
    model: MobileNetV1,
    *,
    classes: Sequence[str] = (),
    input_range: tuple[float, float] = INPUT_RANGE,
) -> Deployed:
    """Of a network in evaluation, folded or not. classes: names in the order of its outputs, where
    they are known. input_range: of the images that it takes.

    Raises ValueError where there are other numbers of names and outputs.
    """
    if classes and len(classes) != model.num_classes:
        raise ValueError(f"{len(classes)} names of classes for {model.num_classes} outputs")
    folded = model.folded() if model.batch_norm else model
    steps = []
    for layer in folded.layers():
        if layer.name in folded.units:
            steps.append(_step(layer, folded.units[layer.name], folded))
        elif layer.type is LayerType.CLASSIFIER:
            matrix, bias = folded.classifier.kernel, folded.classifier.bias
            steps.append(Step(layer, _floats(matrix), _floats(bias), (0, 0)))
    network = {
        "alpha": model.alpha,
        "resolution": model.resolution,
        "kind": model.kind,
        "padding": model.padding,
        "activation": model.activation,
    }
    about = {"mobilenet_v1": json.dumps(network), "input_range": json.dumps(list(input_range))}
    if classes:
        about["classes"] = json.dumps(list(classes))
    return Deployed(
        tuple(steps),
        model.resolution,
        model.activation,
        model.input_scale,
        model.input_offset,
        about,
    )


def _step(layer: Layer, unit: ConvUnit, model: MobileNetV1) -> Step:
    if isinstance(unit.norm, BatchNormReLU):
        raise ValueError(f"{layer.name}: has its batch norm still")
    small = layer.kernel != KERNEL
    zeros = (0, 0) if small else zeros_around(layer.size_in, layer.stride, model.padding)
    return Step(layer, _floats(unit.kernel), _floats(unit.norm.bias), zeros)


def _floats(parameter: object) -> Floats:
    return np.asarray(parameter.get_value(), np.float32)  # type: ignore[attr-defined]
