"""Latencies by several runtimes: each has a name, an axis, a frontier and a limit of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sweep.report.content.build import view
from sweep.results.load import Results, load
from sweep.results.points import tidy, with_points
from tests.support.commands import flat
from tests.support.fake_results import TEST_IMAGES, TOP1, reading, results, stored

# What each takes, as a share of XLA's on two threads.
TIMES = {
    ("litert", "float32", 2): 0.5,
    ("litert", "float32", 1): 0.9,
    ("litert", "int8", 2): 0.25,
    ("onnxruntime", "float32", 2): 0.6,
}
INT8_COSTS = 0.02  # of top-1
NAMES = {
    "latency_s": "Latency by XLA, batch 1",
    "latency_by_litert_s": "Latency by LiteRT, batch 1",
    "latency_by_litert_on_1_thread_s": "Latency by LiteRT on 1 thread, batch 1",
    "latency_by_litert_in_int8_s": "Latency by LiteRT in int8, batch 1",
    "latency_by_onnx_runtime_s": "Latency by ONNX Runtime, batch 1",
}


def several(folder: Path, **latency: Any) -> Path:
    """A folder of the made-up run, timed in five ways; latency: settings of its section."""
    run = results(name="several")
    timed = run.readings.loc[run.readings["measure"] == "latency"]
    more = [run.readings]
    for (runtime, precision, threads), share in TIMES.items():
        other = timed.assign(runtime=runtime, precision=precision, threads=threads)
        seconds = other["metric"] == "latency_s"
        other.loc[seconds, "value"] *= share
        other.loc[seconds, "samples"] = other.loc[seconds, "samples"].multiply(share)
        more.append(other.loc[other["metric"] != "peak_memory_bytes"])
    files = [
        reading(("separable", *key), "top1_int8_litert", top1 / 100 - INT8_COSTS,
                measure="int8", dataset="photo-patches", title="Top-1 in int8", better="higher",
                beside="top1")
        for key, top1 in TOP1.items()
    ]  # fmt: skip
    more.append(pd.DataFrame(files))
    lists = {
        "runtimes": ["xla", "litert", "onnxruntime"], "precisions": ["float32", "int8"],
        "threads": [0, 1],
    }  # fmt: skip
    settings = run.settings | {"latency": run.settings["latency"] | lists | latency}
    settings |= {"int8": {"runtimes": ["litert"]}}
    names = {each: {"settings_hash": "0123456789ab"} for each in (*run.run["measures"], "int8")}
    whole = replace(
        run,
        readings=pd.concat(more, ignore_index=True),
        settings=settings,
        run=run.run | {"measures": names},
    )
    return stored(whole, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return several(tmp_path_factory.mktemp("several") / "run")


def value(of: Results, metric: str, key: tuple[str, float, int]) -> float:
    rows = of.points.set_index(["kind", "alpha", "resolution"])
    return float(rows.loc[key, metric])


def test_each_has_a_column_and_the_first_of_the_settings_the_plain_one(folder, tmp_path):
    found = with_points(load(folder))
    assert [each.metric.name for each in found.deployments] == list(NAMES)
    key = ("separable", 0.5, 160)
    for (runtime, precision, threads), share in TIMES.items():
        (own,) = [
            each.metric.name
            for each in found.deployments
            if each.deployment.runtime == runtime
            and (each.deployment.precision, each.deployment.threads) == (precision, threads)
        ]
        assert value(found, own, key) == pytest.approx(share * value(found, "latency_s", key))
    # Another order of the same lists has another primary latency, and no other reading.
    turned = several(tmp_path / "run", runtimes=["litert", "xla"], precisions=["int8", "float32"])
    other = with_points(load(turned))
    assert value(other, "latency_s", key) == value(found, "latency_by_litert_in_int8_s", key)
    assert value(other, "latency_by_xla_s", key) == value(found, "latency_s", key)
    assert "latency_by_xla_s" in tidy(other)


def test_the_page_names_them_and_each_has_its_frontier_and_its_interval(folder):
    shown = view(with_points(load(folder)))
    axes = {figure.of.column: figure.x.title for figure in shown.figures}
    assert {column: axes.get(column) for column in NAMES} == NAMES
    by_litert = next(f for f in shown.figures if f.of.column == "latency_by_litert_s")
    assert by_litert.front
    assert all(mark.x.has_interval for mark in by_litert.marks)
    # XLA's own account of memory is told once, under its own name.
    assert [column for column in axes if column.startswith("peak_memory")] == ["peak_memory_bytes"]


def test_accuracies_in_int8_are_a_choice_of_their_own(folder):
    shown = view(with_points(load(folder)))
    assert ("int8-litert", "In int8 by LiteRT on photo-patches") in shown.sources
    of_int8 = [f for f in shown.figures if f.source == "int8-litert"]
    by = next(f for f in of_int8 if f.of.column == "latency_by_litert_in_int8_s")
    marks = {mark.label: mark for mark in by.marks}
    assert marks["0.5-160"].y.value == pytest.approx(TOP1[0.5, 160] / 100 - INT8_COSTS)
    assert marks["0.5-160"].y.has_interval


def test_a_budget_is_held_against_the_runtime_that_is_named(command, folder):
    run = with_points(load(folder))
    seconds = value(run, "latency_by_litert_in_int8_s", ("separable", 0.5, 160))
    limit = f"{1e6 * seconds * 1.001:.0f}us"
    asked = ("pick", str(folder), "--max-latency", limit, "--json")
    status, out, _ = command(*asked, "--runtime", "litert", "--precision", "int8")
    picked = json.loads(out)
    assert status == 0
    assert picked["accuracy"] == "int8-litert"
    assert picked["best"]["top1"] < max(TOP1.values()) / 100 - INT8_COSTS + 1e-9
    # By the name that tables have, and every core as sweep.toml has it.
    _, out, _ = command(*asked, "--runtime", "LiteRT", "--precision", "int8", "--threads", "0")
    assert json.loads(out) == picked
    told = [flat(each) for each in picked["cautions"]]
    assert any(each.startswith("Latencies by LiteRT in int8 are of one machine") for each in told)
    status, out, _ = command(*asked)
    by_xla = json.loads(out)
    # Four times as slow: nothing fits there.
    assert (status, by_xla["best"]) == (1, None)
    assert by_xla["accuracy"] == "measured"


def test_the_primary_latency_is_meant_where_no_runtime_is_named(command, folder):
    _, plain, _ = command("show", str(folder), "--columns", "latency")
    _, named, _ = command("show", str(folder), "--columns", "Latency by XLA")
    assert plain == named
    assert "Latency by XLA" in plain


def test_what_was_not_timed_can_not_be_named(command, folder):
    status, _, err = command("pick", str(folder), "--runtime", "tvm", "--max-latency", "5ms")
    assert status == 2
    assert "--runtime tvm: must be of what this run timed: xla, float32, 2 threads;" in err
    status, _, err = command(
        "pick",
        str(folder),
        "--runtime",
        "onnxruntime",
        "--precision",
        "int8",
        "--max-latency",
        "1s",
    )
    assert status == 2
    assert "--runtime onnxruntime --precision int8: must be of what this run timed" in err


def with_images(run: Results) -> Results:
    """Of which test images each network got right: in int8 of a fiftieth none of them."""
    wrong = {"top1": 0, "top1_int8_litert": round(INT8_COSTS * TEST_IMAGES)}
    rows = run.readings.to_dict("records")
    for row in rows:
        if (lost := wrong.get(row["metric"])) is not None:
            right = TOP1[row["alpha"], row["resolution"]] / 100 * TEST_IMAGES - lost
            row["samples"] = (np.arange(TEST_IMAGES) < round(right)).astype(float)
    return replace(run, readings=pd.DataFrame(rows))


def test_what_int8_costs_and_buys_is_said_of_one_network_with_both_sizes(folder):
    run = with_points(with_images(load(folder)))
    found = [each for each in view(run).findings if each.startswith("Int8 by LiteRT")]
    (told,) = map(flat, found)
    # By hand: 2 % of 4,000 images, 80 that float32 gets right and int8 does not, none the other
    # way. Half the interval of such a difference is 1.96 sqrt(0.02 - 0.02 ** 2) / sqrt(4000), or
    # 0.43 points. And half of LiteRT's time: 0.25 of XLA's, 0.5 in float32.
    value_of = f"{TOP1[1.0, 224]:.1f}"
    assert told.startswith(
        f"Int8 by LiteRT costs 1.0-224 2.0 points of top-1 (59.4 % in place of {value_of} %)"
    )
    assert "2.00 times as fast" in told
    assert "accuracy at 224 px; latency at 224 px, 1,000 classes" in told
    assert "both told apart at 16 of 16 networks" in told


def test_the_frontier_in_both_precisions_has_the_phone_behind(folder):
    run = with_points(load(folder))
    by = {each.name: each for each in view(run).trends if "int8" in each.title}
    assert list(by) == ["precisions_published_litert", "precisions_measured_litert"]
    published, own = by.values()
    curves = {curve.name: curve.points for curve in published.curves}
    assert list(curves) == ["float32", "Pixel 3, float32", "int8", "Pixel 3, int8"]
    # tflite_hosted.csv: 0.25-128 has 41.4 % at 1.2 ms on the phone, and in int8 39.5 at 0.8.
    seconds = value(run, "latency_by_litert_in_int8_s", ("separable", 0.25, 128))
    assert curves["Pixel 3, float32"][0] == pytest.approx((1.2e-3, 0.414))
    assert curves["Pixel 3, int8"][0] == pytest.approx((0.8e-3, 0.395))
    assert curves["int8"][0] == pytest.approx((seconds, 0.395))
    smallest = [dot.x.value for dot in own.dots if dot.label == "0.25-128"]
    assert smallest == pytest.approx([2 * seconds, seconds])
    assert "0.50 of its float32 latency at the median, from 0.50" in published.finding
    assert [curve.name for curve in own.curves] == ["float32", "int8"]
    assert own.curves[1].points[0] == pytest.approx((seconds, TOP1[0.25, 128] / 100 - INT8_COSTS))
