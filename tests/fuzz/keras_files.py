"""Keras's three kinds of file: HDF5 of two layouts, and a zip of HDF5 and JSON."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

from tests.fuzz.checkpoints import ALPHA, CLASSES, INSTRUMENTS, RESOLUTION, loaded_as
from tests.fuzz.mutations import Held, changed, damaged, plain_values, texts
from tests.fuzz.target import Target

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_DTYPES = ("f4", "f2", "f8", "i4", "u1", "?", "c8", "S4", "V8", "i8")
_FILLED = 2**20  # numbers of an array that are written; one of terabytes was only declared
_SHAPES = ((), (0,), (1,), (3,), (1, 1, 1, 1), (3, 3, 3, 1), (2**20,), (1, 0, 3))


def legacy_h5() -> Target:
    """Weights by the names of layers, alone and below `model_weights` with the architecture."""
    names = ("x_1_0_64_tf.h5", "x.h5")
    return _hdf5("keras-h5", ".h5", names)


def weights_h5() -> Target:
    """Weights by classes and numbers."""
    return _hdf5("keras-weights", ".weights.h5", ("x.weights.h5",))


def keras_zip() -> Target:
    """The zip, its JSON, and the HDF5 within."""

    def seeds() -> list[bytes]:
        return [_files()["x.keras"]]

    def cases() -> st.SearchStrategy[bytes]:
        members = _members(_files()["x.keras"])
        configs = changed(json.loads(members[_CONFIG]), plain_values()).map(_json)
        weights = _edited(Held(members[_WEIGHTS]))
        return st.one_of(
            damaged(seeds()),
            configs.map(lambda config: _zip(members | {_CONFIG: config})),
            damaged([members[_CONFIG]]).map(lambda config: _zip(members | {_CONFIG: config})),
            weights.map(lambda content: _zip(members | {_WEIGHTS: content})),
            texts().map(lambda name: _zip(members | {name: b"x"})),
        )

    instruments = (*INSTRUMENTS, "zipfile")
    return Target("keras-zip", seeds, cases, loaded_as(".keras"), True, instruments)


def _hdf5(name: str, suffix: str, files: Sequence[str]) -> Target:
    def seeds() -> list[bytes]:
        return [_files()[each] for each in files]

    def cases() -> st.SearchStrategy[bytes]:
        return st.one_of(damaged(seeds()), *[_edited(Held(seed)) for seed in seeds()])

    return Target(name, seeds, cases, loaded_as(suffix), True, INSTRUMENTS)


@cache
def _files() -> dict[str, bytes]:
    """One network of Keras's own in all its kinds of file, as Keras writes them."""
    from tests.support.networks import keras_mobilenet, keras_save

    network = keras_mobilenet(ALPHA, RESOLUTION, classes=CLASSES)
    names = ("x_1_0_64_tf.h5", "x.h5", "x.weights.h5", "x.keras")
    with tempfile.TemporaryDirectory() as folder:
        return {name: keras_save(network, Path(folder) / name).read_bytes() for name in names}


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            try:
                archive.writestr(zipfile.ZipInfo(name or "-"), content)
            except (
                ValueError,
                struct.error,
            ):  # a name that zip can't hold, such as half a character
                archive.writestr("strange", content)
    return file.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def _edited(draw: st.DrawFn, held: Held[bytes]) -> bytes:
    """An HDF5 file in which some arrays are gone, renamed, of another type, linked or made up."""
    file = io.BytesIO(held.value)
    with h5py.File(file, "r+") as root:
        keys = _arrays(root)
        for _ in range(draw(st.integers(1, 3))):
            key = keys[draw(st.integers(0, len(keys) - 1))]
            try:
                _edit(draw, root, key)
            except (ValueError, RuntimeError, OSError, KeyError, TypeError, ArithmeticError):
                continue  # HDF5 won't have it
    return file.getvalue()


def _arrays(root: h5py.File) -> list[str]:
    found: list[str] = []
    root.visititems(lambda key, item: found.append(key) if isinstance(item, h5py.Dataset) else None)
    return found


def _edit(draw: st.DrawFn, root: h5py.File, key: str) -> None:
    match draw(st.integers(0, 9)):
        case 0:
            del root[key]
        case 1:
            root.move(key, draw(texts()))
        case 2:
            shape, dtype = draw(st.sampled_from(_SHAPES)), draw(st.sampled_from(_DTYPES))
            del root[key]
            root[key] = np.zeros(shape, dtype)
        case 3:
            shape = draw(st.sampled_from([(2**40,), (2**62,), (2**31, 2**31), (100, 10**6)]))
            del root[key]
            root.create_dataset(key, shape, "f4", chunks=(1,) * len(shape), compression="gzip")
        case 4:
            del root[key]
            root[key] = h5py.SoftLink(draw(texts()) or "/")
        case 5:
            root[f"{key}{draw(st.integers(0, 9))}"] = root[key.rpartition("/")[0] or "/"]
        case 6 if "model_config" in root.attrs:
            config = json.loads(root.attrs["model_config"])  # pyright: ignore[reportArgumentType]
            root.attrs["model_config"] = json.dumps(draw(changed(config, plain_values())))
        case 6 | 7:
            root.attrs["model_config"] = draw(st.binary(max_size=20) | texts())
        case 8:
            root[draw(texts()) or "x"] = np.zeros(3, np.float32)
        case _ if np.prod(root[key].shape, dtype=float) <= _FILLED:  # pyright: ignore[reportAttributeAccessIssue]
            value = draw(st.sampled_from([np.nan, np.inf, 0.0, -1.0, 1e38]))
            root[key][...] = value  # pyright: ignore[reportIndexIssue]
