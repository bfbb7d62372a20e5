"""Files opened by the runtimes' own Python interfaces, with nothing of the project in between; and
a runtime that computes something else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.contracts import Program
from sweep.runtimes.onnx_runtime import OnnxRuntime

Floats = npt.NDArray[np.float32]


def by_onnxruntime(model: bytes, images: Floats) -> Floats:
    """images f32[N,R,R,3], one by one -> logits f32[N,classes]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.concatenate([_onnx(session, image) for image in images])


def _onnx(session: Any, image: Floats) -> Floats:
    return session.run(None, {"images": image[None].transpose(0, 3, 1, 2)})[0]


def by_openvino(model: bytes, images: Floats) -> Floats:
    """As `by_onnxruntime`. In float32: where the processor can, OpenVINO takes bfloat16."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] - it would fork, and tell Google
    import openvino

    core = openvino.Core()
    read = core.read_model(model, b"")
    program = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([program(image[None].transpose(0, 3, 1, 2))[0] for image in images])


def by_litert(model: bytes, images: Floats) -> Floats:
    """As `by_onnxruntime`; of a quantised file in the real numbers that its int8 stand for."""
    interpreter = interpreter_of(model)
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    logits = []
    for image in images:
        interpreter.set_tensor(given["index"], _stored(image[None], given))
        interpreter.invoke()
        logits.append(_real(interpreter.get_tensor(made["index"]), made))
    return np.concatenate(logits)


def interpreter_of(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    return interpreter


def _stored(images: Floats, tensor: dict[str, Any]) -> npt.NDArray[Any]:
    scale, zero = tensor["quantization"]
    if not scale:
        return images
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.rint(images / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _real(stored: npt.NDArray[Any], tensor: dict[str, Any]) -> Floats:
    scale, zero = tensor["quantization"]
    if not scale:
        return stored
    return np.float32(scale) * (stored.astype(np.float32) - np.float32(zero))


class Careless(OnnxRuntime):
    """A runtime from outside whose programs are off by a hundredth of their largest logit."""

    name = "careless"

    def open(self, file: Path, *, threads: int = 0) -> Program:
        program = super().open(file, threads=threads)
        right = type(program).__call__

        class Off(type(program)):
            def __call__(self, images: Floats) -> Floats:
                logits = right(self, images)
                return logits + np.float32(0.01) * np.abs(logits).max()

        program.__class__ = Off
        return program
