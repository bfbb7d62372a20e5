"""Latencies of several devices: imported from elsewhere, or of another machine of the run."""

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sweep.maths.pareto import front
from sweep.maths.statistics import median_interval
from sweep.measures.timings import Timing
from sweep.report.content.build import view
from sweep.results.check import check
from sweep.results.devices import IMPORTED_HASH, imported
from sweep.results.load import load
from sweep.results.points import with_points
from sweep.results.store import Store
from sweep.running.importing import import_latencies
from sweep.types import ResultsError, SettingsError
from tests.support import fake_results

SLOW, PIXEL = "latency_on_slow_s", "latency_on_pixel_9_s"


@pytest.fixture
def folder(tmp_path):
    return fake_results.stored(fake_results.results(), tmp_path / "run")


def timing(of, seconds, **more):
    return Timing(of, seconds, "by hand", **more)


def points_of(folder) -> dict[tuple[str, float, int], dict[str, Any]]:
    rows: Any = with_points(load(folder)).points.to_dict("records")
    return {(row["kind"], row["alpha"], row["resolution"]): row for row in rows}


def column(points, name):
    """Where it has a value."""
    return {key: row[name] for key, row in points.items() if not pd.isna(row[name])}


def test_imported_latencies_have_a_column_and_a_frontier_of_their_own(folder):
    # 0.25-128 slower than 1.0-224 there, as no machine of ours has it.
    taken = {"1.0-224": 0.004, "0.5-160": 0.003, "0.25-128": 0.009}
    done = import_latencies(folder, "Pixel 9", [timing(*each) for each in taken.items()])
    assert (done.points, done.left_aside) == (("1.0-224", "0.5-160", "0.25-128"), ())
    points = points_of(folder)
    sizes = (1.0, 224), (0.5, 160), (0.25, 128)
    keys = [("separable", *size) for size in sizes]
    assert column(points, PIXEL) == dict(zip(keys, taken.values(), strict=True))
    assert len(column(points, "latency_s")) == len(points)
    ahead = [key for key, row in points.items() if row["on_front_latency_on_pixel_9"]]
    assert ahead == keys[:2]
    written = pd.read_parquet(folder / "points.parquet")[PIXEL]
    assert sorted(written.dropna()) == sorted(taken.values())
    assert check(folder).whole


def test_samples_give_the_interval_of_their_median(folder):
    samples = tuple(0.003 * np.random.default_rng(3).normal(1, 0.05, 40))
    import_latencies(folder, "Pixel 9", [timing("0.5-160", 0.003, samples=samples)])
    row = points_of(folder)["separable", 0.5, 160]
    interval = median_interval(np.array(samples))
    ends = row["latency_on_pixel_9_low_s"], row["latency_on_pixel_9_high_s"]
    assert ends == (interval.low, interval.high)


def test_the_same_device_again_replaces_what_is_given_and_keeps_the_rest(folder):
    import_latencies(folder, "Pixel 9", [timing("0.5-160", 0.003), timing("1.0-224", 0.008)])
    import_latencies(folder, "Pixel 9", [timing("0.5-160", 0.002)])
    assert column(points_of(folder), PIXEL) == {
        ("separable", 0.5, 160): 0.002,
        ("separable", 1.0, 224): 0.008,
    }


def test_the_page_has_an_axis_for_each_device_and_says_how_alike_they_rank(folder):
    own = column(points_of(folder), "latency_s")
    same = [
        timing(f"{alpha}-{side}", 2 * seconds)
        for (kind, alpha, side), seconds in own.items()
        if kind == "separable"
    ]
    import_latencies(folder, "Pixel 9", same)
    shown = view(with_points(load(folder)))
    figure = next(each for each in shown.figures if each.name == "latency_on_pixel_9")
    assert figure.title == "Accuracy against latency on Pixel 9, batch 1"
    told = next(each for each in shown.findings if "Latencies at batch 1" in each)
    # Twice as long at each: ranked the same, by arithmetic.
    words = "tau 1.00 between this machine and Pixel 9, which takes 2.0 times as long (16 points)"
    assert words in told.replace("\u00a0", " ")
    assert any("on Pixel 9 were measured elsewhere" in each.text for each in shown.cautions)


