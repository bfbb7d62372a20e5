"""Which point is best within a budget: hand-made candidates, and what holds of any."""

import dataclasses

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import metrics
from sweep.report.content.axes import quantities
from sweep.report.content.budget import Budget, Lacking, Limit, Over
from sweep.report.content.budget import pick as pick_from
from sweep.report.content.budget_words import sentences
from sweep.report.content.candidates import candidates
from sweep.report.content.evidence import BY_INTERVALS
from sweep.report.values.intervals import Estimate
from sweep.report.values.quantity import Quantity
from sweep.report.values.view import Candidate
from sweep.results.points import derive
from tests.support import fake_results
from tests.support.commands import OF_FIRST_VERSION, typed

FIRST = OF_FIRST_VERSION["default"]


LATENCY = Quantity(metrics.LATENCY, "latency_s", 1)
AT_8 = Quantity(metrics.LATENCY, "latency_batch8_s", 8)
MEMORY = Quantity(metrics.PEAK_MEMORY, "peak_memory_bytes", 1)
PARAMS = Quantity(metrics.PARAMS, "params")
MULT_ADDS = Quantity(metrics.MULT_ADDS, "mult_adds")
FOUR_COSTS = (LATENCY, PARAMS, MULT_ADDS, MEMORY)


def budget(*values, **limits):
    """Of FOUR_COSTS in their order, or by the names of their metrics; None is no limit."""
    by_name = dict(zip((each.metric.name for each in FOUR_COSTS), values, strict=False)) | limits
    return Budget(
        tuple(
            Limit(of, limit)
            for of in FOUR_COSTS
            if (limit := by_name.get(of.metric.name)) is not None
        )
    )


def candidate(
    label,
    top1,
    *,
    interval=None,
    mult_adds: float | None = 100e6,
    params=1e6,
    latency=None,
    **fields,
):
    costs = (latency, params, mult_adds, fields.get("memory"))
    return Candidate(
        label=label,
        accuracies=() if top1 is None else (("measured", Estimate(top1, *(interval or ()))),),
        costs=tuple(
            (of.name, value)
            for of, value in zip(FOUR_COSTS, costs, strict=True)
            if value is not None
        ),
    )


def candidates_of(results):
    known = quantities(results)
    return candidates(results.points, [each for each in known if each.is_cost])


WIDE = candidate("wide", 0.70, interval=(0.68, 0.72), mult_adds=600e6, params=4e6, latency=0.010)
MIDDLE = candidate(
    "middle", 0.65, interval=(0.63, 0.67), mult_adds=300e6, params=2e6, latency=0.005
)
NARROW = candidate(
    "narrow", 0.64, interval=(0.62, 0.66), mult_adds=150e6, params=1e6, latency=0.004
)
TINY = candidate("tiny", 0.40, interval=(0.38, 0.42), mult_adds=20e6, params=0.5e6, latency=0.001)
FOUR = (TINY, WIDE, NARROW, MIDDLE)


def pick(points, budget, source):
    """By the candidates' own intervals: of networks that others have trained."""
    return pick_from(points, budget, source, BY_INTERVALS)


def labels(points):
    return [each.label for each in points]


def text(picked, called="accuracy measured by this run"):
    return typed("\n".join(sentences(picked, called)))


def test_without_limits_the_most_accurate_is_best():
    picked = pick(FOUR, budget(), "measured")
    assert labels(picked.fitting) == ["wide", "middle", "narrow", "tiny"]
    assert (picked.best, picked.runner_up) == (WIDE, MIDDLE)
    # 0.68-0.72 and 0.63-0.67 don't overlap.
    assert picked.near_ties == ()


def test_a_limit_is_the_largest_value_that_fits():
    assert pick(FOUR, budget(latency_s=0.005), "measured").best == MIDDLE
    assert pick(FOUR, budget(latency_s=0.004999), "measured").best == NARROW
    assert pick(FOUR, budget(latency_s=0.02, params=1e6), "measured").best == NARROW
    assert pick(FOUR, budget(mult_adds=20e6), "measured").runner_up is None


