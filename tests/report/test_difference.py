"""Two runs side by side. The made-up run's numbers are in fake_results.py."""

import dataclasses
from pathlib import Path

import pytest

from sweep.report.content.difference import Difference, difference
from sweep.report.content.difference_words import cautions, change
from tests.support import fake_results
from tests.support.commands import typed

POINTS = fake_results.all_points()
FIRST = POINTS[0]  # separable 1.0-224


def run(path="results/b", *, points=POINTS, change=None, without=None, **fields):
    """The made-up run, with `change` made to its readings, less those of 1.0-224's `without`."""
    results = fake_results.results(Path(path), points=points, **fields)
    readings = results.readings.copy()
    if change is not None:
        change(readings)
    readings = readings.loc[~where(readings, without)]
    return fake_results.with_readings(results, readings)


def where(readings, metric, key=FIRST):
    kind, alpha, resolution = key
    return (
        (readings["metric"] == metric)
        & (readings["kind"] == kind)
        & (readings["alpha"] == alpha)
        & (readings["resolution"] == resolution)
    )


def setting(metric, value, key=FIRST):
    def change(readings):
        readings.loc[where(readings, metric, key), "value"] = value

    return change


def slower(factor):
    def change(readings):
        (row,) = readings.index[where(readings, "latency_s")]
        readings.at[row, "samples"] = readings.at[row, "samples"] * factor
        readings.at[row, "value"] *= factor

    return change


def tally(found, column):
    return next(each for each in found.tallies if each.quantity.column == column)


def moved(found):
    return [(each.label, each.quantity.column) for each in found.moved]


@pytest.fixture(scope="module")
def before():
    return run("results/a")


def test_a_run_is_no_different_from_itself(before):
    found = difference(before, before)
    assert isinstance(found, Difference)
    assert (found.common, found.gained, found.lost, found.moved) == (18, (), (), ())
    assert (found.settings, found.machine, found.other_settings) == ((), (), ())
    assert cautions(found) == ()
    for each in found.tallies:
        assert (each.within, each.moved, each.unjudged) == (0, 0, "")
    # Every point has costs; sixteen of the eighteen have an accuracy.
    assert tally(found, "mult_adds").same == 18
    assert tally(found, "top1").same == 16


def test_points_gained_and_lost(before):
    found = difference(before, run(points=POINTS[2:]))
    assert (found.common, found.gained, found.lost) == (16, (), ("1.0-224", "1.0-192"))
    other = difference(run(points=POINTS[2:]), before)
    assert (other.gained, other.lost) == (("1.0-224", "1.0-192"), ())


def test_an_accuracy_moves_where_the_intervals_part(before):
    # 4000 images at about 60 %: half a 95 % interval is 1.96 * sqrt(0.6 * 0.4 / 4000) = 0.0152.
    # From 61.4 %, 60 % is within two of these (0.014 < 0.030), 57 % beyond (0.044 > 0.030).
    near = difference(before, run(change=setting("top1", 0.600)))
    assert moved(near) == []
    assert (tally(near, "top1").within, tally(near, "top1").same) == (1, 15)
    far = difference(before, run(change=setting("top1", 0.570)))
    assert moved(far) == [("1.0-224", "top1")]
    (one,) = far.moved
    assert (one.before.value, one.after.value) == (0.614, 0.57)
    assert typed(change(one)) == "-4.4 pt"


def test_a_latency_moves_where_the_intervals_part(before):
    # The made-up medians' intervals are within 2 % of the median: 0.1 % is nothing, 30 % is.
    near = difference(before, run(change=slower(1.001)))
    assert moved(near) == []
    assert tally(near, "latency_s").within == 1
    far = difference(before, run(change=slower(1.3)))
    assert moved(far) == [("1.0-224", "latency_s")]
    assert typed(change(far.moved[0])) == "+30 %"
    assert any("from one run to the next a machine may drift" in each for each in cautions(far))


def test_any_other_count_is_a_difference(before):
    found = difference(before, run(change=setting("mult_adds", 568_740_353)))
    assert moved(found) == [("1.0-224", "mult_adds")]
    assert change(found.moved[0]) == "+1"
    assert tally(found, "mult_adds").same == 17


def test_latencies_of_other_machines_are_not_judged(before):
    after = run(change=slower(10))
    after = dataclasses.replace(
        after,
        run=after.run | {"machine_id": "another"},
        machine=after.machine | {"id": "another", "cpu": "M9", "earlier": [{"id": "c0ffee"}]},
    )
    found = difference(before, after)
    assert moved(found) == []
    for column in ("latency_s", "peak_memory_bytes"):
        assert tally(found, column).unjudged == "machines that may not be compared"
        assert tally(found, column).moved == tally(found, column).same == 0
    # What holds on any machine is judged all the same.
    assert tally(found, "top1").same == 16
    assert [each.name for each in found.machine] == ["cpu"]
    (caution,) = cautions(found)
    assert (
        "nothing is judged of latency and peak memory: "
        f"{fake_results.MACHINE_ID} and another (cpu)" in caution
    )


