"""The network as a TFLite flatbuffer, built from its rows: the operators that Google's own files
have, with the activation fused, and TensorFlow's padding by its name.

By the object classes that LiteRT's wheel carries, generated from TensorFlow's public schema.fbs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnv1_flax.architecture import LayerType
from mnv1_flax.convolution import Padding, zeros_around
from mnv1_flax.export.deployed import Deployed, Floats, Step
from mnv1_flax.normalisation import Activation

INPUT, OUTPUT = "images", "logits"
SIGNATURE = "serving_default"
_IDENTIFIER = b"TFL3"


def tflite_bytes(network: Deployed, batch: int = 1) -> bytes:
    """A TFLite model: images f32[batch,R,R,3] -> logits f32[batch,classes]."""
    import flatbuffers

    graph, side = _Graph(), network.resolution
    before = first = graph.tensor(INPUT, (batch, side, side, 3))
    before = _scaled(graph, network, before)
    for step in network.convolutions:
        before = _convolution(graph, step, before, network.activation)
    last = network.classifier
    before = _pooled(graph, last, before)
    options = graph.options("FullyConnected", keepNumDims=False)
    inputs = [before, graph.constant("classifier/kernel", last.kernel.T)]
    inputs.append(graph.constant("classifier/bias", last.bias))
    logits = graph.add("FULLY_CONNECTED", inputs, OUTPUT, (batch, network.classes), options)
    for name, text in network.about.items():
        graph.describe(name, text)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(graph.model(first, logits).Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


class _Graph:
    """Tensors, buffers and operators, as they are added; indices stand for them, as in the file."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated

        self._schema: Any = schema_py_generated
        self._buffers = [self._schema.BufferT()]  # the first stands for no data
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[str] = []
        self._described: list[Any] = []

    def options(self, name: str, **values: Any) -> Any:
        """The table of options of an operator: options("Conv2D", strideW=2)."""
        table = getattr(self._schema, f"{name}OptionsT")()
        for key, value in values.items():
            setattr(table, key, value)
        return table

    def named(self, kind: str, name: str) -> int:
        """A member of one of the schema's enumerations."""
        return getattr(getattr(self._schema, kind), name)

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self._tensors[tensor].shape)

    def tensor(self, name: str, shape: tuple[int, ...], buffer: int = 0, dtype: str = "") -> int:
        table = self._schema.TensorT()
        table.name, table.shape, table.buffer = name, np.array(shape, np.int32), buffer
        table.type = self.named("TensorType", dtype or "FLOAT32")
        self._tensors.append(table)
        return len(self._tensors) - 1

    def constant(self, name: str, value: npt.NDArray[Any]) -> int:
        buffer = self._buffer(np.ascontiguousarray(value).tobytes())
        return self.tensor(name, value.shape, buffer, value.dtype.name.upper())

    def add(
        self, operator: str, inputs: list[int], name: str, shape: tuple[int, ...], options: Any
    ) -> int:
        """An operator; the tensor that it makes."""
        output = self.tensor(name, shape)
        if operator not in self._codes:
            self._codes.append(operator)
        table = self._schema.OperatorT()
        table.opcodeIndex = self._codes.index(operator)
        table.inputs, table.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        kind = type(options).__name__.removesuffix("T")
        table.builtinOptionsType = self.named("BuiltinOptions", kind)
        table.builtinOptions = options
        self._operators.append(table)
        return output

    def describe(self, name: str, text: str) -> None:
        table = self._schema.MetadataT()
        table.name, table.buffer = name, self._buffer(text.encode())
        self._described.append(table)

    def model(self, first: int, last: int) -> Any:
        """All of it, with the signature by which runtimes call it."""
        schema = self._schema
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = "main", self._tensors, self._operators
        graph.inputs, graph.outputs = np.array([first], np.int32), np.array([last], np.int32)
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
        for (own,), name, tensor in (
            (signature.inputs, INPUT, first),
            (signature.outputs, OUTPUT, last),
        ):
            own.name, own.tensorIndex = name, tensor
        model = schema.ModelT()
        model.version, model.description = 3, "mnv1_flax"
        model.subgraphs, model.signatureDefs = [graph], [signature]
        model.operatorCodes = [self._code(name) for name in self._codes]
        model.buffers, model.metadata = self._buffers, self._described
        return model

    def _code(self, name: str) -> Any:
        table = self._schema.OperatorCodeT()
        number = self.named("BuiltinOperator", name)
        table.builtinCode, table.deprecatedBuiltinCode, table.version = number, number, 1
        return table

    def _buffer(self, data: bytes) -> int:
        table = self._schema.BufferT()
        table.data = np.frombuffer(data, np.uint8)
        self._buffers.append(table)
        return len(self._buffers) - 1