def test_overlapping_intervals_are_near_a_tie():
    picked = pick(FOUR, budget(params=2e6), "measured")
    assert picked.best == MIDDLE
    # middle 0.63-0.67, narrow 0.62-0.66 overlap; tiny's 0.38-0.42 is far off.
    assert labels(picked.near_ties) == ["narrow"]
    assert "middle is not told apart from narrow by these test images" in text(picked)


def test_intervals_that_touch_overlap():
    touching = candidate("touching", 0.66, interval=(0.64, 0.68))
    assert labels(pick((WIDE, touching), budget(), "measured").near_ties) == ["touching"]


def test_of_equal_accuracies_fewer_mult_adds_then_the_name():
    same = [
        candidate("b", 0.5, mult_adds=2e6),
        candidate("uncounted", 0.5, mult_adds=None),
        candidate("a", 0.5, mult_adds=2e6),
        candidate("z", 0.5, mult_adds=1e6),
    ]
    picked = pick(same, budget(), "measured")
    assert labels(picked.fitting) == ["z", "a", "b", "uncounted"]
    # Without intervals only equal values are near a tie.
    assert labels(picked.near_ties) == ["a", "b", "uncounted"]
    assert "As accurate, and without intervals: a, b and uncounted." in text(picked)


def test_without_intervals_nearness_cannot_be_told():
    picked = pick((candidate("a", 0.51), candidate("b", 0.5)), budget(), "measured")
    assert picked.near_ties == ()
    assert "how near the runner-up is can't be told" in text(picked)


def test_when_nothing_fits_the_smallest_of_the_largest_excesses_is_closest():
    # At most 0.8 ms and 0.4 M parameters:
    # tiny is 0.001 / 0.0008 = 1.25 times and 0.5 / 0.4 = 1.25 times, over by a quarter at most;
    # narrow 5 and 2.5 times, middle 6.25 and 5, wide 12.5 and 10 times.
    picked = pick(FOUR, budget(latency_s=0.0008, params=0.4e6), "measured")
    assert picked.fitting == ()
    assert picked.best is picked.runner_up is None
    assert picked.closest == TINY
    assert [each.limit.of for each in picked.over] == [LATENCY, PARAMS]
    assert [each.excess for each in picked.over] == pytest.approx([0.25, 0.25])
    assert text(picked).splitlines() == [
        "Of 4 points with an accuracy measured by this run, none fits a budget of 800 µs latency "
        "at batch 1 and 400.0 k parameters.",
        "Closest: tiny, 40.0 % (38.0-42.0) top-1. Over the limit: latency 1.00 ms, 25 % over 800 "
        "µs; parameters 500.0 k, 25 % over 400.0 k.",
    ]


def test_closest_is_by_the_largest_excess_not_by_their_sum():
    # Limits 10 and 10: "even" is over by 0.3 and 0.3, "odd" by 0.4 alone.
    even = candidate("even", 0.5, params=13, mult_adds=13)
    odd = candidate("odd", 0.6, params=14, mult_adds=10)
    picked = pick((even, odd), budget(params=10, mult_adds=10), "measured")
    assert picked.closest == even


def test_of_equally_close_points_the_more_accurate():
    # Both twice the limit: 20 of 10.
    less = candidate("less", 0.5, params=20)
    more = candidate("more", 0.6, params=20)
    picked = pick((less, more), budget(params=10), "measured")
    assert picked.closest == more
    assert picked.over == (Over(Limit(PARAMS, 10), 20),)
    assert picked.over[0].excess == 1.0


