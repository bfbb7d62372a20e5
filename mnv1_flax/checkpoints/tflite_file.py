"""A TFLite model, float or quantised: its operators are walked in order, since weights alone don't
tell the network.

The layout is that of the official files and of Keras's converter: 27 convolutions with ReLU6 or
ReLU, fused or in the range of quantised outputs, and the batch norm folded in; an average over the
last map; the classifier as a 1x1 convolution or a matrix; and operators that only reshape. Padding
may stand before a convolution as one of its own, and arithmetic with one number before the first.
Quantised weights become the real numbers that they stand for; the rounding of the maps between the
layers, which the interpreter adds, is not copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mnv1_flax import architecture
from mnv1_flax.architecture import Kind, Layer, LayerType
from mnv1_flax.checkpoints.contents import (
    INPUT_RANGE,
    PIXELS,
    SHARES,
    Array,
    CheckpointError,
    Contents,
    Naming,
    short,
)
from mnv1_flax.checkpoints.tflite_graph import ERRORS, LOWEST, Graph, Operator, Tensor, parse
from mnv1_flax.checkpoints.tflite_walk import NO_ZEROS, Walk, Weighted
from mnv1_flax.convolution import Padding, zeros_around
from mnv1_flax.normalisation import Activation

_LAYOUTS = {
    LayerType.FULL: "NHWM",
    LayerType.DEPTHWISE: "1HWN",
    LayerType.POINTWISE: "NHWM",
    LayerType.CLASSIFIER: "NHWM",
}
_PARTS = {"kernel": (1, "weights"), "bias": (2, "bias")}  # place among the inputs, for people
SIX = 6.03  # of a range in 255 steps


def read(path: Path) -> Contents:
    """The contents of a `.tflite` file. Raises CheckpointError."""
    try:
        graph = parse(path.read_bytes())
    except ERRORS as error:
        why = f"{type(error).__name__}: {short(str(error))}"
        raise CheckpointError(f"{path}: is no whole TFLite file ({why})") from error
    problems: list[str] = []
    try:
        # Layers can't be told apart in another network: where it is one, that is all that is said.
        walk = Walk(graph)
        resolution = _resolution(graph.tensors[graph.inputs[0]], problems)
        *rows, pool, classifier = architecture.layers(Kind.SEPARABLE, 1.0, resolution or 224)
        problems += _not_an_average(walk, pool.kernel)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    pairs = list(zip((*rows, classifier), walk.weighted, strict=True))
    activation = _activation(graph, pairs[:-1], problems)
    for row, weighted in pairs:
        problems += _differing(row, weighted.operator)
    padding = _padding(pairs[:-1], problems)
    naming = Naming(
        _named(pairs), _LAYOUTS | {LayerType.CLASSIFIER: _classifier_layout(pairs[-1][1].operator)}
    )
    arrays = _arrays(pairs, walk, naming, problems)
    return Contents(
        naming,
        arrays,
        resolution=resolution,
        padding=padding,
        activation=activation,
        scaling=walk.scaling,
        input_range=_input_range(graph),
        batch_norm=False,
        problems=tuple(problems),
        notes=tuple(_notes(graph)),
    )


def _resolution(images: Tensor, problems: list[str]) -> int | None:
    """The side of the input; None where the graph leaves it open."""
    match images.shape:
        case (_, height, width, 3) if height == width and height > 0:
            return height
        case (_, -1, -1, 3):
            return None
    problems.append(f"its input has shape {images.shape}, must be square with 3 channels")
    return None


def _named(pairs: list[tuple[Layer, Weighted]]) -> Any:
    """The naming's `key`: by the operator, since names in TFLite files are free."""
    operators = {row.name: weighted.operator for row, weighted in pairs}
    return lambda layer, part: f"{operators[layer]}, {_PARTS[part][1]}"


def _classifier_layout(operator: Operator) -> str:
    return "NM" if operator.name == "FULLY_CONNECTED" else _LAYOUTS[LayerType.CLASSIFIER]


def _arrays(
    pairs: list[tuple[Layer, Weighted]], walk: Walk, naming: Naming, problems: list[str]
) -> dict[str, Array]:
    """Real numbers of all weights and biases; a bias that is left out is zeros."""
    arrays: dict[str, Array] = {}
    for row, weighted in pairs:
        channels = 0
        for part, (place, _) in _PARTS.items():
            tensor, key = walk.constant(weighted.operator, place), naming.key(row.name, part)
            try:
                if tensor is not None:
                    arrays[key] = tensor.real()
                elif part == "bias":
                    arrays[key] = np.zeros(channels, np.float32)
            except ValueError as error:
                problems.append(f"{key}: {error}")
            if part == "kernel" and key in arrays:
                channels = naming.channels_out(row, arrays[key].shape) or 0
    return arrays


