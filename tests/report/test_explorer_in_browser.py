"""The explorer in a real Chromium: its switches, its budget panel, and the cards that it opens."""

import random
import re

import pytest
from playwright.sync_api import expect

from sweep import metrics
from sweep.report.content.bearing import bearing
from sweep.report.content.budget import Budget, Limit, pick
from sweep.report.content.budget_words import EXCESSES, sentences
from sweep.report.content.evidence import evidence_of
from tests.support import fake_results
from tests.support.browser_fixtures import RUNS, Faults, markers
from tests.support.commands import typed

POINTS = fake_results.results().points
# Field of the panel -> its factor to SI units, its metric, and the ends of what is typed.
FIELDS = {
    "Latency": (1e-3, metrics.LATENCY, (1e-3, 14e-3)),
    "Parameters": (1e6, metrics.PARAMS, (0.3e6, 5e6)),
    "Mult-adds": (1e6, metrics.MULT_ADDS, (5e6, 700e6)),
    "Peak memory": (1e6, metrics.PEAK_MEMORY, (40e6, 65e6)),
}


@pytest.fixture
def opened(pages):
    """The whole run's page as it is when it opens."""
    opened = pages("whole")
    opened.page.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = false })"
    )
    choose(opened, "measured", "mult_adds")
    opened.page.get_by_role("button", name="No limits").click()
    return opened


def choose(opened, source, cost):
    for name, value in (("cost", cost), ("source", source)):
        opened.page.locator(f"#axes input[name={name}][value={value}]").check(force=True)


def explorer(opened):
    return opened.page.get_by_role("figure", name=re.compile("^Accuracy against"))


def traces(opened):
    return opened.page.evaluate("document.getElementById('plot-explorer').data")


def names(opened, ending):
    """Labels of the points in traces whose name ends so."""
    return {
        label
        for trace in traces(opened)
        if trace["name"].endswith(ending)
        for label in trace["customdata"]
    }


def limit(opened, **fields):
    for name, value in fields.items():
        field(opened, name.replace("_", " ").replace("Mult adds", "Mult-adds")).fill(value)


def field(opened, name):
    return opened.page.locator("#budget").get_by_label(name)


def answer(opened):
    return typed(opened.page.locator("#picked").inner_text())


def test_the_switch_draws_every_cost_by_every_source(opened):
    assert len(opened.view.figures) == 4 * 3
    for figure in opened.view.figures:
        choose(opened, figure.source, figure.name)
        place = explorer(opened)
        assert place.get_by_role("heading").inner_text() == figure.title
        assert markers(place) == len(figure.marks) + len(figure.paper)
        place.get_by_text("In words").click()
        assert place.locator("#explorer-words").inner_text() == figure.summary
        place.get_by_text("In words").click()
        (drawn,) = [trace for trace in traces(opened) if trace["name"] == "frontier"]
        assert list(zip(drawn["x"], drawn["y"], strict=True)) == list(figure.front)
    assert opened.faults == Faults()


@pytest.mark.parametrize("run", ["whole", "trained"])
def test_the_panel_answers_as_pick_does(pages, run):
    opened = pages(run)
    evidence = evidence_of(RUNS[run]())
    rng = random.Random(0)  # noqa: S311 - any budgets will do
    costs = {each.of.metric: each.of for each in opened.view.figures}
    seen, tied = set(), set()
    for _ in range(40):
        source = rng.choice(["measured", "tfslim", "paper"])
        choose(opened, source, "mult_adds")
        limits = []
        for title, (factor, metric, ends) in FIELDS.items():
            value = f"{rng.uniform(*ends) / factor:.3g}" if rng.random() < 0.5 else ""
            field(opened, title).fill(value)
            if value:
                limits.append(Limit(costs[metric], float(value) * factor))
        limits.sort(key=lambda each: list(costs).index(each.of.metric))  # as the panel has them
        picked = pick(opened.view.candidates, Budget(tuple(limits)), source, evidence)
        told = answer(opened)
        cautions = opened.page.locator("#picked .caution").all_inner_texts()
        assert tuple(cautions) == bearing(opened.view.cautions, picked)
        for each in cautions:
            told = told.replace(typed(each), "")
        if limits:
            fit, ranked = len(picked.fitting), picked.ranked
            words = (
                f"All {ranked} points fit." if fit == ranked else f"{fit} of {ranked} points fit;"
            )
            assert words in told
        for title, point in (
            ("Best", picked.best),
            ("Runner-up", picked.runner_up),
            ("Nothing fits. Closest", picked.closest),
        ):
            assert (f"{title}: " in told) == (point is not None)
            if point is not None:
                assert f"{title}: {point.label}, " in told
        assert told.count(" over ") + told.count(" times ") == len(picked.over)
        # How far over is told in the terminal's words; limits stand as they were typed.
        for each in picked.over:
            by = next(way for way in EXCESSES if each.excess < way.below)
            assert typed(by.told(each.excess)) in told
        # What is not told apart, or of one training each, or was chosen by its own test images, and
        # the cheapest: word for word.
        doubts = ("told apart", "may be chance", "chosen out of", "the cheapest is")
        ours = typed(" ".join(sentences(picked, "accuracy")))
        if source == "measured":
            assert [told.count(each) for each in doubts] == [ours.count(each) for each in doubts]
            said = [typed(each) for each in sentences(picked, "accuracy")]
            assert all(each in told for each in said if any(doubt in each for doubt in doubts))
            tied |= {each for each in doubts if each in told}
        else:
            assert not any(each in told for each in doubts)
        seen.add(bool(picked.best))
    assert seen == {True, False}
    of_run = {"may be chance"} if run == "whole" else {"told apart", "the cheapest is"}
    assert tied == {*of_run, "chosen out of"}


