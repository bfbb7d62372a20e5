"""What a page predicts between the points: lines against an independent count, the rule against
that of `pick --between`, and what is not predicted.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sweep.report.content.axes import quantities
from sweep.report.content.between import Guessed, guessed
from sweep.report.content.budget import Budget, Limit
from sweep.report.content.heatmaps import heat_maps
from sweep.report.content.predictions import predictions
from sweep.report.page import heat_map_plot
from tests.support import fake_results
from tests.support.commands import typed
from tests.support.reference import REFERENCE

SIXTEEN = [key for key in fake_results.all_points() if key[0] == "separable"]


def of(results):
    costs = {each.name: each for each in quantities(results) if each.is_axis}
    return predictions(results, costs.values(), ["measured", "tfslim", "paper"]), costs


def counted(alpha, resolution):
    """Mult-adds by the test's own walk over Table 1."""
    rows = fake_results.layer_rows("separable", alpha, resolution)
    return sum(layer["ma"] for layer in rows.values())


def timed(seconds, points=SIXTEEN):
    """A run whose latencies are this function of alpha and resolution."""
    rows = [
        fake_results.reading(key, "latency_s", seconds(*key[1:]), measure="latency", batch=1)
        for key in points
    ]
    return fake_results.results(points=points, without=("latency_s",), more=rows)


def map_of(results, name):
    known, _ = of(results)
    return next(each for each in heat_maps(results, known) if each.name == name)


def test_a_line_joins_networks_of_equal_predicted_latency():
    # A machine that takes 0.2 ms and a nanosecond for fifty mult-adds.
    heat = map_of(timed(lambda *place: 2e-4 + counted(*place) / 5e10), "latency")
    lines = {}
    for trace in heat_map_plot.predicted(heat):
        assert trace["name"].endswith(", predicted")
        if trace["mode"] == "lines":
            assert trace["line"]["dash"] == "dash"
            name = trace["name"].removesuffix(", predicted")
            lines["0.5" if name.startswith("500") else name.removesuffix("ms")] = trace
    # 0.47 ms at 0.25-128, 11.6 at 1.0-224.
    assert list(lines) == ["0.5", "1", "2", "5", "10"]
    for name, line in lines.items():
        at = [
            2e-4 + counted(alpha, side) / 5e10
            for side, alpha in zip(line["x"], line["y"], strict=True)
            if side in (128, 160, 192, 224)
        ]
        # Whole channels make steps of half a per cent or so.
        assert at == pytest.approx([float(name) * 1e-3] * len(at), rel=0.02)
        assert len(at) >= 1
        assert all(a >= b for a, b in pairwise(line["y"])), "less width with more pixels"


def test_accuracies_have_lines_at_round_shares():
    heat = map_of(REFERENCE, "accuracy")
    lines = [each for each in heat_map_plot.predicted(heat) if each["mode"] == "lines"]
    shares = [int(each["name"].partition("\u00a0%")[0]) for each in lines]
    steps = {b - a for a, b in pairwise(shares)}
    assert len(shares) >= 4
    assert steps <= {1, 2, 5}
    assert len(steps) == 1
    # Within the squares' own accuracies, from the least to the most.
    squares = [100 * cell.estimate.value for row in heat.cells for cell in row if cell.estimate]
    assert min(squares) - 2 < min(shares) < max(shares) < max(squares) + 2
    assert "surface" in heat.summary
    assert "Each may be off by a factor of" in map_of(REFERENCE, "latency").summary


def test_nothing_is_drawn_outside_the_hull():
    # Three corners: beyond the line from 0.25-224 to 1.0-128 nobody has measured.
    keys = [key for key in SIXTEEN if (key[1] - 0.25) / 0.75 + (key[2] - 128) / 96 <= 1 + 1e-9]
    heat = map_of(timed(lambda *place: 2e-4 + counted(*place) / 5e10, keys), "latency")
    behind = heat.predicted
    assert behind is not None
    inside = [
        (alpha - 0.25) / 0.75 + (side - 128) / 96
        for alpha, row in zip(behind.alphas, behind.values, strict=True)
        for side, value in zip(behind.resolutions, row, strict=True)
        if value is not None
    ]
    assert max(inside) <= 1 + 1e-9
    known, _ = of(timed(lambda *place: counted(*place) / 5e10, keys))
    assert {(each.alpha, each.resolution) for each in known.networks} >= {(0.25, 224), (1.0, 128)}
    assert all(
        (each.alpha - 0.25) / 0.75 + (each.resolution - 128) / 96 <= 1 + 1e-9
        for each in known.networks
    )


def test_a_cost_that_its_points_do_not_tell_has_no_line_and_says_why():
    jumps = timed(lambda alpha, side: 1e-3 * (1 + 9 * ((100 * alpha + side) % 64 > 31)))
    known, _ = of(jumps)
    assert "a measured point is off by" in known.absent["latency"]
    assert "latency" not in known.lines
    assert "latency" not in known.costs
    assert not heat_map_plot.predicted(map_of(jumps, "latency"))
    # What is counted needs no prediction, and is no dashed line.
    assert known.costs["mult_adds"].over == ()
    assert not heat_map_plot.predicted(map_of(jumps, "mult_adds"))
    assert {each.alpha: each.costs["mult_adds"].value for each in known.networks}[1.0] == (
        568_740_352
    )


@pytest.mark.parametrize("source", ["measured", "tfslim", "paper"])
def test_the_first_that_keeps_a_budget_is_what_pick_answers(source):
    known, costs = of(REFERENCE)
    rng = np.random.default_rng(0)
    ratios = [(0.0, 0.0), *((each, over) for each, over in _table(known, "latency"))]
    for limit in rng.uniform(3e-4, 4e-3, 8):
        of_latency = Budget((Limit(costs["latency"], float(limit)),))
        answer: Guessed = guessed(REFERENCE, of_latency, source, [])
        chances, overs = zip(*ratios, strict=True)
        fitting = [
            known.networks[place]
            for place in known.ranked[source]
            if "latency" not in known.networks[place].read
            and np.interp(limit / known.networks[place].costs["latency"].value, overs, chances)
            >= known.sure
        ]
        first = answer.guesses[0]
        assert fitting[0].label == first.label
        assert fitting[0].accuracies[source].value == first.accuracy.value
        assert len(known.networks) - 16 == answer.of


def _table(known, name):
    over = known.costs[name].over
    return [(place / (len(over) + 1), ratio) for place, ratio in enumerate(over, start=1)]


def test_a_run_of_one_point_or_of_none_says_that_nothing_is_predicted():
    one, _ = of(fake_results.results(points=SIXTEEN[:1]))
    none, _ = of(fake_results.empty())
    for known in (one, none):
        assert typed(known.absent[""]).startswith("Nothing is predicted between the points: ")
        assert known.networks == ()


def test_a_large_space_is_looked_at_in_coarser_steps():
    results = fake_results.results(points=SIXTEEN)
    far = results.points.iloc[:1].assign(alpha=4.0, resolution=1024, mult_adds=None, params=None)
    points = pd.concat([results.points.astype(object), far.astype(object)]).infer_objects()
    known, _ = of(replace(results, points=points))
    # 0.25 to 4 in 64ths are 241, 128 to 1024 in 32 px 29; with eighths 31 by 29.
    assert known.options == "--between --alpha-step 1/8"
    assert 100 < len(known.networks) <= 1000
    assert known.networks[-1].label == "4.0-1024"
