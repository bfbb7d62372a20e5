"""Lines, residuals and rankings against numpy's, scipy's and numbers chosen to be known."""

import numpy as np
import pytest

from sweep.report.content.trends import trends
from sweep.report.values import units
from sweep.report.values.units import Form
from tests.support import fake_results
from tests.support.commands import typed
from tests.support.trend_runs import FIVE, FOUR, changed, drawn, of_five, of_four

NAMES = [
    "accuracy_against_log_mult_adds",
    "accuracy_residuals",
    "published_accuracy_against_log_mult_adds",
    "published_accuracy_residuals",
    "latency_per_mult_add",
    "latency_against_pixel2_cpu1",
    "latency_against_pixel3_cpu4",
    "latency_against_pixel3_gpu",
]


def test_each_relation_is_one_scatter(results):
    assert [each.name for each in trends(results)] == NAMES
    assert len({each.title for each in trends(results)}) == len(NAMES)
    for each in trends(results):
        assert each.dots
        assert each.finding
        assert not each.absent
        assert all(dot.label in each.summary for dot in each.dots)
        assert all(dot.hover[0] == dot.label for dot in each.dots)


@pytest.mark.parametrize(("prefix", "column"), [("", "top1"), ("published_", "published_top1")])
def test_the_line_is_numpys_over_doublings(results, separable, prefix, column):
    scatter = drawn(results, f"{prefix}accuracy_against_log_mult_adds")
    x = np.log2(separable["mult_adds"].astype(float))
    y = separable[column]
    slope, intercept = np.polyfit(x, y, 1)
    ends = [(13_570_048, intercept + slope * x.min()), (568_740_352, intercept + slope * x.max())]
    assert np.array(scatter.line) == pytest.approx(np.array(ends))
    r_squared = np.corrcoef(x, y)[0, 1] ** 2
    text = typed(scatter.finding)
    assert text.startswith(f"Each doubling of mult-adds buys {100 * slope:.1f} points of ")
    assert f"R² {r_squared:.2f}, 16 points" in text
    assert "Figure 4" in text
    assert [dot.y.value for dot in scatter.dots] == y.tolist()


def test_the_measured_line_is_set_beside_the_published_one(results, separable):
    x = np.log2(separable["mult_adds"].astype(float))
    slope, _ = np.polyfit(x, separable["published_top1"], 1)
    # TF-slim's accuracies: from 41.3 % at 13.6 M to 70.7 % at 568.7 M, 5.39 doublings: about 5.5.
    assert slope == pytest.approx(0.055, abs=0.001)
    assert f"there each buys {100 * slope:.1f} points" in typed(drawn(results, NAMES[0]).finding)


def test_points_on_a_line_leave_no_residual():
    # 568.74, 149.48, 41.03, 13.57 and 325.4 M; five points for each doubling.
    points = fake_results.results(points=FIVE).points
    top1 = 0.05 * np.log2(points["mult_adds"].astype(float)) - 0.9
    results = of_five(top1=top1, top1_low=top1 - 0.01, top1_high=top1 + 0.01)
    finding = typed(drawn(results, NAMES[0]).finding)
    assert "buys 5.0 points of measured top-1 (95 % interval +5.0 pt, R² 1.00, 5 points)" in finding
    residuals = drawn(results, "accuracy_residuals")
    assert [dot.y.value for dot in residuals.dots] == pytest.approx([0] * 5, abs=1e-12)
    assert [dot.y.low for dot in residuals.dots] == pytest.approx([-0.01] * 5)
    assert [dot.y.high for dot in residuals.dots] == pytest.approx([0.01] * 5)
    assert "At none of 5 points" in residuals.finding


