"""What is predicted between the points in a real Chromium: the panel's answer held against that of
`pick --between`, the maps, and the switch that hides it all.
"""

import random
import re

import pytest

from sweep.report.content.axes import quantities
from sweep.report.content.between import guessed
from sweep.report.content.between_words import sentences
from sweep.report.content.budget import Budget, Limit, pick
from sweep.report.content.budget_words import sentences as sentences_of
from sweep.report.content.evidence import evidence_of
from tests.support.browser_fixtures import Faults
from tests.support.commands import typed
from tests.support.reference import REFERENCE

FIELDS = {
    "Latency by XLA": ("latency_s", 1e-3, (0.2, 4.5)),
    "Parameters": ("params", 1e6, (0.3, 5)),
    "Mult-adds": ("mult_adds", 1e6, (10, 600)),
}


@pytest.fixture
def opened(pages):
    opened = pages("reference", width=1600)  # so wide that the names of lines have room
    opened.page.get_by_label("Show what is predicted").check(force=True)
    choose(opened, "measured", "latency")
    opened.page.get_by_role("button", name="No limits").click()
    return opened


def choose(opened, source, cost):
    for name, value in (("cost", cost), ("source", source)):
        opened.page.locator(f"#axes input[name={name}][value={value}]").check(force=True)


def limit(opened, name, value):
    opened.page.locator("#budget").get_by_label(name).fill(value)


def told(opened):
    return [typed(each) for each in opened.page.locator("#between p").all_inner_texts()]


def drawn(opened, place):
    return opened.page.evaluate(f"document.getElementById('plot-{place}').data")


def named(opened, place):
    texts = opened.page.evaluate(f"document.getElementById('plot-{place}').layout.annotations")
    return [each["text"] for each in texts or []]


def test_the_panel_predicts_as_pick_does(opened):
    rng = random.Random(0)  # noqa: S311 - any budgets will do
    costs = {each.column: each for each in quantities(REFERENCE)}
    labels = set()
    for _ in range(30):
        source = rng.choice(["measured", "tfslim", "paper"])
        choose(opened, source, "latency")
        limits = []
        for title, (column, factor, ends) in FIELDS.items():
            value = f"{rng.uniform(*ends):.3g}" if rng.random() < 0.5 else ""
            limit(opened, title, value)
            if value:
                limits.append(Limit(costs[column], float(value) * factor))
        if not limits:
            assert told(opened) == []
            continue
        order = [each.of.column for each in opened.view.figures if each.source == source]
        limits.sort(key=lambda each: order.index(each.of.column))  # as the panel has them
        budget = Budget(tuple(limits))
        answer = guessed(REFERENCE, budget, source, [])
        ours = [typed(each) for each in sentences(answer, budget, source, None)]
        said = told(opened)
        # No measured point stands beside it here: the panel has named that above.
        first = ours[0].replace(" No measured point keeps it.", "")
        assert re.sub(r" [\d.-]+, which is measured, has more\.$", "", said[0]) == first
        labels.add(answer.guesses[0].label if answer.guesses else "")
        if answer.guesses:  # of the second and third `pick` says more, the panel nothing
            models = [each for each in ours[1:] if " is predicted as " in each]
            assert [each for each in said[1:] if " is predicted as " in each] == models
            uneven = [each for each in said if "no multiple of 8" in each]
            assert bool(uneven) == answer.guesses[0].unpriced
        command = opened.page.locator("#picked code").inner_text()
        assert command.endswith(" --between")
    assert len(labels) > 10
    assert opened.faults == Faults()


