"""The architecture that a Keras file holds as JSON, against that of `keras.applications.MobileNet`.

It says what weights alone can't: strides, padding, activations, the batch norm's epsilon, how the
network scales its own input, and what its layers are called. Models inside the model, as transfer
learning leaves them, stand for their layers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from mnv1_flax import architecture
from mnv1_flax.architecture import Kind, Layer, LayerType
from mnv1_flax.checkpoints.contents import UNSCALED, InputScaling, short
from mnv1_flax.model import BN_EPSILON
from mnv1_flax.normalisation import Activation

# Layers that change no number in evaluation, or only the shape around the classifier's outputs.
_PASSING = (
    *("Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
    *("Reshape", "Flatten", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"),
    *("RandomContrast", "RandomBrightness", "RandomHeight", "RandomWidth"),
)
_NORMS = ("BatchNormalization", "BatchNormalizationV1")
# What a classifier's outputs may go through: the order of the classes stays.
_LAST = ("softmax", "linear", "sigmoid", None)
# An operation on the images with a number, by the names of Keras 3 and of Keras 2 -> (factor,
# offset) of what it does.
_ARITHMETIC = {
    "TrueDivide": lambda number: (1 / number, 0.0),
    "Multiply": lambda number: (number, 0.0),
    "Subtract": lambda number: (1.0, -number),
    "Add": lambda number: (1.0, number),
}
_OF_KERAS_2 = {
    "truediv": "TrueDivide",
    "multiply": "Multiply",
    "subtract": "Subtract",
    "add": "Add",
}


@dataclass(frozen=True)
class Config:
    """What the architecture says, and in what it isn't MobileNetV1's. names: of our layers -> what
    Keras calls the one with its kernel, and its batch norm. dense: whether the classifier is a
    Dense layer, not a convolution; use_bias: whether it has one.
    """

    resolution: int | None = None
    bn_epsilon: float = BN_EPSILON
    bn_momentum: float = 0.99
    activation: Activation = Activation.RELU6
    scaling: InputScaling = UNSCALED
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    dense: bool = False
    use_bias: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _KerasLayer:
    """One layer of the JSON; `settings` has None for what isn't there. number: that an operation on
    tensors is with.
    """

    name: str
    cls: str
    settings: dict[str, Any]
    inputs: tuple[str, ...]
    number: float | None = None

    def differing(self, allowed: dict[str, tuple[Any, ...]]) -> Iterator[str]:
        for setting, values in allowed.items():
            value = self.settings.get(setting)
            if value not in values:
                yield f"{self.name}: has {setting} = {value!r:.60}, must be {values[0]}"


def read_config(text: str | bytes) -> Config:
    """What `text`, the JSON of a functional or sequential model, says. Whatever is wrong is a line
    in `problems`; nothing is raised.
    """
    problems: list[str] = []
    try:
        layers = list(_flat(json.loads(text), problems))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = f"{type(error).__name__}: {short(str(error))}"
        return Config(problems=(f"its architecture can't be read: no functional model's ({why})",))
    resolution = _resolution(layers, problems)
    used = [layer for layer in layers if layer.cls not in (*_PASSING, "InputLayer")]
    scaling, rest = _scaling(used)
    names: dict[str, tuple[str, str]] = {}
    activations: dict[str, list[str]] = {}
    problems += _different(rest, names, activations)
    norms = [layer for layer in used if layer.cls in _NORMS]
    found = names.get("classifier", ("", ""))[0]
    classifier = next((each for each in used if each.name == found), None)
    return Config(
        resolution,
        _common(norms, "epsilon", BN_EPSILON, problems),
        _common(norms, "momentum", 0.99, problems),
        _activation(activations, problems),
        scaling,
        names,
        dense=classifier is not None and classifier.cls == "Dense",
        use_bias=classifier is None or classifier.settings.get("use_bias") is not False,
        problems=tuple(problems),
    )


def _flat(model: dict[str, Any], problems: list[str]) -> Iterator[_KerasLayer]:
    """The layers in order of execution, those of a model inside in its place."""
    config = model["config"]
    inner = config if isinstance(config, list) else config["layers"]  # Keras 2's first sequential
    layers = [_layer(each) for each in inner]
    if model.get("class_name") != "Sequential":
        problems += _not_a_chain(layers)
    for layer, told in zip(layers, inner, strict=True):
        if isinstance(layer.settings.get("layers"), list):
            yield from _flat(told, problems)
        else:
            yield layer


def _layer(layer: Any) -> _KerasLayer:
    settings = layer["config"]
    settings = {"layers": settings} if isinstance(settings, list) else dict(settings)
    name = str(layer.get("name") or settings.get("name"))[:100]
    node, cls = layer.get("inbound_nodes"), str(layer.get("class_name"))[:100]
    inputs = tuple(_sources(node))
    if cls == "TFOpLambda":
        function = str(settings.get("function")).rpartition(".")[2]
        return _KerasLayer(name, _OF_KERAS_2.get(function, cls), settings, inputs, _number_2(node))
    return _KerasLayer(name, cls, settings, inputs, _number_3(node))


def _sources(node: Any) -> Iterator[str]:
    """Names of the layers that a layer takes its inputs from.

    Keras 3 writes {"keras_history": [name, 0, 0]} somewhere inside, Keras 2 [name, 0, 0, {}].
    """
    if isinstance(node, list) and len(node) >= 3 and isinstance(node[0], str):
        yield node[0]
    elif isinstance(node, (dict, list)):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _sources(each)


def _number_3(node: Any) -> float | None:
    """The second argument of an operation of Keras 3, where it is a number."""
    match node:
        case [{"args": [{}, (int() | float()) as number]}]:
            return float(number)
    return None


def _number_2(node: Any) -> float | None:
    match node:
        case [[str(), _, _, {"y": (int() | float()) as number}]]:
            return float(number)
    return None


def _not_a_chain(layers: list[_KerasLayer]) -> Iterator[str]:
    """A network without branches names, as each layer's only input, the layer before."""
    for before, layer in pairwise(layers):
        if layer.inputs != (before.name,):
            inputs = ", ".join(layer.inputs)[:200] or "nothing"
            yield f"{layer.name}: takes {inputs}, must take {before.name} alone"


