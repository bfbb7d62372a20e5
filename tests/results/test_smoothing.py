"""points.parquet's smoothed accuracies: beside the raw ones, where the grid allows them."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from sweep.report.content.build import view
from tests.support import fake_results

GRID = list(product((1.0, 0.5, 0.25), (224, 160, 128)))
ODD = ("shallow", 1.0, 224)  # of another kind: no part of the grid


def surface(alpha, side):
    a, r = np.log2(alpha), np.log2(side / 224)
    return float(expit(-0.4 + 0.3 * a - 0.02 * a**2 + 0.5 * r))


def run(points, *, seeds=1, images=2000, off=0.0):
    """Trainings that got as many images right as the surface says, give or take `off`."""
    rng = np.random.default_rng(3)
    rows = []
    for key, seed in product([*(("separable", *each) for each in points), ODD], range(seeds)):
        right = round(images * (surface(*key[1:]) + rng.normal(0, off)))
        samples = rng.permutation(np.arange(images) < right).astype(float).tolist()
        reading = fake_results.reading(
            key, "top1", right / images, measure="accuracy", dataset="mine", samples=samples
        )
        rows.append(reading | {"seed": seed})
    keys = [("separable", *each) for each in points]
    accuracies = ("top1", "top5", "test_images")
    return fake_results.results(points=[*keys, ODD], without=accuracies, more=rows)


def test_accuracies_on_a_surface_are_left_where_they_are():
    points = run(GRID).points.set_index(["kind", "alpha", "resolution"])
    for key in GRID:
        row = points.loc[("separable", *key)]
        assert row["top1_smooth"] == pytest.approx(surface(*key), abs=5e-4)
        assert row["top1_smooth_low"] < row["top1_smooth"] < row["top1_smooth_high"]
    assert np.isnan(points.loc[ODD, "top1_smooth"])


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_raw_ones_the_frontiers_and_the_ranking_stay(seeds):
    results = run(GRID, seeds=seeds, off=0.02)
    points = results.points
    means = (
        results.readings.loc[results.readings["metric"] == "top1"]
        .groupby(["kind", "alpha", "resolution"])["value"]
        .mean()
    )
    for row in points.to_dict("records"):
        assert row["top1"] == pytest.approx(means[row["kind"], row["alpha"], row["resolution"]])
    separable = points.loc[points["kind"] == "separable"]
    assert np.abs(separable["top1_smooth"] - separable["top1"]).max() > 0.005
    bare = points.drop(columns=[name for name in points if "smooth" in name])
    with_it, without = view(results), view(replace(results, points=bare))
    for part in ("title", "findings", "candidates", "figures", "cards", "tau"):
        assert getattr(with_it, part) == getattr(without, part)


@pytest.mark.parametrize(
    "points",
    [
        GRID[:6],  # two alphas
        list(product((1.0, 0.5, 0.25, 0.75), (224,))),  # one resolution
        [*product((1.0, 0.5, 0.25), (224,)), (1.0, 128), (0.5, 128)],  # five points
    ],
)
def test_a_grid_that_can_not_tell_the_surface_has_none(points):
    results = run(points)
    assert not [name for name in results.points if "smooth" in name]
    assert "Smoothed" not in [each.title for each in view(results).points.columns]


def test_the_page_has_them_beside_the_raw_ones_and_says_what_they_are():
    one, three = (view(run(GRID, seeds=seeds, off=0.02)) for seeds in (1, 3))
    for shown in (one, three):
        titles = [each.title for each in shown.points.columns]
        assert titles[1:3] == ["Top-1", "Smoothed"]
        assert [each.name for each in shown.heat_maps[:2]] == ["accuracy", "accuracy_smooth"]
        assert "Nothing is ranked by it" in shown.points.caption
        last = shown.points.rows[-1][2]
        assert (last.value, "surface" in last.reason) == (None, True)
    assert "the luck of their one training" in one.points.caption
    assert "its own trainings" in three.heat_maps[1].summary


def test_the_same_readings_in_another_order_give_the_same(tmp_path):
    results = run(GRID, seeds=2, off=0.02)
    turned = fake_results.with_readings(results, results.readings.iloc[::-1])
    ours, others = (
        each.points.sort_values(["kind", "alpha", "resolution"])["top1_smooth"].to_numpy()
        for each in (results, turned)
    )
    np.testing.assert_allclose(ours, others, rtol=1e-9)
    assert pd.notna(ours).sum() == len(GRID)
