"""The network as an ONNX graph, built from its rows.

Zeros around a map stand in the convolutions' own `pads`: a Pad before each, as PyTorch's exporter
makes of TensorFlow's padding, costs ONNX Runtime a copy of the map (docs/performance.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnv1_flax.architecture import LayerType
from mnv1_flax.export.deployed import Deployed, Floats, Step
from mnv1_flax.normalisation import Activation

# Of 2022: every runtime of today opens it, and nothing here is newer.
OPSET, IR_VERSION = 17, 8
INPUT, OUTPUT = "images", "logits"


def onnx_bytes(network: Deployed, batch: int = 1) -> bytes:
    """An ONNX model: images f32[batch,3,R,R] -> logits f32[batch,classes], checked by
    `onnx.checker`.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    before = INPUT
    if network.scales:
        for operator, number in (("Mul", network.scale), ("Add", network.offset)):
            before = graph.add(operator, f"input_{operator.lower()}", before, np.float32(number))
    for step in network.convolutions:
        before = graph.convolution(step, before)
        before = graph.activation(step.layer.name, before, network.activation)
    before = graph.add("GlobalAveragePool", "pool", before)
    before = graph.add("Flatten", "features", before)
    last = network.classifier
    graph.add("Gemm", OUTPUT, before, last.kernel, last.bias)
    side = network.resolution
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "mobilenet_v1",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [batch, 3, side, side])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [batch, network.classes])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="mnv1_flax",
    )
    model.ir_version = IR_VERSION
    helper.set_model_props(model, network.about)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(
        self, operator: str, output: str, before: str, *others: npt.ArrayLike, **attributes: Any
    ) -> str:
        """A node whose further inputs are constants; the name of its output."""
        from onnx import helper

        inputs = [before, *(self._constant(f"{output}/{at}", own) for at, own in enumerate(others))]
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, step: Step, before: str) -> str:
        low, high = step.zeros
        layer = step.layer
        return self.add(
            "Conv",
            layer.name,
            before,
            _kernel(step),
            step.bias,
            pads=[low, low, high, high],
            strides=[layer.stride, layer.stride],
            kernel_shape=[layer.kernel, layer.kernel],
            group=layer.channels_in if layer.type is LayerType.DEPTHWISE else 1,
        )

    def activation(self, name: str, before: str, which: Activation) -> str:
        if which is Activation.RELU:
            return self.add("Relu", f"{name}/relu", before)
        return self.add("Clip", f"{name}/relu6", before, np.float32(0), np.float32(6))

    def _constant(self, name: str, value: npt.ArrayLike) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _kernel(step: Step) -> Floats:
    """As ONNX has it: [N, M or 1, height, width]."""
    match step.layer.type:
        case LayerType.DEPTHWISE:
            return step.kernel.transpose(2, 0, 1)[:, None]
        case LayerType.POINTWISE:
            return step.kernel.T[:, :, None, None]
        case _:
            return step.kernel.transpose(3, 2, 0, 1)
