"""The network as an ONNX graph, written by hand.

PyTorch's exporter turns TensorFlow's padding into a Pad before each convolution, which costs ONNX
Runtime a copy of the map (1.0-224: 10.5 ms against 6.3 here). The convolutions carry it themselves
instead: what ONNX Runtime and OpenVINO are fastest with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
STRIDE_2_BLOCKS = (2, 4, 6, 12)
OPSET, IR_VERSION = 17, 9
RELU6 = (("zero", 0), ("six", 6))


def onnx_model(weights: Sequence[tuple[str, Floats, Floats]], resolution: int, batch: int) -> bytes:
    """images f32[batch,3,R,R] -> logits f32[batch,classes].

    weights: (name, kernel, bias) of each layer in order, kernels as PyTorch has them, the
    classifier's last.
    """
    from onnx import (  # pyright: ignore[reportMissingImports]
        TensorProto,
        helper,
        numpy_helper,
    )

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: npt.NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    zero, six = (constant(name, np.array(value, np.float32)) for name, value in RELU6)
    *convolutions, (_, matrix, offset) = weights
    before, side = "images", resolution
    for name, kernel, bias in convolutions:
        stride = _stride(name)
        inputs = [before, constant(f"{name}/kernel", kernel), constant(f"{name}/bias", bias)]
        low, high = _same_padding(side, stride) if kernel.shape[-1] == 3 else (0, 0)
        nodes.append(
            helper.make_node(
                "Conv",
                inputs,
                [name],
                pads=[low, low, high, high],
                strides=[stride, stride],
                group=kernel.shape[0] if name.startswith("depthwise") else 1,
            )
        )
        before, side = f"{name}/relu6", -(-side // stride)
        nodes.append(helper.make_node("Clip", [name, zero, six], [before]))
    nodes += [
        helper.make_node("GlobalAveragePool", [before], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["features"]),
        helper.make_node(
            "Gemm",
            ["features", constant("matrix", matrix), constant("offset", offset)],
            ["logits"],
            transB=1,
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "mobilenet_v1",
        [
            helper.make_tensor_value_info(
                "images", TensorProto.FLOAT, [batch, 3, resolution, resolution]
            )
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, len(offset)])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model.SerializeToString()


def onnx_convolution(side: int, channels: int, stride: int, batch: int) -> bytes:
    """One depthwise 3x3 convolution alone: images f32[batch,C,S,S], random filters."""
    from onnx import (  # pyright: ignore[reportMissingImports]
        TensorProto,
        helper,
        numpy_helper,
    )

    out, (low, high) = -(-side // stride), _same_padding(side, stride)
    kernel = np.random.default_rng(0).standard_normal((channels, 1, 3, 3)).astype(np.float32)
    node = helper.make_node(
        "Conv",
        ["images", "kernel"],
        ["maps"],
        pads=[low, low, high, high],
        strides=[stride, stride],
        group=channels,
    )
    shapes = {"images": [batch, channels, side, side], "maps": [batch, channels, out, out]}
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    graph = helper.make_graph(
        [node], "depthwise", [given], [made], [numpy_helper.from_array(kernel, "kernel")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model.SerializeToString()


def _stride(name: str) -> int:
    halving = ("conv_0", *(f"depthwise_{block}" for block in STRIDE_2_BLOCKS))
    return 2 if name in halving else 1


def _same_padding(side: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME for a 3x3 filter: zeros before and after."""
    total = max((-(-side // stride) - 1) * stride + 3 - side, 0)
    return total // 2, total - total // 2
