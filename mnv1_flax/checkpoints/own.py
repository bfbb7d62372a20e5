"""The project's own checkpoints: one `.safetensors` file, in whose header the network's arguments
stand as JSON, with a SHA-256 of them and of all arrays. Nothing else finds a flipped bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mnv1_flax.checkpoints.assemble import abstract, build, variables
from mnv1_flax.checkpoints.contents import (
    INPUT_RANGE,
    Array,
    Checkpoint,
    CheckpointError,
    mismatches,
    short,
)
from mnv1_flax.depthwise import Lowering
from mnv1_flax.model import MobileNetV1

# Keys of the header's metadata.
NETWORK, _CLASSES, _INPUT, _DIGEST = "mobilenet_v1", "classes", "input_range", "sha256"
# What `MobileNetV1` is built from. The lowering is not kept: it belongs to the machine.
_ARGUMENTS = (
    "alpha", "resolution", "num_classes", "kind", "padding", "batch_norm", "bn_epsilon",
    "bn_momentum", "dropout_rate", "dtype",
)  # fmt: skip
# Those that earlier versions had not stand there where they are others than these alone.
_SINCE = {"activation": "relu6", "input_scale": 1.0, "input_offset": 0.0}


def save(
    model: MobileNetV1,
    path: Path | str,
    *,
    classes: Sequence[str] = (),
    input_range: tuple[float, float] = INPUT_RANGE,
) -> None:
    """Writes the network's arguments, parameters and running statistics into the new file `path`,
    which is there whole or not at all. classes: names in the order of its outputs, where they are
    known. input_range: of the images that it takes.

    Raises CheckpointError where something is at `path` already, or it has another suffix; OSError
    where it can't be written.
    """
    from safetensors.numpy import save as as_bytes

    path = Path(path)
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: must end in .safetensors")
    if path.exists():
        raise CheckpointError(f"{path}: is there already; a checkpoint is never overwritten")
    arrays = {"/".join(key): np.asarray(each.get_value()) for key, each in variables(model)}
    dtype = None if model.dtype is None else model.dtype.name
    named = {name: getattr(model, name) for name in _ARGUMENTS} | {"dtype": dtype}
    named |= {name: own for name, usual in _SINCE.items() if (own := getattr(model, name)) != usual}
    metadata = {NETWORK: json.dumps(named), _CLASSES: json.dumps(list(classes))}
    metadata |= {_INPUT: json.dumps([_short(each) for each in input_range])}
    metadata |= {_DIGEST: _digest(metadata, arrays)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(_in_order(as_bytes(arrays, metadata)))
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def rebuilt(
    path: Path,
    arrays: Mapping[str, Array],
    metadata: Mapping[str, str],
    *,
    alpha: float | None,
    resolution: int | None,
    lowering: Lowering | str | None,
) -> Checkpoint:
    """The network of a file that `save` wrote, bit for bit. Raises CheckpointError."""
    if metadata.get(_DIGEST) != _digest(metadata, arrays):
        raise CheckpointError(f"{path}: is damaged: its numbers are not those that were saved")
    try:
        arguments = json.loads(metadata[NETWORK])
        arguments = _SINCE | arguments
        if arguments.keys() != {*_ARGUMENTS, *_SINCE}:
            raise ValueError(f"its arguments must be {', '.join((*_ARGUMENTS, *_SINCE))}")
        low, high = map(float, json.loads(metadata.get(_INPUT, "[-1, 1]")))
        classes = tuple(map(str, json.loads(metadata.get(_CLASSES, "[]"))))
        if classes and len(classes) != arguments["num_classes"]:
            raise ValueError(f"it has {arguments['num_classes']} outputs and names {len(classes)}")
        expected = {
            "/".join(key): each.get_value().shape for key, each in variables(abstract(**arguments))
        }
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{path}: is of no network ({short(str(error))})") from error
    actual = {key: (each.shape, each.dtype.name) for key, each in arrays.items()}
    if problems := mismatches(expected, actual):
        raise CheckpointError.listing(path, problems)
    if alpha is not None and alpha != arguments["alpha"]:
        raise CheckpointError(f"{path}: has alpha {arguments['alpha']}, not {alpha}")
    notes = ()
    if resolution is not None and resolution != arguments["resolution"]:
        notes = (f"the file's own resolution is {arguments['resolution']}",)
        arguments["resolution"] = resolution
    values = {tuple(key.split("/")): each for key, each in arrays.items()}
    model = build(values, **arguments, lowering=lowering)
    return Checkpoint(model, notes, classes, (low, high))


def _short(number: float) -> float:
    """Whole where it is: as earlier versions have written it, byte for byte."""
    return int(number) if float(number).is_integer() else number


def _in_order(file: bytes) -> bytes:
    """The same file, its header's keys in one order: safetensors writes metadata in another one
    each time, and networks are named by the bytes of their files.
    """
    end = 8 + int.from_bytes(file[:8], "little")
    text = json.dumps(json.loads(file[8:end]), sort_keys=True, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)  # the arrays stay aligned
    return len(text).to_bytes(8, "little") + text + file[end:]


def _digest(metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> str:
    told = [metadata.get(key, "") for key in (NETWORK, _CLASSES, _INPUT)]
    digest = hashlib.sha256("\0".join(told).encode())
    for key in sorted(arrays):
        digest.update(key.encode() + arrays[key].tobytes())
    return digest.hexdigest()
