"""Maps over alpha and resolution. Counts between the grid's points are held against hand arithmetic
and the layers of fake_results.py, which is written apart from the package.
"""

import csv
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.maths.statistics import wilson
from sweep.report.content.cost_contours import cost_map
from sweep.report.content.heatmaps import NOT_IN_RUN, heat_maps
from tests.support import fake_results
from tests.support.commands import typed

SIXTEEN = [key for key in fake_results.all_points() if key[0] == "separable"]
with (fake_results.DATA / "exact_counts.csv").open(encoding="utf-8") as file:
    EXACT = {
        (row["kind"], float(row["alpha"]), int(row["resolution"])): int(row["mult_adds"])
        for row in csv.DictReader(file)
    }
WIDEST = ("mobilenet_v1", "separable", 1.0, 224)


def maps(results):
    return {each.name: each for each in heat_maps(results)}


def interval_of(alpha, resolution):
    top1 = fake_results.TOP1[alpha, resolution] / 100
    return wilson(round(top1 * fake_results.TEST_IMAGES), fake_results.TEST_IMAGES)


def layer_readings(kind, alpha, resolution):
    """A network that is in no table: its layers as readings."""
    rows = []
    for name, layer in fake_results.layer_rows(kind, alpha, resolution).items():
        note = json.dumps({field: layer[field] for field in layer if field not in ("ma", "w")})
        for metric, count in (("layer_mult_adds", "ma"), ("layer_weights", "w")):
            rows.append(
                fake_results.reading(
                    (kind, alpha, resolution),
                    metric,
                    layer[count],
                    layer=name,
                    note=note,
                )
            )
    return pd.DataFrame(rows)


def cost_of(kind, alpha, resolution):
    """The map from the layers of one network."""
    place = ("mobilenet_v1", kind, alpha, resolution)
    cost = cost_map(layer_readings(kind, alpha, resolution), {place})
    assert cost is not None
    return cost


def behind(results, name="mult_adds"):
    contours = maps(results)[name].contours
    assert contours is not None
    return contours


def counted(kind, alpha, resolution):
    """Mult-adds by the test's own walk over Table 1."""
    return sum(layer["ma"] for layer in fake_results.layer_rows(kind, alpha, resolution).values())


def test_each_cell_is_the_point_of_its_alpha_and_resolution():
    drawn = maps(fake_results.results())
    assert list(drawn) == ["accuracy", "mult_adds", "latency"]
    for each in drawn.values():
        assert each.alphas == (0.25, 0.5, 0.75, 1.0)
        assert each.resolutions == (128, 160, 192, 224)
    accuracy = drawn["accuracy"]
    for i, alpha in enumerate(accuracy.alphas):
        for j, resolution in enumerate(accuracy.resolutions):
            cell = accuracy.cells[i][j]
            assert cell.value == fake_results.TOP1[alpha, resolution] / 100
            assert cell.low == interval_of(alpha, resolution).low
            assert cell.high == interval_of(alpha, resolution).high
    # Table 6 and the exact counts: 1.0-224 has 568,740,352, 0.25-128 13,570,048.
    assert drawn["mult_adds"].cells[3][3].value == 568_740_352
    assert drawn["mult_adds"].cells[0][0].value == 13_570_048
    assert "photo-patches" in accuracy.title


def test_the_cost_behind_is_exact_at_the_sixteen_points():
    contours = behind(fake_results.results(), "accuracy")
    # 25 steps from 128 to 224 lie 4 px apart, from 0.25 to 1 a 32nd: the sixteen are among them.
    # Half a step of the grid beyond are 4 of these on either side.
    assert len(contours.alphas) == len(contours.resolutions) == 25 + 2 * 4
    assert (contours.resolutions[0], contours.resolutions[-1]) == (112, 240)
    assert (contours.alphas[0], contours.alphas[-1]) == (0.125, 1.125)
    for kind, alpha, resolution in SIXTEEN:
        i, j = contours.alphas.index(alpha), contours.resolutions.index(resolution)
        exact = EXACT[kind, alpha, resolution]
        assert contours.values[i][j] == pytest.approx(exact, rel=1e-12)


