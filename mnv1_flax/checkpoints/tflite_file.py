"""A TFLite model, float or quantised: its operators are walked in order, since weights alone don't
tell the network.

The layout is that of the official files and of Keras's converter: 27 convolutions with ReLU6 fused
and the batch norm folded in, an average over the last map, the classifier as a 1x1 convolution or a
matrix, and operators that only reshape. Padding may stand before a convolution as one of its own.
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
from mnv1_flax.checkpoints.contents import Array, CheckpointError, Contents, Naming, short
from mnv1_flax.checkpoints.tflite_graph import ERRORS, Graph, Operator, Tensor, parse
from mnv1_flax.checkpoints.tflite_walk import NO_ZEROS, Walk, Weighted
from mnv1_flax.convolution import Padding, zeros_around

_LAYOUTS = {
    LayerType.FULL: "NHWM",
    LayerType.DEPTHWISE: "1HWN",
    LayerType.POINTWISE: "NHWM",
    LayerType.CLASSIFIER: "NHWM",
}
_PARTS = {"kernel": (1, "weights"), "bias": (2, "bias")}  # place among the inputs, for people
_LOWEST = {"UINT8": 0, "INT8": -128}


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
        batch_norm=False,
        problems=tuple(problems),
        notes=tuple(_notes(graph, walk)),
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
    fused = "NONE" if row.type is LayerType.CLASSIFIER else "RELU6"
    if operator.name == "FULLY_CONNECTED":
        yield from operator.differing(FusedActivationFunction=fused, WeightsFormat=0)
        return
    name = "DEPTHWISE_CONV_2D" if row.type is LayerType.DEPTHWISE else "CONV_2D"
    if operator.name != name:
        yield f"{operator}: {row.name} of the network is a {name}"
        return
    stride, multiplier = row.stride, {"DepthMultiplier": 1} if name != "CONV_2D" else {}
    yield from operator.differing(
        FusedActivationFunction=fused,
        StrideH=stride,
        StrideW=stride,
        DilationHFactor=1,
        DilationWFactor=1,
        **multiplier,
    )


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


def _notes(graph: Graph, walk: Walk) -> Iterator[str]:
    yield "batch norm is folded into the weights, as for inference"
    used = {index for operator in graph.operators for index in operator.inputs}
    constants = {index for index, each in enumerate(graph.tensors) if each.data is not None}
    types = {graph.tensors[index].type for index in used & constants}
    if quantised := sorted(types & _LOWEST.keys()):
        yield f"weights were quantised ({', '.join(quantised)}): dequantised to float32"
    if "FLOAT16" in types:
        yield "weights of 16 bits are widened to float32"
    images = graph.tensors[walk.weighted[0].operator.inputs[0]]
    if images.scale is not None and images.type in _LOWEST:
        low = float(images.scale[0]) * (_LOWEST[images.type] - float(images.zero_point[0]))
        high = low + 255 * float(images.scale[0])
        if abs(low + 1) > 0.05 or abs(high - 1) > 0.05:
            yield f"its images are in [{low:.3g}, {high:.3g}], not in [-1, 1]"
    if left := len(constants - used):
        yield f"{left} constants of the file belong to no operator and are left out"
