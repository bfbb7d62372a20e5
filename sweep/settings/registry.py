"""Name -> part: built in, an installed entry point, or "package.module:Class".

Parts are imported only when asked for, so that reading settings or drawing a report needs no JAX.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path
from typing import Any

from sweep.contracts import Dataset, Measure, Runtime
from sweep.settings.config import SettingsError, validated
from sweep.settings.toml_data import short

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
        "accuracy": "sweep.measures.accuracy_sources:accuracy",
        "int8": "sweep.measures.int8:Int8Accuracy",
        "rapl": "sweep.measures.rapl:Rapl",
    },
    "runtime": {
        "xla": "sweep.runtimes.xla:XLA",
        "onnxruntime": "sweep.runtimes.onnx_runtime:OnnxRuntime",
        "litert": "sweep.runtimes.litert:LiteRT",
        "openvino": "sweep.runtimes.openvino:OpenVINO",
    },
}


# What a part from anywhere has to be before it is called: a name in a settings file must not be
# able to start what is no part at all, such as subprocess:Popen.
_BASES: dict[str, type] = {"dataset": Dataset, "measure": Measure, "runtime": Runtime}
_FAMILY_METHODS = ("layers", "build")  # a family derives from nothing
# Where a part is named: in sweep.toml, or on the command line.
_KEYS = {
    "family": "family",
    "dataset": "accuracy.dataset",
    "measure": "measures",
    "runtime": "--runtime",
}


class UnknownPartError(LookupError):
    """No part of that name; the message says which there are."""


def look_in(folder: Path) -> None:
    """Finds modules of that folder too, after all others; so do the processes of measures, which
    are told of the path.
    """
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.append(path)


def find(part: str, name: str, *, key: str = "") -> Any:
    """The class behind a name. part is "family", "dataset", "measure" or "runtime". key: where it
    is named, where not in the place that parts of its kind have.

    Entry points are looked up in the group "sweep.<part>". Raises UnknownPartError.
    """
    known = {entry.name: entry.value for entry in entry_points(group=f"sweep.{part}")}
    known |= BUILT_IN[part]
    if ":" in name or name in known:
        return _import(part, known.get(name, name), key or _KEYS[part])
    raise UnknownPartError(
        f'{key or _KEYS[part]} = "{short(name)}": must be one of {", ".join(sorted(known))}, or '
        '"package.module:Class"'
    )


def make_dataset(name: str, data: dict[str, Any]) -> Dataset:
    """The data set of that name, told what [accuracy.data] says.

    Raises UnknownPartError, or SettingsError where the data set does not understand or find it.
    """
    part = find("dataset", name)
    settings = getattr(part, "Settings", None)
    if settings is not None:
        return part(validated(settings, data, source=f"dataset {name}", place="accuracy.data"))
    taken = list(signature(part).parameters.values())
    known = [each.name for each in taken if each.kind is not each.VAR_KEYWORD]
    if len(known) == len(taken) and (unknown := [key for key in data if key not in known]):
        allowed = f"its settings are {', '.join(known)}" if known else "it has no settings"
        raise SettingsError(
            f'accuracy.data.{unknown[0]}: is none of accuracy.dataset = "{short(name)}": {allowed}'
        )
    try:
        return part(**data)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"accuracy.data: {error}  (dataset {name})") from None


def _import(part: str, target: str, key: str) -> Any:
    module_name, _, attribute = target.partition(":")
    named = f'{key} = "{short(target)}"'
    try:
        imported = getattr(import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        if target in BUILT_IN[part].values():  # a library of an extra
            raise
        lacking = short(str(error.name))
        where = ", here, beside the settings or installed" if error.name == module_name else ""
        raise UnknownPartError(f"{named}: no module named {lacking}{where}") from None
    except AttributeError:
        raise UnknownPartError(f"{named}: {module_name} has no {attribute}") from None
    except Exception as error:  # whatever a module of somebody else's does when it is imported
        why = f"{type(error).__name__}: {error}"
        raise UnknownPartError(f"{named}: can't be imported: {short(why)}") from error
    if target not in BUILT_IN[part].values():
        _check(part, imported, named)
    return imported


def _check(part: str, imported: Any, named: str) -> None:
    """Raises UnknownPartError for anything but a class of that part."""
    if not isinstance(imported, type):
        raise UnknownPartError(f"{named}: is no class")
    if part in _BASES:
        if not issubclass(imported, _BASES[part]):
            raise UnknownPartError(
                f"{named}: is no {part}: it does not derive from sweep.contracts."
                f"{_BASES[part].__name__} (docs/adding.md)"
            )
        return
    if lacking := [each for each in _FAMILY_METHODS if not callable(getattr(imported, each, None))]:
        raise UnknownPartError(f"{named}: is no {part}, it has no {' and no '.join(lacking)}")
