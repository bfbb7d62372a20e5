"""The default sweep end to end, with an empty compilation cache and then with a full one.

    python -m benchmarks.sweep          # two sweeps: about 11 minutes on 2 cores
    python -m benchmarks.sweep --quick  # two points

Writes its results under a temporary folder; what it measures is time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import ROOT, options, publish, table

QUICK = """
name = "default"
[grid]
alpha = [0.25]
resolution = [160, 128]
[latency]
processes = 1
rounds = 5
[accuracy]
train_images = 640
epochs = 1
test_images = 200
"""


def main() -> None:
    """Seconds by stage, cold and warm, and whether both found the same accuracies."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        experiment = Path(folder) / "sweep.toml"
        default = (ROOT / "sweep.toml").read_text(encoding="utf-8")
        experiment.write_text(QUICK if arguments.quick else default, encoding="utf-8")
        runs = {name: _run(experiment, Path(folder), name) for name in ("cold", "warm")}
    stages = list(runs["cold"])
    rows = [(stage, *(f"{runs[name][stage]:.0f}" for name in runs)) for stage in stages]
    publish("Default sweep", f"Seconds.\n\n{table(('stage', *runs), rows)}", arguments)


def _run(experiment: Path, folder: Path, name: str) -> dict[str, float]:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sweep", "run", str(experiment), "--results", str(folder),
         "--name", name, "--compile-cache", str(folder / "cache")],
        cwd=ROOT,
        check=True,
    )  # fmt: skip
    in_all = time.perf_counter() - began
    run = json.loads((folder / name / "run.json").read_text(encoding="utf-8"))
    return {**run["stage_s"], "in all": in_all}


if __name__ == "__main__":
    main()
