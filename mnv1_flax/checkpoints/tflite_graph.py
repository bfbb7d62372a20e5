"""A TFLite flatbuffer as plain tensors and operators, with nothing believed unchecked.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, by the generated classes of the package
`tflite`. A flatbuffer is offsets into itself: every count is held against a bound before it is
walked, and arrays are views, so that a damaged file can neither loop nor allocate.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv1_flax.checkpoints.contents import MOST_BYTES, Array, short, total_bytes

_MOST_TENSORS, _MOST_OPERATORS, _MOST_SIDES = 4096, 1024, 8
# What walking wild offsets raises in the generated classes.
_ERRORS = (struct.error, IndexError, TypeError, ValueError, OverflowError, AttributeError)
_DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "INT8": np.int8,
}


class GraphError(ValueError):
    """The bytes are no whole TFLite model of one graph."""


@dataclass(frozen=True)
class Quantisation:
    """real = scale * (stored - zero_point), with one scale or one for each slice along `axis`."""

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    axis: int


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph. `data` is None unless it is a constant."""

    shape: tuple[int, ...]
    type: str
    data: npt.NDArray[np.uint8] | None
    quantisation: Quantisation | None

    def stored(self) -> Array:
        """The constant as it is stored. Raises ValueError where its bytes don't fit its shape."""
        if self.data is None:
            raise ValueError("is not a constant of the file")
        if self.type not in _DTYPES:
            raise ValueError(f"has type {self.type}, must have one of {', '.join(_DTYPES)}")
        dtype = np.dtype(_DTYPES[self.type]).newbyteorder("<")
        nbytes = total_bytes([(self.shape, dtype.itemsize)])
        if min(self.shape, default=1) < 1 or nbytes != self.data.size:
            raise ValueError(f"has {self.data.size} bytes, {self.shape} {self.type} is {nbytes}")
        return self.data.view(dtype).reshape(self.shape)

    def real(self) -> npt.NDArray[np.float32]:
        """The constant's real numbers: scale * (stored - zero_point) where it is quantised.

        Raises ValueError where it has none.
        """
        stored = self.stored()
        if total_bytes([(self.shape, 4)]) > MOST_BYTES:
            raise ValueError(f"is too large: {self.shape}")
        if stored.dtype.kind == "f":
            return stored.astype(np.float32)
        if self.quantisation is None:
            raise ValueError(f"is {self.type} without a scale")
        scale, zero = self.quantisation.scale, self.quantisation.zero_point
        if scale.size > 1:
            axis = self.quantisation.axis
            if not 0 <= axis < len(self.shape) or scale.size != self.shape[axis]:
                raise ValueError(f"has {scale.size} scales along axis {axis} of {self.shape}")
            sides = [1] * len(self.shape)
            sides[axis] = scale.size
            scale, zero = scale.reshape(sides), (zero.reshape(sides) if zero.size > 1 else zero)
        # The difference is exact: 32 bits and a zero point of 32 bits in 64.
        difference = stored.astype(np.int64) - zero
        return (scale.astype(np.float64) * difference).astype(np.float32)


@dataclass(frozen=True)
class Operator:
    """One operator, under its schema's name ("CONV_2D"). `inputs` has -1 where one is left out."""

    number: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"operator {self.number} ({self.name})"


@dataclass(frozen=True)
class Graph:
    """The graph; tensors are named by their place in `tensors`."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def parse(data: bytes) -> Graph:
    """The graph of a `.tflite` file's bytes. Raises GraphError."""
    if data[4:8] != b"TFL3":
        raise GraphError("is no TFLite file: its bytes 5 to 8 are not TFL3")
    try:
        return _parse(data)
    except GraphError:
        raise
    except _ERRORS as error:
        raise GraphError(
            f"is no whole TFLite file ({type(error).__name__}: {short(str(error))})"
        ) from error


def _parse(data: bytes) -> Graph:
    from tflite.Model import Model

    model = Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise GraphError(f"has {model.SubgraphsLength()} graphs, must have 1")
    graph = _there(model.Subgraphs(0))
    count = _bounded(graph.TensorsLength(), _MOST_TENSORS, "tensors")
    tensors = tuple(_tensor(model, _there(graph.Tensors(i))) for i in range(count))
    count = _bounded(graph.OperatorsLength(), _MOST_OPERATORS, "operators")
    operators = tuple(_operator(model, graph, i, len(tensors)) for i in range(count))
    inputs = _indices(graph.InputsLength(), graph.InputsAsNumpy, len(tensors))
    outputs = _indices(graph.OutputsLength(), graph.OutputsAsNumpy, len(tensors))
    return Graph(tensors, operators, inputs, outputs)