def _scaling(layers: list[_KerasLayer]) -> tuple[InputScaling, list[_KerasLayer]]:
    """What the layers in front do to the images, and the layers behind them."""
    scaling = UNSCALED
    for place, layer in enumerate(layers):
        step = _step(layer)
        if step is None:
            return scaling, layers[place:]
        scaling = scaling.then(*step)
    return scaling, []


def _step(layer: _KerasLayer) -> tuple[float, float] | None:
    """(factor, offset) of a layer that scales; None of any other."""
    match layer.cls, layer.settings:
        case "Rescaling", {"scale": (int() | float()) as scale}:
            offset = layer.settings.get("offset", 0.0)
            return (float(scale), float(offset)) if isinstance(offset, (int, float)) else None
        case cls, _ if cls in _ARITHMETIC and layer.number:
            return _ARITHMETIC[cls](layer.number)
    return None


def _different(
    layers: list[_KerasLayer],
    names: dict[str, tuple[str, str]],
    activations: dict[str, list[str]],
) -> Iterator[str]:
    """Where the layers aren't MobileNetV1's, in order of execution. Fills `names`, and by
    activation the layers that have it.
    """
    if (dense := sum(layer.cls == "Dense" for layer in layers)) > 1:
        yield f"has {dense} Dense layers behind its pool, must have one"
        return
    waiting = iter(layers)
    for row in architecture.layers(Kind.SEPARABLE, 1.0, 224):
        padded, found = False, []
        for expected in _expected(row):
            layer = next(waiting, None)
            if row.stride == 2 and layer is not None and layer.cls == "ZeroPadding2D":
                yield from layer.differing({"padding": ([[0, 1], [0, 1]],)})
                padded, layer = True, next(waiting, None)
            if layer is None or layer.cls not in expected:
                yield _instead(layer, row, expected[0])
                return
            found.append(layer.name)
            if expected[0] == "ReLU":
                activations.setdefault(_activated(layer), []).append(layer.name)
            yield from layer.differing(_allowed(layer.cls, row, padded))
        names[row.name] = found[0], found[1] if len(found) > 1 else ""
    for layer in waiting:
        if layer.cls == "Activation":
            yield from layer.differing({"activation": _LAST})
        elif layer.cls != "Softmax":
            yield f"{layer.name}: a {layer.cls} is not part of the network"