def test_a_frontier_is_of_one_machine_where_the_run_names_several(tmp_path):
    results = fake_results.results()
    timed = results.readings.loc[results.readings["metric"] == "latency_s"].copy()
    other = imported("unused").as_dict() | {"id": "feedfeedfeed", "platform": "cpu", "cores": 4}
    timed["machine_id"] = other["id"]
    # The other machine takes the inverse: it ranks the points the other way round.
    timed["value"] = 1e-5 / timed["value"]
    timed["samples"] = [np.empty(0)] * len(timed)
    key = ("separable", 0.5, 160)
    energy: dict[str, Any] = {"measure": "energy", "title": "Energy", "unit": "J"}
    drawn = pd.DataFrame(
        [
            fake_results.reading(key, "energy_j", value, **energy) | {"machine_id": id}
            for value, id in ((2e-3, fake_results.MACHINE_ID), (3e-3, other["id"]))
        ]
    )
    measures = results.run["measures"] | {"energy": results.run["measures"]["cost"]}
    devices = {"fast": fake_results.MACHINE_ID, "slow": other["id"]}
    both = dataclasses.replace(
        results,
        readings=pd.concat([results.readings, timed, drawn], ignore_index=True),
        run=results.run | {"devices": devices, "measures": measures},
    )
    loaded = with_points(load(fake_results.stored(both, tmp_path / "run")))
    points = loaded.points
    assert points[SLOW].to_numpy() == pytest.approx(1e-5 / points["latency_s"].to_numpy())
    assert points["energy_j"].dropna().tolist() == [2e-3]
    assert points["energy_j_on_slow"].dropna().tolist() == [3e-3]
    assert (loaded.device, dict(loaded.devices)) == ("fast", {"feedfeedfeed": "slow"})
    separable = points[points["kind"] == "separable"]
    for column in ("latency_s", SLOW):
        flags = front(separable[column].tolist(), separable["top1"].tolist())
        name = f"on_front_{column.removesuffix('_s')}"
        assert separable[name].tolist() == flags
    shown = view(loaded)
    told = next(each for each in shown.findings if "Latencies at batch 1" in each)
    assert "tau -1.00 between fast and slow" in told
    titles = [figure.x.title for figure in shown.figures if figure.source == "measured"]
    assert {"Latency on fast, batch 1", "Latency on slow, batch 1"} <= set(titles)


def test_nothing_of_an_import_stands_for_what_the_run_has_not_measured(tmp_path):
    without = fake_results.results(without=["latency_s", "compile_s", "reference_s"])
    folder = fake_results.stored(without, tmp_path / "run")
    import_latencies(folder, "Pixel 9", [timing("0.5-160", 0.003)])
    assert not column(points_of(folder), "latency_s")


@pytest.mark.parametrize(
    ("device", "timings", "says"),
    [
        ("Pixel 9", [timing("2.0-224", 1.0)], "none is a point of"),
        ("Pixel 9", [timing("0.5-160", 1.0), timing("0.5-160", 2.0)], "is timed twice"),
        (
            "Pixel 9",
            [timing("0.5-160", 1.0, threads=1), timing("1.0-224", 2.0, threads=4)],
            "in several ways .1 thread and 4 threads.",
        ),
        (
            "Pixel 9",
            [
                timing("a_0.5_160.tflite", 1.0, runtime="litert"),
                timing("a_1.0_224_quant.tflite", 2.0, runtime="litert", quantised=True),
            ],
            "in several ways .litert and litert, int8.",
        ),
        ("...", [timing("0.5-160", 1.0)], "must be a name of at most 40"),
        ("x" * 41, [timing("0.5-160", 1.0)], "must be a name of at most 40"),
        ("a\x1b[31m", [timing("0.5-160", 1.0)], "must be a name of at most 40"),
        ("known!", [timing("0.5-160", 1.0)], 'has latencies of "Known" already'),
    ],
)
def test_what_would_mix_or_mislead_is_refused_and_nothing_stored(device, timings, says, folder):
    import_latencies(folder, "Known", [timing("0.5-160", 1.0)])
    before = (folder / "readings.parquet").read_bytes()
    with pytest.raises(SettingsError, match=says):
        import_latencies(folder, device, timings)
    assert (folder / "readings.parquet").read_bytes() == before


def test_an_import_taken_in_another_way_than_before_is_refused(folder):
    import_latencies(folder, "Pixel 9", [timing("0.5-160", 0.003, threads=4)])
    with pytest.raises(SettingsError, match="1 thread and 4 threads"):
        import_latencies(folder, "Pixel 9", [timing("1.0-224", 0.008, threads=1)])


def test_what_is_no_results_folder_is_said(tmp_path):
    with pytest.raises(ResultsError, match="not a results folder"):
        import_latencies(tmp_path, "Pixel 9", [timing("0.5-160", 0.003)])


def test_from_a_file_to_a_choice_on_the_command_line(folder, tmp_path, command):
    file = tmp_path / "latencies.csv"
    file.write_text("point,ms\n1.0-224,40\n0.5-160,4\n0.25-128,1\n3.0-224,99\n", encoding="utf-8")
    status, out, err = command("import", folder, "--device", "Pixel 9", file)
    assert status == 0
    assert "Pixel 9: 3 latencies (1.0-224, 0.5-160 and 0.25-128)" in out
    assert "3.0-224: left aside: the run has no such point" in err
    status, out, _ = command(
        "pick", folder, "--device", "Pixel 9", "--max-latency", "5ms", "--json"
    )
    found = json.loads(out)
    assert (status, found["best"]["label"]) == (0, "0.5-160")
    assert found["limits"] == {PIXEL: 0.005}
    status, _, err = command("pick", folder, "--device", "Pixel 8", "--max-latency", "5ms")
    assert status == 2
    assert '--device "Pixel 8": must be one of Pixel 9' in err


def test_a_further_run_keeps_what_was_imported(folder):
    import_latencies(folder, "Pixel 9", [timing("0.5-160", 0.003)])
    results = fake_results.results()
    store = Store(folder)
    assert any(identity[2] == IMPORTED_HASH for identity in store.finished())
    with store.writing():
        store.write_run(results.settings, results.machine, results.run)
    assert column(points_of(folder), PIXEL) == {("separable", 0.5, 160): 0.003}
