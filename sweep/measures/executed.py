"""A file in the hands of the runtime that ships it, evaluated as any trained network is."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.contracts import Program, Runtime, Trained
from sweep.host.files import is_there
from sweep.host.machine import versions_of
from sweep.settings.config import SettingsError
from sweep.settings.registry import find
from sweep.training.evaluation import Executed

FLAX = "flax"
BY_SUFFIX = {".onnx": "onnxruntime", ".tflite": "litert"}
_PLAIN = (-1.0, 1.0)  # what images are shown in


def opened(file: Path, asked: str) -> tuple[Runtime, Program] | None:
    """A file in the runtime that is asked for; else in ONNX's own, or in LiteRT where it is one of
    TFLite that is quantised, and LiteRT is installed. None for all others, and where "flax" is
    asked for: Flax reads them as a network of its own.

    Raises ValueError, naming the file, where the runtime can't execute it, UnknownPartError where
    there is no such runtime.
    """
    name = asked or BY_SUFFIX.get(file.suffix.lower(), FLAX)
    if name == FLAX:
        return None
    if not is_there(file):
        raise ValueError(f"{file}: there is no such file")
    runtime: Runtime = find("runtime", name)()
    if file.suffix.lower() not in runtime.suffixes:
        raise SettingsError(
            f"--runtime {name}: executes {', '.join(runtime.suffixes)}, and not {file}"
        )
    perhaps = not asked and name == "litert"
    try:
        program = runtime.open(file)
    except (ModuleNotFoundError, ValueError):
        if perhaps:  # Flax tells what is wrong with it, or can read it
            return None
        raise
    return None if perhaps and not program.quantised else (runtime, program)


def executed(
    runtime: Runtime, program: Program, input_range: tuple[float, float] | None = None
) -> Trained:
    """The network of a file that the runtime has opened. input_range: of the images that it takes,
    where not as the file says.
    """
    about = {name: _parsed(text) for name, text in program.about.items()}
    low, high = input_range or _range(about.get("input_range")) or program.input_range or _PLAIN
    network = about.get("mobilenet_v1")
    return Trained(
        _shown(program, low, high),
        network.get("alpha") if isinstance(network, dict) else None,
        program.resolution,
        program.num_classes,
        (_told(runtime, program), f"its images are in [{low:g}, {high:g}]"),
        _names(about.get("classes"), program.num_classes),
    )


def _told(runtime: Runtime, program: Program) -> str:
    versions = versions_of(runtime.packages)
    which = " ".join(f"{name} {version}" for name, version in versions.items())
    numbers = "integers" if program.quantised else "float32"
    return f"executed by {which} ({program.kernels}), in {numbers}"


def _range(told: object) -> tuple[float, float] | None:
    """Out of metadata that may be anybody's."""
    match told:
        case [int() | float() as low, int() | float() as high] if -inf < low < high < inf:
            return float(low), float(high)
    return None


def _names(told: object, outputs: int) -> tuple[str, ...]:
    """As `_range`; none where they are not those of all outputs."""
    names = tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()
    return names if len(names) == outputs else ()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _shown(program: Program, low: float, high: float) -> Executed:
    """Images f32[N,R,R,3] in [-1, 1], as many as there are, to the program as it takes them."""

    def outputs(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if (low, high) != _PLAIN:
            images = (images + 1) * np.float32((high - low) / 2) + np.float32(low)
        size = program.batch or len(images)
        starts = range(0, len(images), size)
        return np.concatenate([_call(program, images, at, size) for at in starts])

    return outputs


def _call(
    program: Program, images: npt.NDArray[np.float32], at: int, size: int
) -> npt.NDArray[np.float32]:
    """Of `size` images from `at` on; the last ones are filled up."""
    some = images[at : at + size]
    filled = np.pad(some, ((0, size - len(some)), (0, 0), (0, 0), (0, 0)))
    return program(filled)[: len(some)]
