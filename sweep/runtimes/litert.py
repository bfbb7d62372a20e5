"""LiteRT, TensorFlow Lite's successor, by its CPU kernels: XNNPACK where it takes an operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.contracts import Program, Runtime
from sweep.host.machine import cores
from sweep.runtimes.layouts import image_layout

_DELEGATED = "DELEGATE"
USUAL_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))
NEAR = 0.025  # of a range's width


class LiteRT(Runtime):
    """Files of TFLite, float32 and quantised."""

    name = "litert"
    suffixes = (".tflite",)
    packages = ("ai-edge-litert",)
    precisions = ("float32", "int8")

    def open(self, file: Path, *, threads: int = 0) -> Program:
        return self._open(file, threads or len(cores()), "AUTO")

    def reference(self, file: Path) -> Program:
        """By TFLite's reference kernels, which are written to be right."""
        return self._open(file, 1, "BUILTIN_REF")

    def _open(self, file: Path, threads: int, kernels: str) -> Program:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        try:
            content = file.read_bytes()
            interpreter = Interpreter(
                model_content=content,
                num_threads=threads,
                experimental_op_resolver_type=OpResolverType[kernels],
            )
            interpreter.allocate_tensors()
        except (OSError, ValueError, RuntimeError) as error:
            raise ValueError(f"{file}: LiteRT can't open it: {error}") from None
        return _Program(interpreter, content, file)


class _Program(Program):
    def __init__(self, interpreter: Any, content: bytes, file: Path) -> None:
        self._interpreter = interpreter
        given, made = interpreter.get_input_details(), interpreter.get_output_details()
        if len(given) != 1:
            raise ValueError(f"{file}: takes {len(given)} inputs, must take images alone")
        self._given, self._made = given[0], made[0]
        shape = [int(size) for size in self._given["shape"]]
        self._first, self.resolution, self.batch = image_layout(shape, file)
        self.num_classes = int(self._made["shape"][-1])
        self.about = dict(_metadata(content))
        self.quantised = self._given["dtype"] is not np.float32
        self.input_range = _range(self._given) if self.quantised else None
        operators = [each["op_name"] for each in interpreter._get_ops_details()]
        self.kernels = "XNNPACK" if _DELEGATED in operators else "LiteRT's own kernels"

    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.ready(images)()
        outputs = self._interpreter.get_tensor(self._made["index"])
        return _real(outputs, self._made).reshape(len(images), -1)

    def ready(self, images: npt.NDArray[np.float32]) -> Callable[[], object]:
        shown = images.transpose(0, 3, 1, 2) if self._first else images
        self._interpreter.set_tensor(self._given["index"], _stored(shown, self._given))
        return self._interpreter.invoke


def _stored(images: npt.NDArray[np.float32], tensor: dict[str, Any]) -> npt.NDArray[Any]:
    """In the integers that a quantised tensor has for them."""
    scale, zero = tensor["quantization"]
    if not scale:
        return np.ascontiguousarray(images, tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.rint(images / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _real(stored: npt.NDArray[Any], tensor: dict[str, Any]) -> npt.NDArray[np.float32]:
    scale, zero = tensor["quantization"]
    if not scale:
        return stored.astype(np.float32)
    return np.float32(scale) * (stored.astype(np.float32) - np.float32(zero))


def _range(tensor: dict[str, Any]) -> tuple[float, float]:
    """Of the real numbers that a quantised tensor can hold: the usual one that it is about."""
    limits = np.iinfo(tensor["dtype"])
    low, high = (float(_real(np.array([end]), tensor)[0]) for end in (limits.min, limits.max))
    for usual in USUAL_RANGES:
        near = NEAR * (usual[1] - usual[0])
        if abs(low - usual[0]) <= near and abs(high - usual[1]) <= near:
            return usual
    return low, high


def _metadata(content: bytes) -> Iterator[tuple[str, str]]:
    """Texts among the file's metadata; what is none, as TensorFlow's own entries, is left out."""
    from ai_edge_litert.schema_py_generated import Model

    model: Any = Model.GetRootAs(content, 0)
    for at in range(model.MetadataLength()):
        entry = model.Metadata(at)
        data = model.Buffers(entry.Buffer()).DataAsNumpy()
        try:
            yield entry.Name().decode(), data.tobytes().decode()
        except (AttributeError, UnicodeDecodeError):
            continue
