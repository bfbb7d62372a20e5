"""A small real sweep in a process of its own, and whether a results folder has what it reported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sweep.results.check import check
from sweep.results.load import Results, load
from sweep.settings.config import GridSettings
from sweep.settings.grid import points as grid_points
from sweep.types import CurvePoint, Point, Reading
from tests.faults.forked import Forked
from tests.faults.parts import of_point

ROOT = Path(__file__).parents[2]
Running = subprocess.Popen[str] | Forked
ROWS = 12
COLD = ("--no-compile-cache",)
CONTINUES = "What was finished is kept; the same command continues."
TEXT = """
name = "toy"
family = "tests.faults.parts:Family"
measures = ["tests.faults.parts:Numbers"]
[grid]
alpha = [{alphas}]
resolution = [64, 32]
[custom."tests.faults.parts:Numbers"]
rows = {rows}
pause_s = {pause_s}
hold = "{hold}"
"""
LEFT = {
    "run.json", "readings.parquet", "training.parquet", "points.parquet", "report.html", "run.log",
}  # fmt: skip
_STORED = re.compile(r"numbers (\S+): stored in|^stored numbers (\S+) ", re.MULTILINE)


@dataclass(frozen=True)
class Sweep:
    """One experiment in a folder of its own; points: how many, an even number."""

    folder: Path
    points: int = 24
    rows: int = ROWS
    pause_s: float = 0.0
    hold: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        alphas = ", ".join(f"{0.05 * (n + 1):.2f}" for n in range(self.points // 2))
        text = TEXT.format(alphas=alphas, rows=self.rows, pause_s=self.pause_s, hold=self.hold)
        (self.folder / "sweep.toml").write_text(text)

    @property
    def results(self) -> Path:
        """The results folder."""
        return self.folder / "results" / "toy"

    @property
    def all_points(self) -> tuple[Point, ...]:
        """The grid's."""
        alphas = tuple(round(0.05 * (n + 1), 2) for n in range(self.points // 2))
        return grid_points(GridSettings(alpha=alphas, resolution=(64, 32)), family="toy")

    def start(self, *, jax: bool = False, **environment: object) -> Running:
        """`run` in a process of its own: `python -m sweep` itself, or without JAX and small."""
        environment = {"SWEEP_MERGE_AT": 6, "SWEEP_PAGE": "empty", **environment}
        return started(self.folder, "run", "sweep.toml", *COLD, jax=jax, **environment)

    def run(self, **environment: object) -> Ended:
        """The same to its end."""
        return ended(self.start(jax=False, **environment))

    def command(self, *arguments: str) -> Ended:
        """Another command on the results."""
        return ended(started(self.folder, *arguments))

    def operations(self) -> tuple[int, list[int]]:
        """Of the store's on the disk, in a run that nobody disturbs: how many, and which merge."""
        counted = self.folder / "count"
        ended = self.run(SWEEP_FAULT_COUNT=counted)
        if ended.status or self.strays():
            raise AssertionError(f"{ended.err}{self.strays()}")
        told = json.loads(counted.read_text())
        return told["all"], told["merging"]

    def reported(self, out: str = "") -> set[str]:
        """Labels of the points that the log, or `out`, says are stored."""
        log = self.results / "run.log"
        text = out + (log.read_text() if log.exists() else "")
        return {first or second for first, second in _STORED.findall(text)}

    def lost(self, reported: set[str]) -> list[str]:
        """What was reported finished and is not there whole and unchanged; and what is there in
        parts, whether reported or not.
        """
        if not (self.results / "run.json").exists():
            return sorted(reported)
        found = contents(load(self.results))
        wanted = {point.label: content(point, self.rows) for point in self.all_points}
        gone = [label for label in reported if label not in found]
        return gone + [label for label in found if found[label] != wanted.get(label)]

    def strays(self) -> list[str]:
        """Files that a finished run does not leave, and damage."""
        there = {path.name for path in self.results.iterdir()}
        wrong = [each.file for each in check(self.results).files if each.state.value != "ok"]
        return sorted(there ^ LEFT) + wrong


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def in_words(self) -> bool:
        """Whether it ended with a message, and not with a traceback."""
        return "Traceback" not in self.err and len(self.err.strip().splitlines()) <= 1


def started(folder: Path, *arguments: str, jax: bool = False, **environment: object) -> Running:
    """A command in a process of its own, in a folder."""
    told = {name: str(value) for name, value in environment.items()}
    variables = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | told
    if not jax:
        return Forked(arguments, folder, variables)
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "sweep", *arguments],
        cwd=folder, env=variables, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: Running) -> Ended:
    """A command waited for."""
    out, err = process.communicate(timeout=300)
    return Ended(process.returncode, out, err)


def content(point: Point, rows: int) -> list[tuple[object, ...]]:
    """What must be stored of a point: its readings and its curve."""
    return content_of(of_point(point, rows))


def content_of(items: Iterable[Reading | CurvePoint]) -> list[tuple[object, ...]]:
    """The same of any readings and curves."""
    entries: list[tuple[object, ...]] = []
    for item in items:
        if isinstance(item, Reading):
            value = "none" if item.value is None else item.value
            entries.append((item.variant, item.metric.name, value, item.samples, item.reason))
        else:
            place = (item.step, item.epoch, item.loss, item.accuracy, item.seconds)
            entries.append(("curve", *place))
    return entries


def contents(results: Results) -> dict[str, list[tuple[object, ...]]]:
    """What is stored, by point, as `content` has it."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for row in results.readings.to_dict("records"):
        value = "none" if pd.isna(row["value"]) else row["value"]
        entry = (row["variant"], row["metric"], value, tuple(row["samples"]), row["reason"])
        found.setdefault(_label(row), []).append(entry)
    for row in results.training.to_dict("records"):
        names = ("step", "epoch", "loss", "accuracy", "seconds")
        entry = ("curve", *(row[name] for name in names))
        found.setdefault(_label(row), []).append(entry)
    return found


def tables(folder: Path) -> str:
    """All that is stored, in the order of points; apart from times, commits and versions, which say
    who took a reading: the program itself, or the one without JAX.
    """
    results = load(folder)
    text = ""
    for frame in (results.readings, results.training):
        apart = frame.drop(columns=["time", "commit", "versions"])
        ordered = apart.sort_values(["alpha", "resolution"], kind="stable")
        text += str(ordered.to_json(orient="records", double_precision=15))
    return text


def _label(row: dict[str, object]) -> str:
    return Point(*(row[name] for name in ("family", "kind", "alpha", "rho", "resolution"))).label  # type: ignore[arg-type]