def _tensor(model: Any, tensor: Any) -> Tensor:
    sides = _bounded(tensor.ShapeLength(), _MOST_SIDES, "sides of a tensor")
    shape = tuple(int(side) for side in tensor.ShapeAsNumpy()) if sides else ()
    if tensor.Sparsity() is not None:
        raise GraphError("has a sparse tensor, which is not read")
    number = tensor.Buffer()
    if not 0 <= number < model.BuffersLength():
        raise GraphError(f"has a tensor in buffer {number} of {model.BuffersLength()}")
    buffer = _there(model.Buffers(number))
    data = buffer.DataAsNumpy() if buffer.DataLength() else None
    return Tensor(shape, _type_names()[tensor.Type()], data, _quantisation(tensor))


def _quantisation(tensor: Any) -> Quantisation | None:
    parameters = tensor.Quantization()
    if parameters is None or not parameters.ScaleLength():
        return None
    scale = parameters.ScaleAsNumpy()
    zero = parameters.ZeroPointAsNumpy() if parameters.ZeroPointLength() else np.zeros(1, np.int64)
    if zero.size not in (1, scale.size):
        raise GraphError(f"has a tensor of {scale.size} scales and {zero.size} zero points")
    return Quantisation(scale, zero, parameters.QuantizedDimension())


def _operator(model: Any, graph: Any, number: int, tensors: int) -> Operator:
    operator = _there(graph.Operators(number))
    index = operator.OpcodeIndex()
    if not 0 <= index < model.OperatorCodesLength():
        raise GraphError(f"operator {number} has code {index} of {model.OperatorCodesLength()}")
    code = _there(model.OperatorCodes(index))
    # The first 127 operators are in the older field, the newer one is then 0 or the same.
    builtin = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    name = _operator_names().get(builtin, str(builtin))
    inputs = _indices(operator.InputsLength(), operator.InputsAsNumpy, tensors)
    outputs = _indices(operator.OutputsLength(), operator.OutputsAsNumpy, tensors)
    return Operator(number, name, inputs, outputs, _options(name, operator.BuiltinOptions()))


def _options(name: str, table: Any) -> dict[str, Any]:
    """The options of an operator that the network may have, under their schema's names."""
    readers = _option_readers()
    if name not in readers or table is None:
        return {}
    cls, names = readers[name]
    options = cls()
    options.Init(table.Bytes, table.Pos)
    return {each: getattr(options, each)() for each in names}


@cache
def _option_readers() -> dict[str, tuple[Callable[[], Any], tuple[str, ...]]]:
    from tflite.Conv2DOptions import Conv2DOptions
    from tflite.DepthwiseConv2DOptions import DepthwiseConv2DOptions
    from tflite.FullyConnectedOptions import FullyConnectedOptions
    from tflite.Pool2DOptions import Pool2DOptions

    dilation = ("DilationHFactor", "DilationWFactor")
    window = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
    return {
        "CONV_2D": (Conv2DOptions, window + dilation),
        "DEPTHWISE_CONV_2D": (DepthwiseConv2DOptions, (*window, *dilation, "DepthMultiplier")),
        "AVERAGE_POOL_2D": (Pool2DOptions, (*window, "FilterHeight", "FilterWidth")),
        "FULLY_CONNECTED": (FullyConnectedOptions, ("FusedActivationFunction", "WeightsFormat")),
    }


def activation_name(number: int) -> str:
    """The schema's name ("RELU6") of a fused activation."""
    from tflite.ActivationFunctionType import ActivationFunctionType

    return _names_of(ActivationFunctionType).get(number, str(number))


@cache
def _type_names() -> dict[int, str]:
    from tflite.TensorType import TensorType

    names = _names_of(TensorType)
    return {number: names.get(number, f"type {number}") for number in range(-128, 128)}


@cache
def _operator_names() -> dict[int, str]:
    from tflite.BuiltinOperator import BuiltinOperator

    return _names_of(BuiltinOperator)


def _names_of(enum: type) -> dict[int, str]:
    return {number: name for name, number in vars(enum).items() if isinstance(number, int)}


def _bounded(count: int, most: int, what: str) -> int:
    if count > most:
        raise GraphError(f"has {count} {what}, at most {most} are read")
    return count


def _indices(count: int, read: Callable[[], Any], tensors: int) -> tuple[int, ...]:
    if not _bounded(count, _MOST_TENSORS, "tensors at one operator"):
        return ()
    indices = tuple(int(index) for index in read())
    if not all(-1 <= index < tensors for index in indices):
        raise GraphError(f"has tensor {max(indices, key=abs)} of {tensors}")
    return indices


def _there(table: Any) -> Any:
    if table is None:
        raise GraphError("has an empty table")
    return table