def _scaled(graph: _Graph, network: Deployed, before: int) -> int:
    """What a network that scales its own input begins with."""
    for name, number, usual in (("Mul", network.scale, 1.0), ("Add", network.offset, 0.0)):
        if number != usual:
            constant = graph.constant(f"input_{name.lower()}/by", np.array([number], np.float32))
            shape, options = graph.shape(before), graph.options(name)
            before = graph.add(
                name.upper(), [before, constant], f"input_{name.lower()}", shape, options
            )
    return before


def _convolution(graph: _Graph, step: Step, before: int, activation: Activation) -> int:
    """With its activation, and with its padding where that has a name."""
    layer, kernel = step.layer, _kernel(step)
    named = step.zeros in ((0, 0), zeros_around(layer.size_in, layer.stride, Padding.SAME))
    if not named:
        before = _padded(graph, step, before)
    inputs = [
        before,
        graph.constant(f"{layer.name}/kernel", kernel),
        graph.constant(f"{layer.name}/bias", step.bias),
    ]
    window = {
        "padding": graph.named("Padding", "SAME" if named else "VALID"),
        "strideW": layer.stride,
        "strideH": layer.stride,
        "fusedActivationFunction": graph.named("ActivationFunctionType", activation.name),
    }
    shape = (graph.shape(before)[0], layer.size_out, layer.size_out, layer.channels_out)
    if layer.type is LayerType.DEPTHWISE:
        options = graph.options("DepthwiseConv2D", depthMultiplier=1, **window)
        return graph.add("DEPTHWISE_CONV_2D", inputs, layer.name, shape, options)
    return graph.add("CONV_2D", inputs, layer.name, shape, graph.options("Conv2D", **window))


def _padded(graph: _Graph, step: Step, before: int) -> int:
    """The map with zeros around it, as an operator of its own."""
    name = f"{step.layer.name}/pad"
    around = np.array([(0, 0), step.zeros, step.zeros, (0, 0)], np.int32)
    images, height, width, channels = graph.shape(before)
    shape = images, height + sum(step.zeros), width + sum(step.zeros), channels
    inputs = [before, graph.constant(f"{name}/zeros", around)]
    return graph.add("PAD", inputs, name, shape, graph.options("Pad"))


def _pooled(graph: _Graph, classifier: Step, before: int) -> int:
    """The mean over the map: f32[N,C]."""
    images, side, _, channels = graph.shape(before)
    valid = graph.named("Padding", "VALID")
    options = graph.options(
        "Pool2D", padding=valid, strideW=1, strideH=1, filterWidth=side, filterHeight=side
    )
    shape = images, classifier.layer.channels_in
    pooled = graph.add("AVERAGE_POOL_2D", [before], "pool", (images, 1, 1, channels), options)
    inputs = [pooled, graph.constant("features/shape", np.array(shape, np.int32))]
    return graph.add(
        "RESHAPE", inputs, "features", shape, graph.options("Reshape", newShape=list(shape))
    )


def _kernel(step: Step) -> Floats:
    """As TFLite has it: [N, height, width, M], and [1, height, width, C] of a depthwise one."""
    match step.layer.type:
        case LayerType.DEPTHWISE:
            return step.kernel[None]
        case LayerType.POINTWISE:
            return step.kernel.T[:, None, None, :]
        case _:
            return step.kernel.transpose(3, 0, 1, 2)
