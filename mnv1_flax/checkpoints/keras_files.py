"""Weights of `keras.applications.MobileNet`, whole or with a head of one's own (a pool and a Dense
layer), also as a model inside another: three kinds of file, and a live model.

- `.h5` of Keras 1 and 2 (and Keras 3's legacy writer): a group for each layer, named as the layer,
  with datasets such as `conv1/conv1/kernel:0`; under `model_weights` where `model.save` wrote it,
  then with the architecture as JSON. The published files (`mobilenet_1_0_224_tf.h5`) are of this
  kind, without an architecture.
- `.weights.h5` of Keras 3: `layers/<class of the layer>_<number>/vars/<number>`; of a model inside
  under `layers/functional/`.
- `.keras`: a zip of such a file with the architecture as `config.json`.

Keras itself is not imported for files. Where there is no architecture, strides, padding and the
batch norm's epsilon are taken to be those of `keras.applications.MobileNet`, whose names and shapes
the weights have.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnv1_flax import architecture
from mnv1_flax.architecture import LayerType
from mnv1_flax.checkpoints.contents import (
    MOST_BYTES,
    Array,
    CheckpointError,
    Contents,
    Naming,
    short,
    total_bytes,
)
from mnv1_flax.checkpoints.keras_config import Config, read_config

if TYPE_CHECKING:
    import h5py

_LAYOUTS = {
    LayerType.FULL: "HWMN",
    LayerType.DEPTHWISE: "HWN1",
    LayerType.POINTWISE: "HWMN",
    LayerType.CLASSIFIER: "HWMN",
}
_DENSE = _LAYOUTS | {LayerType.CLASSIFIER: "MN"}
# Keras's names of a layer's weights, in the order in which Keras 3 numbers them.
_CONVOLUTION = ("kernel", "bias")
_NORM = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
# Whatever the architecture holds in JSON, it is not longer than this.
_MOST_JSON = 1 << 24
_WEIGHTS_ALONE = (
    "weights alone: how the network scales its images, and its activation, the file does not say; "
    "taken to be as in keras.applications.MobileNet, for images in [-1, 1]"
)
_RANDOM = "seed_generator"
_MOST_ENTRIES, _DEEPEST = 10_000, 8
# What h5py raises where a file is cut off, damaged or no HDF5 at all.
_H5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
_ZIP_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)


def read_h5(path: Path) -> Contents:
    """The contents of an `.h5` or `.weights.h5` file. Raises CheckpointError."""
    return _read_h5(path, path, None)


def read_keras(path: Path) -> Contents:
    """The contents of a `.keras` file. Raises CheckpointError."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = _member(archive, "config.json", _MOST_JSON)
            weights = _member(archive, "model.weights.h5", MOST_BYTES)
    except CheckpointError:
        raise
    except _ZIP_ERRORS as error:
        raise CheckpointError(f"{path}: is no whole zip archive ({short(str(error))})") from error
    return _read_h5(path, io.BytesIO(weights), config)


def live(network: Any) -> Contents:
    """The contents of a Keras model in memory. Raises CheckpointError."""
    import keras

    arrays = {
        f"{layer.name}/{variable.name}": np.asarray(keras.ops.convert_to_numpy(variable.value))
        for layer in _layers(network)
        for variable in layer.weights
        if variable.name != "seed_generator_state"
    }
    contents = Contents(Naming(_by_name, _LAYOUTS), arrays, keras_pads=True)
    return _with_config(contents, read_config(network.to_json()))


def _layers(network: Any) -> Iterator[Any]:
    """Those of models inside in their place."""
    for layer in network.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else (layer,)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member's bytes. What it declares is checked first; zipfile gives no more than that."""
    if name not in archive.namelist():
        raise CheckpointError(f"{archive.filename}: has no {name}")
    if (size := archive.getinfo(name).file_size) > most:
        raise CheckpointError(
            f"{archive.filename}: {name} has {size} bytes, at most {most} is read"
        )
    return archive.read(name)


