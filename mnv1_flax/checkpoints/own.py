"""The project's own checkpoints: a folder with the network's arguments as JSON beside its arrays.

    network.json   what MobileNetV1 is built from, the version of this layout, and the SHA-256 of
                   every other file
    arrays/        parameters and running statistics, written by Orbax

The folder is written under another name beside its place and renamed at the end: it is there whole
or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mnv1_flax.checkpoints.assemble import abstract, build, variables
from mnv1_flax.checkpoints.contents import (
    MOST_BYTES,
    Checkpoint,
    CheckpointError,
    mismatches,
    total_bytes,
)
from mnv1_flax.depthwise import Lowering
from mnv1_flax.model import MobileNetV1
from mnv1_flax.normalisation import BatchNormReLU6

_VERSION = 1
_NETWORK, _ARRAYS = "network.json", "arrays"
# Argument -> the JSON types it may have.
_ARGUMENTS: dict[str, tuple[type, ...]] = {
    "alpha": (float, int),
    "resolution": (int,),
    "num_classes": (int,),
    "kind": (str,),
    "padding": (str,),
    "batch_norm": (bool,),
    "bn_epsilon": (float,),
    "bn_momentum": (float, int),
    "dropout_rate": (float, int),
    "dtype": (str, type(None)),
}
# What the network itself doesn't check.
_RANGES = {"bn_epsilon": (0, 1), "bn_momentum": (0, 1), "dropout_rate": (0, 1)}


def save(model: MobileNetV1, path: Path | str) -> None:
    """Writes the network's arguments, parameters and running statistics into the new folder `path`.

    The lowering is not kept: it belongs to the machine. Raises CheckpointError where something is
    at `path` already; OSError where it can't be written.
    """
    path = Path(path)
    if path.exists():
        raise CheckpointError(f"{path}: is there already; a checkpoint is never overwritten")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        partial.chmod(0o755)  # mkdtemp's are for their owner alone
        _write_arrays(partial / _ARRAYS, model)
        whole = {"version": _VERSION, "network": _arguments(model), "files": _sums(partial)}
        (partial / _NETWORK).write_text(f"{json.dumps(whole, indent=2)}\n", encoding="utf-8")
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_folder(
    path: Path,
    *,
    alpha: float | None,
    resolution: int | None,
    lowering: Lowering | str | None,
) -> Checkpoint:
    """The network of a folder that `save` wrote, bit for bit. Raises CheckpointError."""
    arguments, sums = _read_json(path)
    _check_files(path, sums)
    if alpha is not None and alpha != arguments["alpha"]:
        raise CheckpointError(f"{path}: has alpha {arguments['alpha']}, not {alpha}")
    notes = ()
    if resolution is not None and resolution != arguments["resolution"]:
        notes = (f"the file's own resolution is {arguments['resolution']}",)
        arguments["resolution"] = resolution
    try:
        expected = {
            "/".join(key): variable.get_value().shape
            for key, variable in variables(abstract(**arguments))
        }
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {_NETWORK}: {error}") from error
    values = _read_arrays(path, expected)
    model = build(
        {tuple(key.split("/")): value for key, value in values.items()},
        **arguments,
        lowering=lowering,
    )
    return Checkpoint(model, "orbax", notes)


def _arguments(model: MobileNetV1) -> dict[str, Any]:
    batch_norm = all(isinstance(unit.norm, BatchNormReLU6) for unit in model.units.values())
    return {
        "alpha": model.alpha,
        "resolution": model.resolution,
        "num_classes": model.num_classes,
        "kind": str(model.kind),
        "padding": str(model.padding),
        "batch_norm": batch_norm,
        "bn_epsilon": model.bn_epsilon,
        "bn_momentum": model.bn_momentum,
        "dropout_rate": model.dropout_rate,
        "dtype": None if model.dtype is None else model.dtype.name,
    }


def _write_arrays(path: Path, model: MobileNetV1) -> None:
    import orbax.checkpoint as ocp

    arrays = {"/".join(key): np.asarray(variable.get_value()) for key, variable in variables(model)}
    with ocp.PyTreeCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), arrays)


def _sums(folder: Path) -> dict[str, str]:
    """Path within the folder -> SHA-256, of every file but network.json."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if not file.is_dir() and file != folder / _NETWORK
    }


