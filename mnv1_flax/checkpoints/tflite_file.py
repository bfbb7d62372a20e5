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
from mnv1_flax.checkpoints.contents import Array, CheckpointError, Contents, Naming
from mnv1_flax.checkpoints.tflite_graph import (
    Graph,
    GraphError,
    Operator,
    Tensor,
    activation_name,
    parse,
)
from mnv1_flax.checkpoints.tflite_walk import NO_ZEROS, Walk, Weighted
from mnv1_flax.convolution import Padding, zeros_around

_LAYOUTS = {
    LayerType.FULL: "NHWM",
    LayerType.DEPTHWISE: "1HWN",
    LayerType.POINTWISE: "NHWM",
    LayerType.CLASSIFIER: "NHWM",
}
_SAME, _VALID = 0, 1  # of the schema's enum Padding
_PARTS = {"kernel": (1, "weights"), "bias": (2, "bias")}  # place among the inputs, for people
_LOWEST = {"UINT8": 0, "INT8": -128}


def read(path: Path) -> Contents:
    """The contents of a `.tflite` file. Raises CheckpointError."""
    try:
        graph = parse(path.read_bytes())
    except (GraphError, OSError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    walk = Walk(graph)
    if walk.problems:
        # Layers can't be told apart in another network.
        raise CheckpointError.listing(path, walk.problems)

    problems: list[str] = []
    resolution = _resolution(graph.tensors[graph.inputs[0]], problems)
    rows = [row for row in _all_rows(resolution or 224) if row.type is not LayerType.POOL]
    pairs = list(zip(rows, walk.weighted, strict=True))
    for row, weighted in pairs:
        problems += _differing(row, weighted.operator)
    problems += _not_an_average(walk.pools[0], walk, rows[-2].size_out)
    padding = _padding(pairs[:-1], problems)
    naming = Naming(
        _named(pairs), _LAYOUTS | {LayerType.CLASSIFIER: _classifier_layout(pairs[-1][1].operator)}
    )
    arrays = _arrays(pairs, walk, naming, problems)
    return Contents(
        "tflite",
        naming,
        arrays,
        resolution=resolution,
        padding=padding,
        batch_norm=False,
        problems=tuple(problems),
        notes=tuple(_notes(graph, walk)),
    )


def _all_rows(resolution: int) -> tuple[Layer[int], ...]:
    return architecture.layers(Kind.SEPARABLE, 1.0, resolution)


def _resolution(images: Tensor, problems: list[str]) -> int | None:
    """The side of the input; None where the graph leaves it open."""
    match images.shape:
        case (_, height, width, 3) if height == width and height > 0:
            return height
        case (_, -1, -1, 3):
            return None
    problems.append(f"its input has shape {images.shape}, must be square with 3 channels")
    return None


def _named(pairs: list[tuple[Layer[int], Weighted]]) -> Any:
    """The naming's `key`: by the operator, since names in TFLite files are free."""
    operators = {row.name: weighted.operator for row, weighted in pairs}
    return lambda layer, part: f"{operators[layer]}, {_PARTS[part][1]}"


def _classifier_layout(operator: Operator) -> str:
    return "NM" if operator.name == "FULLY_CONNECTED" else _LAYOUTS[LayerType.CLASSIFIER]


def _arrays(
    pairs: list[tuple[Layer[int], Weighted]], walk: Walk, naming: Naming, problems: list[str]
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


def _differing(row: Layer[int], operator: Operator) -> Iterator[str]:
    """Where an operator with weights isn't the row's."""
    options = operator.options
    fused = activation_name(options.get("FusedActivationFunction", 0))
    activation = "NONE" if row.type is LayerType.CLASSIFIER else "RELU6"
    if fused != activation:
        yield f"{operator}: has activation {fused}, must have {activation}"
    if operator.name == "FULLY_CONNECTED":
        if options.get("WeightsFormat", 0):
            yield f"{operator}: has shuffled weights, which are not read"
        return
    name = "DEPTHWISE_CONV_2D" if row.type is LayerType.DEPTHWISE else "CONV_2D"
    if operator.name != name:
        yield f"{operator}: {row.name} of the network is a {name}"
        return
    stride = options.get("StrideH"), options.get("StrideW")
    if stride != (row.stride, row.stride):
        yield f"{operator}: has stride {stride}, must have {row.stride}"
    dilation = options.get("DilationHFactor"), options.get("DilationWFactor")
    if dilation != (1, 1):
        yield f"{operator}: has dilation {dilation}, must have 1"
    if (multiplier := options.get("DepthMultiplier", 1)) != 1:
        yield f"{operator}: has depth multiplier {multiplier}, must have 1"


def _not_an_average(pool: Operator, walk: Walk, side: int) -> Iterator[str]:
    """Where the pool isn't the average over the whole map, `side` pixels wide."""
    if pool.name == "MEAN":
        tensor = walk.constant(pool, 1)
        try:
            axes = tensor.stored().reshape(-1).tolist() if tensor else []
        except ValueError as error:
            yield f"{pool}, axes: {error}"
            return
        if sorted(axis % 4 for axis in axes) != [1, 2]:
            yield f"{pool}: is over axes {str(axes)[:60]}, must be over height and width"
        return
    options = pool.options
    window = options.get("FilterHeight"), options.get("FilterWidth")
    if window != (side, side):
        yield f"{pool}: has a window of {window}, must have the whole map, {side}"
    whole_steps = min(options.get("StrideH", 0), options.get("StrideW", 0)) >= side
    if options.get("Padding") != _VALID and not whole_steps:
        yield f"{pool}: must not pad"
    if (fused := activation_name(options.get("FusedActivationFunction", 0))) != "NONE":
        yield f"{pool}: has activation {fused}, must have NONE"


def _padding(pairs: list[tuple[Layer[int], Weighted]], problems: list[str]) -> Padding:
    """The one padding that all 3x3 convolutions have."""
    common = set(Padding)
    for row, weighted in pairs:
        operator, zeros = weighted.operator, weighted.zeros
        same = operator.options.get("Padding") == _SAME
        if row.kernel == 1 or (same and zeros != NO_ZEROS):
            if zeros != NO_ZEROS:
                problems.append(f"{operator}: must not have a PAD before it")
            continue
        if same:
            zeros = (zeros_around(row.size_in, row.stride, Padding.SAME),) * 2
        fitting = {
            padding
            for padding in Padding
            if zeros == (zeros_around(row.size_in, row.stride, padding),) * 2
        }
        if not fitting:
            problems.append(f"{operator}: has zeros {zeros} around, neither same nor symmetric")
        elif not common & fitting:
            problems.append(f"{operator}: is padded otherwise than the layers before it")
        else:
            common &= fitting
    return Padding.SAME if Padding.SAME in common else Padding.SYMMETRIC


def _notes(graph: Graph, walk: Walk) -> Iterator[str]:
    yield "batch norm is folded into the weights, as for inference"
    types = {graph.tensors[index].type for index in walk.used}
    if quantised := sorted(types & {"UINT8", "INT8"}):
        yield f"weights were quantised ({', '.join(quantised)}): dequantised to float32"
    if "FLOAT16" in types:
        yield "weights of 16 bits are widened to float32"
    images = graph.tensors[walk.weighted[0].operator.inputs[0]]
    if images.quantisation is not None and images.type in _LOWEST:
        lowest = _LOWEST[images.type] - float(images.quantisation.zero_point[0])
        scale = float(images.quantisation.scale[0])
        low, high = scale * lowest, scale * (lowest + 255)
        if abs(low + 1) > 0.05 or abs(high - 1) > 0.05:
            yield f"its images are in [{low:.3g}, {high:.3g}], not in [-1, 1]"
    left = sum(
        tensor.data is not None and index not in walk.used
        for index, tensor in enumerate(graph.tensors)
    )
    if left:
        yield f"{left} constants of the file belong to no operator and are left out"
