"""Latency per mult-add and phones' latencies, against counting by hand and scipy."""

from itertools import combinations
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from sweep.paper.phones import phones
from tests.support import fake_results
from tests.support.commands import typed
from tests.support.trend_runs import FOUR, SIXTEEN, drawn, of_five, of_four

PHONES = [f"latency_against_{phone.name}" for phone in phones()]


def test_a_mult_adds_price_is_latency_over_mult_adds():
    latency = [0.010, 0.004, 0.0015, 0.0007]
    results = of_four(
        latency_s=latency,
        latency_low_s=[0.9 * each for each in latency],
        latency_high_s=[1.1 * each for each in latency],
    )
    scatter = drawn(results, "latency_per_mult_add")
    # 0.7 ms / 13.570048 M = 51.58 ps; 10 ms / 568.740352 M = 17.58 ps; 51.58 / 17.58 = 2.93.
    assert [dot.label for dot in scatter.dots] == ["0.25-128", "0.25-224", "0.5-224", "1.0-224"]
    assert scatter.dots[0].y.value == pytest.approx(51.58e-12, rel=1e-3)
    assert scatter.dots[0].y.low == pytest.approx(0.9 * 51.58e-12, rel=1e-3)
    assert typed(scatter.finding) == (
        "A mult-add takes 17.6 ps in 1.0-224 and 51.6 ps in 0.25-128, 2.9 times as long. "
        "Every pair stands in the same order by latency as by mult-adds."
    )
    assert typed(scatter.dots[0].hover[1]) == "51.6 ps (46.4-56.7) a mult-add"
    assert "latency 700 µs (630-770)" in typed(scatter.dots[0].hover[2])


def test_a_batch_shares_its_latency_among_its_images():
    more = [
        fake_results.reading(
            ("separable", 1.0, 224), "latency_s", 0.04, batch=8, samples=[0.04] * 3
        )
    ]
    scatter = drawn(fake_results.results(more=more), "latency_batch8_per_mult_add")
    (dot,) = scatter.dots
    assert dot.y.value == pytest.approx(0.04 / 8 / 568_740_352)
    assert scatter.title == "Latency per mult-add, batch 8"


def test_pairs_in_the_wrong_order_are_counted_beyond_their_intervals():
    # 0.25-128 is slower than 0.25-224 and 0.5-224, 0.25-224 than 0.5-224 but within intervals.
    results = of_four(
        latency_s=[0.009, 0.0020, 0.0021, 0.003],
        latency_low_s=[0.008, 0.0018, 0.0019, 0.0028],
        latency_high_s=[0.010, 0.0022, 0.0023, 0.0032],
    )
    finding = typed(drawn(results, "latency_per_mult_add").finding)
    assert "In 3 of 6 pairs the network with fewer mult-adds is the slower one, 2 of" in finding
    assert "0.25-128 takes 3.00 ms for 13.57 M, 0.5-224 2.00 ms for 149.5 M" in finding
    # Each slow point once, with its worst pair.
    assert finding.count("0.25-128 takes") == 1


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(0, 3)), min_size=4, max_size=4
    )
)
def test_the_count_of_wrong_pairs_is_that_of_all_pairs(numbers):
    costs, middles, halves = (np.array(each, float) for each in zip(*numbers, strict=True))
    results = of_four(
        mult_adds=costs * 1e6,
        latency_s=middles / 1e3,
        latency_low_s=(middles - halves / 8) / 1e3,
        latency_high_s=(middles + halves / 8) / 1e3,
    )
    wrong = beyond = 0
    for one, other in combinations(numbers, 2):
        few, many = sorted([one, other])
        if few[0] < many[0] and few[1] > many[1]:
            wrong += 1
            beyond += few[1] - few[2] / 8 > many[1] + many[2] / 8
    finding = drawn(results, "latency_per_mult_add").finding
    expected = (
        f"In {wrong} of 6 pairs the network with fewer mult-adds is the slower one, "
        f"{beyond or 'none'} of them beyond"
        if wrong
        else "Every pair stands in the same order"
    )
    assert expected in finding


def test_phones_are_as_published():
    # hosted_models.md, Mobilenet_V1_0.25_128 and _1.0_224: 1.2 and 24.0 ms on the Pixel 3's CPU,
    # 1.6 and 6.5 ms on its GPU.
    by_name = {phone.name: phone for phone in phones()}
    latencies = {name: phone.latencies for name, phone in by_name.items()}
    assert latencies["pixel3_cpu4"][0.25, 128] == 0.0012
    assert latencies["pixel3_cpu4"][1.0, 224] == 0.024
    assert latencies["pixel3_gpu"][0.25, 128] == 0.0016
    assert latencies["pixel3_gpu"][1.0, 224] == 0.0065
    assert latencies["pixel2_cpu1"][1.0, 224] == 0.1601
    sixteen = {(alpha, resolution) for _, alpha, resolution in SIXTEEN}
    assert all(set(each) == sixteen for each in latencies.values())
    # On one core a larger network takes longer, along either axis: the column has no outlier.
    for alpha, resolution in sixteen:
        for other in sixteen:
            if other != (alpha, resolution) and other[0] >= alpha and other[1] >= resolution:
                assert latencies["pixel2_cpu1"][other] > latencies["pixel2_cpu1"][alpha, resolution]


@pytest.mark.parametrize("phone", phones(), ids=lambda phone: phone.name)
def test_a_phone_is_ranked_as_scipy_ranks_it(results, separable, phone):
    scatter = drawn(results, f"latency_against_{phone.name}")
    there = phone.latencies
    published = [there[row.alpha, row.resolution] for row in separable.itertuples()]
    tau = cast("Any", kendalltau(separable["latency_s"], published)).statistic
    assert f"Kendall tau of {tau:.2f} (1 is the same order" in scatter.finding
    assert f"16 points agree with the {phone.model} ({phone.used})" in scatter.finding
    assert len(scatter.dots) == 16
    assert scatter.x.log
    assert scatter.y.log
    dots = {(dot.alpha, dot.resolution): dot for dot in scatter.dots}
    assert {place: dot.x.value for place, dot in dots.items()} == there
    assert all(dot.x.low is None and dot.y.low is not None for dot in scatter.dots)


def test_a_phone_ten_times_as_slow_lies_on_one_line():
    there = phones()[0].latencies
    rows = of_five().points.to_dict("records")
    latency = [there[row["alpha"], row["resolution"]] / 10 for row in rows]
    scatter = drawn(of_five(latency_s=latency), "latency_against_pixel2_cpu1")
    assert typed(scatter.finding).startswith(
        "Ranked by latency, 5 points agree with the Pixel 2 (CPU, 1 thread) with a Kendall tau of "
        "1.00 (1 is the same order, 0 is chance). The phone takes 10 times as long as this machine "
        "at the median, from 10 times ("
    )
    assert np.array(scatter.line) == pytest.approx(np.array([(0.0062, 0.00062), (0.1601, 0.01601)]))


def test_a_run_without_latencies_says_so():
    results = fake_results.results(without=("latency_s",))
    for name in ("latency_per_mult_add", *PHONES):
        scatter = drawn(results, name)
        assert scatter.absent
        assert not scatter.dots
        assert not scatter.finding
    assert drawn(results, "accuracy_against_log_mult_adds").dots


def test_one_point_has_a_price_but_no_rank():
    results = fake_results.results(points=FOUR[:1])
    assert typed(drawn(results, "latency_per_mult_add").finding).startswith("A mult-add takes ")
    assert "times" not in drawn(results, "latency_per_mult_add").finding
    assert drawn(results, PHONES[0]).line == ()
