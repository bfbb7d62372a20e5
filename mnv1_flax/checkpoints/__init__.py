"""Published weights -> the Flax model, and the project's own checkpoints.

>>> checkpoint = load("mobilenet_v1_0.5_160_quant.tflite")
>>> checkpoint.model(images)  # f32[N,160,160,3] in [-1, 1] -> f32[N,1001]

One file here per format; `assemble` accounts for every array of a file, whatever the format.
Libraries that read files are imported when one is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mnv1_flax.checkpoints.assemble import assemble
from mnv1_flax.checkpoints.contents import MOST_BYTES, Checkpoint, CheckpointError, Contents
from mnv1_flax.checkpoints.own import NETWORK, rebuilt, save
from mnv1_flax.depthwise import Lowering

__all__ = ["Checkpoint", "CheckpointError", "from_keras", "load", "save"]

SUFFIXES = (".h5", ".hdf5", ".keras", ".tflite", ".safetensors")


def load(
    path: Path | str,
    *,
    alpha: float | None = None,
    resolution: int | None = None,
    lowering: Lowering | str | None = None,
) -> Checkpoint:
    """The network and weights of a file, by its suffix: `.h5`, `.hdf5`, `.weights.h5`, `.keras` of
    `keras.applications.MobileNet`, whole or with a head of one's own; `.tflite`; `.safetensors` in
    timm's naming, or as `save` wrote it.

    alpha: of a file whose widths fit several; None reads it from the shapes. resolution: of a file
    that holds none. The weights are those of convolutions, which fit any: where the file says
    another, the argument wins, and a note tells. lowering: of the depthwise convolution.

    Raises CheckpointError, a ValueError, with everything that is wrong with the file: arrays that
    are missing, unknown, of the wrong shape or dtype, layers that aren't MobileNetV1's.
    """
    from mnv1_flax.checkpoints import safetensors_files

    path, asked = Path(path), {"alpha": alpha, "resolution": resolution, "lowering": lowering}
    _check(path)
    if path.suffix.lower() != ".safetensors":
        return assemble(path, _read(path), **asked)
    arrays, metadata = safetensors_files.read(path)
    if NETWORK in metadata:
        return rebuilt(path, arrays, metadata, **asked)
    return assemble(path, safetensors_files.of_timm(arrays), **asked)


def from_keras(network: Any) -> Checkpoint:
    """The network and weights of a live `keras.applications.MobileNet`, include_top=True. Raises
    CheckpointError as `load` does.
    """
    from mnv1_flax.checkpoints import keras_files

    contents = keras_files.live(network)
    name = f"Keras model {network.name}"
    return assemble(name, contents, alpha=None, resolution=None, lowering=None)


def _check(path: Path) -> None:
    """Raises CheckpointError where there is nothing to read."""
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file")
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder, must be a file")
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise CheckpointError(f"{path}: suffix {path.suffix!r} is unknown; known are {known}")
    if not path.is_file():
        # A pipe would be waited on for ever.
        raise CheckpointError(f"{path}: is no ordinary file")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise CheckpointError(f"{path}: has {size} bytes, at most {MOST_BYTES} are read")


def _read(path: Path) -> Contents:
    from mnv1_flax.checkpoints import keras_files, tflite_file

    match path.suffix.lower():
        case ".h5" | ".hdf5":
            return keras_files.read_h5(path)
        case ".keras":
            return keras_files.read_keras(path)
        case _:
            return tflite_file.read(path)
