"""The frontier, against the definition of dominance spelled out pair by pair."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.maths.pareto import dominators, front, fronts

# Few distinct numbers, so that ties are common.
NUMBERS = st.integers(0, 6).map(float)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=25)


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(POINTS)
def test_on_the_front_is_what_no_other_point_beats(points):
    costs, values = [cost for cost, _ in points], [value for _, value in points]
    assert front(costs, values) == [
        not any(beats(other, point) for other in points) for point in points
    ]


@given(POINTS)
def test_a_dominator_beats_its_point_and_is_itself_on_the_front(points):
    costs, values = [cost for cost, _ in points], [value for _, value in points]
    on_front = front(costs, values)
    for point, beater in zip(points, dominators(costs, values), strict=True):
        if beater is not None:
            assert beats(points[beater], point)
            assert on_front[beater]


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=12))
def test_many_fronts_at_once_are_those_one_by_one(points):
    costs, *tables = map(list, zip(*points, strict=True))
    assert fronts(costs, tables).tolist() == [front(costs, values) for values in tables]


def test_three_points_by_hand():
    # The second costs more than the first and is worse; the third costs most and is best.
    assert dominators([1, 2, 3], [0.5, 0.4, 0.9]) == [None, 0, None]


def test_a_missing_number_is_refused():
    with pytest.raises(ValueError, match="can't be compared"):
        front([1.0, float("nan")], [0.5, 0.5])
    with pytest.raises(ValueError, match="1 costs but 2 values"):
        front([1.0], [0.5, 0.5])