def test_what_was_not_read_does_not_fit_and_is_named():
    untimed = candidate("untimed", 0.9)
    unranked = candidate("unranked", None, latency=0.001)
    picked = pick((*FOUR, untimed, unranked), budget(latency_s=0.005), "measured")
    assert picked.best == MIDDLE
    assert picked.ranked == 5
    assert picked.lacking == (
        Lacking("untimed", (LATENCY,)),
        Lacking("unranked", ()),
    )
    assert "Left out, without a reading of latency at batch 1: untimed." in text(picked)
    assert "Left out, without an accuracy measured by this run: unranked." in text(picked)
    # What is not limited need not be read.
    assert pick((*FOUR, untimed), budget(), "measured").best == untimed


def test_a_point_that_was_not_read_is_never_closest():
    untimed = candidate("untimed", 0.9)
    picked = pick((TINY, untimed), budget(latency_s=0.0001), "measured")
    assert picked.closest == TINY
    nothing = pick((untimed,), budget(latency_s=0.0001), "measured")
    assert (nothing.closest, nothing.over) == (None, ())
    assert "No point has a reading of all that is limited, so none comes closest." in text(nothing)


def test_latencies_are_of_the_batch_asked_for():
    timed = dataclasses.replace(TINY, costs=(("latency", 0.001), ("latency_batch8", 0.006)))
    assert pick((timed,), budget(latency_s=0.005), "measured").best == timed
    picked = pick((timed,), Budget((Limit(AT_8, 0.005),), batch=8), "measured")
    # 6 ms against 5 ms.
    assert [each.excess for each in picked.over] == pytest.approx([0.2])
    assert "latency at batch 8" in text(picked)


def test_no_accuracy_of_the_source_is_said():
    picked = pick(FOUR, budget(), "paper")
    assert (picked.ranked, picked.best, picked.closest) == (0, None, None)
    assert text(picked, "accuracy printed in the paper") == (
        "No point has an accuracy printed in the paper, so none can be ranked."
    )


def test_how_far_over_is_written_so_that_it_says_something():
    # 600 M against 1 M is 600 times, and 600 M against 599.9 M less than 0.1 %.
    assert "mult-adds 600.0 M, 600 times 1.000 M" in text(
        pick((WIDE,), budget(mult_adds=1e6), "measured")
    )
    assert "mult-adds 600.0 M, less than 0.1 % over 599.9 M" in text(
        pick((WIDE,), budget(mult_adds=599.9e6), "measured")
    )


@pytest.mark.parametrize("limit", [0.0, -1.0, float("inf"), float("nan")])
def test_a_limit_is_a_number_above_0(limit):
    with pytest.raises(ValueError, match=r"params = .*: must be finite and above 0"):
        budget(params=limit)


NUMBERS = st.none() | st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0])
CANDIDATES = st.lists(
    st.builds(
        lambda label, top1, half, counts: candidate(
            label,
            top1,
            interval=None if half is None else ((top1 or 0) - half, (top1 or 0) + half),
            mult_adds=counts[0], params=counts[1], latency=counts[2], memory=counts[3],
        ),
        st.text("abc", min_size=1, max_size=3),
        st.none() | st.sampled_from([0.1, 0.2, 0.3, 0.4]),
        st.none() | st.sampled_from([0.0, 0.05, 0.1]),
        st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    ),
    max_size=8,
)  # fmt: skip
BUDGETS = st.builds(budget, *[st.none() | st.sampled_from([0.5, 1.0, 2.0, 4.0, 8.0])] * 4)


def top1(each):
    return dict(each.accuracies)["measured"].value


def within(each, budget):
    """Written out anew: every limited quantity was read and is at most its limit."""
    read = dict(each.costs)
    pairs = [(limit.value, read.get(limit.of.name)) for limit in budget.limits]
    return all(value is not None and value <= limit for limit, value in pairs)