def _read_h5(path: Path, file: Path | io.BytesIO, config: bytes | None) -> Contents:
    import h5py

    try:
        with h5py.File(file, "r") as root:
            contents = _of_root(path, root)
            if config is None and "model_config" in root.attrs:
                told: Any = root.attrs["model_config"]
                config = told.encode() if isinstance(told, str) else bytes(told)
    except CheckpointError:
        raise
    except _H5_ERRORS as error:
        raise CheckpointError(f"{path}: is no whole HDF5 file ({short(str(error))})") from error
    if config is not None:
        return _with_config(contents, read_config(config))
    if contents.naming.layouts is _DENSE:
        return replace(contents, notes=(*contents.notes, _WEIGHTS_ALONE))
    return contents


def _with_config(contents: Contents, config: Config) -> Contents:
    naming, arrays = contents.naming, dict(contents.arrays)
    layouts = _DENSE if config.dense else _LAYOUTS
    if not _is_numbered(arrays) and config.names:
        naming = Naming(partial(_by_name, names=config.names), layouts)
    elif config.dense:
        naming = Naming(partial(_by_number, dense=True), layouts)
    if not config.use_bias:
        kernel = arrays.get(naming.key("classifier", "kernel"))
        if kernel is not None:
            arrays[naming.key("classifier", "bias")] = np.zeros(kernel.shape[-1], np.float32)
    return replace(
        contents,
        naming=naming,
        arrays=arrays,
        resolution=config.resolution,
        bn_epsilon=config.bn_epsilon,
        bn_momentum=config.bn_momentum,
        activation=config.activation,
        scaling=config.scaling,
        problems=(*contents.problems, *config.problems),
    )


def _of_root(path: Path, root: h5py.File) -> Contents:
    problems: list[str] = []
    datasets = dict(_datasets(path, root, problems))
    aside = [key for key in datasets if key.startswith(("optimizer/", "optimizer_weights/"))]
    for key in aside:
        del datasets[key]
    # The state of random numbers, of dropout and of augmentation.
    for key in [key for key in datasets if _RANDOM in key]:
        del datasets[key]
    notes = ("the optimizer's state in the file is left out",) if aside else ()

    sizes = [(dataset.shape, dataset.dtype.itemsize) for dataset in datasets.values()]
    if (total := total_bytes(sizes)) > MOST_BYTES:
        raise CheckpointError(f"{path}: declares {total} bytes of arrays, at most {MOST_BYTES}")
    arrays = {key: np.asarray(dataset[()]) for key, dataset in datasets.items()}
    named = _numbered(path, arrays) if _is_numbered(arrays) else _by_layer(path, arrays)
    dense = next((key for key in named if named[key].ndim == 2), "")  # before an architecture
    layouts = _DENSE if dense else _LAYOUTS
    if _is_numbered(arrays):
        naming = Naming(partial(_by_number, dense=bool(dense)), layouts)
    else:
        names = {"classifier": (dense.rpartition("/")[0], "")} if dense else {}
        naming = Naming(partial(_by_name, names=names), layouts)
    if dense and naming.key("classifier", "bias") not in named:
        named[naming.key("classifier", "bias")] = np.zeros(named[dense].shape[-1], np.float32)
    return Contents(naming, named, keras_pads=True, problems=tuple(problems), notes=notes)


def _datasets(
    path: Path, root: h5py.Group, problems: list[str]
) -> Iterator[tuple[str, h5py.Dataset]]:
    """(path in the file, dataset) of every array of numbers that the file itself holds."""
    import h5py

    waiting: list[tuple[str, h5py.Group]] = [("", root)]
    entries = 0
    while waiting:
        above, group = waiting.pop()
        for name in group:
            key = f"{above}{name}"
            entries += 1
            if entries > _MOST_ENTRIES or key.count("/") > _DEEPEST:
                raise CheckpointError(f"{path}: has too many or too deep groups for a checkpoint")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                problems.append(f"{key}: is a link to elsewhere, which is not followed")
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((f"{key}/", item))
            elif not isinstance(item, h5py.Dataset):
                problems.append(f"{key}: is no array")
            elif why := _unreadable(item):
                problems.append(f"{key}: {why}")
            else:
                yield key, item


