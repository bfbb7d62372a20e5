"""OpenVINO, by its CPU plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.contracts import Program, Runtime
from sweep.runtimes.layouts import image_layout
from sweep.runtimes.onnx_runtime import OnnxRuntime


class OpenVINO(Runtime):
    """Files of ONNX. In float32: where the processor can, OpenVINO would take bfloat16 by itself,
    which is another network.
    """

    name = "openvino"
    suffixes = (".onnx",)
    packages = ("openvino",)
    precisions = ("float32", "int8")

    def reference(self, file: Path) -> Program:
        """ONNX Runtime's: the file is ONNX's."""
        return OnnxRuntime().reference(file)

    def open(self, file: Path, *, threads: int = 0) -> Program:
        # Its import would start a process and tell Google of it.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        try:
            model = core.read_model(str(file))
            return _Program(core.compile_model(model, "CPU", options), model, file)
        except RuntimeError as error:
            raise ValueError(f"{file}: OpenVINO can't open it: {error}") from None


class _Program(Program):
    kernels = "CPU"

    def __init__(self, program: Any, model: Any, file: Path) -> None:
        self._program = program
        (given,) = program.inputs
        shape = [each.get_length() if each.is_static else 0 for each in given.partial_shape]
        self._first, self.resolution, self.batch = image_layout(shape, file)
        self.num_classes = int(program.outputs[0].partial_shape[-1].get_length())
        self.about = _metadata(file)
        kinds = {each.get_type_name() for each in model.get_ops()}
        self.quantised = "FakeQuantize" in kinds

    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        shown = images.transpose(0, 3, 1, 2) if self._first else images
        outputs = self._program(np.ascontiguousarray(shown))[0]
        return np.array(outputs, np.float32).reshape(len(images), -1)

    def ready(self, images: npt.NDArray[np.float32]) -> Callable[[], object]:
        import openvino

        shown = images.transpose(0, 3, 1, 2) if self._first else images
        request = self._program.create_infer_request()
        request.set_input_tensor(openvino.Tensor(np.ascontiguousarray(shown)))
        return request.infer


def _metadata(file: Path) -> dict[str, str]:
    """Which OpenVINO does not hand on."""
    import onnx

    return {each.key: each.value for each in onnx.load(file).metadata_props}
