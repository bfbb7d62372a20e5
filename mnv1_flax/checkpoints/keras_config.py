"""The architecture that a Keras file holds as JSON, against that of `keras.applications.MobileNet`.

It says what weights alone can't: strides, padding, activations, the batch norm's epsilon.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mnv1_flax import architecture
from mnv1_flax.architecture import Kind, Layer, LayerType
from mnv1_flax.checkpoints.contents import short
from mnv1_flax.model import BN_EPSILON

# Class -> the one that older Kerases wrote for the same layer.
_OLDER = {"ReLU": "Activation", "BatchNormalization": "BatchNormalizationV1"}
# Layers that change no number in evaluation, or only the shape around the classifier's outputs.
_PASSING = ("Dropout", "Reshape", "Flatten")


@dataclass(frozen=True)
class Config:
    """What the architecture says, and in what it isn't MobileNetV1's."""

    resolution: int | None = None
    bn_epsilon: float = BN_EPSILON
    bn_momentum: float = 0.99
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _KerasLayer:
    """One layer of the JSON; `settings` has None for what isn't there."""

    name: str
    cls: str
    settings: dict[str, Any]
    inputs: tuple[str, ...]

    def differing(self, allowed: dict[str, tuple[Any, ...]]) -> Iterator[str]:
        for setting, values in allowed.items():
            value = self.settings.get(setting)
            if value not in values:
                yield f"{self.name}: has {setting} = {value!r:.60}, must be {values[0]}"


def read_config(text: str | bytes) -> Config:
    """What `text`, the JSON of a functional model, says. Whatever is wrong is a line in `problems`;
    nothing is raised.
    """
    try:
        layers = [_layer(each) for each in json.loads(text)["config"]["layers"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = f"{type(error).__name__}: {short(str(error))}"
        return Config(problems=(f"its architecture can't be read: no functional model's ({why})",))
    used = [layer for layer in layers if layer.cls not in _PASSING]
    problems = [*_not_a_chain(layers), *_different(used)]
    norms = [layer for layer in used if layer.cls == "BatchNormalization"]
    epsilon = _common(norms, "epsilon", BN_EPSILON, problems)
    momentum = _common(norms, "momentum", 0.99, problems)
    resolution = _resolution(layers[0], problems) if layers else None
    return Config(resolution, epsilon, momentum, tuple(problems))


def _layer(layer: Any) -> _KerasLayer:
    settings = dict(layer["config"])
    name = str(layer.get("name", settings.get("name")))[:100]
    inputs = tuple(_sources(layer.get("inbound_nodes")))
    return _KerasLayer(name, str(layer.get("class_name"))[:100], settings, inputs)


def _sources(node: Any) -> Iterator[str]:
    """Names of the layers that a layer takes its inputs from.

    Keras 3 writes {"keras_history": [name, 0, 0]} somewhere inside, Keras 2 [name, 0, 0, {}].
    """
    if isinstance(node, list) and len(node) >= 3 and isinstance(node[0], str):
        yield node[0]
    elif isinstance(node, (dict, list)):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _sources(each)


def _not_a_chain(layers: list[_KerasLayer]) -> Iterator[str]:
    """A network without branches names, as each layer's only input, the layer before."""
    for before, layer in pairwise(layers):
        if layer.inputs != (before.name,):
            inputs = ", ".join(layer.inputs)[:200] or "nothing"
            yield f"{layer.name}: takes {inputs}, must take {before.name} alone"


def _different(layers: list[_KerasLayer]) -> Iterator[str]:
    """Where the layers aren't MobileNetV1's, in order of execution."""
    rows = architecture.layers(Kind.SEPARABLE, 1.0, 224)
    waiting = iter(layers[1:])
    for row in rows:
        if row.type is LayerType.POOL:
            expected = ["GlobalAveragePooling2D"]
        elif row.type is LayerType.CLASSIFIER:
            expected = ["Conv2D"]
        else:
            kernel = "DepthwiseConv2D" if row.type is LayerType.DEPTHWISE else "Conv2D"
            expected = [kernel, "BatchNormalization", "ReLU"]
        padded = False
        for cls in expected:
            layer = next(waiting, None)
            if row.stride == 2 and layer is not None and layer.cls == "ZeroPadding2D":
                yield from layer.differing({"padding": ([[0, 1], [0, 1]],)})
                padded, layer = True, next(waiting, None)
            if layer is None or layer.cls not in (cls, _OLDER.get(cls)):
                instead = "nothing" if layer is None else f"{layer.cls} ({layer.name})"
                yield f"has {instead} where {row.name} of the network has {cls}"
                return
            yield from layer.differing(_allowed(layer.cls, row, padded))
    for layer in waiting:
        if layer.cls not in ("Activation", "Softmax"):
            yield f"{layer.name}: a {layer.cls} is not part of the network"
        elif layer.cls == "Activation":
            yield from layer.differing({"activation": ("softmax", "linear")})


def _allowed(cls: str, row: Layer, padded: bool) -> dict[str, tuple[Any, ...]]:
    """Setting -> what it may be; None where an older Keras doesn't write it."""
    match cls:
        case "ReLU":
            return {"max_value": (6.0,), "negative_slope": (0.0, None), "threshold": (0.0, None)}
        case "Activation":
            return {"activation": ("relu6",)}
        case "GlobalAveragePooling2D":
            return {"data_format": ("channels_last",)}
        case "Conv2D" | "DepthwiseConv2D":
            classifier = row.type is LayerType.CLASSIFIER
            one_by_one = row.kernel == 1
            padding = ("valid",) if padded else ("same", "valid") if one_by_one else ("same",)
            return {
                "kernel_size": ([row.kernel, row.kernel],),
                "strides": ([row.stride, row.stride],),
                "padding": padding,
                "dilation_rate": ([1, 1], None),
                "depth_multiplier" if cls == "DepthwiseConv2D" else "groups": (1, None),
                "activation": ("linear", None),
                "use_bias": (classifier,),
                "data_format": ("channels_last",),
            }
        case _:
            return {"axis": (-1, 3, [3], [-1]), "center": (True,), "scale": (True,)}


def _common(norms: list[_KerasLayer], setting: str, otherwise: float, problems: list[str]) -> float:
    """The value that all batch norms have."""
    values = {repr(norm.settings.get(setting)): norm.settings.get(setting) for norm in norms}
    if len(values) > 1:
        problems.append(f"batch norms have {setting} = {', '.join(values)[:200]}, must have one")
    value = next(iter(values.values()), otherwise)
    if isinstance(value, (int, float)) and 0 < value < 1:
        return float(value)
    problems.append(f"batch norms have {setting} = {value!r:.60}, must be between 0 and 1")
    return otherwise


def _resolution(layer: _KerasLayer, problems: list[str]) -> int | None:
    """The side of the input, None where the network takes any."""
    shape = layer.settings.get("batch_shape", layer.settings.get("batch_input_shape"))
    match shape:
        case [_, int(height), int(width), 3] if height == width and height > 0:
            return height
        case [_, None, None, 3]:
            return None
        case _:
            problems.append(
                f"{layer.name}: has shape {shape!r:.60}, must be square with 3 channels"
            )
            return None
