"""How long `python -m sweep report` takes, as a whole process, and what the time goes to.

    python -m benchmarks.report          # about a minute
    python -m benchmarks.report --quick  # three rounds

The goal is under 3 s for results/reference, with no JAX imported. It is drawn in a temporary copy.
Beside it stand what any command costs (`--help`) and what any Python does (`python -c pass`).
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness import ROOT, options, publish, table

GOAL_S = 3.0
HEAVY = {"jax", "jaxlib", "flax", "torch", "keras", "mnv1_flax"}
MOST_PACKAGES = 8
_Sample = tuple[float, float]  # seconds by the clock, and of processor time
# The command's own steps, timed from inside. Imports come first, so that no step hides one.
STAGES = """
import json, sys, time
from pathlib import Path

folder, seconds, began = Path(sys.argv[1]), {}, time.perf_counter()

def lap(name):
    global began
    now = time.perf_counter()
    seconds[name], began = now - began, now

import sweep.cli.main
from sweep.results.points import with_points
from sweep.report.page.page import render
from sweep.report.content.build import view
from sweep.host.files import replace_file
from sweep.results.load import load
lap("imports")
results = with_points(load(folder))
lap("reading Parquet, deriving points")
shown = view(results)
lap("the view")
page = render(shown).encode()
lap("the page")
replace_file(folder / "report.html", lambda file: file.write(page))
lap("writing the file")
print(json.dumps(seconds))
"""


def main() -> None:
    """Medians of whole processes, then shares of one of them."""
    arguments = options(__doc__)
    rounds = 3 if arguments.quick else 15
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "reference"
        shutil.copytree(ROOT / "results" / "reference", folder)
        commands = {
            "report": ["-m", "sweep", "report", str(folder)],
            "--help": ["-m", "sweep", "--help"],
            "python -c pass": ["-c", "pass"],
        }
        before = os.getloadavg()[0]
        samples, stages = _race(commands, ["-c", STAGES, str(folder)], rounds)
        load = max(before, os.getloadavg()[0])
        imports = _imports(commands["report"])
        size = (folder / "report.html").stat().st_size
    publish("Report", _text(samples, stages, imports, size, load), arguments)


def _race(
    commands: Mapping[str, Sequence[str]], staged: Sequence[str], rounds: int
) -> tuple[dict[str, list[_Sample]], list[dict[str, float]]]:
    """Samples of each command, and seconds of the steps that `staged` tells, in rounds of a new
    order; one round before, for caches of files.
    """
    order = random.Random(0)  # noqa: S311 - an order, no secret
    samples: dict[str, list[_Sample]] = {name: [] for name in commands}
    stages = []
    for counted in [False, *[True] * rounds]:
        for name in order.sample([*commands, ""], len(commands) + 1):
            began, used = time.perf_counter(), _processor()
            told = _run(commands[name] if name else staged).stdout
            if counted and name:
                samples[name].append((time.perf_counter() - began, _processor() - used))
            elif counted:
                stages.append(json.loads(told))
    return samples, stages


def _processor() -> float:
    """Seconds of processor time of all processes started here that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _imports(command: Sequence[str]) -> dict[str, float]:
    """Package -> seconds in its own modules while they were imported, most first. The clock slows
    them down.
    """
    told = _run(["-X", "importtime", *command]).stderr
    spent: dict[str, float] = defaultdict(float)
    for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", told):
        package = module.partition(".")[0]
        spent["Python's own" if package in sys.stdlib_module_names else package] += int(own) / 1e6
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, check=True, capture_output=True, text=True
    )


def _text(
    samples: Mapping[str, Sequence[_Sample]],
    stages: Sequence[Mapping[str, float]],
    imports: Mapping[str, float],
    size: int,
    load: float,
) -> str:
    seconds = {name: [wall for wall, _ in each] for name, each in samples.items()}
    median = statistics.median(seconds["report"])
    whole = [
        (
            name,
            *(f"{pick(seconds[name]):.2f}" for pick in (statistics.median, min, max)),
            f"{statistics.median(used for _, used in each):.2f}",
        )
        for name, each in samples.items()
    ]
    steps = [
        (name, f"{statistics.median(each[name] for each in stages):.2f}") for name in stages[0]
    ]
    in_all = sum(imports.values())
    shares = [
        (package, f"{each:.2f}", f"{100 * each / in_all:.0f} %")
        for package, each in list(imports.items())[:MOST_PACKAGES]
    ]
    heavy = sorted(HEAVY & set(imports))
    return "\n\n".join(
        [
            f"`python -m sweep report results/reference`, seconds of the whole process, of "
            f"{len(seconds['report'])} runs. The page has {size / 1e6:.1f} MB. The machine's "
            f"load, this benchmark's own 1 among it, was at most {load:.1f}.",
            table(("process", "median", "fastest", "slowest", "processor, median"), whole),
            f"Goal, under {GOAL_S:.0f} s: {'met' if median < GOAL_S else 'missed'}. "
            f"Imported of JAX, Flax, PyTorch, Keras: {', '.join(heavy) or 'none'}.",
            table(("step", "seconds"), steps),
            "Where the imports' time goes, by the package whose modules they are (under "
            "`-X importtime`, which slows them down):",
            table(("package", "seconds", "share"), shares),
        ]
    )


if __name__ == "__main__":
    main()
