"""What is predicted between the points: against published phones, by hand, and where it is not."""

from fractions import Fraction

import numpy as np
import pytest

from sweep.maths.cost_fit import fitted
from sweep.paper.phones import hosted, phones
from sweep.paper.published import tfslim_rows
from sweep.predict.accuracies import of_published
from sweep.predict.between import Hull, between
from sweep.predict.costs import BY_MULT_ADDS, BY_TERMS, cost_model
from tests.support.reference import NETWORK, PLACES, PUBLISHED, ROWS

CORNERS = [(alpha, side) for alpha, side in PLACES if alpha in (1, 0.25) and side in (224, 128)]
PHONES = {phone.name: phone.latencies for phone in phones()}


# Mean and largest error in per cent of the twelve, predicted from the four corners: worked out
# apart from this code when the model was proposed.
@pytest.mark.parametrize(
    ("phone", "mean", "largest"),
    [("pixel2_cpu1", 1.3, 3.9), ("pixel3_cpu4", 3.1, 5.5), ("pixel3_gpu", 11, 31)],
)
def test_four_corners_predict_a_phone(phone, mean, largest):
    seconds = PHONES[phone]
    fit = fitted(
        [NETWORK.at(*place).terms for place in CORNERS], [seconds[place] for place in CORNERS]
    )
    others = [place for place in PLACES if place not in CORNERS]
    predicted = fit.at([NETWORK.at(*place).terms for place in others])
    errors = 100 * np.abs(predicted / [seconds[place] for place in others] - 1)
    assert errors.mean() == pytest.approx(mean, abs=0.05 if mean < 10 else 0.5)
    assert errors.max() == pytest.approx(largest, abs=0.05 if largest < 10 else 0.5)


@pytest.mark.parametrize("phone", sorted(PHONES))
def test_a_phone_that_is_left_out_lies_within_its_interval(phone):
    seconds = PHONES[phone]
    inside = []
    for place in PLACES:
        others = [each for each in PLACES if each != place]
        model = cost_model(
            [NETWORK.at(*each) for each in others], [seconds[each] for each in others]
        )
        predicted = model.at(NETWORK.at(*place))
        inside.append(predicted.low <= seconds[place] <= predicted.high)
    # 95 %, of sixteen: 15, or 14 by a bad draw.
    assert sum(inside) >= 14


def test_what_predicts_the_points_better_is_kept():
    counts = [NETWORK.at(*place) for place in PLACES]
    by_mult_adds = cost_model(counts, [1e6 + each.mult_adds for each in counts])
    by_maps = cost_model(counts, [1e6 + each.mult_adds + 9 * each.moved for each in counts])
    assert (by_mult_adds.form, by_maps.form) == (BY_MULT_ADDS, BY_TERMS)


def test_a_cost_that_is_off_by_more_than_a_tenth_is_not_predicted():
    drawn = np.random.default_rng(0)
    counts = [NETWORK.at(*place) for place in PLACES]
    costs = [each.mult_adds * np.exp(drawn.normal(0, 0.5)) for each in counts]
    with pytest.raises(ValueError, match=r"off by \d\d% on average, more than 10%"):
        cost_model(counts, costs)


def test_published_accuracies_left_out_lie_within_their_intervals():
    rows = [(each.alpha, each.resolution, each.top1.value) for each in tfslim_rows()]
    inside = 0
    for place, (alpha, resolution, top1) in enumerate(rows):
        predicted = of_published(rows[:place] + rows[place + 1 :]).at(alpha, resolution)
        inside += predicted.low <= top1 <= predicted.high
    assert inside >= 14


def test_a_prediction_far_from_the_middle_is_the_less_certain():
    middle, corner = (PUBLISHED.at(*place) for place in ((0.5, 176), (0.25, 128)))
    assert middle.high - middle.low < corner.high - corner.low


def test_the_hull_is_what_lies_between_and_no_more():
    hull = Hull(tuple(PLACES))
    assert all(hull.holds(*place) for place in (*PLACES, (0.3, 130), (0.6, 200)))
    assert not any(hull.holds(*place) for place in ((1.01, 200), (0.24, 160), (0.5, 225)))
    # Three points: a triangle, whose long side is alpha = 0.25 + 0.75 (side - 128) / 96.
    triangle = Hull(((0.25, 128), (1.0, 224), (1.0, 128)))
    assert triangle.holds(0.625, 176)
    assert not triangle.holds(0.62, 176)
    # Two: a line.
    assert Hull(((0.5, 128), (1.0, 128))).holds(0.75, 128)
    assert not Hull(((0.5, 128), (1.0, 128))).holds(0.75, 160)


def test_steps_are_whole_multiples_inside_the_hull():
    steps = list(Hull(tuple(PLACES)).steps(Fraction(1, 64), 32))
    assert len(steps) == 49 * 4  # 16/64 to 64/64, at 128, 160, 192 and 224
    assert {alpha * 64 % 1 for alpha, _ in steps} == {0}
    assert list(Hull(((0.3, 130), (0.5, 140))).steps(Fraction(1, 10), 5)) == [
        (0.3, 130),
        (0.4, 135),
        (0.5, 140),
    ]


def test_counts_are_exact_and_costs_carry_their_chance():
    hosted_s = {place: each.seconds_int8 for place, each in hosted().items()}
    rows = [row | {"own_s": hosted_s[row["alpha"], row["resolution"]]} for row in ROWS]
    known = between(NETWORK, rows, ["params", "own_s"], PUBLISHED)
    counts = known.counts(0.625, 176)
    params = known.cost("params", counts)
    assert params is not None
    assert (params.low, params.value, params.high) == (counts.params,) * 3
    assert known.chance("params", counts, counts.params) == 1
    assert known.chance("params", counts, counts.params - 1) == 0
    seconds = known.cost("own_s", counts)
    assert seconds is not None
    assert seconds.low < seconds.value < seconds.high
    assert known.chance("own_s", counts, seconds.high) == pytest.approx(0.975)


def test_a_cost_that_was_not_measured_is_not_predicted():
    rows = [row | {"own_s": None} for row in ROWS]
    known = between(NETWORK, rows, ["own_s"], PUBLISHED)
    counts = known.counts(0.5, 128)
    assert known.cost("own_s", counts) is None
    assert known.chance("own_s", counts, 1.0) == 0
    assert "needs 4 measured points, 0 are there" in known.costs["own_s"].absent


def test_between_one_point_lies_nothing():
    with pytest.raises(ValueError, match="between one point and itself"):
        between(NETWORK, ROWS[:1], [], PUBLISHED)