def _differing(row: Layer, operator: Operator) -> Iterator[str]:
    """Where an operator with weights isn't the row's."""
    if operator.name == "FULLY_CONNECTED":
        yield from operator.differing(FusedActivationFunction="NONE", WeightsFormat=0)
        return
    name = "DEPTHWISE_CONV_2D" if row.type is LayerType.DEPTHWISE else "CONV_2D"
    if operator.name != name:
        yield f"{operator}: {row.name} of the network is a {name}"
        return
    stride, multiplier = row.stride, {"DepthMultiplier": 1} if name != "CONV_2D" else {}
    if row.type is LayerType.CLASSIFIER:
        yield from operator.differing(FusedActivationFunction="NONE")
    yield from operator.differing(
        StrideH=stride,
        StrideW=stride,
        DilationHFactor=1,
        DilationWFactor=1,
        **multiplier,
    )


def _activation(
    graph: Graph, pairs: list[tuple[Layer, Weighted]], problems: list[str]
) -> Activation:
    """The one that all convolutions have; where they differ, that of most."""
    operators = [weighted.operator for _, weighted in pairs]
    able = [_activations(each, graph.tensors[each.outputs[0]]) for each in operators]
    found = max(Activation, key=lambda each: sum(each in own for own in able))
    for operator, own in zip(operators, able, strict=True):
        if found not in own:
            told = operator.options.get("FusedActivationFunction")
            problems.append(
                f"{operator}: has FusedActivationFunction {told}, must have {found.name}"
            )
    return found


def _activations(operator: Operator, output: Tensor) -> set[Activation]:
    """Those that the operator may stand for. What is quantised to a range that begins at 0 is
    clipped to it, with a fused activation or without: up to 6 that is ReLU6.
    """
    match operator.options.get("FusedActivationFunction"), output.range():
        case "RELU6", _:
            return {Activation.RELU6}
        case "RELU", None:
            return {Activation.RELU}
        case (("RELU" | "NONE"), (low, high)) if abs(low) < (high - low) / 510:
            return set(Activation) if high < SIX else {Activation.RELU}
    return set()


def _not_an_average(walk: Walk, side: int) -> Iterator[str]:
    """Where the pool isn't the average over the whole map, `side` pixels wide. Raises ValueError
    where its axes can't be read.
    """
    [pool] = walk.pools
    if pool.name == "MEAN":
        axes = walk.stored(pool)
        if axes not in ([1, 2], [2, 1], [-3, -2], [-2, -3]):
            yield f"{pool}: is over axes {str(axes)[:60]}, must be over height and width"
        return
    yield from pool.differing(FilterHeight=side, FilterWidth=side, FusedActivationFunction="NONE")
    # A step as wide as the map leaves no room for zeros.
    if min(pool.options.get("StrideH", 0), pool.options.get("StrideW", 0)) < side:
        yield from pool.differing(Padding="VALID")


def _padding(pairs: list[tuple[Layer, Weighted]], problems: list[str]) -> Padding:
    """The one padding that all 3x3 convolutions have."""
    common = set(Padding)
    for row, weighted in pairs:
        operator, zeros = weighted.operator, weighted.zeros
        same = operator.options.get("Padding") == "SAME"
        if zeros != NO_ZEROS and (same or row.kernel == 1):
            problems.append(f"{operator}: must not have a PAD before it")
        elif row.kernel > 1:
            around = {each: (zeros_around(row.size_in, row.stride, each),) * 2 for each in Padding}
            zeros = around[Padding.SAME] if same else zeros
            fitting = {each for each in common if around[each] == zeros}
            if not fitting:
                allowed = " or ".join(sorted(common))
                problems.append(
                    f"{operator}: has zeros {zeros} around, must have {allowed} padding, as the "
                    "layers before it"
                )
            common = fitting or common
    return Padding.SAME if Padding.SAME in common else Padding.SYMMETRIC


def _input_range(graph: Graph) -> tuple[float, float] | None:
    """Of the images, where they are quantised: the usual one that it is about."""
    told = graph.tensors[graph.inputs[0]].range()
    if told is None:
        return None
    for usual in (INPUT_RANGE, SHARES, PIXELS):
        widest = 0.05 * (usual[1] - usual[0]) / 2
        if all(abs(a - b) <= widest for a, b in zip(told, usual, strict=True)):
            return usual
    return told


def _notes(graph: Graph) -> Iterator[str]:
    yield "batch norm is folded into the weights, as for inference"
    used = {index for operator in graph.operators for index in operator.inputs}
    constants = {index for index, each in enumerate(graph.tensors) if each.data is not None}
    types = {graph.tensors[index].type for index in used & constants}
    if quantised := sorted(types & LOWEST.keys()):
        yield f"weights were quantised ({', '.join(quantised)}): dequantised to float32"
    if "FLOAT16" in types:
        yield "weights of 16 bits are widened to float32"
    if left := len(constants - used):
        yield f"{left} constants of the file belong to no operator and are left out"