def test_the_best_stands_hollow_on_the_frontier_and_on_every_map(opened):
    limit(opened, "Latency by XLA", "1.5")
    (best,) = re.findall(
        r"networks between the points .*?, ([\d.]+-\d+) is the most", told(opened)[0]
    )
    (hollow,) = [each for each in drawn(opened, "explorer") if each["name"] == f"{best}, predicted"]
    assert hollow["marker"]["symbol"] == "circle-open"
    network = next(each for each in opened.view.predictions.networks if each.label == best)
    latency, accuracy = network.costs["latency"], network.accuracies["measured"]
    assert hollow["x"] == pytest.approx([latency.value], rel=1e-4)
    assert hollow["error_x"]["array"] == pytest.approx([latency.high - latency.value], rel=1e-2)
    assert hollow["error_y"]["arrayminus"] == pytest.approx(
        [accuracy.value - accuracy.low], rel=1e-2
    )
    assert named(opened, "explorer") == [f"{best}, predicted"]
    for heat in opened.view.heat_maps:
        place = f"heat-{heat.name}"
        of = network.costs.get(heat.name, accuracy)
        assert [typed(each) for each in named(opened, place)] == [
            typed(f"{best}, predicted<br>{of.text}")
        ]
        (mark,) = [each for each in drawn(opened, place) if each["name"] == f"{best}, predicted"]
        assert (mark["x"], mark["y"]) == ([network.resolution], [network.alpha])


def test_the_budgets_edge_is_where_the_limit_is_just_kept(opened):
    limit(opened, "Mult-adds", "100")
    (edge,) = [each for each in drawn(opened, "heat-accuracy") if each["type"] == "contour"]
    assert edge["contours"]["start"] == edge["contours"]["end"] == 100e6
    # 0.5-160 has 76.5 M mult-adds, 0.5-192 110.0: Table 7's order, by the exact counts.
    sides, values = edge["x"], dict(zip(edge["y"], edge["z"], strict=True))
    at = dict(zip(sides, values[0.5], strict=True))
    assert at[160] == pytest.approx(76_522_496, rel=1e-4)
    assert at[160] < 100e6 < at[192]
    # Plotly has drawn it, with its name beyond the squares.
    names = [each for each in drawn(opened, "heat-accuracy") if each["name"] == "100 M"]
    assert {each["mode"] for each in names if each["type"] == "scatter"} == {"text"}
    lines = opened.page.locator("#plot-heat-accuracy .contourlayer path.openline")
    assert lines.count() == 1


def test_one_switch_hides_all_that_is_predicted(opened):
    limit(opened, "Latency by XLA", "1.5")
    page = opened.page
    dashed = [each for each in drawn(opened, "heat-latency") if "predicted" in each["name"]]
    assert len(dashed) > 4
    switch = page.get_by_label("Show what is predicted")
    switch.focus()
    page.keyboard.press("Space")
    assert not switch.is_checked()
    assert told(opened) == []
    assert not page.locator("#between").is_visible()
    for place in ["explorer", *(f"heat-{heat.name}" for heat in opened.view.heat_maps)]:
        assert "predicted" not in str([each["name"] for each in drawn(opened, place)])
        assert not [each for each in drawn(opened, place) if each["type"] == "contour"]
        assert named(opened, place) == []
    assert "--between" not in page.locator("#picked code").inner_text()
    # The lines of equal mult-adds are there again.
    assert "100.0 M mult-adds" in [typed(each["name"]) for each in drawn(opened, "heat-latency")]
    page.keyboard.press("Space")
    assert len(told(opened)) >= 2


def test_where_nothing_is_predicted_the_panel_says_why_and_the_rest_stands(pages):
    opened = pages("whole")  # its accuracies were not counted image by image
    opened.page.locator("#axes input[name=source][value=measured]").check(force=True)
    limit(opened, "Latency", "5")
    assert told(opened) == [
        "Nothing is predicted between the points: the run's accuracies were not counted image by "
        "image."
    ]
    assert "Best: " in opened.page.locator("#picked").inner_text()


def test_an_interval_that_crosses_a_limit_is_told_as_pick_tells_it(opened):
    costs = {each.column: each for each in quantities(REFERENCE)}
    budget = Budget((Limit(costs["latency_s"], 1e-3),))
    evidence = evidence_of(REFERENCE)
    picked = pick(opened.view.candidates, budget, "measured", evidence)
    named = {each.label for each in (picked.best, picked.runner_up) if each}
    ours = [
        typed(each)
        for each in sentences_of(picked, "accuracy")
        if "crosses the limit" in each and any(f" of {label}, " in each for label in named)
    ]
    assert ours
    limit(opened, "Latency by XLA", "1")
    told_there = typed(opened.page.locator("#picked").inner_text())
    crossing = [each for each in told_there.split("\n") if "crosses the limit" in each]
    # The limit stands as it was typed.
    assert [each.replace("of 1 ms", "of 1.00 ms") for each in crossing] == ours