def test_residuals_are_what_the_line_leaves(results, separable):
    residuals = drawn(results, "accuracy_residuals")
    x = np.log2(separable["mult_adds"].astype(float))
    expected = separable["top1"] - np.polyval(np.polyfit(x, separable["top1"], 1), x)
    assert [dot.y.value for dot in residuals.dots] == pytest.approx(expected.tolist())
    assert sum(dot.y.value for dot in residuals.dots) == pytest.approx(0, abs=1e-12)
    assert residuals.y.form is Form.POINTS
    assert [y for _, y in residuals.line] == [0, 0]
    text = typed(residuals.finding)
    by_name = dict(zip([dot.label for dot in residuals.dots], expected, strict=True))
    farthest = max(by_name, key=lambda name: abs(by_name[name]))
    where = "above" if by_name[farthest] > 0 else "below"
    said = f"{farthest} ({abs(100 * by_name[farthest]):.1f} points {where})"
    assert text.startswith(f"Farthest from the line: {said}")
    dot = next(dot for dot in residuals.dots if dot.label == farthest)
    assert typed(dot.hover[1]) == f"{abs(100 * by_name[farthest]):.1f} points {where} the line"
    # An accuracy's interval holds the line exactly where the residual's holds 0.
    line = separable["top1"] - expected
    outside = ((separable["top1_low"] > line) | (separable["top1_high"] < line)).sum()
    assert f"At {outside} of 16 points the line is outside" in text


def test_the_papers_jump_is_looked_for():
    # Four points on y = 0.4 + 0.1 x, x = 0, 1, 2, 3 doublings from 0.25-128's cost, and 0.25-128
    # itself 8 points below: the fit over x = 0, 0, 1, 2, 3 is worked out by hand.
    base = 13_570_048.0
    costs = [8 * base, 4 * base, 2 * base, base, base]
    results = of_five(mult_adds=costs, top1=[0.7, 0.6, 0.5, 0.4, 0.32])
    # x mean 1.2, y mean 0.504; Sxx = 2 * 1.44 + 0.04 + 0.64 + 3.24 = 6.8; Sxy = 1.2 * 0.104 +
    # 1.2 * 0.184 + 0.2 * 0.004 + 0.8 * 0.096 + 1.8 * 0.196 = 0.776; slope 0.114118, intercept
    # 0.367059. So 0.4 lies 3.3 above, 0.32 lies 4.7 below: on average 0.7 below.
    text = typed(drawn(results, "accuracy_residuals").finding)
    (_, low), (_, high) = drawn(results, NAMES[0]).line
    assert (high - low) / 3 == pytest.approx(0.114118, abs=1e-6)
    assert text.startswith("Farthest from the line: 0.25-128 (4.7 points below), 0.25-224 (3.3")
    assert "a jump at alpha 0.25: these 2 points lie 0.7 points below the line on average" in text


def test_accuracy_that_falls_with_cost_is_said_to():
    results = of_five(top1=[0.3, 0.34, 0.4, 0.5, 0.6])
    assert "Each doubling of mult-adds costs" in drawn(results, NAMES[0]).finding


def test_no_slope_is_told_of_four_points_nor_where_it_may_be_none():
    few = of_four(top1=[0.6, 0.5, 0.4, 0.3])
    told = drawn(few, NAMES[0]).finding
    assert told == "No line is fitted: it takes 5 points, this run has 4."
    # Nor how far anything lies from it.
    assert "it takes 5 points" in drawn(few, NAMES[1]).absent
    results = of_five(top1=[0.45, 0.5, 0.4, 0.42, 0.41])
    # numpy's slope and its error, by Student's t of 3 degrees of freedom.
    x = np.log2(results.points["mult_adds"].astype(float))
    (slope, _), covariance = np.polyfit(x, results.points["top1"], 1, cov=True)
    half = 3.182 * np.sqrt(covariance[0, 0])
    assert slope - half < 0 < slope + half
    told = typed(drawn(results, NAMES[0]).finding)
    ends = f"{100 * (slope - half):.1f} to +{100 * (slope + half):.1f} pt"
    assert told == (
        f"No slope is told: its 95 % interval holds 0, {ends} for each doubling of mult-adds."
    )
    assert not drawn(results, NAMES[0]).line
    assert "its 95 % interval holds 0" in typed(drawn(results, NAMES[1]).absent)
    # Nor is a steeper one beside it that was published of too few.
    assert "buys" not in told