def _check_files(path: Path, expected: dict[str, Any]) -> None:
    """Raises CheckpointError unless the folder has exactly these files, undamaged. Orbax is given
    nothing else to read.
    """
    files = [file for file in path.rglob("*") if not file.is_dir()]
    if not all(file.is_file() for file in files):
        raise CheckpointError(f"{path}: has something in it that is no file")
    if (size := sum(file.stat().st_size for file in files)) > MOST_BYTES:
        raise CheckpointError(f"{path}: has {size} bytes, at most {MOST_BYTES} are read")
    sums = _sums(path)
    problems = [f"{name}: is missing" for name in expected.keys() - sums]
    problems += [f"{name}: is not part of the checkpoint" for name in sums.keys() - expected]
    problems += [
        f"{name}: is damaged" for name in sums.keys() & expected if sums[name] != expected[name]
    ]
    if problems:
        raise CheckpointError.listing(path, sorted(problems))


def _read_json(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments in `network.json`, each of an allowed type, and the sums of the files.

    Raises CheckpointError.
    """
    file = path / _NETWORK
    if not file.is_file():
        raise CheckpointError(f"{path}: is no checkpoint of this project, it has no {_NETWORK}")
    try:
        with file.open(encoding="utf-8") as text:
            content = json.loads(text.read(1 << 20))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: {_NETWORK} can't be read ({error})") from error
    content = content if isinstance(content, dict) else {}
    arguments, sums = content.get("network"), content.get("files")
    if (
        content.get("version") != _VERSION
        or not isinstance(arguments, dict)
        or not isinstance(sums, dict)
    ):
        raise CheckpointError(
            f"{path}: {_NETWORK} must have version {_VERSION}, a network and files"
        )
    problems = [f"{_NETWORK}: {name}: is missing" for name in _ARGUMENTS.keys() - arguments]
    problems += [f"{_NETWORK}: {name}: is unknown" for name in arguments.keys() - _ARGUMENTS]
    problems += [
        f"{_NETWORK}: {name} = {value!r:.60}: has the wrong type"
        for name, value in arguments.items()
        if name in _ARGUMENTS and type(value) not in _ARGUMENTS[name]
    ]
    problems += [
        f"{_NETWORK}: {name} = {arguments[name]}: must be in {low} .. {high}"
        for name, (low, high) in _RANGES.items()
        if isinstance(arguments.get(name), (int, float)) and not low <= arguments[name] <= high
    ]
    if problems:
        raise CheckpointError.listing(path, sorted(problems))
    return arguments, sums


def _read_arrays(path: Path, expected: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """The arrays, if they are exactly the expected ones. Raises CheckpointError."""
    import orbax.checkpoint as ocp

    folder = (path / _ARRAYS).absolute()
    try:
        with ocp.PyTreeCheckpointer() as checkpointer:
            stored = checkpointer.metadata(folder).item_metadata.tree
            actual = {
                key: (tuple(each.shape), np.dtype(each.dtype).name) for key, each in stored.items()
            }
            problems = mismatches(expected, actual)
            if total_bytes([(shape, 4) for shape, _ in actual.values()]) > MOST_BYTES:
                problems.append(f"declares more than {MOST_BYTES} bytes of arrays")
            if not problems:
                plain = ocp.RestoreArgs(restore_type=np.ndarray)
                return checkpointer.restore(
                    folder, restore_args=jax.tree.map(lambda _: plain, expected)
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: its arrays can't be read ({error})") from error
    raise CheckpointError.listing(path, problems)
