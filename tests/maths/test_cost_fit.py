"""A cost as a sum of terms: by hand, beside another implementation, and on made-up machines."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from sweep.maths.cost_fit import best, fitted

RNG = np.random.default_rng(0)


def terms(points, kinds=3):
    return np.hstack([np.ones((points, 1)), RNG.uniform(1, 100, (points, kinds - 1))])


def test_an_exact_sum_is_found_and_its_points_predict_each_other():
    # 2 for a call and 3 for each unit of work.
    work = np.array([1.0, 2.0, 5.0, 10.0, 20.0])
    each = np.stack([np.ones(5), work], axis=1)
    fit = fitted(each, 2 + 3 * work)
    assert fit.coefficients == pytest.approx([2, 3])
    assert fit.errors == pytest.approx(np.zeros(5), abs=1e-9)
    assert fit.at([[1, 100]]) == pytest.approx([302])


def test_what_a_point_is_off_by_is_what_the_others_say_of_it_by_hand():
    # One term: a cost is a share of the work, and the best share for relative errors of others is
    # sum(w/c) / sum((w/c)^2). Of 1, 1, 1 and 2 for the same work: 2 from ones is off by -1/2; a one
    # from (1, 1, 1/2) has 2.5 / 2.25.
    fit = fitted(np.ones((4, 1)), [1, 1, 1, 2])
    assert fit.errors == pytest.approx([2.5 / 2.25 - 1] * 3 + [-0.5])
    assert fit.error == pytest.approx((3 * (2.5 / 2.25 - 1) + 0.5) / 4)
    assert fit.largest == pytest.approx(0.5)


def test_coefficients_are_those_of_another_solver_and_none_is_below_0():
    each = terms(12)
    costs = each @ [5.0, -0.02, 0.3] * RNG.uniform(0.9, 1.1, 12)
    other = lsq_linear(each / costs[:, None], np.ones(12), bounds=(0, np.inf), tol=1e-12)
    fit = fitted(each, costs)
    assert (fit.coefficients >= 0).all()
    # Of the same sum of squares: where terms are alike, coefficients may be told apart by nothing.
    for coefficients in (fit.coefficients, other.x):
        off = np.sum((each @ coefficients / costs - 1) ** 2)
        assert off == pytest.approx(2 * other.cost, rel=1e-6)


def test_units_of_terms_and_of_costs_change_nothing():
    each, costs = terms(8), RNG.uniform(1, 2, 8)
    fit, scaled = fitted(each, costs), fitted(each * [1, 1e9, 1e-6], costs * 1e-3)
    assert scaled.errors == pytest.approx(fit.errors)


def test_intervals_and_chances_hold_what_they_say_on_made_up_machines():
    # Sixteen networks, each off by 5 % from the sum: a network that was not measured lies inside
    # its interval 95 % of the time, and keeps a limit as often as is said.
    inside, kept, said, trials = 0, 0, 0.0, 400
    rng = np.random.default_rng(1)
    for _ in range(trials):
        each = np.stack([np.ones(17), np.exp(rng.uniform(0, 4, 17))], axis=1)
        costs = each @ [3.0, 1.0] * np.exp(rng.normal(0, 0.05, 17))
        fit = fitted(each[1:], costs[1:])
        predicted, limit = float(fit.at(each[0])), 1.04 * float(each[0] @ [3.0, 1.0])
        inside += predicted / fit.factor <= costs[0] <= predicted * fit.factor
        kept += costs[0] <= limit
        said += fit.chance(predicted, limit)
    # Three standard errors of 400 trials.
    assert inside / trials == pytest.approx(0.95, abs=3 * (0.95 * 0.05 / trials) ** 0.5)
    assert said / trials == pytest.approx(kept / trials, abs=0.07)


def test_a_chance_is_even_at_the_prediction_and_rises_with_the_limit():
    fit = fitted(terms(9), RNG.uniform(1, 1.2, 9))
    assert fit.chance(2.0, 2.0) == pytest.approx(0.5)
    chances = [fit.chance(2.0, limit) for limit in (1.0, 1.9, 2.1, 4.0)]
    assert chances == sorted(chances)
    exact = fitted(np.ones((4, 1)), [3, 3, 3, 3])
    assert [exact.chance(3, limit) for limit in (2.9, 3.1)] == [0, 1]


def test_what_is_left_of_a_point_is_carried_to_its_neighbours_and_no_further():
    # All cost 1 by their work; those at place 0 take half as long again.
    places = np.array([[0.0], [0.0], [5.0], [5.0], [5.0], [5.0]])
    costs = np.array([1.5, 1.5, 1.0, 1.0, 1.0, 1.0])
    plain, carried = fitted(np.ones((6, 1)), costs), fitted(np.ones((6, 1)), costs, places)
    # One left out at place 0: what its neighbour, alone there, has left, less the share that is a
    # point's own: 1 / 1.1 of its log.
    share = 1 / 1.1
    # Of 1.5, 1, 1, 1, 1 the best share: sum(1/c) / sum(1/c^2).
    base = (1 / 1.5 + 4) / (1 / 1.5**2 + 4)
    assert carried.errors[0] == pytest.approx(base * (1.5 / base) ** share / 1.5 - 1)
    assert carried.error < plain.error
    # Midway, five reaches from either, nothing is carried.
    (between,) = carried.at([[1.0]], [[2.5]])
    assert between == pytest.approx(carried.coefficients[0], rel=1e-4)
    assert carried.at([[1.0]], [[0.0]])[0] == pytest.approx(1.5, rel=0.03)


def test_a_spread_that_is_taken_for_granted_sharpens_a_chance():
    fit = fitted(terms(9), RNG.uniform(1, 3, 9))
    # One standard deviation of 0.1 above: 84 %.
    assert fit.chance(2.0, 2.0 * np.exp(0.1), spread=0.1) == pytest.approx(0.8413, abs=1e-4)
    assert fit.chance(2.0, 3.0, spread=99.0) == fit.chance(2.0, 3.0)


def test_the_best_of_several_is_that_whose_points_predict_each_other_best():
    work = np.arange(1.0, 9.0)
    one, other = np.ones((8, 1)), np.stack([np.ones(8), work], axis=1)
    fits = [fitted(one, 1 + work), fitted(other, 1 + work)]
    assert best(fits) == 1
    assert best([fits[1], fits[1]]) == 0


@pytest.mark.parametrize(
    ("costs", "says"),
    [([1, 2, 3], "needs 4 measured points, 3 are there"), ([1, 2, 3, 0], "not above 0")],
)
def test_what_can_not_be_fitted_is_told(costs, says):
    with pytest.raises(ValueError, match=says):
        fitted(np.ones((len(costs), 1)), costs)
