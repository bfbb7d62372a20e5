"""A metric of a measure from outside stands wherever one of ours does: the energy of adding.md, for
the made-up run.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from pathlib import Path

import pytest

from sweep.metrics import BUILT_IN
from sweep.report.content.build import view
from sweep.report.content.difference import difference
from sweep.report.page.explorer import chosen, explored
from sweep.results.points import derive
from sweep.types import Form
from tests.support import fake_results
from tests.support.commands import flat, typed
from tests.support.fake_results import stored

ROOT = Path(__file__).parents[2]
KEYS = fake_results.all_points()


def energies(factor: float = 1.0):
    """4.6 pJ a multiply-add, as on the page; the largest, 1.0-224, takes 2.616 mJ."""
    rows = fake_results.results().readings
    counted = rows.loc[rows["metric"] == "mult_adds", ["kind", "alpha", "resolution", "value"]]
    return [
        fake_results.reading(
            (kind, alpha, side),
            "energy_j",
            factor * 4.6e-12 * value,
            measure="energy",
            title="Energy, estimated",
            unit="J",
        )
        for kind, alpha, side, value in counted.itertuples(index=False)
    ]


def measured(factor: float = 1.0):
    """The made-up run with its energies, `factor` times what they are."""
    results = fake_results.results(more=energies(factor))
    measures = results.run["measures"]
    own = {"energy": measures["cost"]}
    return dataclasses.replace(results, run=results.run | {"measures": measures | own})


@pytest.fixture(scope="module")
def results():
    return measured()


@pytest.fixture(scope="module")
def shown(results):
    return view(results)


def test_it_has_a_figure_by_every_source_and_a_frontier_of_its_own(results, shown):
    figures = [each for each in shown.figures if each.name == "energy_j"]
    assert [each.source for each in figures] == ["measured", "tfslim", "paper"]
    assert figures[0].x.title == "Energy, estimated (J)"
    # It is proportional to the mult-adds: so is its frontier.
    (same,) = [
        each for each in shown.figures if (each.name, each.source) == ("mult_adds", "measured")
    ]
    ahead = [{mark.label for mark in each.marks if mark.on_front} for each in (figures[0], same)]
    assert ahead[0] == ahead[1]
    points = results.points
    assert points["on_front_energy_j"].tolist() == points["on_front_mult_adds"].tolist()


def test_it_stands_in_tables_cards_maps_and_sentences(shown):
    titles = [each.title for each in shown.points.columns]
    assert "Energy, estimated (J)" in titles
    assert "Energy, estimated (J)" in [each.title for each in shown.points.narrow.columns]
    assert "over energy, estimated" in shown.points.caption
    (widest,) = [each for each in shown.cards if each.label == "1.0-224"]
    (quoted,) = [each for each in widest.figures if each.title == "Energy, estimated (J)"]
    assert (quoted.value.value, quoted.form) == (pytest.approx(2.616e-3, rel=1e-3), Form.NUMBER)
    assert (
        "On the frontier over mult-adds, parameters, latency, peak memory and energy"
        in (widest.standing[0])
    )
    assert "energy_j" in [each.name for each in shown.heat_maps]
    said = typed(" ".join(shown.findings))
    # 0.5-224 has 149.5 M mult-adds: 0.688 mJ.
    assert "688 µJ against 2.62 mJ energy, estimated" in said
    assert "over energy, estimated" in said


def test_the_panel_asks_for_it_in_a_unit_that_fits(shown):
    data = explored(shown)
    (field,) = [each for each in data["fields"] if each["title"] == "Energy, estimated"]
    # From 63 µJ to 22 mJ; the median of 18 points lies below 1 mJ.
    assert (field["unit"], field["factor"]) == ("µJ", 1e-6)
    assert field["option"] == "--max energy_j={typed}uJ"
    assert typed(data["read"]["1.0-224"]["energy_j"]["text"]) == "2.62 mJ"
    assert set(data["plots"]["measured"]) >= {"energy_j"}
    assert ("energy_j", "Energy, estimated (J)") in chosen(shown).costs


def test_pick_takes_a_budget_on_it(command, results, tmp_path):
    folder = stored(results, tmp_path / "fake")
    status, out, _ = command("pick", folder, "--max", "energy_j=0.7mJ", "--max-latency", "9ms")
    assert status == 0
    # 0.7 mJ are 152.2 M mult-adds: of those the most accurate is 0.5-224 with 149.5 M.
    assert "700 µJ energy, estimated" in flat(out)
    assert "Best: 0.5-224" in out
    assert "Energy, estimated 688 µJ" in flat(out)
    answer = json.loads(command("pick", folder, "--max", "energy_j=1uJ", "--json")[1])
    assert answer["limits"] == {"energy_j": 1e-6}
    assert answer["closest"]["label"] == "0.25-128"
    assert answer["closest"]["energy_j"] == pytest.approx(4.6e-12 * 14_018_624, rel=0.1)
    # What checks or restates another can be limited, too.
    assert "Best: " in command("pick", folder, "--max", "weight_bytes=6MB")[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("energy_j=5", '--max = "energy_j=5": must be a number with its unit, such as 5J'),
        ("energy=5J", '--max = "energy=5J": must be METRIC=VALUE of a metric of this run'),
        ("top1=0.5", "that is better lower: mult_adds"),
    ],
)
def test_a_wrong_limit_says_what_is_allowed(command, results, tmp_path, text, message):
    folder = stored(results, tmp_path / "fake")
    status, out, error = command("pick", folder, "--max", text)
    assert (status, out) == (2, "")
    assert message in flat(error)
    assert len(error.splitlines()) == 1


def test_diff_and_json_have_it(command, results, tmp_path):
    before = stored(results, tmp_path / "before")
    after = stored(measured(1.5), tmp_path / "after")
    found = json.loads(command("diff", before, after, "--json")[1])
    assert {each["quantity"] for each in found["moved"]} == {"energy_j"}
    assert "Energy, estimated (J): 18 moved" in flat(command("diff", before, after)[1])
    rows = json.loads(command("show", before, "--json")[1])["points"]
    assert all(row["energy_j"] > 0 for row in rows)


def test_a_page_without_it_is_drawn_from_what_is_stored_alone(results):
    """The facts of a metric stand with its readings: the measure itself is not imported."""
    again = measured()
    assert view(again) == view(results)
    assert difference(results, again).moved == ()
    assert derive(again.readings).equals(results.points)


def test_what_restates_another_stands_beside_it_and_has_no_axis():
    flops = [
        fake_results.reading(
            key, "flops", 2e6, title="FLOPs by hand", short="By hand", beside="mult_adds"
        )
        for key in KEYS
    ]
    shown = view(fake_results.results(more=flops))
    assert "flops" not in [each.name for each in shown.figures]
    assert "By hand" in [each.title for each in shown.counts.columns]


def literals(path: Path) -> set[str]:
    """Texts of a Python file that are no docstrings, and words in quotes of any other."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return set(re.findall(r"[\"'`](\w+)[\"'`]", text))
    return {
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_report_has_no_list_of_metrics():
    """Their names stand in sweep/metrics.py: a second list would leave others' metrics out."""
    names = set(BUILT_IN)
    named = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "sweep" / "report").rglob("*")
        if path.suffix in (".py", ".js", ".jinja")
        for name in literals(path) & names
    }
    assert named <= {
        # A setting of that name.
        "sweep/report/content/bearing.py: test_images",
    }
