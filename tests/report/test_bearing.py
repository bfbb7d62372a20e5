"""Cautions that bear on an answer stand with it, whatever shows it."""

import dataclasses
import json

import pytest

from sweep.report.content.axes import quantities
from sweep.report.content.bearing import bearing, cautions
from sweep.report.content.budget import Budget, Limit, pick
from sweep.report.content.budget_words import sentences
from sweep.report.content.build import view
from sweep.report.content.candidates import candidates
from sweep.report.content.certainty import not_told_apart
from sweep.report.content.evidence import BY_INTERVALS, evidence_of
from sweep.results.load import load
from sweep.results.points import with_points
from tests.support import fake_results
from tests.support.commands import OF_FIRST_VERSION, flat, typed

KEY = ("separable", 0.25, 128)


def of_shares(*shares: float):
    return fake_results.guessing(*shares, trained_resolution=18)


def answer(results, latency_s: float | None = None, source: str = "measured"):
    known = quantities(results)
    costs = {each.name: each for each in known if each.is_cost}
    limits = () if latency_s is None else (Limit(costs["latency"], latency_s),)
    return pick(
        candidates(results.points, costs.values()), Budget(limits), source, evidence_of(results)
    )


def text(picked) -> str:
    return typed(" ".join(sentences(picked, "accuracy")))


# One of 20 is 5 %. Wilson's interval of 7 of 100 begins at 3.4 %, of 20 of 100 at 13.3 %.


def test_an_accuracy_at_chance_is_never_the_best():
    picked = answer(of_shares(0.05, 0.07))
    assert (picked.best, picked.runner_up, picked.closest) == (None, None, None)
    assert picked.highest is not None
    assert picked.highest.label == "0.5-128"
    assert [each.label for each in picked.at_chance] == ["0.5-128", "0.25-128"]
    said = text(picked)
    assert "None of those that fit is better than guessing one of 20 classes (5 %)" in said
    assert "Best" not in said
    assert "The highest: 0.5-128, 7.0 % (3.4-13.7) top-1" in said


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ('{"jaxlib": "0.11.0", "numpy": "2"}', "with jaxlib 0.10.2 and 0.11.0: another version"),
        ('{"jaxlib": "0.10.2", "numpy": "2"}', ""),  # no accuracy depends on NumPy
        ("no JSON", ""),
    ],
)
def test_accuracies_of_several_versions_are_told(versions, told):
    results = of_shares(0.2, 0.2)
    readings = results.readings.assign(versions='{"jaxlib": "0.10.2", "numpy": "1"}')
    readings.loc[readings["alpha"] == 0.5, "versions"] = versions
    said = [each.text for each in cautions(dataclasses.replace(results, readings=readings))]
    assert any(told in each for each in said if "read with" in each) == bool(told)


def test_of_those_above_chance_the_first_is_best_and_the_others_are_named():
    picked = answer(of_shares(0.07, 0.20, 0.06))
    assert picked.best is not None
    assert picked.best.label == "0.5-128"
    assert picked.runner_up is picked.highest is None
    said = text(picked)
    assert "no other point fits and is better than chance" in said
    assert "no better than guessing one of 20 classes (5 %): 0.25-128 and 0.75-128." in said
    # Published accuracies are of no data set of this run.
    assert answer(of_shares(0.07), source="tfslim").best is not None


def test_a_run_at_chance_says_so_first_and_places_nothing_on_a_frontier():
    shown = view(of_shares(0.05, 0.07))
    first = typed(" ".join(shown.findings))
    assert "All 2 points are no better than guessing one of 20 classes (5 %)" in first
    assert not any(word in first for word in ("most accurate", "On the frontier", "Dominated"))
    assert any("no better than guessing" in each for each in shown.cards[0].standing)


def test_pick_exits_1_where_nothing_is_better_than_chance(command, tmp_path):
    folder = fake_results.stored(of_shares(0.05, 0.07), tmp_path)
    status, out, _ = command("pick", folder)
    assert (status, "Best" in out) == (1, False)
    found = json.loads(command("pick", folder, "--json")[1])
    assert (found["best"], found["highest"]["label"]) == (None, "0.5-128")
    assert found["at_chance"] == ["0.5-128", "0.25-128"]