@given(CANDIDATES, BUDGETS)
def test_the_best_fits_and_nothing_that_fits_is_more_accurate(points, budget):
    picked = pick(points, budget, "measured")
    fitting = [each for each in points if each.accuracies and within(each, budget)]
    assert sorted(map(repr, picked.fitting)) == sorted(map(repr, fitting))
    if picked.best is not None:
        assert within(picked.best, budget)
        assert top1(picked.best) == max(map(top1, fitting))
    if picked.runner_up is not None:
        rest = list(fitting)
        rest.remove(picked.best)
        assert top1(picked.runner_up) == max(map(top1, rest))
    assert (picked.closest is None) or not fitting


@given(CANDIDATES, BUDGETS, st.sampled_from([LATENCY, PARAMS, MULT_ADDS]))
def test_loosening_a_limit_never_lowers_the_best_accuracy(points, budget, of):
    before = pick(points, budget, "measured").best
    others = tuple(each for each in budget.limits if each.of != of)
    own = tuple(Limit(of, 2 * each.value) for each in budget.limits if each.of == of)
    for looser in (others, others + own):
        after = pick(points, Budget(looser), "measured").best
        if before is not None:
            assert after is not None
            assert top1(after) >= top1(before)


@given(CANDIDATES, BUDGETS, st.randoms())
def test_the_order_of_the_points_does_not_matter(points, budget, random):
    unlike = list({each.label: each for each in points}.values())
    mixed = list(unlike)
    random.shuffle(mixed)
    one, other = (pick(each, budget, "measured") for each in (unlike, mixed))
    assert (one.fitting, one.closest, one.over) == (other.fitting, other.closest, other.over)


@given(CANDIDATES, BUDGETS)
def test_raising_the_limits_to_the_closest_point_makes_it_fit(points, budget):
    picked = pick(points, budget, "measured")
    if picked.closest is not None:
        values = {each.of: each.value for each in budget.limits}
        values |= {each.limit.of: each.value for each in picked.over}
        limits = tuple(Limit(of, value) for of, value in values.items())
        assert picked.closest in pick(points, Budget(limits), "measured").fitting


@given(CANDIDATES, BUDGETS)
def test_every_point_is_told_of(points, budget):
    picked = pick(points, budget, "measured")
    assert picked.ranked + sum(not each.unread for each in picked.lacking) == len(points)


def test_candidates_come_from_the_columns_of_points_parquet():
    more = [
        fake_results.reading(
            ("separable", 1.0, 224), metric, value, measure="latency", batch=8,
            samples=(value,) if metric == "latency_s" else (),
        )
        for metric, value in (("latency_s", 0.09), ("peak_memory_bytes", 99e6))
    ]  # fmt: skip
    results = fake_results.results(more=more)
    by_label = {each.label: each for each in candidates_of(results)}
    first = by_label["1.0-224"]
    read = dict(first.costs)
    assert (read["mult_adds"], read["params"]) == (568_740_352, 4_231_976)
    sources = {name: estimate.value for name, estimate in first.accuracies}
    # 61.4 % is the made-up run's; TF-slim's is 70.7 %, the paper's Table 6 has 70.6 %.
    assert sources == {"measured": 0.614, "tfslim": 0.707, "paper": 0.706}
    assert dict(first.accuracies)["measured"].low is not None
    assert dict(first.accuracies)["paper"].low is None
    assert (read["latency_batch8"], read["peak_memory_batch8"]) == (0.09, 99e6)
    # What restates or checks a cost can be limited, too.
    assert {"weight", "mult_adds_fvcore"} <= set(read)
    # The paper draws 0.75-192 and doesn't print it; standard has no measured accuracy.
    assert [name for name, _ in by_label["0.75-192"].accuracies] == ["measured", "tfslim"]
    assert [name for name, _ in by_label["standard 1.0-224"].accuracies] == ["paper"]
    assert "latency_batch8" not in dict(by_label["0.75-192"].costs)
    assert candidates(pd.DataFrame(), FOUR_COSTS) == ()
    assert candidates(derive(results.readings.iloc[:0]), FOUR_COSTS) == ()