def _expected(row: Layer) -> tuple[tuple[str, ...], ...]:
    """Classes of the layers that a row is in Keras: of each the usual one, then others."""
    if row.type is LayerType.POOL:
        return (("GlobalAveragePooling2D",),)
    if row.type is LayerType.CLASSIFIER:
        return (("Conv2D", "Dense"),)
    kernel = "DepthwiseConv2D" if row.type is LayerType.DEPTHWISE else "Conv2D"
    return (kernel,), _NORMS, ("ReLU", "Activation")


def _instead(layer: _KerasLayer | None, row: Layer, cls: str) -> str:
    if layer is None:
        return f"has nothing where {row.name} of the network has {cls}"
    why = "" if row.name != "conv_0" else _UNREAD.get(layer.cls, "")
    return f"has {layer.cls} ({layer.name}) where {row.name} of the network has {cls}{why}"


# In front of a network, and why it isn't read.
_UNREAD = {
    "Lambda": ": what it does is Python code, which is not run",
    "Normalization": ": a scale for each channel is not read",
    "Rescaling": ": a scale for each channel is not read",
    "Resizing": ": images are resized before they are handed to a network",
}


def _activated(layer: _KerasLayer) -> str:
    """As `Activation` calls it; as Keras does where that is none of them."""
    if layer.cls == "Activation":
        return str(layer.settings.get("activation"))[:60]
    most = layer.settings.get("max_value")
    usual = not layer.settings.get("negative_slope") and not layer.settings.get("threshold")
    if usual and most in (None, 6.0):
        return "relu" if most is None else "relu6"
    return f"ReLU up to {most!r:.20}" if usual else "a leaky ReLU, or one with a threshold"


def _activation(activations: dict[str, list[str]], problems: list[str]) -> Activation:
    """The one that all layers have."""
    for each in Activation:
        if [*activations] == [each.value]:
            return each
    if activations:
        told = [f"{each} ({len(of)}, the first {of[0]})" for each, of in activations.items()]
        problems.append(f"has activations {', '.join(told)[:200]}: must all be relu6, or all relu")
    return Activation.RELU6


def _allowed(cls: str, row: Layer, padded: bool) -> dict[str, tuple[Any, ...]]:
    """Setting -> what it may be; None where an older Keras doesn't write it."""
    match cls:
        case "ReLU" | "Activation":
            return {}  # see `_activation`
        case "GlobalAveragePooling2D":
            return {"data_format": ("channels_last", None)}
        case "Dense":
            return {"activation": _LAST}
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
                "activation": _LAST if classifier else ("linear", None),
                "use_bias": (True, False) if classifier else (False,),
                "data_format": ("channels_last", None),
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


def _resolution(layers: list[_KerasLayer], problems: list[str]) -> int | None:
    """The side of the input, None where the network takes any: of the model, or of one inside."""
    told = [
        (layer.name, shape)
        for layer in layers
        for setting in ("batch_shape", "batch_input_shape")
        if (shape := layer.settings.get(setting)) is not None
    ]
    for name, shape in told:
        match shape:
            case [_, int(height), int(width), 3] if height == width and height > 0:
                return height
            case [_, None, None, 3]:
                pass
            case _:
                problems.append(f"{name}: has shape {shape!r:.60}, must be square with 3 channels")
                return None
    return None
