"""What is written is what is read; what is old stays, and is never shown as new."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.host import files
from sweep.host.files import WriteError, replace_file
from sweep.results.digests import data_digest, digest
from sweep.results.load import load
from sweep.results.schema import READINGS
from sweep.results.store import Store
from sweep.results.writing import BusyError
from sweep.types import CurvePoint, Reading, ResultsError
from tests.support.stored import MACHINE, POINTS, SPEED, STAMP, run_of

OTHER, POINT = POINTS[:2]
SETTINGS = {"name": "test", "grid": {"extra": [{"kind": "shallow", "measures": None}]}}


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
    store.add(
        "timing",
        [Reading(SPEED, POINT, value, samples=tuple(samples), note=note, variant=variant)],
        STAMP,
    )
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
    assert load(store.path).earlier == frozenset()
    store.write_run(SETTINGS, MACHINE, run_of(POINT, settings_hash="newest"))
    assert load(store.path).readings.empty
    assert load(store.path).earlier == {(POINT.key, "timing")}


def test_a_failed_batch_is_not_finished(store):
    store.add("timing", [Reading(SPEED, POINT, None, reason="broke")], STAMP, failed=True)
    store.add("timing", [Reading(SPEED, OTHER, 1.0)], STAMP)
    assert Store(store.path).finished() == {(OTHER.key, "timing", "hash1", MACHINE["id"])}


def test_curves_are_replaced_with_their_readings(store):
    def curve(loss: float) -> CurvePoint:
        return CurvePoint(POINT, 20, 0.5, loss, 0.1, 0.2, 3.0)

    store.add("timing", [Reading(SPEED, POINT, 1.0), curve(2.0), curve(1.5)], STAMP)
    store.add("timing", [Reading(SPEED, POINT, 1.0), curve(0.5)], STAMP)
    assert load(store.path).training["loss"].tolist() == [0.5]


def test_settings_are_kept_as_run(store):
    assert load(store.path).settings == SETTINGS


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
    store.merge()
    readings = store.path / "readings.parquet"
    readings.write_bytes(readings.read_bytes()[:100])
    with pytest.raises(ResultsError, match=r"readings\.parquet: can't be read"):
        load(store.path)
    pq.write_table(pa.table({"x": [1]}), readings)
    with pytest.raises(ResultsError, match=r"readings\.parquet: can't be read: it was changed"):
        load(store.path)
    run = json.loads((store.path / "run.json").read_text())
    (store.path / "run.json").write_text(json.dumps(run_of(POINT) | {"machines": run["machines"]}))
    with pytest.raises(ResultsError, match=r"readings\.parquet: can't be read: its columns are"):
        load(store.path)
    readings.unlink()
    (store.path / "run.json").write_text(json.dumps({})[:1])
    with pytest.raises(ResultsError, match=r"run\.json: can't be read"):
        load(store.path)


def test_one_store_writes_a_folder_at_a_time_and_any_may_read(store):
    run = run_of(POINT, OTHER) | {
        "writer": {"pid": 4711, "host": "here", "since": "2026-01-01T00:00:00"}
    }
    store.write_run(SETTINGS, MACHINE, run)
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    other = Store(store.path)
    with pytest.raises(
        BusyError,
        match="is being written by process 4711 on here since 2026-01-01T00:00:00: wait until it",
    ):
        other.add("timing", [Reading(SPEED, OTHER, 2.0)], STAMP)
    assert load(store.path).readings["value"].tolist() == [1.0]
    store.close()
    other.add("timing", [Reading(SPEED, OTHER, 2.0)], STAMP)
    other.close()
    assert load(store.path).readings["value"].tolist() == [1.0, 2.0]


def test_a_plan_made_before_another_run_wrote_is_not_carried_out(store):
    store.close()
    early = Store(store.path)
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    store.close()
    with pytest.raises(BusyError, match="another run has written to it since"):
        early.add("timing", [Reading(SPEED, POINT, 2.0)], STAMP)
    assert load(store.path).readings["value"].tolist() == [1.0]


def test_a_store_that_is_forgotten_holds_nothing(tmp_path):
    Store(tmp_path / "r").add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    again = Store(tmp_path / "r")
    again.add("timing", [Reading(SPEED, OTHER, 1.0)], STAMP)
    assert len(again.finished()) == 2


def test_without_locks_in_the_file_system_a_run_goes_on_and_says_so(tmp_path, monkeypatch, caplog):
    def refuse(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    store = Store(tmp_path / "r")
    store.write_run(SETTINGS, MACHINE, run_of(POINT))
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    store.merge()
    store.close()
    assert load(tmp_path / "r").readings["value"].tolist() == [1.0]
    assert "no locks here; let one run at a time write to it" in caplog.text


@pytest.mark.parametrize("move", [shutil.rmtree, lambda path: path.rename(path.parent / "moved")])
def test_a_folder_that_goes_away_under_a_run_ends_it_in_words(store, move):
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    move(store.path)
    with pytest.raises(WriteError, match="the folder was moved or removed meanwhile"):
        store.add("timing", [Reading(SPEED, OTHER, 1.0)], STAMP)
    with pytest.raises(WriteError, match="the folder was moved or removed meanwhile"):
        store.merge()
    assert not store.path.exists()


def test_the_next_writer_clears_what_dead_ones_left_and_nothing_else(store):
    store.close()
    dead = store.path / ".readings.parquet.0123abcd"
    dead.write_bytes(b"half a table")
    of_somebody = [store.path / ".hidden", store.path / ".readings.parquet.swp"]
    for path in of_somebody:
        path.write_bytes(b"")
    handle, alive = files.open_temporary(store.path / "report.html")
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    left = {path.name for path in store.path.iterdir() if path.name.startswith(".")}
    assert left == {".hidden", ".readings.parquet.swp", Path(alive).name}
    os.close(handle)


def test_joint_batches_are_stored_point_by_point(store):
    mixed = [Reading(SPEED, each, value) for value in (1.0, 2.0) for each in (POINT, OTHER)]
    store.add("timing", mixed, STAMP)
    for _ in range(2):
        readings = load(store.path).readings
        assert readings["alpha"].tolist() == [0.5, 0.5, 0.25, 0.25]
        assert readings["value"].tolist() == [1.0, 2.0, 1.0, 2.0]
        store.merge()


def test_a_failure_after_a_success_is_not_finished_and_the_other_way_round(store):
    good, bad = [Reading(SPEED, POINT, 1.0)], [Reading(SPEED, POINT, None, reason="broke")]
    store.add("timing", good, STAMP)
    store.add("timing", bad, STAMP, failed=True)
    assert store.finished() == Store(store.path).finished() == set()
    store.merge()
    assert Store(store.path).finished() == set()
    store.add("timing", good, STAMP)
    assert len(store.finished()) == len(Store(store.path).finished()) == 1


def test_readings_that_vanished_are_no_empty_run(store):
    store.add("timing", [Reading(SPEED, POINT, 1.0)], STAMP)
    store.merge()
    (store.path / "readings.parquet").unlink()
    with pytest.raises(ResultsError, match=r"readings\.parquet: can't be read: it is missing"):
        load(store.path)
    store.close()
    with pytest.raises(ResultsError, match=r"readings\.parquet: can't be read: it is missing"):
        Store(store.path)


@pytest.mark.parametrize(
    "change", [{"points": 3}, {"points": [["a"]]}, {"measures": {"timing": 1}}, {"machine_id": 2}]
)
def test_a_run_that_says_not_what_it_covers_is_named(store, change):
    (store.path / "run.json").write_text(json.dumps(run_of(POINT) | change))
    with pytest.raises(ResultsError, match=r"run\.json: can't be read: it does not say what the"):
        load(store.path)


def test_folders_of_a_newer_version_are_refused(store):
    newer = r"was written by a newer version \(schema 99\)"
    schema = READINGS.with_metadata({"sweep_schema_version": "99"})
    pq.write_table(schema.empty_table(), store.path / "readings.parquet")
    (store.path / "run.json").write_text(json.dumps(run_of(POINT)))
    with pytest.raises(ResultsError, match=rf"readings\.parquet: {newer}"):
        load(store.path)
    run = run_of(POINT) | {"schema": 99}
    (store.path / "run.json").write_text(json.dumps(run | {"sha256": data_digest(run)}))
    with pytest.raises(ResultsError, match=rf"run\.json: {newer}"):
        load(store.path)


def test_digests_are_of_content_alone():
    table = pa.table({"a": ["x", None, "yz"], "b": [1.5, 2.5, None], "c": [[1.0], [], None]})
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert digest(pieces) == digest(table)
    for column, values in (("a", ["x", "", "yz"]), ("b", [1.5, 2.5, 0.0]), ("c", [[1.0], [], []])):
        other = table.set_column(
            table.column_names.index(column), column, pa.array(values, table[column].type)
        )
        assert digest(other) != digest(table)
    assert digest(table.rename_columns(["a", "b", "d"])) != digest(table)