def test_a_run_answers_as_its_table_reads():
    # tests/data/schema1/points.parquet, read by eye. At most 2 M parameters: alpha 0.5 and 0.25
    # alone (1.33 M, 0.47 M); 150 M mult-adds lets 0.5-224 with its 149.5 M in; 5 ms lets all in.
    points = pd.read_parquet(FIRST / "points.parquet")
    asked = budget(latency_s=0.005, params=2e6, mult_adds=150e6)
    measured = pick(candidates(points, FOUR_COSTS), asked, "measured")
    assert len(measured.fitting) == 8
    assert labels(measured.fitting[:2]) == ["0.5-224", "0.5-192"]
    # The paper prints 63.7, 60.2 and 50.6 of 0.5-224, 0.5-160 and 0.25-224.
    assert labels(pick(candidates(points, FOUR_COSTS), asked, "paper").fitting) == [
        "0.5-224",
        "0.5-160",
        "0.25-224",
    ]


def test_what_is_more_accurate_and_a_tenth_over_at_most_is_told_best_first():
    # At most 4.6 ms: middle's 5 ms is 8.7 % over, wide's 10 ms 117 %; slow is as near, no better.
    slow = candidate("slow", 0.50, interval=(0.48, 0.52), latency=0.0047)
    picked = pick((*FOUR, slow), budget(latency_s=0.0046), "measured")
    assert picked.best == NARROW
    assert [(each.point.label, len(each.over)) for each in picked.just_over] == [("middle", 1)]
    assert (
        "More accurate, and just over: middle, 65.0 % (63.0-67.0) top-1 (latency 5.00 ms, 8.7 % "
        "over 4.60 ms)." in text(picked)
    )
    # Ten per cent over 4.5 ms is 4.95 ms.
    assert pick(FOUR, budget(latency_s=0.0045), "measured").just_over == ()
    # Both limits broken by at most a tenth, or it is not near: 2 M is 25 % over 1.6 M.
    both = budget(latency_s=0.0046, params=1.9e6)
    assert len(pick(FOUR, both, "measured").just_over[0].over) == 2
    assert pick(FOUR, budget(latency_s=0.0046, params=1.6e6), "measured").just_over == ()


def test_few_of_those_just_over_are_told():
    many = [candidate(str(n), 0.5 + n / 100, latency=0.00105) for n in range(5)]
    picked = pick((*many, TINY), budget(latency_s=0.001), "measured")
    assert [each.point.label for each in picked.just_over] == ["4", "3", "2"]


def test_a_limit_inside_an_interval_is_told_of_the_points_that_are_named():
    def timed(label, top1, low, value, high):
        own = candidate(label, top1, interval=(top1, top1), latency=value)
        return dataclasses.replace(own, spreads=(("latency", (low, high)),))

    best, second = timed("a", 0.7, 0.0028, 0.0029, 0.0032), timed("b", 0.6, 0.002, 0.0025, 0.003)
    third = timed("c", 0.5, 0.0028, 0.0029, 0.0032)
    near = timed("d", 0.8, 0.0029, 0.0031, 0.0033)
    picked = pick((best, second, third, near), budget(latency_s=0.003), "measured")
    # b's ends at the limit; c is not named.
    assert [each.label for each in picked.crossing] == ["a", "d"]
    assert (
        "The 95 % interval of the latency of a, 2.80-3.20 ms, crosses the limit of 3.00 ms: "
        "on which side it is can't be told." in text(picked)
    )


def test_candidates_know_their_latencies_intervals():
    results = fake_results.results(points=[("separable", 1.0, 224)])
    ends = {"latency_low_s": 0.0029, "latency_high_s": 0.0032}
    points = results.points.assign(**ends)
    of = dataclasses.replace(LATENCY, low="latency_low_s", high="latency_high_s")
    (one,) = candidates(points, (of, PARAMS))
    assert one.spreads == (("latency", (0.0029, 0.0032)),)