def _unreadable(item: h5py.Dataset) -> str | None:
    """Why a dataset is not read."""
    if item.shape is None or item.dtype.kind not in "fiub":
        return "is no array of numbers"
    if item.is_virtual or item.external:
        return "has its numbers in another file, which is not read"
    nbytes = total_bytes([(item.shape, item.dtype.itemsize)])
    stored = item.id.get_storage_size()
    if nbytes and (stored == 0 or (item.compression is None and stored < nbytes)):
        return "has no numbers stored"
    return None


def _is_numbered(arrays: Mapping[str, Array]) -> bool:
    """Whether they are as Keras 3 numbers them."""
    return any(key.startswith("layers/") for key in arrays)


def _numbered(path: Path, arrays: dict[str, Array]) -> dict[str, Array]:
    """ "layers/functional/layers/conv2d/vars/0" as "layers/conv2d/vars/0"."""
    named: dict[str, Array] = {}
    for key, array in arrays.items():
        name = key[key.rindex("layers/") :] if "layers/" in key else key
        if name in named:
            raise CheckpointError(f"{path}: has {name} in several of its models: no one network")
        named[name] = array
    return named


def _by_layer(path: Path, arrays: dict[str, Array]) -> dict[str, Array]:
    """Legacy paths, "[model_weights/]conv1/conv1/kernel:0" and of a model inside
    "mobilenet/conv1/kernel:0", as "conv1/kernel".
    """
    named: dict[str, Array] = {}
    for key, array in arrays.items():
        parts = key.removeprefix("model_weights/").split("/")
        weight = parts[-1].removesuffix(":0")
        layer = parts[-2] if len(parts) > 1 else ""
        name = f"{layer}/{'kernel' if weight == 'depthwise_kernel' else weight}"
        if name in named:
            raise CheckpointError(f"{path}: has {name} in several of its models: no one network")
        named[name] = array
    return named


def _names(layer: str) -> tuple[str, str]:
    """(convolution, batch norm) in Keras for the name of one of our layers."""
    if layer == "classifier":
        return "conv_preds", ""
    if layer == "conv_0":
        return "conv1", "conv1_bn"
    kind, number = layer.split("_")
    name = {"depthwise": "conv_dw", "pointwise": "conv_pw"}[kind] + f"_{number}"
    return name, f"{name}_bn"


def _by_name(layer: str, part: str, names: Mapping[str, tuple[str, str]] = {}) -> str:
    """Naming after the layers: "conv_dw_1_bn/gamma". names: those that a file has others for."""
    convolution, norm = names.get(layer) or _names(layer)
    if layer == "classifier" or part == "kernel":
        return f"{convolution}/{part}"
    return f"{norm}/{_NORM[part]}"


def _by_number(layer: str, part: str, *, dense: bool = False) -> str:
    """Naming after classes and numbers: "layers/batch_normalization_1/vars/0". dense: whether the
    classifier is a Dense layer.
    """
    if layer == "classifier" and dense:
        return f"layers/dense/vars/{_CONVOLUTION.index(part)}"
    kind, _, digits = layer.partition("_")
    number = int(digits or len(architecture.BLOCKS) + 1)
    if kind == "classifier" or part == "kernel":
        order = _CONVOLUTION.index(part)
        cls = "depthwise_conv2d" if kind == "depthwise" else "conv2d"
        number -= kind == "depthwise"
    else:
        order, cls = list(_NORM).index(part), "batch_normalization"
        # The stem's, then two for each block.
        number = 2 * number - (kind == "depthwise")
    return f"layers/{cls}{f'_{number}' if number else ''}/vars/{order}"