def test_other_kinds_are_drawn_but_not_fitted():
    results = fake_results.results()
    top1 = results.points["top1"].fillna(0.3)
    with_others = drawn(changed(results, top1=top1), NAMES[0])
    assert with_others.line == drawn(results, NAMES[0]).line
    assert len(with_others.dots) == 18
    standard = next(dot for dot in with_others.dots if dot.label == "standard 1.0-224")
    assert "not part of the fit" in standard.hover[-1]
    residuals = drawn(changed(results, top1=top1), "accuracy_residuals")
    assert "not part of the fit: shallow 1.0-224 (" in residuals.finding
    assert "of 16 points" in residuals.finding


def test_published_accuracies_have_no_interval(results):
    residuals = drawn(results, "published_accuracy_residuals")
    assert all(dot.y.low is None for dot in residuals.dots)
    assert "No interval is printed" in residuals.finding
    # The paper sees a jump at alpha = 0.25 (section 4.2): TF-slim's four lie below their line.
    assert "points below the line on average" in typed(residuals.finding)


def test_a_run_without_accuracies_says_so():
    results = fake_results.results(without=("top1", "top5", "test_images"))
    for name in NAMES[:2]:
        scatter = drawn(results, name)
        assert (scatter.dots, scatter.line, scatter.finding, scatter.summary) == ((), (), "", "")
        assert "measured accuracy" in scatter.absent
    # The published ones need this run's mult-adds alone.
    assert len(drawn(results, NAMES[2]).dots) == 16


def test_a_run_without_points_says_so_everywhere():
    scatters = trends(fake_results.empty())
    assert [each.name for each in scatters] == NAMES
    assert all(each.absent and not each.dots for each in scatters)


def test_two_points_are_drawn_without_a_line():
    results = fake_results.results(points=FOUR[:2])
    scatter = drawn(results, NAMES[0])
    assert len(scatter.dots) == 2
    assert scatter.line == ()
    assert scatter.finding == "No line is fitted: it takes 5 points, this run has 2."
    residuals = drawn(results, NAMES[1])
    assert residuals.dots == ()
    assert "it takes 5 points" in residuals.absent
    assert "takes 5 points, this run has 2" in drawn(results, NAMES[5]).finding


def test_equal_costs_have_no_line():
    scatter = drawn(of_five(mult_adds=[1e6] * 5), NAMES[1])
    assert scatter.absent == "No line can be fitted: all points have the same mult-adds."


def test_another_family_has_no_published_numbers(results):
    other = fake_results.with_readings(results, results.readings.assign(family="other"))
    for name in (*NAMES[2:4], *NAMES[5:]):
        assert drawn(other, name).absent
        assert not drawn(other, name).dots
    assert drawn(other, NAMES[0]).line == drawn(results, NAMES[0]).line


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (units.formatted(16.07e-12, Form.SECONDS), "16.1 ps"),
        (units.formatted(0.9996e-9, Form.SECONDS), "1.00 ns"),
        (units.formatted(0.0, Form.SECONDS), "0.00 s"),
        (units.formatted(0.0123, Form.POINTS), "+1.2 pt"),
        (units.formatted(-0.0004, Form.POINTS), "0.0 pt"),
        (units.span(-0.02, -0.01, Form.POINTS), "-2.0 to -1.0 pt"),
        (units.in_points(-0.0123), "1.2 points"),
        (units.times(2.934), "2.9 times"),
        (units.times(13.6), "14 times"),
        (units.times(0.754), "0.75 times"),
        (units.joined("1.0\u00a0pt", "2.0\u00a0pt"), "1.0 to 2.0 pt"),
    ],
)
def test_numbers_as_trends_write_them(written, expected):
    assert typed(written) == expected
