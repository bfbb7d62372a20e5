"""A TFLite flatbuffer as plain tensors and operators, with nothing believed unchecked.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, by the generated classes of the package
`tflite`. A flatbuffer is offsets into itself: every count is held against a bound before it is
walked, and arrays are views, so that a damaged file can neither loop nor allocate.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv1_flax.checkpoints.contents import MOST_BYTES, Array, total_bytes

_MOST = 4096  # tables or numbers of one list that is walked
# What wild offsets raise in the generated classes, and what is found to be wrong here.
ERRORS = (struct.error, LookupError, TypeError, ValueError, OverflowError, AttributeError)
_DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "INT8": np.int8,
}
LOWEST = {"UINT8": 0, "INT8": -128}
_WINDOW = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
_CONVOLUTION = (*_WINDOW, "DilationHFactor", "DilationWFactor")
_ARITHMETIC = ("MUL", "DIV", "ADD", "SUB")
# Operator -> the table of its options, and those that are read.
_OPTIONS = {
    "CONV_2D": ("Conv2DOptions", _CONVOLUTION),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (*_CONVOLUTION, "DepthMultiplier")),
    "AVERAGE_POOL_2D": ("Pool2DOptions", (*_WINDOW, "FilterHeight", "FilterWidth")),
    **{name: (f"{name.title()}Options", ("FusedActivationFunction",)) for name in _ARITHMETIC},
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction", "WeightsFormat")),
}
_ENUMS = {"Padding": "Padding", "FusedActivationFunction": "ActivationFunctionType"}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph. `data` is None unless it is a constant. Of a quantised one
    real = scale * (stored - zero_point), with one scale or one for each slice along `axis`.
    """

    shape: tuple[int, ...]
    type: str
    data: npt.NDArray[np.uint8] | None
    scale: npt.NDArray[np.float32] | None = None
    zero_point: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    axis: int = 0

    def range(self) -> tuple[float, float] | None:
        """The real numbers that it can hold where it is quantised to 8 bits as a whole."""
        if self.scale is None or self.scale.size != 1 or self.type not in LOWEST:
            return None
        scale = float(self.scale[0])
        low = scale * (LOWEST[self.type] - float(self.zero_point[0]))
        return low, low + 255 * scale

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
        """The constant's real numbers. Raises ValueError where it has none."""
        stored = self.stored()
        if total_bytes([(self.shape, 4)]) > MOST_BYTES:
            raise ValueError(f"is too large: {self.shape}")
        if stored.dtype.kind == "f":
            return stored.astype(np.float32)
        if self.scale is None:
            raise ValueError(f"is {self.type} without a scale")
        lengths = {self.scale.size, self.zero_point.size} - {1}
        if lengths and (not 0 <= self.axis < len(self.shape) or lengths != {self.shape[self.axis]}):
            counts = f"{self.scale.size} scales and {self.zero_point.size} zero points"
            raise ValueError(f"has {counts} along axis {self.axis} of {self.shape}")
        # Over the axes behind, one for each slice and one for all broadcast alike.
        sides = (-1, *[1] * (len(self.shape) - 1 - self.axis if lengths else 0))
        # The difference is exact: 32 bits and a zero point of 32 bits in 64.
        difference = stored.astype(np.int64) - self.zero_point.reshape(sides)
        return (self.scale.astype(np.float64).reshape(sides) * difference).astype(np.float32)


@dataclass(frozen=True)
class Operator:
    """One operator, under its schema's name ("CONV_2D"). `inputs` has -1 where one is left out.
    options: of the network's operators, under the schema's names.
    """

    number: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]

    def __str__(self) -> str:
        return f"operator {self.number} ({self.name})"

    def differing(self, **expected: Any) -> Iterator[str]:
        """A line for every option that has another value."""
        for option, value in expected.items():
            if (own := self.options.get(option)) != value:
                yield f"{self}: has {option} {own}, must have {value}"


