"""The ranking benchmark's arithmetic; what it measures, no test asserts."""

import numpy as np

from benchmarks.ranking import of_truth, split_half_tau, truth_of, without
from sweep.maths.replicates import Replicates
from sweep.results.trainings import Trainings

# Two seeds of three points: 0.1 apart, and the last two nearly the same.
VALUES = np.array([[0.50, 0.51], [0.40, 0.41], [0.399, 0.412]])


def trained(values: np.ndarray) -> Trainings:
    right = np.zeros((*values.shape, 1), bool)
    places = {("family", "kind", alpha, 128): place for place, alpha in enumerate((4.0, 2.0, 1.0))}
    return Trainings(places, Replicates(values, right))


def test_a_truth_tells_apart_what_its_seeds_do_and_counts_those_pairs_alone():
    truth = truth_of(trained(VALUES).replicates)
    assert truth.pairs == ((0, 1), (0, 2))
    assert truth.in_order([3.0, 1.0, 2.0]) == 2
    assert truth.in_order([1.5, 1.0, 2.0]) == 1
    assert truth.tau([3.0, 1.0, 2.0]) == 1.0  # its means have the last ahead of the second


def test_a_seed_is_held_against_the_others():
    assert without(trained(VALUES).replicates, 0).values.tolist() == [[0.51], [0.41], [0.412]]


def test_halves_that_agree_have_a_tau_of_one_and_opposite_ones_of_minus_one():
    assert split_half_tau(np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])) == (1.0, 1.0)
    assert split_half_tau(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])) == (-1.0, -1.0)


def test_every_way_is_told_against_the_truth():
    run = trained(VALUES)
    text = of_truth("separate", run, {"separate": run}, np.array([30.0, 20.0, 10.0]))
    rows = {row.split(" | ")[0].strip("| "): row.split(" | ") for row in text.splitlines()[2:]}
    # Mult-adds have the last pair the other way round: (2 - 1) / 3.
    assert rows["mult-adds alone"][2:5] == ["0.33", "0.33", "100.0 %"]
    # Seed against seed: they differ in the last pair, which one seed alone tells apart from none.
    assert rows["separate"][1:3] == ["2", "0.33"]
    assert "It tells 2 of 3 pairs apart." in text