def test_the_panel_calls_nothing_best_that_is_no_better_than_chance(pages):
    opened = pages("guessing")
    # 5 to 8 % of 100 images, of 20 classes: Wilson's interval of 8 begins at 4.1 %.
    told = answer(opened)
    assert "None is better than guessing one of 20 classes (5 %)" in told
    assert "Best" not in told
    assert "The highest: 0.25-128, 8.0 %" in told
    choose(opened, "tfslim", "mult_adds")
    assert "Best: " in answer(opened)
    assert opened.faults == Faults()


def test_what_does_not_fit_is_faded_and_a_line_stands_at_the_limit(opened):
    # Below 100 M mult-adds: all four of alpha 0.25, and 0.5 at 160 and 128.
    limit(opened, Mult_adds="100")
    clear = [
        trace
        for trace in traces(opened)
        if trace["mode"] == "markers" and "customdata" in trace and trace.get("opacity", 1) > 0.2
    ]
    assert {label for trace in clear for label in trace["customdata"]} == {
        "0.25-224", "0.25-192", "0.25-160", "0.25-128", "0.5-160", "0.5-128",
    }  # fmt: skip
    shapes = opened.page.evaluate("document.getElementById('plot-explorer').layout.shapes")
    assert [shape["x0"] for shape in shapes] == [100e6]
    choose(opened, "measured", "params")
    assert opened.page.evaluate("document.getElementById('plot-explorer').layout.shapes") == []
    opened.page.get_by_role("button", name="No limits").click()
    expect(opened.page.locator("#picked")).not_to_contain_text("fit")


def test_the_panel_says_how_to_ask_in_a_terminal(opened):
    limit(opened, Latency="5", Parameters="2")
    choose(opened, "tfslim", "mult_adds")
    command = opened.page.locator("#picked code").inner_text()
    assert command == (
        "python -m sweep pick results/fake --max params=2M --max latency_s=5ms --accuracy tfslim"
        " --between"
    )


def test_a_click_on_a_point_opens_its_card(opened):
    for index in (0, 5, 15):
        mark = explorer(opened).locator(".points path.point").nth(16 + index)  # the paper's first
        explorer(opened).scroll_into_view_if_needed()
        label = mark.evaluate("(each) => each.__data__.data")
        box = mark.bounding_box()
        opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        opened.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        card = opened.page.locator(f"details.card[data-label='{label}'][open]")
        assert card.count() == 1
        (expected,) = [each for each in opened.view.cards if each.label == label]
        text = card.inner_text()
        assert expected.curve_summary in text
        assert all(sentence in text for sentence in expected.standing)
        # Table 1 of the point: a row for each layer, and their total.
        assert card.locator("tbody tr").count() == len(expected.layers.rows) >= 30
        assert opened.page.evaluate("document.activeElement.closest('details').dataset.label") == (
            label
        )


def test_all_of_it_by_keyboard_alone(opened):
    page = opened.page
    page.locator("#axes input[name=cost]:checked").focus()
    page.keyboard.press("ArrowRight")
    assert explorer(opened).get_by_role("heading").inner_text() == "Accuracy against parameters"
    field(opened, "Latency").focus()
    page.keyboard.type("3")
    # Of what takes at most 3 ms the most accurate: 0.5-160, 52.3 %.
    assert "Best: 0.5-160, 52.3 %" in answer(opened)
    page.get_by_role("link", name="0.5-160").focus()
    page.keyboard.press("Enter")
    assert page.locator("details.card[data-label='0.5-160'][open]").count() == 1
    page.keyboard.press("Enter")  # on its summary, which has the focus
    assert page.locator("details.card[open]").count() == 0
