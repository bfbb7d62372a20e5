"""What is said of accuracies that are, and are not, told apart: the same in every medium."""

import json

import numpy as np
import pytest
from scipy.stats import ttest_rel

from sweep.maths.replicates import Replicates
from sweep.report.content.axes import quantities
from sweep.report.content.bearing import cautions
from sweep.report.content.budget import Budget, Limit, pick
from sweep.report.content.budget_words import sentences
from sweep.report.content.build import view
from sweep.report.content.candidates import candidates
from sweep.report.content.difference import difference
from sweep.report.content.difference_words import cautions as cautions_of
from sweep.report.content.evidence import BY_INTERVALS, Evidence, Rated, evidence_of
from sweep.report.values.intervals import Estimate
from tests.support import fake_results
from tests.support.commands import flat, typed
from tests.support.trained_runs import of_two_seeds, trained

ONCE = "ne training each: their order may be chance"
# The seeds of `of_two_seeds`: one has 0.75-224 ahead, the other 1.0-224.
FIRST = {0.25: [0.30], 0.5: [0.41], 0.75: [0.43], 1.0: [0.42]}
SECOND = {0.25: [0.32], 0.5: [0.42], 0.75: [0.41], 1.0: [0.43]}
# 10 points a step, 0.1 from seed to seed.
CLEAR = {
    alpha: [level, level + 0.001, level - 0.001]
    for alpha, level in ((0.25, 0.3), (0.5, 0.4), (0.75, 0.5), (1.0, 0.6))
}


def answer(results, **limits):
    known = {each.name: each for each in quantities(results)}
    budget = Budget(tuple(Limit(known[name], value) for name, value in limits.items()))
    costs = [each for each in known.values() if each.is_cost]
    return pick(candidates(results.points, costs), budget, "measured", evidence_of(results))


def told(results, **limits):
    return typed(" ".join(sentences(answer(results, **limits), "accuracy measured by this run")))


@pytest.mark.parametrize(("shares", "best"), [(FIRST, "0.75-224"), (SECOND, "1.0-224")])
def test_one_training_each_is_said_wherever_a_point_is_called_best(shares, best):
    results = trained(shares)
    shown = view(results)
    assert f"Best: {best}" in told(results)
    assert "cheapest" not in told(results)
    first = shown.panel.ranked["measured"][0]
    for said in (
        shown.title,
        " ".join(shown.findings),
        told(results),
        first.tied,
        shown.points.caption,
        *(" ".join(card.standing) for card in shown.cards),
    ):
        assert ONCE in said
    # All that fit may be as good, and the page names no one.
    assert len(answer(results).near_ties) == 3
    assert first.ties == ((1, 3),)
    assert not any("told apart" in each for each in shown.findings)
    assert evidence_of(results).once


def test_its_intervals_are_said_to_be_of_the_test_images_alone_wherever_they_stand():
    shown = view(trained(FIRST))
    alone = "of the test images alone"
    drawn = next(each for each in shown.figures if each.name == "latency")
    hovers = [" ".join(mark.hover) for mark in drawn.marks]
    scatter = " ".join(shown.trends[0].dots[0].hover)
    notes = [note for card in shown.cards for each in card.figures for note in each.value.notes]
    places = (*hovers, scatter, drawn.covers, shown.heat_maps[0].covers, shown.points.caption)
    assert all(alone in each for each in places)
    assert len([each for each in notes if alone in each]) == len(shown.cards)
    assert any(alone in each for each in shown.findings)


def test_two_seeds_that_disagree_name_both(command, tmp_path):
    results = of_two_seeds()
    shown = view(results)
    assert typed(shown.title).endswith(
        "the best, 1.0-224, is not told apart from 0.75-224 and 0.5-224"
    )
    sentence = (
        "1.0-224 is not told apart from 0.75-224 and 0.5-224 by 2 trainings each and these test "
        "images. Of all these the cheapest is 0.5-224, with 149.5 M mult-adds."
    )
    assert sentence in told(results)
    assert any(
        "1.0-224 is not told apart from 0.75-224 and 0.5-224" in each for each in shown.findings
    )
    # The panel's data and JSON say the same.
    first = shown.panel.ranked["measured"][0]
    assert (first.label, first.ties, bool(first.cheapest)) == ("1.0-224", ((1, 2),), True)
    folder = fake_results.stored(results, tmp_path)
    found = json.loads(command("pick", folder, "--json")[1])
    assert (found["best"]["label"], found["cheapest"]) == ("1.0-224", "0.5-224")
    assert found["near_ties"] == ["0.75-224", "0.5-224"]
    assert found["told_apart_by"] == "2 trainings each and these test images"
    assert sentence in flat(command("pick", folder)[1])


