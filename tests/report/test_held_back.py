"""The accuracy of what was chosen, told on images that chose nothing."""

import json

import pytest
from scipy.stats import binomtest

from sweep.report.content.build import view
from sweep.report.values.units import SPACE
from tests.support import fake_results

CHOSEN = ("separable", 1.0, 224)  # the most accurate of the sixteen
ON_OTHERS = (
    f"On 400 test images that chose nothing, 1.0-224 gets 59.0{SPACE}% (54.1\N{EN DASH}63.7) right."
)
ON_THE_SAME = "1.0-224 was chosen out of 16 by the images that its accuracy is of"


@pytest.fixture(scope="module")
def held_back():
    """1.0-224 got 236 of 400 images right that were held back."""
    more = [
        fake_results.reading(CHOSEN, metric, value, measure="accuracy", dataset="photo-patches")
        for metric, value in (("held_back_top1", 0.59), ("held_back_images", 400))
    ]
    return fake_results.results(more=more)


def test_the_findings_tell_it_of_the_most_accurate(held_back):
    found = view(held_back).findings
    assert [each for each in found if "chose nothing" in each] == [ON_OTHERS]
    # The ends are Wilson's.
    ends = binomtest(236, 400).proportion_ci(method="wilson")
    assert [f"{100 * end:.1f}" for end in ends] == ["54.1", "63.7"]


def test_without_such_images_it_is_said_once_that_its_accuracy_is_chosen():
    found = view(fake_results.results()).findings
    assert sum(ON_THE_SAME in each for each in found) == 1


def test_the_page_tells_it_of_what_it_names_the_best(held_back):
    ranked = view(held_back).panel.ranked
    best, *_ = ranked["measured"]
    assert (best.worth, best.chosen) == (ON_OTHERS, "")
    best, *_ = view(fake_results.results()).panel.ranked["measured"]
    assert best.worth == ""
    assert best.chosen.format(of=16).startswith(ON_THE_SAME)
    assert not any(each.worth or each.chosen for each in ranked["paper"])


def test_nothing_is_ranked_by_it_or_drawn_over_it(held_back):
    shown, without = view(held_back), view(fake_results.results())
    assert [each.name for each in shown.figures] == [each.name for each in without.figures]
    assert [each.label for each in shown.candidates] == [each.label for each in without.candidates]
    assert shown.title == without.title


def test_pick_tells_it_in_words_and_in_json(held_back, tmp_path, command):
    folder = fake_results.stored(held_back, tmp_path / "run")
    assert "On 400 test images that chose nothing, 1.0-224 gets 59.0" in command("pick", folder)[1]
    told = json.loads(command("pick", folder, "--json")[1])
    assert (told["best"]["held_back_top1"], told["best"]["held_back_images"]) == (0.59, 400)
    assert told["best"]["top1"] == pytest.approx(0.614)
    assert told["runner_up"]["held_back_top1"] is None
    # Published accuracies were chosen by nothing of this run.
    assert "chose nothing" not in command("pick", folder, "--accuracy", "paper")[1]
