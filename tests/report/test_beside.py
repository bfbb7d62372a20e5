"""Another run's accuracies beside those of the run that is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from sweep.metrics import TOP1
from sweep.report.content.beside import with_beside
from sweep.report.content.build import view
from sweep.results.points import with_points
from tests.support import fake_results

KEYS = [("separable", 1.0, 224), ("separable", 0.5, 128), ("separable", 0.25, 128)]


def of_source(source: str, *, points=KEYS, **more):
    made = fake_results.results(points=points, **more)
    settings = made.settings | {"accuracy": made.settings["accuracy"] | {"source": source}}
    return with_points(replace(made, settings=settings, path=Path("results") / source))


def test_another_run_s_accuracies_can_be_chosen_with_where_they_are_from():
    shown = of_source("shared")
    other = of_source("train", points=KEYS[:2])
    other.points[TOP1.name] += 0.1
    beside = view(with_beside(shown, other))
    names = dict(beside.sources)
    assert names["measured"].endswith("of one weight-shared training")
    assert names["beside"].endswith("each network trained by itself, results/train")
    figure = next(each for each in beside.figures if each.source == "beside")
    accuracies = {mark.label: mark.y for mark in figure.marks}
    assert set(accuracies) == {"1.0-224", "0.5-128"}  # those that both have
    own = next(each for each in beside.figures if each.source == "measured")
    for mark in own.marks:
        if mark.label in accuracies:
            assert accuracies[mark.label].value == pytest.approx(mark.y.value + 0.1)
            assert accuracies[mark.label].has_interval
    # What a run itself has found stays what it says, and of two points no ranking is told.
    assert beside.title == view(shown).title
    assert beside.findings == view(shown).findings


def test_how_the_two_rank_is_told_with_how_far_they_are_apart():
    keys = [("separable", alpha, side) for alpha in (1.0, 0.5, 0.25) for side in (224, 128)]
    shown, other = of_source("shared", points=keys), of_source("train", points=keys)
    values = [0.40, 0.35, 0.30, 0.28, 0.26, 0.20]
    shown.points[TOP1.name] = values
    # The last two the other way round: (14 - 1) of 15 pairs; and 0.02 higher all of them.
    other.points[TOP1.name] = [each + 0.02 for each in (*values[:4], values[5], values[4])]
    sentence = view(with_beside(shown, other)).findings[-1]
    assert "6 points are ranked alike with a Kendall tau of 0.87" in sentence
    assert "2.0\u00a0points lower" in sentence


def test_a_run_without_accuracies_can_not_stand_beside():
    other = of_source("train", without=[TOP1.name])
    with pytest.raises(ValueError, match="no accuracy of any of these points"):
        with_beside(of_source("shared"), other)