def test_the_cheapest_of_those_that_fit_is_by_what_is_limited():
    # At most 3 M parameters leaves 0.75-224 and less; 100 M mult-adds 0.25-224 alone.
    results = of_two_seeds()
    said = told(results, params=3e6)
    assert "0.75-224 is not told apart from 0.5-224" in said
    assert "the cheapest is 0.5-224, with 1.332 M parameters." in said
    assert "told apart" not in told(results, mult_adds=100e6)


def test_what_is_told_apart_is_claimed_without_a_doubt():
    shown = view(trained(CLEAR))
    assert typed(shown.title) == (
        "Nothing lower in mult-adds than 1.0-224 surely gives 90 % of its accuracy"
    )
    findings = typed(" ".join(shown.findings))
    assert "told apart" not in findings
    assert "more cost always buys accuracy" in findings
    assert "4 over mult-adds (4 surely)" in findings
    # Each mean off by 0.1 and -0.1 of three: a variance of 1e-6, pooled over 4 points with 2 each.
    assert "moves by 0.1 points (standard deviation, with 8 degrees of freedom)" in findings
    assert "means over 3 trainings each" in findings
    assert [row[-1].value for row in shown.points.rows] == ["M P L E"] * 4


def test_nine_tenths_are_claimed_as_far_as_they_are_told_apart():
    # 0.5-224 has 0.96 of the best with seeds that agree, and 0.91 with some that don't.
    sure = {0.5: [0.479, 0.481, 0.480], 1.0: [0.499, 0.501, 0.500]}
    assert typed(view(trained(sure)).title) == (
        "0.5-224 gives at least 90 % of the best accuracy at 26 % of its mult-adds"
    )
    unsure = {0.5: [0.44, 0.47, 0.455], 1.0: [0.52, 0.48, 0.50]}
    shown = view(trained(unsure))
    assert typed(shown.title).startswith("Nothing lower in mult-adds than 1.0-224 surely")
    said = typed(" ".join(shown.findings))
    assert (
        "0.5-224, which is lower in mult-adds, may have at least 90 % of it: its 91 % are not"
        in said
    )


def test_a_frontier_point_carries_its_share():
    results = of_two_seeds()
    shown = view(results)
    share = dict(zip(results.points["alpha"], results.points["front_share_mult_adds"], strict=True))
    assert 0.3 < share[1.0] < 0.95
    text = f"{100 * share[1.0]:.0f} %"
    (card,) = [each for each in shown.cards if each.label == "1.0-224"]
    assert f"mult-adds ({text})" in typed(card.standing[0])
    (mark,) = [each for each in shown.figures[0].marks if each.label == "1.0-224"]
    assert f"in {text} of 1,000 bootstrap replicates" in typed(mark.hover[-1])
    (row,) = [each for each in shown.points.rows if each[0].value == "1.0-224"]
    assert text in typed(str(row[-1].value))
    assert "1,000 bootstrap replicates" in shown.points.caption


def test_networks_that_others_have_trained_are_told_apart_by_the_images():
    # Nested hits: 10 images of 1000 that one has and the other not, a paired t of 3.2.
    shown = view(trained(FIRST, seeds=[None]))
    text = " ".join((shown.title, *shown.findings))
    assert ONCE not in text
    assert "Each point was trained once" not in text
    assert "told apart" not in text
    near = trained({0.5: [0.410], 1.0: [0.413]}, seeds=[None])
    assert "not told apart from 0.5-224 by these test images." in " ".join(view(near).findings)
    one, other = ((np.arange(1000) < each) * 1.0 for each in (410, 413))
    assert ttest_rel(one, other).pvalue > 0.05


