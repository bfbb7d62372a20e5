"""Writes `.tflite` files of MobileNetV1 through the schema's object API, for tests to read.

Two layouts: that of the official files (SAME, AVERAGE_POOL_2D, CONV_2D, RESHAPE, SOFTMAX), and one
that converters of other libraries write (PAD and VALID, MEAN, FULLY_CONNECTED).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mnv1_flax import architecture
from mnv1_flax.architecture import LayerType

Array = npt.NDArray[Any]
_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "uint8": schema.TensorType.UINT8,
    "int8": schema.TensorType.INT8,
}
_RELU6 = schema.ActivationFunctionType.RELU6
_NONE = schema.ActivationFunctionType.NONE


@dataclass(frozen=True)
class Quantised:
    """A constant as it is stored, and what it stands for: scale * (stored - zero_point)."""

    stored: Array
    scale: list[float]
    zero_point: list[int]
    axis: int = 0


@dataclass
class Weights:
    """A layer's kernel, in TFLite's order of axes, and bias; None leaves the bias out."""

    kernel: Array | Quantised
    bias: Array | Quantised | None


def random_weights(alpha: float, classes: int) -> dict[str, Weights]:
    """f32 weights that keep the size of the maps. Kernels are [N,H,W,M], depthwise [1,3,3,C]."""
    rng = np.random.default_rng(5)
    weights = {}
    for row in architecture.layers("separable", alpha, 224, classes):
        if row.type is LayerType.POOL:
            continue
        m, n, k = row.channels_in, row.channels_out, row.kernel
        depthwise = row.type is LayerType.DEPTHWISE
        shape = (1, k, k, n) if depthwise else (n, k, k, m)
        deviation = np.sqrt(2 / (k * k * (1 if depthwise else m)))
        kernel = rng.normal(0, deviation, shape).astype(np.float32)
        weights[row.name] = Weights(kernel, rng.normal(0.2, 0.3, n).astype(np.float32))
    return weights


def in_half_precision(weights: dict[str, Weights]) -> dict[str, Weights]:
    """float32 weights as float16."""
    halves = {}
    for name, each in weights.items():
        assert isinstance(each.kernel, np.ndarray)
        assert isinstance(each.bias, np.ndarray)
        halves[name] = Weights(each.kernel.astype(np.float16), each.bias.astype(np.float16))
    return halves


@dataclass
class Writer:
    """A graph that is being written. Tensors are known by their index."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    operators: list[Any] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def activation(self, *shape: int, dtype: str = "float32") -> int:
        return self._tensor(shape, dtype, 0)

    def constant(self, value: Array | Quantised) -> int:
        array = value.stored if isinstance(value, Quantised) else value
        buffer: Any = schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self.buffers.append(buffer)
        index = self._tensor(array.shape, array.dtype.name, len(self.buffers) - 1)
        if isinstance(value, Quantised):
            found = schema.QuantizationParametersT()
            found.scale, found.zeroPoint = value.scale, value.zero_point
            found.quantizedDimension = value.axis
            self.tensors[index].quantization = found
        return index

    def operator(self, name: str, inputs: list[int], output: int, options: Any = None) -> int:
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.operators.append(operator)
        return output

    def write(self, file: Path, images: int, output: int) -> Path:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [images], [output]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = []
        for number in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode = number
            code.deprecatedBuiltinCode = min(number, 127)
            code.version = 5 if number == schema.BuiltinOperator.CONV_2D else 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        file.write_bytes(builder.Output())
        return file

    def _tensor(self, shape: tuple[int, ...], dtype: str, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), _TYPES[dtype], buffer
        tensor.name = f"tensor_{len(self.tensors)}"
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def window(
    options: Any, stride: int, padding: str = "SAME", activation: int = _RELU6, **others: int
) -> Any:
    options.strideH = options.strideW = stride
    options.padding = getattr(schema.Padding, padding)
    options.fusedActivationFunction = activation
    for name, value in others.items():
        setattr(options, name, value)
    return options


def convolution_options(row: architecture.Layer, padding: str) -> Any:
    if row.type is not LayerType.DEPTHWISE:
        activation = _NONE if row.type is LayerType.CLASSIFIER else _RELU6
        options = window(schema.Conv2DOptionsT(), row.stride, padding, activation)
    else:
        options = window(schema.DepthwiseConv2DOptionsT(), row.stride, padding, depthMultiplier=1)
    options.dilationHFactor = options.dilationWFactor = 1
    return options


def write_weights(writer: Writer, weights: Weights) -> list[int]:
    """The tensors of a layer; float16 ones behind DEQUANTIZE, as converters write them."""
    indices = []
    for value in (weights.kernel, weights.bias):
        if value is None:
            continue
        index = writer.constant(value)
        if not isinstance(value, Quantised) and value.dtype == np.float16:
            wide = writer.activation(*value.shape)
            index = writer.operator("DEQUANTIZE", [index], wide)
        indices.append(index)
    return indices


