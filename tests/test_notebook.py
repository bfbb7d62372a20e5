"""`import sweep`, as a notebook has it; held against the committed reference run."""

import json
import re

import pandas as pd
import plotly.graph_objects as go
import pytest

import sweep
from sweep.cli.main import main
from tests.rooms import ROOT, loaded

REFERENCE = ROOT / "results" / "reference"


@pytest.fixture(scope="module")
def results():
    return sweep.load(REFERENCE)


def test_importing_it_costs_nothing_and_tells_its_names():
    assert not {"pandas", "numpy", "plotly", "jax", "pydantic"} & loaded("sweep")
    assert len(sweep.__all__) <= 6
    assert set(sweep.__all__) <= set(dir(sweep))
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = sweep.lode


def test_the_lines_of_the_readme(monkeypatch):
    shown = []

    def show(figure):
        shown.append(figure)

    monkeypatch.setattr(go.Figure, "show", show)
    monkeypatch.chdir(ROOT)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (lines,) = [
        text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "sweep.load" in text
    ]
    names: dict = {}
    exec(lines, names)  # noqa: S102
    assert len(shown) == 1
    assert shown[0].data
    assert len(names["results"].points) == 18


def test_results_are_three_data_frames(results):
    for frame in (results.points, results.readings, results.training):
        assert isinstance(frame, pd.DataFrame)
        assert len(frame)


@pytest.mark.parametrize(
    ("cost", "column"), [("mult_adds", "mult_adds"), ("params", "params"), ("latency", "latency_s")]
)
def test_the_front_is_what_comparing_every_pair_leaves(results, cost, column):
    both = results.points.dropna(subset=[column, "top1"])
    pairs = list(zip(both[column], both["top1"], strict=True))

    def beaten(x, y):
        return any(a <= x and b >= y and (a, b) != (x, y) for a, b in pairs)

    front = sweep.pareto_front(results, cost)
    expected = sorted(pair for pair in pairs if not beaten(*pair))
    assert list(zip(front[column], front["top1"], strict=True)) == expected
    assert front["top1"].is_monotonic_increasing


def test_a_cost_that_there_is_none_of_is_told_with_those_that_there_are(results):
    with pytest.raises(
        KeyError, match=r"wattage \(measured\): this run has mult_adds \(measured\)"
    ):
        sweep.pareto_front(results, "wattage")


def test_figures_are_plotlys_and_say_why_one_is_missing(results):
    figures = sweep.figures(results)
    assert {"mult_adds", "params", "latency", "mult_adds-tfslim", "map-accuracy"} <= set(figures)
    assert all(isinstance(each, go.Figure) for each in figures.values())
    with pytest.raises(KeyError, match="wattage: must be one of mult_adds"):
        figures["wattage"]


def test_pick_answers_as_the_command_does(results, capsys):
    picked = sweep.pick(results, latency_s=5e-3, params=2e6)
    main_exits(["pick", str(REFERENCE), "--max-latency", "5ms", "--max-params", "2M", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert picked.best is not None
    assert picked.runner_up is not None
    assert told["best"]["label"] == picked.best.label
    assert told["runner_up"]["label"] == picked.runner_up.label
    assert [each.label for each in picked.fitting] == told["fits"]


def main_exits(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"watts": 3.0}, "watts: must be one of"),
        ({"accuracy": "guessed"}, "accuracy = 'guessed': must be one of measured"),
        ({"batch": 7}, "batch = 7: this run timed batch 1"),
    ],
)
def test_what_pick_does_not_know_is_told_with_what_it_does(results, asked, message):
    with pytest.raises(ValueError, match=message):
        sweep.pick(results, **asked)