def test_the_cost_at_one_place_by_hand():
    # alpha 0.5, 112 px: widths 16, 32, 64, 64, 128, 128, 256 x 1, 256 x 5, 512, 512; maps of 56,
    # 28, 14, 7 and 3.5 px, not rounded. By block (9 M + M N) D_F^2, after the stem's 27 M D_F^2:
    stem = 27 * 16 * 56**2
    blocks = [
        (16, 32, 56), (32, 64, 28), (64, 64, 28), (64, 128, 14), (128, 128, 14),
        (128, 256, 7), *[(256, 256, 7)] * 5, (256, 512, 3.5), (512, 512, 3.5),
    ]  # fmt: skip
    separable = sum((9 * m + m * n) * side**2 for m, n, side in blocks)
    cost = cost_of("separable", 1.0, 224)
    assert cost.mult_adds(0.5, 112) == pytest.approx(stem + separable + 512 * 1000, rel=1e-12)


@given(st.integers(1, 64), st.integers(1, 12), st.sampled_from(["separable", "shallow"]))
def test_the_cost_is_exact_wherever_widths_and_sizes_are_whole(eighths, times, kind):
    alpha, resolution = eighths / 32, 32 * times
    cost = cost_of(kind, 1.0, 224)
    assert cost.mult_adds(alpha, resolution) == pytest.approx(
        counted(kind, alpha, resolution), rel=1e-12
    )


def test_full_convolutions_go_with_both_sides_channels():
    cost = cost_of("standard", 1.0, 224)
    assert cost.mult_adds(1.0, 224) == pytest.approx(4_867_293_184, rel=1e-12)
    assert cost.mult_adds(0.5, 160) == pytest.approx(counted("standard", 0.5, 160), rel=1e-12)


def test_a_thinner_network_with_rounded_sizes_gives_the_same_map():
    # 150 px make maps of 75, 38, 19, 10 and 5: rounded up, which the map has to undo.
    rounded = cost_of("separable", 0.5, 150)
    assert counted("separable", 0.5, 150) > 1.01 * rounded.mult_adds(0.5, 150)
    assert rounded.mult_adds(1.0, 224) == pytest.approx(568_740_352, rel=1e-12)


def test_a_widest_point_whose_counting_failed_leaves_it_to_the_next():
    results = fake_results.results()
    readings = results.readings
    gone = (readings["alpha"] == 1.0) & (readings["measure"] == "cost")
    failed = fake_results.reading(("separable", 1.0, 224), "layer_mult_adds", None, reason="broke")
    drawn = maps(
        fake_results.with_readings(results, pd.concat([readings[~gone], pd.DataFrame([failed])]))
    )
    contours = drawn["mult_adds"].contours
    assert contours is not None
    i, j = contours.alphas.index(1.0), contours.resolutions.index(224)
    assert contours.values[i][j] == pytest.approx(568_740_352, rel=1e-12)
    assert drawn["mult_adds"].cells[3][3].value is None


@given(st.floats(0.1, 2), st.floats(32, 512), st.floats(1.001, 2))
def test_more_width_or_more_pixels_cost_more(alpha, resolution, more):
    cost = cost_of("separable", 1.0, 224)
    here = cost.mult_adds(alpha, resolution)
    assert cost.mult_adds(more * alpha, resolution) > here
    assert cost.mult_adds(alpha, more * resolution) > here
    # Between the first and the second power of alpha; below the second of the side.
    assert more * here < cost.mult_adds(more * alpha, resolution) < more**2 * here
    assert cost.mult_adds(alpha, more * resolution) < more**2 * here


def test_no_map_lies_behind_where_the_formulas_are_not_known():
    results = fake_results.results()
    note = {"type": "Transformer", "stride": 1, "kernel": 1, "channels_in": 1, "channels_out": 1}
    strange = fake_results.reading(
        ("separable", 1.0, 224),
        "layer_mult_adds",
        1,
        layer="strange",
        note=json.dumps(note | {"size_in": 1, "size_out": 1}),
    )
    with_it = pd.concat([results.readings, pd.DataFrame([strange])])
    assert cost_map(with_it, {WIDEST}) is None
    broken = results.readings.assign(note="[]")
    assert cost_map(broken, {WIDEST}) is None
    without = fake_results.results(without=("layer_mult_adds", "layer_weights"))
    assert maps(without)["mult_adds"].contours is None
    # One resolution alone is no area.
    line = fake_results.results(points=[key for key in SIXTEEN if key[2] == 224])
    assert maps(line)["mult_adds"].contours is None
    assert maps(line)["mult_adds"].cells[3][0].value == 568_740_352