def test_latencies_of_other_versions_are_not_judged(before):
    runs = []
    for jaxlib, results in (("0.10.2", before), ("0.11.0", run(change=slower(10)))):
        latency = results.run["measures"]["latency"] | {"versions": {"jaxlib": jaxlib}}
        measures = results.run["measures"] | {"latency": latency}
        runs.append(dataclasses.replace(results, run=results.run | {"measures": measures}))
    found = difference(*runs)
    assert moved(found) == []
    assert tally(found, "latency_s").unjudged == "machines that may not be compared"
    assert tally(found, "top1").same == 16
    (caution,) = cautions(found)
    here = fake_results.MACHINE_ID
    assert caution.endswith(f"{here} with jaxlib 0.10.2 and {here} with jaxlib 0.11.0.")


def test_accuracies_of_other_data_are_not_judged(before):
    after = run(dataset="ImageNet", change=setting("top1", 0.1))
    found = difference(before, after)
    assert moved(found) == []
    assert found.datasets == ("photo-patches", "ImageNet")
    for column in ("top1", "top5"):
        assert tally(found, column).unjudged == "different data sets, photo-patches and ImageNet"
    assert any("accuracies are not judged: photo-patches and ImageNet" in each
               for each in cautions(found))  # fmt: skip


def test_another_recipe_is_said_and_judged(before):
    after = run(change=setting("top1", 0.1))
    measures = after.run["measures"] | {"accuracy": {"settings_hash": "ffffffffffff"}}
    accuracy = after.settings["accuracy"] | {"epochs": 30, "new": 1}
    after = dataclasses.replace(
        after,
        run=after.run | {"measures": measures},
        settings=after.settings | {"name": "other", "accuracy": accuracy},
    )
    found = difference(before, after)
    assert moved(found) == [("1.0-224", "top1")]
    assert found.other_settings == ("accuracy",)
    assert [(each.name, each.before, each.after) for each in found.settings] == [
        ("accuracy.epochs", "3", "30"),
        ("accuracy.new", "not there", "1"),
    ]
    assert any("the recipe's doing" in each for each in cautions(found))


def test_points_with_hashes_of_their_own_are_compared_where_both_have_them(before):
    def with_hashes(results, hashes):
        identity = {"settings_hash": "same", "points": hashes}
        measures = results.run["measures"] | {"accuracy": identity}
        return dataclasses.replace(results, run=results.run | {"measures": measures})

    key = "mobilenet_v1/separable/1.0/224"
    gone = "mobilenet_v1/separable/2.0/224"
    one = with_hashes(before, {key: "a", gone: "x"})
    assert difference(one, with_hashes(before, {key: "a"})).other_settings == ()
    assert difference(one, with_hashes(before, {key: "b"})).other_settings == ("accuracy",)


def test_readings_of_one_run_alone_are_named(before):
    found = difference(before, run(without="top1"))
    assert tally(found, "top1").before_alone == ("1.0-224",)
    assert tally(found, "top1").after_alone == ()
    assert tally(difference(run(without="top1"), before), "top1").after_alone == ("1.0-224",)


def test_other_batches_and_measures_from_outside_are_compared():
    def more(latency, energy):
        return [
            fake_results.reading(FIRST, "latency_s", latency, measure="latency", batch=8,
                                 samples=[latency] * 5),
            fake_results.reading(FIRST, "energy", energy, title="Energy", unit="J"),
        ]  # fmt: skip

    one, other = run(more=more(0.02, 1.5)), run(more=more(0.03, 1.6))
    found = difference(one, other)
    assert moved(found) == [("1.0-224", "latency_batch8_s"), ("1.0-224", "energy")]
    assert [each.quantity.title for each in found.moved] == ["Latency, batch 8", "Energy (J)"]


def test_families_are_named_where_there_are_two(before):
    def renamed(readings):
        readings["family"] = "other_net"

    found = difference(before, run(points=POINTS[:1], change=renamed))
    assert found.common == 0
    assert found.gained == ("other_net 1.0-224",)
    assert found.lost[0] == "mobilenet_v1 1.0-224"


def test_a_run_without_points_has_lost_them_all(before):
    empty = fake_results.empty()
    found = difference(before, empty)
    assert (found.common, len(found.lost), found.tallies) == (0, 18, ())
    assert difference(empty, empty).common == 0


def test_there_and_back_is_the_same_change_turned_around(before):
    after = run(points=POINTS[1:], change=setting("mult_adds", 1, POINTS[1]))
    there, back = difference(before, after), difference(after, before)
    assert (there.gained, there.lost) == (back.lost, back.gained)
    turned = [(each.label, each.after, each.before) for each in back.moved]
    assert [(each.label, each.before, each.after) for each in there.moved] == turned
