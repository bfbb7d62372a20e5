"""Input that is wrong, or means harm: fuzzed by the ten thousand, and folders of somebody else's.

python -m tests.faults fuzz-settings --times 100   # ten thousand cases
python -m tests.faults hostile --times 100
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from tests.faults import Row, row
from tests.fuzz import TARGETS
from tests.fuzz.command import command, judge
from tests.fuzz.engines import ATHERIS, HYPOTHESIS
from tests.fuzz.hostile import READERS, poisoned, shuffled
from tests.fuzz.results import write_sound
from tests.fuzz.runner import fuzz, has_atheris
from tests.fuzz.surroundings import stand_ins

CASES = 100  # for each time
# The share of cases that are guided by coverage. One that runs a whole command takes half a second
# while its lines are counted, else a tenth.
GUIDED = dict.fromkeys(TARGETS, 0.5) | dict.fromkeys(("settings", "command-line", "results"), 0.2)
REFUSED = "exit 2 and one message that names the place; nothing is left behind"
NAMED = "one error that names the file, and all that is wrong with it"
KINDS = {
    "settings": ("sweep.toml with other bytes, keys or values", REFUSED),
    "command-line": ("values of the command line", REFUSED),
    "results": (
        "a results folder whose tables, JSON or TOML are not what a run writes",
        "exit 2 and a message that names the file; or readings that can't be are left out, and "
        "told in the report",
    ),
    "keras-h5": ("Keras checkpoints: .h5", NAMED),
    "keras-weights": ("Keras checkpoints: .weights.h5", NAMED),
    "keras-zip": ("Keras checkpoints: .keras", NAMED),
    "tflite": ("TFLite checkpoints, float", NAMED),
    "tflite-quantised": ("TFLite checkpoints, quantised", NAMED),
    "safetensors": ("safetensors checkpoints", NAMED),
    "archive": (
        "archives with members that lead elsewhere, links, devices, sizes that lie",
        "one error that names the archive; nothing is written outside the folder",
    ),
}


def fuzzed(times: int, folder: Path, name: str) -> Iterator[Row]:
    """Cases of one kind. Lost: tracebacks, hangs, crashes, floods of memory, messages that name
    nothing.
    """
    tried, lost = 0, []
    guided = round(times * CASES * GUIDED[name]) if has_atheris() else 0
    for engine, cases in ((HYPOTHESIS, times * CASES - guided), (ATHERIS, guided)):
        if not cases:
            continue
        place = folder / engine
        place.mkdir()
        found = fuzz(name, engine, cases=cases, seed=0, place=place)
        tried += found.tried
        lost += [each.story for each in found.failures]
        lines = f", {found.lines} lines" if found.lines else ""
        print(f"{name}, {engine}: {found.tried} cases{lines}, {found.failed} failed",  # noqa: T201
              file=sys.stderr, flush=True)  # fmt: skip
        shutil.rmtree(place, ignore_errors=True)
    fault, shows = KINDS[name]
    yield row(fault, tried, lost, shows)


def hostile(times: int, folder: Path) -> Iterator[Row]:
    """Every reader on folders whose names, reasons and notes are made to be obeyed."""
    tried, lost = 0, []
    with pytest.MonkeyPatch.context() as patch:
        stand_ins(patch)
        for number in range(times):
            here = folder / f"hostile-{number}"
            poisoned(here / "theirs", shuffled(number))
            write_sound(here / "ours")
            calls = [[reader, "theirs"] for reader in READERS] + [["diff", "ours", "theirs"]]
            with chdir(here):
                for call in calls:
                    tried += 1
                    try:
                        judge(command(call))
                    except Exception as error:  # noqa: BLE001 - what is counted here
                        lost.append(f"{number}, {' '.join(call)}: {type(error).__name__}: {error}")
            shutil.rmtree(here)
    yield row(
        "a results folder from somebody else: escapes, markup and scripts in all its texts",
        tried,
        lost,
        "they are written out (\\x1b), not obeyed, in the terminal as on the page",
    )