def test_the_answer_says_the_size_that_an_accuracy_is_of(command, tmp_path):
    folder = fake_results.stored(of_shares(0.20), tmp_path)
    said = "top-1, trained at 18 px for 128"
    assert said in flat(command("pick", folder)[1])
    assert json.loads(command("pick", folder, "--json")[1])["best"]["sizes"].endswith("for 128")
    assert "Trained" in command("show", folder)[1]
    shown = view(of_shares(0.20))
    assert typed(shown.figures[0].y.title).endswith("measured, trained at 18 px for 128")
    assert typed(shown.cards[0].figures[0].title).endswith("trained at 18 px for 128")
    assert typed(shown.heat_maps[0].title).endswith("trained at 18 px for 128")
    assert said not in flat(command("pick", folder, "--accuracy", "tfslim")[1])


@pytest.mark.parametrize("name", OF_FIRST_VERSION)
def test_a_run_of_single_trainings_says_so_whatever_its_recipe(name):
    results = with_points(load(OF_FIRST_VERSION[name]))
    texts = [each.text for each in cautions(results)]
    (once,) = [each for each in texts if each.startswith("Each point was trained once")]
    assert "of the test images alone" in once


def told(results, latency_s: float | None = None) -> list[str]:
    return list(bearing(cautions(results), answer(results, latency_s)))


def test_only_what_bears_on_an_answer_stands_with_it():
    results = fake_results.results()
    seed = "Each point was trained once"
    (said,) = told(results)
    assert said.startswith(seed)
    # Of what takes at most 3 ms the best is 0.5-160, whose latency is sure.
    said = told(results, latency_s=3e-3)
    assert said[0].startswith(seed)
    assert said[1] == "Latencies are of one machine: Intel(R) Xeon(R) Processor @ 2.10GHz, 2 cores."
    # 0.25-128 alone is noisy, and alone takes less than 1.2 ms but for 0.25-160's 1.3.
    row = results.points.set_index(["kind", "alpha", "resolution"]).loc[fake_results.LAST]
    noisy = told(results, latency_s=row["latency_s"])
    assert [each for each in noisy if "The latency of 0.25-128 is unsure" in each]
    assert not any("latency of 0.25-128" in each for each in said)
    # What is told of sessions and processes on the page stands with the answer, too.
    sampled = [each for each in said if "process to process" in each]
    assert sampled
    assert set(sampled) <= set(view(results).warnings)
    published = answer(results, source="tfslim")
    assert bearing(cautions(results), published) == ()


def test_a_look_and_images_left_out_stand_with_the_answer_and_the_findings():
    left_out = fake_results.reading(KEY, "left_out_images", 3, measure="accuracy", dataset="mine")
    results = fake_results.results(points=[KEY], more=[left_out])
    results.settings["accuracy"]["max_steps"] = 4
    expected = ("was ended after 4 steps", "trained once", "Up to 3 images could not be read")
    shown = view(results)
    for sentences_ in (told(results), shown.findings, shown.warnings):
        assert all(any(each in said for said in sentences_) for each in expected)


def test_neighbours_are_named_and_counted():
    said = typed(not_told_apart("a", ["b", "c", "d", "e", "f"], BY_INTERVALS))
    assert said == (
        "a is not told apart from b, c, d and 2 more by these test images: their 95 % intervals "
        "overlap."
    )
    # Of networks that others have trained, by the intervals of 4000 images: 61.4 %: 59.9-62.9;
    # 60.1 %: 58.6-61.6; 59.0 %: 57.5-60.5; 58.6 %: 57.1-60.1.
    results = fake_results.results()
    results.readings["seed"] = None
    results.settings["accuracy"]["source"] = "checkpoints"
    first = typed(" ".join(view(results).findings))
    assert (
        "1.0-224 is not told apart from 1.0-192, 0.75-192 and 0.75-224 by these test images"
        in first
    )