def write_official(
    file: Path,
    alpha: float,
    resolution: int,
    classes: int,
    weights: dict[str, Weights],
    first: Sequence[tuple[str, float]] = (),
) -> Path:
    """The layout of the official float files. The last operators give logits, then softmax. first:
    what is done to the images, such as ("MUL", 1 / 127.5), ("SUB", 1.0).
    """
    writer = Writer()
    images = current = writer.activation(1, resolution, resolution, 3)
    for name, number in first:
        constant = writer.constant(np.asarray([number], np.float32))
        output = writer.activation(1, resolution, resolution, 3)
        options = getattr(schema, f"{name.title()}OptionsT")()
        current = writer.operator(name, [current, constant], output, options)
    for row in architecture.layers("separable", alpha, resolution, classes):
        if row.type is LayerType.POOL:
            output = writer.activation(1, 1, 1, row.channels_out)
            options = window(schema.Pool2DOptionsT(), 2, "VALID", _NONE)
            options.filterHeight = options.filterWidth = row.size_in
            current = writer.operator("AVERAGE_POOL_2D", [current], output, options)
            continue
        name = "DEPTHWISE_CONV_2D" if row.type is LayerType.DEPTHWISE else "CONV_2D"
        inputs = [current, *write_weights(writer, weights[row.name])]
        output = writer.activation(1, row.size_out, row.size_out, row.channels_out)
        current = writer.operator(name, inputs, output, convolution_options(row, "SAME"))
    shape = writer.constant(np.asarray([1, classes], np.int32))
    flat = writer.operator("RESHAPE", [current, shape], writer.activation(1, classes))
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    output = writer.operator("SOFTMAX", [flat], writer.activation(1, classes), softmax)
    return writer.write(file, images, output)


def write_converted(
    file: Path,
    alpha: float,
    resolution: int,
    classes: int,
    weights: dict[str, Weights],
    zeros: tuple[int, int],
) -> Path:
    """The layout of other libraries' converters: at stride 2 a PAD of `zeros` before and after and
    VALID, then MEAN and FULLY_CONNECTED. The output is logits.
    """
    writer = Writer()
    images = current = writer.activation(1, resolution, resolution, 3)
    for row in architecture.layers("separable", alpha, resolution, classes):
        if row.type is LayerType.POOL:
            axes = writer.constant(np.asarray([1, 2], np.int32))
            options = schema.ReducerOptionsT()
            options.keepDims = False
            output = writer.activation(1, row.channels_out)
            current = writer.operator("MEAN", [current, axes], output, options)
            continue
        inputs = write_weights(writer, weights[row.name])
        if row.type is LayerType.CLASSIFIER:
            writer.tensors[inputs[0]].shape = [classes, row.channels_in]
            output = writer.activation(1, classes)
            options = schema.FullyConnectedOptionsT()
            current = writer.operator("FULLY_CONNECTED", [current, *inputs], output, options)
            continue
        if row.stride == 2:
            around = writer.constant(np.asarray([(0, 0), zeros, zeros, (0, 0)], np.int32))
            side = row.size_in + sum(zeros)
            padded = writer.activation(1, side, side, row.channels_in)
            current = writer.operator("PAD", [current, around], padded, schema.PadOptionsT())
        name = "DEPTHWISE_CONV_2D" if row.type is LayerType.DEPTHWISE else "CONV_2D"
        output = writer.activation(1, row.size_out, row.size_out, row.channels_out)
        options = convolution_options(row, "VALID" if row.stride == 2 else "SAME")
        current = writer.operator(name, [current, *inputs], output, options)
    return writer.write(file, images, current)


def operators(change: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `change` see every operator's options before they are written."""
    options_of = convolution_options

    def changed(row: Any, padding: str) -> Any:
        options = options_of(row, padding)
        options.layer = row.name
        change(options)
        return options

    monkeypatch.setattr("tests.support.tflite_files.convolution_options", changed)


def interpreted(
    file: Path, images: npt.NDArray[Any], tensor: Callable[[Any], int]
) -> npt.NDArray[Any]:
    """A tensor that the interpreter computes for each image. `tensor`: interpreter -> its index."""
    interpreter = Interpreter(
        str(file),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    rows = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(tensor(interpreter)).reshape(-1))
    return np.stack(rows)


def the_output(interpreter: Any) -> int:
    return interpreter.get_output_details()[0]["index"]


def before_softmax(interpreter: Any) -> int:
    """Tensors are written in order: the softmax's output is the last, its input the one before."""
    return the_output(interpreter) - 1
