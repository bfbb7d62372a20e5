"""Several runs on one page: each as its own page has it, what may not be compared, and who ranks as
whom. The runs are the made-up one with another machine, data set or recipe.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sweep.metrics import LATENCY
from sweep.report.content.figures import figures
from sweep.report.content.together import MOST, together
from sweep.report.page.page import render_together
from sweep.results.deployments import Deployed, by
from sweep.types import Deployment, SettingsError
from tests.support import fake_results
from tests.support.browser_fixtures import Faults, across, markers, watched
from tests.support.commands import typed

HERE = fake_results.results(Path("results/here"), name="here")


def elsewhere(**more):
    """The same networks, a third slower, on another machine."""
    other = fake_results.results(Path("results/pi"), name="pi", **more)
    readings = other.readings.copy()
    slower = readings["metric"] == "latency_s"
    readings.loc[slower, "value"] *= 4 / 3
    readings.loc[slower, "samples"] = readings.loc[slower, "samples"].map(lambda each: 4 / 3 * each)
    other = fake_results.with_readings(other, readings)
    machine = {**other.machine, "id": "b" * 12, "cpu": "Cortex-A76", "cores": 4}
    return replace(other, machine=machine, run={**other.run, "machine_id": "b" * 12})


def overlay(shown, cost, source="measured"):
    return next(each for each in shown.overlays if (each.cost, each.source) == (cost, source))


def test_each_run_has_the_frontier_of_its_own_page():
    runs = (HERE, elsewhere())
    shown = together(runs)
    assert shown.runs == ("here", "pi")
    for place, run in enumerate(runs):
        for own in figures(run):
            drawn = overlay(shown, own.name, own.source).series[place]
            assert (drawn.run, drawn.marks, drawn.front) == (place, own.marks, own.front)
    assert {name for name, _ in shown.costs} == {each.name for each in figures(HERE)}


def test_what_is_of_several_machines_is_said_where_it_matters():
    shown = together((HERE, elsewhere()))
    (told,) = [each for each in overlay(shown, "latency").beware if "machines" in each]
    assert "here: Intel(R) Xeon(R) Processor @ 2.10GHz, 2 cores; pi: Cortex-A76, 4 cores" in told
    assert not [each for each in overlay(shown, "mult_adds").beware if "machines" in each]
    # Published accuracies are of neither run's training.
    assert not [each for each in overlay(shown, "latency", "tfslim").beware if "training" in each]
    assert "18 of 18 points are in every run." in shown.cautions
    # One machine with two versions of what was measured with.
    newer = {"latency": {"settings_hash": "0123456789ab", "versions": {"jax": "0.12"}}}
    newer = replace(HERE, path=Path("results/newer"), run={**HERE.run, "measures": newer})
    (told,) = [each for each in together((HERE, newer)).cautions if "versions" in each]
    assert "jax 0.12" in told


def test_accuracies_of_other_images_or_recipes_are_told_apart():
    flowers = fake_results.results(Path("results/flowers"), name="flowers", dataset="flowers")
    told = overlay(together((HERE, flowers)), "mult_adds").beware
    assert told == (
        "Accuracies are of several data sets, and their heights may not be compared: here: "
        "photo-patches; flowers: flowers.",
    )
    longer = {"accuracy": {"settings_hash": "ba9876543210"}}
    longer = replace(HERE, path=Path("results/longer"), run={**HERE.run, "measures": longer})
    shown = together((HERE, longer))
    assert shown.runs == ("here (results/here)", "here (results/longer)")
    told = overlay(shown, "mult_adds").beware
    assert "may be the recipe's doing" in told[0]
    assert "One training each" in told[1]


def test_a_table_has_counts_once_and_the_rest_for_each_run():
    some = [key for key in fake_results.all_points() if key[1] == 1.0]
    shown = together((HERE, elsewhere(points=some)))
    columns = [(each.group, each.title) for each in shown.points.columns]
    assert columns == [
        ("", "Point"), ("", "Mult-adds"), ("", "Parameters"),
        ("here", "Top-1"), ("here", "Latency"), ("here", "Peak memory"),
        ("pi", "Top-1"), ("pi", "Latency"), ("pi", "Peak memory"),
    ]  # fmt: skip
    rows = {row[0].value: row[1:] for row in shown.points.rows}
    assert rows["1.0-224"][0].value == 568_740_352
    slower, own = (rows["1.0-224"][place].estimate for place in (6, 3))
    assert slower is not None
    assert own is not None
    assert slower.value / own.value == pytest.approx(4 / 3)
    assert rows["0.25-128"][5].reason == "not a point of this run"
    assert rows["0.25-128"][0].value == 13_570_048


def test_how_alike_they_rank_is_kendalls_tau():
    turned = elsewhere()
    readings = turned.readings.copy()
    slower = readings["metric"] == "latency_s"
    readings.loc[slower, "value"] = 1 / readings.loc[slower, "value"]
    readings.loc[slower, "samples"] = readings.loc[slower, "samples"].map(lambda each: 1 / each)
    shown = together((HERE, elsewhere(), fake_results.with_readings(turned, readings))[:2])
    assert shown.ranks is not None
    (row,) = shown.ranks.rows
    assert [each.value for each in row] == ["here, pi", 1.0, 1.0, 1.0]
    reverse = replace(
        fake_results.with_readings(turned, readings), path=Path("results/turned"), settings={}
    )
    (row,) = together((HERE, reverse)).ranks.rows  # type: ignore[union-attr]
    assert [each.value for each in row[1:]] == [1.0, -1.0, 1.0]  # top-1, latency, peak memory


def test_a_runtime_that_is_first_in_one_run_stands_beside_the_second_of_another():
    litert = Deployed(Deployment("litert", "float32", 2), "LiteRT", LATENCY)
    xla = Deployed(Deployment("xla", "float32", 2), "XLA", LATENCY)
    second = replace(litert, metric=by(LATENCY, "LiteRT"))
    rows = HERE.readings.loc[HERE.readings["metric"] == "latency_s"]
    rows = rows.assign(
        metric=second.metric.name,
        title=second.metric.title,
        short=second.metric.short,
        runtime="litert",
    )
    readings = fake_results.pd.concat([HERE.readings, rows], ignore_index=True)
    both = replace(fake_results.with_readings(HERE, readings), deployments=(xla, second))
    alone = replace(elsewhere(), deployments=(litert,))
    shown = together((both, alone))
    assert [place.run for place in overlay(shown, "latency_by_litert").series] == [0, 1]
    (told,) = [each for each in overlay(shown, "latency").beware if "runtimes" in each]
    assert told == "Timed by several runtimes: here: XLA; pi: LiteRT."
    assert not [each for each in overlay(shown, "latency_by_litert").beware if "runtimes" in each]


def test_one_run_seven_or_one_twice_are_refused():
    for runs, told in (
        ((HERE,), "1 runs: 2 to 6"),
        (tuple(replace(HERE, path=Path(f"results/{n}")) for n in range(MOST + 1)), "7 runs"),
        ((HERE, elsewhere(), HERE), "here: is given twice"),
    ):
        with pytest.raises(SettingsError, match=re.escape(told)):
            together(runs)


@pytest.fixture
def page(chromium, tmp_path):
    shown = together((HERE, elsewhere(), fake_results.empty()))
    path = tmp_path / "together.html"
    path.write_text(render_together(shown), encoding="utf-8")
    page = chromium.new_page()
    faults = watched(page, path.as_uri())
    page.goto(path.as_uri())
    yield page, shown
    assert faults == Faults()
    page.close()


def drawn(page):
    return page.evaluate("document.getElementById('plot-together').data")


def test_the_switches_choose_cost_accuracies_and_runs_by_keyboard(page):
    page, shown = page
    figure = page.locator("#figure-together")
    for each in shown.overlays:
        for name, value in (("cost", each.cost), ("source", each.source)):
            page.locator(f"#axes input[name={name}][value={value}]").check(force=True)
        assert page.locator("#together-title").inner_text() == each.title
        assert page.locator("#together-beware li").all_inner_texts() == list(each.beware)
        assert markers(figure) == sum(len(series.marks) for series in each.series) > 0
    assert {trace["meta"] for trace in drawn(page)} == {0, 1}
    run = page.get_by_role("checkbox", name="here")
    run.focus()
    page.keyboard.press("Space")
    assert {trace["meta"] for trace in drawn(page)} == {1}
    # Told by dash and symbol as well as by colour.
    page.keyboard.press("Space")
    lines = [trace["line"]["dash"] for trace in drawn(page) if trace["mode"] == "lines"]
    assert len(set(lines)) == 2


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_scrolls_sideways_and_axe_finds_no_fault(page, width):
    from axe_playwright_python.sync_playwright import Axe

    page, _ = page
    page.set_viewport_size({"width": width, "height": 900})
    assert across(page, width) <= width
    answer = Axe().run(page, context={"exclude": [[".main-svg"]]}).response
    grave = [each for each in answer["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["help"]) for each in grave] == []


def test_names_from_data_are_text(chromium, tmp_path):
    script = "<script>alert(1)</script>"
    other = fake_results.results(Path(f"results/{script}"), name=script, dataset=script)
    html = render_together(together((HERE, other)))
    assert script not in html


def test_report_of_several_folders(command, tmp_path):
    folders = [
        str(fake_results.stored(run, tmp_path / run.settings["name"]))
        for run in (HERE, elsewhere())
    ]
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*"))
    page = tmp_path.parent / f"{tmp_path.name}.html"
    status, out, _ = command("report", *folders, "--to", str(page), "--json")
    assert status == 0
    found = json.loads(out)
    assert found["runs"] == ["here", "pi"]
    assert found["ranks"][0]["Top-1"] == 1
    assert page.stat().st_size > 1_000_000
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*")) == before
    assert command("report", *folders, "--to", str(page))[0] == 0
    status, _, said = command("report", *folders)
    assert (status, "--to FILE" in said) == (2, True)
    status, _, said = command("report", folders[0], folders[0], "--to", str(page))
    assert (status, "is given twice" in typed(said)) == (2, True)
    status, _, said = command("report", *folders, "--to", str(page), "--beside", folders[0])
    assert (status, "--beside" in said) == (2, True)


def test_another_run_without_these_points_is_no_fault_of_the_program(command, tmp_path):
    few = [key for key in fake_results.all_points() if key[1] == 1.0]
    rest = [key for key in fake_results.all_points() if key[1] != 1.0]
    one, other = (
        str(fake_results.stored(fake_results.results(points=keys), tmp_path / name))
        for name, keys in (("one", few), ("other", rest))
    )
    status, _, said = command("report", one, "--beside", other)
    assert (status, "has no accuracy of any of these points" in typed(said)) == (2, True)
