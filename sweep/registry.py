"""Name -> part: built in, an installed entry point, or "package.module:Class".

Parts are imported only when asked for, so that reading settings or drawing a report needs no JAX.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from sweep.config import SettingsError, validated
from sweep.contracts import Dataset, ImageDataset

BUILT_IN: dict[str, dict[str, str]] = {
    "family": {"mobilenet_v1": "sweep.families.mobilenet_v1:MobileNetV1Family"},
    "dataset": {
        "photo-patches": "sweep.datasets.photo_patches:PhotoPatches",
        "imagefolder": "sweep.datasets.imagefolder:ImageFolder",
        "parquet": "sweep.datasets.parquet:Parquet",
        "numpy": "sweep.datasets.numpy_archive:NumpyArchive",
    },
    "measure": {
        "cost": "sweep.measures.cost:Cost",
        "latency": "sweep.measures.latency:Latency",
        "accuracy": "sweep.measures.accuracy:accuracy",
    },
}


# Where a part is named in sweep.toml.
_KEYS = {"family": "family", "dataset": "accuracy.dataset", "measure": "measures"}


class UnknownPartError(LookupError):
    """No part of that name; the message says which there are."""


def find(part: str, name: str) -> Any:
    """The class behind a name. part is "family", "dataset" or "measure".

    Entry points are looked up in the group "sweep.<part>". Raises UnknownPartError.
    """
    if ":" in name:
        return _import(part, name)
    if name in BUILT_IN[part]:
        return _import(part, BUILT_IN[part][name])
    installed = {entry.name: entry for entry in entry_points(group=f"sweep.{part}")}
    if name in installed:
        return installed[name].load()
    known = ", ".join(sorted([*BUILT_IN[part], *installed]))
    raise UnknownPartError(
        f'{_KEYS[part]} = "{name}": must be one of {known}, or "package.module:Class"'
    )


def make_dataset(name: str, data: dict[str, Any]) -> Dataset | ImageDataset:
    """The data set of that name, told what [accuracy.data] says.

    Raises UnknownPartError, or SettingsError where the data set does not understand or find it.
    """
    part = find("dataset", name)
    settings = getattr(part, "Settings", None)
    if settings is not None:
        return part(validated(settings, data, source=f"dataset {name}", place="accuracy.data"))
    try:
        return part(**data)
    except TypeError as error:
        raise SettingsError(f"accuracy.data: {error}  (dataset {name})") from None


def _import(part: str, target: str) -> Any:
    module_name, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        # A module that exists but misses one of its own imports says so itself.
        if error.name and module_name.startswith(error.name):
            raise UnknownPartError(
                f'{_KEYS[part]} = "{target}": no module named {error.name}'
            ) from None
        raise
    except AttributeError:
        raise UnknownPartError(
            f'{_KEYS[part]} = "{target}": {module_name} has no {attribute}'
        ) from None
