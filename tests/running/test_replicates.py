"""Replicates of a measure: which are asked for, what is theirs, and that more can be added."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep.results.load import load
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import parse
from tests.support.runs import MACHINE, Watcher
from tests.support.toys import CALLS, Rolls, Together

TOYS = "tests.support.toys"


@pytest.fixture(autouse=True)
def _forget_calls():
    CALLS.clear()


def run(folder: Path, *measures: str) -> list[str]:
    """What was called."""
    names = json.dumps([f"{TOYS}:{each}" for each in measures])
    text = f"measures = {names}\n[grid]\nalpha = [0.5]\nresolution = [64, 32]\n"
    settings, store = parse(text, source="test"), Store(folder)
    CALLS.clear()
    outcome = execute(make_plan(settings, store, MACHINE), settings, store, MACHINE, Watcher())
    assert outcome.failures == ()
    return list(CALLS)


def stored(folder: Path, metric: str) -> list[tuple[int, int, float]]:
    """(resolution, seed, value) of its readings."""
    rows = load(folder).readings
    rows = rows.loc[rows["metric"] == metric, ["resolution", "seed", "value"]]
    return sorted(rows.itertuples(index=False, name=None))


def test_each_point_is_asked_for_from_each_seed_and_more_can_be_added(tmp_path, monkeypatch):
    folder = tmp_path / "r"
    assert run(folder, "Rolls") == [
        "seed 0", "0.5-64", "seed 0", "0.5-32", "seed 1", "0.5-64", "seed 1", "0.5-32",
    ]  # fmt: skip
    two = [(32, 0, 4 * 32), (32, 1, 5 * 32), (64, 0, 4 * 64), (64, 1, 5 * 64)]
    assert stored(folder, "written") == two
    curves = load(folder).training
    places = sorted(zip(curves["seed"], curves["loss"], strict=True))
    assert places == [(0, 0), (0, 0), (1, 1), (1, 1)]
    monkeypatch.setattr(Rolls, "seeds", (0, 1, 2))
    assert run(folder, "Rolls") == ["seed 2", "0.5-64", "seed 2", "0.5-32"]
    assert len(stored(folder, "written")) == 6
    # Fewer are shown where fewer are asked for, and none is lost.
    monkeypatch.setattr(Rolls, "seeds", (0, 1))
    assert run(folder, "Rolls") == []
    assert stored(folder, "written") == two
    # A single one is the first of several.
    monkeypatch.setattr(Rolls, "seeds", ())
    assert run(folder, "Rolls") == []
    assert stored(folder, "written") == [each for each in two if each[1] == 0]


def test_what_needs_a_file_is_asked_for_the_replicates_of_whoever_gives_it(tmp_path):
    folder = tmp_path / "r"
    run(folder, "Counts", "Rolls")
    assert stored(folder, "letters") == [(32, 0, 4), (32, 1, 5), (64, 0, 4), (64, 1, 5)]
    assert run(folder, "Counts", "Rolls") == []


def test_a_joint_measure_has_one_call_for_each_replicate(tmp_path, monkeypatch):
    monkeypatch.setattr(Together, "seeds", (3, 4))
    monkeypatch.setattr("tests.support.toys.Stumbling.mended", True)
    names = f'measures = ["{TOYS}:Together"]\n[grid]\nalpha = [0.5]\nresolution = [64, 32]\n'
    plan = make_plan(parse(names, source="test"), Store(tmp_path / "r"), MACHINE)
    assert [task.label for task in plan.tasks] == [
        "together, 2 points together, seed 3",
        "together, 2 points together, seed 4",
    ]
    run(tmp_path / "r", "Together")
    assert len(stored(tmp_path / "r", "perimeter")) == 4
