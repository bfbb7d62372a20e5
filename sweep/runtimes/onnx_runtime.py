"""ONNX Runtime, by its CPU kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.contracts import Program, Runtime
from sweep.runtimes.layouts import image_layout

PROVIDER = "CPUExecutionProvider"
_QUANTISED = "DequantizeLinear"


class OnnxRuntime(Runtime):
    """Files of ONNX: float32, or int8 as quantise and dequantise beside every operator."""

    name = "onnxruntime"
    suffixes = (".onnx",)
    packages = ("onnxruntime",)
    precisions = ("float32", "int8")

    def open(self, file: Path, *, threads: int = 0) -> Program:
        return self._open(file, threads)

    def reference(self, file: Path) -> Program:
        """Operator by operator: floats, each put into its integers and taken out again."""
        return self._open(file, 1, optimised=False)

    def _open(self, file: Path, threads: int, *, optimised: bool = True) -> Program:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors
        if not optimised:
            levels = onnxruntime.GraphOptimizationLevel
            options.graph_optimization_level = levels.ORT_DISABLE_ALL
        # Threads that wait for the next call would take the cores of whatever comes between.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            session = onnxruntime.InferenceSession(str(file), options, providers=[PROVIDER])
        except Exception as error:  # noqa: BLE001 - a class of its own for each of its states
            raise ValueError(f"{file}: ONNX Runtime can't open it: {error}") from None
        return _Program(session, file)


class _Program(Program):
    kernels = PROVIDER

    def __init__(self, session: Any, file: Path) -> None:
        self._session = session
        (given, *others), (made, *_) = session.get_inputs(), session.get_outputs()
        if others:
            raise ValueError(f"{file}: takes {len(others) + 1} inputs, must take images alone")
        self._input = given.name
        self._first, self.resolution, self.batch = image_layout(given.shape, file)
        self.num_classes = int(made.shape[-1])
        self.about = dict(session.get_modelmeta().custom_metadata_map)
        self.quantised = _QUANTISED.encode() in file.read_bytes()

    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        shown = images.transpose(0, 3, 1, 2) if self._first else images
        (outputs, *_) = self._session.run(None, {self._input: np.ascontiguousarray(shown)})
        return outputs.reshape(len(images), -1)

    def ready(self, images: npt.NDArray[np.float32]) -> Callable[[], object]:
        shown = images.transpose(0, 3, 1, 2) if self._first else images
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, np.ascontiguousarray(shown))
        binding.bind_output(self._session.get_outputs()[0].name)
        return lambda: self._session.run_with_iobinding(binding)
