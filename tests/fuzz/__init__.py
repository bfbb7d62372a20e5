"""Input that somebody got wrong, or made to do harm, by the ten thousand.

`python -m tests.fuzz TARGET --cases 10000` tries one target with two engines: Hypothesis, which
draws cases that are nearly right, and atheris, which changes them further where that reaches new
lines of code. Cases run in a process of their own with limits of time and memory, so that a hang, a
crash or a flood of memory is found as surely as a traceback.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.target import Target

# Name of a target -> where it is: imported when it is tried, because atheris has to come first.
TARGETS = {
    "settings": "tests.fuzz.settings:settings",
    "command-line": "tests.fuzz.command_line:command_line",
    "results": "tests.fuzz.results:results",
    "keras-h5": "tests.fuzz.keras_files:legacy_h5",
    "keras-weights": "tests.fuzz.keras_files:weights_h5",
    "keras-zip": "tests.fuzz.keras_files:keras_zip",
    "tflite": "tests.fuzz.tflite:floats",
    "tflite-quantised": "tests.fuzz.tflite:quantised",
    "safetensors": "tests.fuzz.safetensors_files:timm",
    "archive": "tests.fuzz.archive:archive",
}


def target_named(name: str) -> Target:
    """Imports a target: one of TARGETS, or "package.module:function"."""
    module, _, function = TARGETS.get(name, name).partition(":")
    return getattr(import_module(module), function)()