@dataclass(frozen=True)
class Graph:
    """The graph; tensors are named by their place in `tensors`."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def parse(data: bytes) -> Graph:
    """The graph of a `.tflite` file's bytes. Raises one of ERRORS where they are none."""
    from tflite.Model import Model

    if data[4:8] != b"TFL3":
        raise ValueError("its bytes 5 to 8 are not TFL3")
    model = Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise ValueError(f"it has {model.SubgraphsLength()} graphs, must have 1")
    graph: Any = model.Subgraphs(0)
    buffers = _tables(model.BuffersLength(), model.Buffers)
    codes = _tables(model.OperatorCodesLength(), model.OperatorCodes)
    tensors = [_tensor(each, buffers) for each in _tables(graph.TensorsLength(), graph.Tensors)]
    operators = _tables(graph.OperatorsLength(), graph.Operators)
    count = len(tensors)
    return Graph(
        tuple(tensors),
        tuple(_operator(number, each, codes, count) for number, each in enumerate(operators)),
        _indices(graph.InputsLength(), graph.InputsAsNumpy, count),
        _indices(graph.OutputsLength(), graph.OutputsAsNumpy, count),
    )


def _tensor(tensor: Any, buffers: list[Any]) -> Tensor:
    shape = _numbers(tensor.ShapeLength(), tensor.ShapeAsNumpy)
    if tensor.Sparsity() is not None:
        raise ValueError("it has a sparse tensor, which is not read")
    buffer = buffers[tensor.Buffer()]
    data = buffer.DataAsNumpy() if buffer.DataLength() else None
    plain = shape, _name("TensorType", tensor.Type()), data
    quantised = tensor.Quantization()
    if quantised is None or not quantised.ScaleLength():
        return Tensor(*plain)
    axis = quantised.QuantizedDimension()
    if not quantised.ZeroPointLength():
        return Tensor(*plain, quantised.ScaleAsNumpy(), axis=axis)
    return Tensor(*plain, quantised.ScaleAsNumpy(), quantised.ZeroPointAsNumpy(), axis)


def _operator(number: int, operator: Any, codes: list[Any], tensors: int) -> Operator:
    code = codes[operator.OpcodeIndex()]
    # The first 127 operators are in the older field, the newer one is then 0 or the same.
    name = _name("BuiltinOperator", max(code.DeprecatedBuiltinCode(), code.BuiltinCode()))
    inputs = _indices(operator.InputsLength(), operator.InputsAsNumpy, tensors)
    outputs = _indices(operator.OutputsLength(), operator.OutputsAsNumpy, tensors)
    return Operator(number, name, inputs, outputs, _options(name, operator.BuiltinOptions()))


def _options(name: str, table: Any) -> dict[str, Any]:
    if name not in _OPTIONS or table is None:
        return {}
    cls, names = _OPTIONS[name]
    options = _schema(cls)()
    options.Init(table.Bytes, table.Pos)
    values = {each: getattr(options, each)() for each in names}
    return values | {each: _name(_ENUMS[each], values[each]) for each in names if each in _ENUMS}


def _schema(name: str) -> Any:
    return getattr(import_module(f"tflite.{name}"), name)


def _name(enum: str, number: int) -> str:
    """The schema's name ("RELU6") of a value of one of its enums; the number where it has none."""
    names = vars(_schema(enum)).items()
    return next((name for name, each in names if name.isupper() and each == number), str(number))


def _tables(count: int, read: Callable[[int], Any]) -> list[Any]:
    return [read(index) for index in range(_bounded(count))]


def _numbers(count: int, read: Callable[[], Any]) -> tuple[int, ...]:
    return tuple(read().tolist()) if _bounded(count) else ()


def _indices(count: int, read: Callable[[], Any], tensors: int) -> tuple[int, ...]:
    indices = _numbers(count, read)
    if not all(-1 <= index < tensors for index in indices):
        raise ValueError(f"it has tensor {max(indices, key=abs)} of {tensors}")
    return indices


def _bounded(count: int) -> int:
    if count > _MOST:
        raise ValueError(f"it has {count} tables or numbers in a list, at most {_MOST} are read")
    return count