def test_where_some_have_replicates_their_variance_serves_all():
    results = trained({0.5: [0.41, 0.43, 0.42], 1.0: [0.43]})
    assert not evidence_of(results).once
    assert "by 1 to 3 trainings each" in told(results)
    assert not any("trained once" in each.text for each in cautions(results))


def test_one_training_of_all_points_is_told_with_what_moves_them_against_each_other():
    # Around their means 0.01 and 0.015: 2 * (0.01^2 + 0.015^2) of 2 degrees of freedom. The second
    # seed adds 0.025 to the mean of both; 0.0025 is left four times, of 1 degree.
    results = trained({0.5: [0.41, 0.43], 1.0: [0.42, 0.45]})
    results.settings["accuracy"]["source"] = "shared"
    (said,) = [typed(each.text) for each in cautions(results) if "seed to seed" in each.text]
    assert "moves by 1.8 points" in said
    assert "0.5 points of them against the other points" in said
    once = trained(FIRST)
    once.settings["accuracy"]["source"] = "shared"
    assert any(each.text.startswith("All points are of one training:") for each in cautions(once))


def test_a_card_names_the_networks_of_all_replicates():
    results = of_two_seeds()
    results.readings["artefacts"] = [
        [f"network-{seed:.0f}.safetensors"] if seed in (0, 1) else []
        for seed in results.readings["seed"]
    ]
    notes = [note for each in view(results).cards[0].figures for note in each.value.notes]
    kept = "networks/network-0.safetensors, networks/network-1.safetensors"
    assert any(kept in each for each in notes)


def test_a_point_counted_on_other_images_is_told_apart_from_none():
    evidence = evidence_of(trained(CLEAR))
    stranger, own = Rated("9.0-224", Estimate(0.99)), Rated("0.25-224", Estimate(0.3))
    assert not evidence.apart(stranger, own)
    assert list(map(list, evidence.ties([own, stranger]))) == [[False, True], [True, False]]


@pytest.mark.parametrize("kind", ["replicates", "intervals", "once"])
def test_the_ties_of_an_order_are_those_of_its_pairs(kind, monkeypatch):
    monkeypatch.setattr("sweep.report.content.evidence.AT_ONCE", 3)
    rng = np.random.default_rng(0)
    values = np.sort(rng.uniform(0.3, 0.4, 8))[::-1, None] + rng.normal(0, 0.01, (8, 3))
    right = rng.random((8, 3, 300)) < values[..., None]
    replicates = Replicates(right.mean(axis=2), right)
    order = [
        Rated(f"p{place}", Estimate(mean, mean - 0.02, mean + 0.02))
        for place, mean in enumerate(replicates.means)
    ]
    places = {each.label: place for place, each in enumerate(order)}
    by = {
        "replicates": Evidence(replicates, places),
        "intervals": BY_INTERVALS,
        "once": Evidence(once=True),
    }[kind]
    expected = [
        [each is not other and not by.apart(each, other) for other in order] for each in order
    ]
    assert [row.tolist() for row in by.ties(order)] == expected
    assert list(by.ties([])) == []


def test_accuracies_of_two_runs_move_by_the_trainings_of_both():
    before, after = of_two_seeds(), trained(CLEAR, path="b")
    # 1.0-224: 42.5 to 60 %. 0.5-224: 41.5 to 40 %, where 0.7 points are one standard error.
    found = difference(before, after)
    moved = {each.label for each in found.moved if each.quantity.column == "top1"}
    assert "1.0-224" in moved
    assert "0.5-224" not in moved
    assert not found.once
    single = difference(trained(FIRST, path="a"), trained({**FIRST, 1.0: [0.60]}, path="b"))
    assert [each.label for each in single.moved] == ["1.0-224"]
    assert any("with one training each that may be chance" in each for each in cautions_of(single))
    # One side's trainings tell of both, and nothing is chance where nothing moved.
    assert not difference(before, trained({**FIRST, 1.0: [0.60]}, path="b")).once
    assert not difference(single_run := trained(FIRST), single_run).once
