"""What is written is what is read; what is old stays, and is never shown as new."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.schema import Stamp
from sweep.store import Store, load, replace_file
from sweep.types import Better, CurvePoint, Metric, Point, Reading, ResultsError

SPEED = Metric("speed", "Speed", "1", Better.HIGHER)
POINT = Point("toy", "separable", 0.5, 1.0, 224)
OTHER = Point("toy", "separable", 0.25, 1.0, 224)
STAMP = Stamp("hash1", "machine1", "abc", "{}", "2026-01-01T00:00:00+00:00")
SETTINGS = {"name": "test", "grid": {"extra": [{"kind": "shallow", "measures": None}]}}
MACHINE = {"id": "machine1", "cpu": "abacus"}


def run_of(*points: Point, settings_hash: str = "hash1", machine_id: str = "machine1") -> dict:
    return {
        "machine_id": machine_id,
        "points": [[each.family, each.kind, each.alpha, each.resolution] for each in points],
        "measures": {"timing": {"settings_hash": settings_hash}},
    }


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    store.write_run(SETTINGS, MACHINE, run_of(POINT, OTHER))
    return store


@given(
    value=st.floats(allow_nan=False),
    samples=st.lists(st.floats(allow_nan=False), max_size=5),
    variant=st.text(max_size=8),
    note=st.text(max_size=8),
)
def test_a_reading_survives_the_disk_whole(tmp_path_factory, value, samples, variant, note):
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder)
    store.write_run(SETTINGS, MACHINE, run_of(POINT))
    store.add("timing", [Reading(SPEED, POINT, value, variant, tuple(samples), note=note)], STAMP)
    row = load(folder).readings.iloc[0]
    assert (row["value"], row["samples"].tolist()) == (value, samples)
    assert (row["variant"], row["note"], row["reason"]) == (variant, note, "")
    assert (row["metric"], row["better"], row["commit"]) == ("speed", "higher", "abc")


def test_an_absent_value_keeps_its_reason(store):
    store.add("timing", [Reading(SPEED, POINT, None, reason="no stopwatch")], STAMP)
    row = load(store.path).readings.iloc[0]
    assert row["value"] != row["value"]
    assert row["reason"] == "no stopwatch"


def test_a_reading_is_a_value_or_a_reason():
    with pytest.raises(ValueError, match="a value or a reason, not both"):
        Reading(SPEED, POINT, None)
    with pytest.raises(ValueError, match="NaN"):
        Reading(SPEED, POINT, float("nan"))


def test_a_batch_takes_the_place_of_its_own_kind_only(store):
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    store.add("timing", [Reading(SPEED, OTHER, 2.0)], STAMP)
    store.add("timing", [Reading(SPEED, POINT, 3.0)], STAMP)
    assert sorted(load(store.path).readings["value"]) == [2.0, 3.0]


def test_readings_of_other_settings_or_machines_stay_but_are_not_shown(store):
    store.add("timing", [Reading(SPEED, POINT, 1.0)], replace(STAMP, settings_hash="older"))
    store.add("timing", [Reading(SPEED, POINT, 2.0)], replace(STAMP, machine_id="elsewhere"))
    store.add("timing", [Reading(SPEED, POINT, 3.0)], STAMP)
    assert load(store.path).readings["value"].tolist() == [3.0]
    store.write_run(SETTINGS, MACHINE, run_of(POINT, settings_hash="older"))
    assert load(store.path).readings["value"].tolist() == [1.0]
    elsewhere = {"id": "elsewhere", "cpu": "other"}
    store.write_run(SETTINGS, elsewhere, run_of(POINT, machine_id="elsewhere"))
    assert load(store.path).readings["value"].tolist() == [2.0]
    assert load(store.path).machine["earlier"] == [MACHINE]


def test_a_failed_batch_is_not_finished(store):
    store.add("timing", [Reading(SPEED, POINT, None, reason="broke")], STAMP, failed=True)
    store.add("timing", [Reading(SPEED, OTHER, 1.0)], STAMP)
    assert Store(store.path).finished() == {(OTHER.key, "timing", "hash1", "machine1")}


def test_curves_are_replaced_with_their_readings(store):
    def curve(loss: float) -> CurvePoint:
        return CurvePoint(POINT, 20, 0.5, loss, 0.1, 0.2, 3.0)

    store.add("timing", [Reading(SPEED, POINT, 1.0), curve(2.0), curve(1.5)], STAMP)
    store.add("timing", [Reading(SPEED, POINT, 1.0), curve(0.5)], STAMP)
    assert load(store.path).training["loss"].tolist() == [0.5]


def test_settings_are_kept_as_run_without_what_toml_cannot_say(store):
    assert load(store.path).settings == {"name": "test", "grid": {"extra": [{"kind": "shallow"}]}}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    replace_file(path, lambda file: file.write(b"old"))

    def break_off(file):
        file.write(b"ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_file(path, break_off)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_read_is_named(store, tmp_path):
    with pytest.raises(ResultsError, match=r"nowhere: not a results folder"):
        load(tmp_path / "nowhere")
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    readings = store.path / "readings.parquet"
    readings.write_bytes(readings.read_bytes()[:100])
    with pytest.raises(ResultsError, match=r"readings\.parquet: can't be read"):
        load(store.path)
    pq.write_table(pa.table({"x": [1]}), readings)
    with pytest.raises(ResultsError, match=r"readings\.parquet: its columns are not those"):
        load(store.path)
    (store.path / "run.json").write_text(json.dumps({})[:1])
    with pytest.raises(ResultsError, match=r"run\.json: can't be read"):
        load(store.path)
