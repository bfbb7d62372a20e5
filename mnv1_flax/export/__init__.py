"""The deployed network as a file that a runtime opens: ONNX or TFLite, float32 or int8.

>>> save(model, "model.tflite", classes=["cat", "dog"])
>>> save(model, "model.onnx", int8=calibration_images)

Built from the rows of Table 1 and the folded weights, without a tracer in between: zeros around
maps and ReLU6 are where each format has them, and runtimes find the operators that they know.
Libraries are imported when a file is written: `onnx`, `ai_edge_litert` and, for int8,
`onnxruntime`, `litert_quantizer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mnv1_flax.checkpoints.contents import INPUT_RANGE
from mnv1_flax.export.deployed import Deployed, Floats, deployed
from mnv1_flax.model import MobileNetV1

__all__ = ["SUFFIXES", "Deployed", "ExportError", "content", "deployed", "save"]

SUFFIXES = (".onnx", ".tflite")


class ExportError(ValueError):
    """The network can't be written there."""


def save(
    model: MobileNetV1,
    path: Path | str,
    *,
    classes: Sequence[str] = (),
    input_range: tuple[float, float] = INPUT_RANGE,
    int8: Iterable[Floats] | None = None,
    batch: int = 1,
) -> None:
    """Writes a new file, in the format of its suffix: there whole, or not at all.

    model: in evaluation, folded or not; its float32 weights are taken. classes: names in the order
    of the outputs, where they are known. input_range: of the images that the network takes. int8:
    images f32[batch,R,R,3] in that range by which activations are quantised, a hundred or more, of
    those that the network was trained on; None writes float32. batch: images of a call.

    Raises ExportError where something is at `path` already, it has another suffix, or classes and
    outputs are of other numbers; OSError where it can't be written.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ExportError(f"{path}: must end in {' or '.join(SUFFIXES)}")
    if path.exists():
        raise ExportError(f"{path}: is there already")
    try:
        network = deployed(model, classes=classes, input_range=input_range)
    except ValueError as error:
        raise ExportError(f"{path}: {error}") from None
    made = content(network, path.suffix, int8=int8, batch=batch)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(made)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def content(
    network: Deployed, suffix: str, *, int8: Iterable[Floats] | None = None, batch: int = 1
) -> bytes:
    """What `save` writes: an ONNX model, images f32[batch,3,R,R] (suffix ".onnx"), or a TFLite
    model, images f32[batch,R,R,3] (".tflite"), to logits f32[batch,classes].
    """
    if suffix == ".onnx":
        from mnv1_flax.export.int8 import int8_onnx
        from mnv1_flax.export.onnx_file import onnx_bytes

        return onnx_bytes(network, batch) if int8 is None else int8_onnx(network, int8, batch=batch)
    from mnv1_flax.export.int8 import int8_tflite
    from mnv1_flax.export.tflite_file import tflite_bytes

    if int8 is None:
        return tflite_bytes(network, batch)
    return int8_tflite(network, int8, batch=batch)
