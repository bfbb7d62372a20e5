"""Published weights -> the Flax model, and the project's own checkpoints.

>>> checkpoint = load("mobilenet_v1_0.5_160_quant.tflite")
>>> checkpoint.model(images)  # f32[N,160,160,3] in [-1, 1] -> f32[N,1001]

One file here per format; `assemble` accounts for every array of a file, whatever the format.
Libraries that read files are imported when one is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnv1_flax.checkpoints.assemble import assemble
from mnv1_flax.checkpoints.contents import MOST_BYTES, Checkpoint, CheckpointError, Contents
from mnv1_flax.checkpoints.own import load_folder, save
from mnv1_flax.depthwise import Lowering

__all__ = ["Checkpoint", "CheckpointError", "from_keras", "load", "save"]


def load(
    path: Path | str,
    *,
    alpha: float | None = None,
    resolution: int | None = None,
    lowering: Lowering | str | None = None,
) -> Checkpoint:
    """The network and weights of a file, by its suffix: `.h5`, `.weights.h5`, `.keras` of
    `keras.applications.MobileNet`; `.tflite`; `.safetensors` in timm's naming; or a folder that
    `save` wrote.

    alpha: of a file whose widths fit several; None reads it from the shapes. resolution: of a file
    that holds none. The weights are those of convolutions, which fit any: where the file says
    another, the argument wins, and a note tells. lowering: of the depthwise convolution.

    Raises CheckpointError, a ValueError, with everything that is wrong with the file: arrays that
    are missing, unknown, of the wrong shape or dtype, layers that aren't MobileNetV1's.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file")
    if path.is_dir():
        return load_folder(path, alpha=alpha, resolution=resolution, lowering=lowering)
    suffix, read = _reader(path)
    if not path.is_file():
        # A pipe would be waited on for ever.
        raise CheckpointError(f"{path}: is no ordinary file")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise CheckpointError(f"{path}: has {size} bytes, at most {MOST_BYTES} are read")
    contents = read(path)
    checkpoint = assemble(path, contents, alpha=alpha, resolution=resolution, lowering=lowering)
    return _with_notes_on_keras(checkpoint) if suffix in (".h5", ".keras") else checkpoint


def from_keras(network: Any, *, resolution: int | None = None) -> Checkpoint:
    """The network and weights of a live `keras.applications.MobileNet`, include_top=True.

    resolution: as for `load`. Raises CheckpointError as `load` does.
    """
    from mnv1_flax.checkpoints import keras_files

    contents = keras_files.live(network)
    name = f"Keras model {network.name}"
    checkpoint = assemble(name, contents, alpha=None, resolution=resolution, lowering=None)
    return _with_notes_on_keras(checkpoint)


def _reader(path: Path) -> tuple[str, Callable[[Path], Contents]]:
    """(suffix, what reads it). Raises CheckpointError where no reader knows the suffix."""
    from mnv1_flax.checkpoints import keras_files, tflite_file, timm_safetensors

    readers: dict[str, Callable[[Path], Contents]] = {
        ".h5": keras_files.read_h5,
        ".keras": keras_files.read_keras,
        ".tflite": tflite_file.read,
        ".safetensors": timm_safetensors.read,
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        known = ", ".join((*readers, "or a folder of `save`"))
        raise CheckpointError(f"{path}: suffix {suffix!r} is unknown; known are {known}")
    return suffix, readers[suffix]


def _with_notes_on_keras(checkpoint: Checkpoint) -> Checkpoint:
    from mnv1_flax.checkpoints.keras_files import note_on_odd_maps

    return replace(
        checkpoint, notes=(*checkpoint.notes, *note_on_odd_maps(checkpoint.model.resolution))
    )