def test_the_summary_says_how_accuracy_moves():
    accuracy = maps(fake_results.results())["accuracy"]
    text = typed(accuracy.summary)
    # From alpha 0.25 to 1: 61.4 - 48.0 = 13.4 at 224 px, then 14.0, 13.8, 13.1. From 128 to 224 px:
    # 61.4 - 53.0 = 8.4 at alpha 1, then 7.5, 8.2, 8.1.
    assert text.startswith("Highest: 1.0-224, 61.4 % (")
    assert "Lowest: 0.25-128, 39.9 % (" in text
    assert "From alpha 0.25 to 1.0: +13.1 to +14.0 pt." in text
    assert "From resolution 128 to 224: +7.5 to +8.4 pt." in text
    # 59.0 at 192 px, 58.6 at 224: of 4000 images, well within each other's interval.
    assert (
        "It falls from 0.75-192 to 0.75-224 (one training each: their order may be chance)." in text
    )


def test_the_summary_says_how_costs_grow():
    text = typed(maps(fake_results.results())["mult_adds"].summary)
    # 568.74 / 41.03 = 13.9 and 186.40 / 13.57 = 13.7; 568.74 / 186.40 = 3.05, 41.03 / 13.57 = 3.02.
    assert "From alpha 0.25 to 1.0: 14 times as much." in text
    assert "From resolution 128 to 224: 3.0 to 3.1 times as much." in text
    assert "falls" not in text


def test_a_place_without_a_point_says_so():
    some = fake_results.results(points=[("separable", 1.0, 224), ("separable", 0.25, 128)])
    accuracy = maps(some)["accuracy"]
    assert accuracy.cells[0][1].reason == accuracy.cells[1][0].reason == NOT_IN_RUN
    assert "2 of 4 cells are empty" in accuracy.summary
    assert accuracy.contours is not None  # the formulas know no gap


def test_a_failed_reading_gives_its_reason():
    results = fake_results.results()
    readings = results.readings
    gone = (readings["alpha"] == 0.5) & (readings["resolution"] == 160)
    gone &= readings["measure"].isin(["accuracy", "latency"])
    # A measure that fails is stored without a variant.
    failed = [
        fake_results.reading(("separable", 0.5, 160), metric, None, reason=f"{metric} broke")
        for metric in ("top1", "latency_s")
    ]
    drawn = maps(
        fake_results.with_readings(results, pd.concat([readings[~gone], pd.DataFrame(failed)]))
    )
    assert drawn["accuracy"].cells[1][1].reason == "top1 broke"
    assert drawn["latency"].cells[1][1].reason == "latency_s broke"
    assert "1 of 16 cells is empty" in drawn["latency"].summary
    assert drawn["mult_adds"].cells[1][1].value is not None


def test_every_batch_size_has_a_map():
    more = [
        fake_results.reading(
            key, "latency_s", 0.02, measure="latency", batch=8, samples=[0.02, 0.022]
        )
        for key in SIXTEEN[:4]
    ]
    results = fake_results.results(more=more)
    drawn = maps(results)
    assert list(drawn) == ["accuracy", "mult_adds", "latency", "latency_batch8"]
    batch8 = drawn["latency_batch8"]
    assert batch8.title == "Latency, batch 8"
    assert [cell.value for cell in batch8.cells[3]] == [0.02] * 4
    # 1.0-224 to 1.0-128 alone were timed so.
    assert batch8.cells[0][0].reason == "no reading in this run"


def test_a_run_without_accuracies_says_so():
    drawn = maps(fake_results.results(without=("top1", "top5", "test_images")))
    assert "top-1 accuracy" in drawn["accuracy"].absent
    assert drawn["accuracy"].summary == ""
    assert drawn["accuracy"].contours is None
    assert all(cell.reason for line in drawn["accuracy"].cells for cell in line)
    assert drawn["mult_adds"].absent == ""


def test_a_run_without_points_has_maps_that_say_so():
    for each in heat_maps(fake_results.empty()):
        assert each.absent == "The run has no points yet."
        assert each.cells == ()


def test_one_point_is_a_map_of_one_cell():
    accuracy = maps(fake_results.results(points=SIXTEEN[:1]))["accuracy"]
    assert [len(line) for line in accuracy.cells] == [1]
    assert typed(accuracy.summary).startswith("Highest: 1.0-224, 61.4 %")
    assert "Lowest" not in accuracy.summary
    assert "From" not in accuracy.summary


def test_another_family_is_mapped_by_its_first_kind():
    results = fake_results.results()
    readings = results.readings.assign(family="other")
    readings["kind"] = readings["kind"].replace({"separable": "inverted"})
    drawn = maps(fake_results.with_readings(results, readings))
    assert drawn["mult_adds"].cells[3][3].value == 568_740_352
    assert drawn["accuracy"].contours is not None
    assert "Highest: inverted 1.0-224" in drawn["accuracy"].summary
