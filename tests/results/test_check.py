"""`check` names what is damaged; `--repair` keeps what is whole, and a run measures the rest."""

import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.results import derived, parquet
from sweep.results.check import State, check
from sweep.results.load import load
from sweep.results.repair import repair
from sweep.results.store import Store
from sweep.types import ResultsError
from tests.fuzz.results import write_sound
from tests.support.commands import OF_FIRST_VERSION
from tests.support.stored import POINTS, STAMP, damaged, filled, items, states


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six points, each in a row group of its own: three readings, and a curve of six."""
    monkeypatch.setattr(parquet, "SMALL_GROUP", 2)
    path = filled(tmp_path / "r")
    derived.renew(path)
    return path


def middle(path: Path, group: int) -> int:
    """Where the values of a row group lie."""
    metadata = pq.ParquetFile(path).metadata.row_group(group)
    columns = [metadata.column(at) for at in range(metadata.num_columns)]
    (column,) = [each for each in columns if each.path_in_schema == "value"]
    return column.data_page_offset + column.total_compressed_size // 2


def test_a_whole_folder_is_whole(folder):
    assert check(folder).whole
    assert check(folder).sealed
    assert set(states(folder).values()) == {"ok"}
    says = {each.file: each.says for each in check(folder).files}
    assert says["readings.parquet"] == "54 rows of 6 points"
    assert says["training.parquet"] == "12 rows; derived"
    assert says["points.parquet"] == "6 rows; derived"


@pytest.mark.parametrize("name", OF_FIRST_VERSION)
def test_folders_of_earlier_versions_are_whole(name):
    found = check(OF_FIRST_VERSION[name])
    assert found.whole
    assert not found.sealed  # a changed value would not show, and `check` says so
    assert any("without a checksum" in each.says for each in found.files)


@pytest.mark.parametrize("name", ["readings.parquet", "run.json"])
def test_every_flipped_bit_is_found(folder, name):
    whole = (folder / name).read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        damaged(folder / name, at, 1 << at % 8)
        try:
            found = states(folder)
            # Spaces between the words of a JSON file say nothing, and are in no digest.
            assert found[name] == "damaged" or whole[at : at + 1].isspace(), at
            assert [each for each in found if found[each] != "ok"] in ([name], [])
        finally:
            (folder / name).write_bytes(whole)


@pytest.mark.parametrize("name", ["points.parquet", "training.parquet"])
def test_every_flipped_bit_that_changes_a_derived_table_is_found(folder, name):
    path = folder / name
    whole, right = path.read_bytes(), pq.read_table(path)
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        damaged(path, at, 1 << at % 8)
        if states(folder)[name] == "ok":  # such as who wrote it: no row depends on that
            assert pq.read_table(path).equals(right), at
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["readings.parquet", "run.json"])
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (Path.unlink, "it is missing"),
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "it is all zeros"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), ""),
    ],
)
def test_what_is_missing_cut_or_zeroed_is_named(folder, name, harm, says):
    harm(folder / name)
    (wrong,) = [each for each in check(folder).files if each.state is not State.OK]
    assert wrong.file == name
    assert says in wrong.says
    assert "\n" not in wrong.says


def test_one_damaged_row_group_costs_its_points_and_no_other(folder, command):
    path = folder / "readings.parquet"
    before = load(folder).readings
    damaged(path, middle(path, 2))
    status, out, _ = command("check", folder)
    assert status == 1
    assert "45 rows of 5 points can be kept" in " ".join(out.split())
    with pytest.raises(ResultsError, match=rf"{path}: can't be read: it was changed"):
        Store(folder)

    status, out, _ = command("check", folder, "--repair", "--json")
    assert status == 0
    told = json.loads(out)
    assert told["whole"] is True
    assert told["repaired"] == [
        "readings.parquet: a copy of it is in damaged/readings.parquet; 45 rows of 5 points can be "
        "kept"
    ]
    assert (folder / "damaged" / "readings.parquet").exists()

    store = Store(folder)
    lost = POINTS[2]
    assert {each[0] for each in store.finished()} == {p.key for p in POINTS if p != lost}
    kept = load(folder).readings
    assert kept.to_json() == before[before["alpha"] != lost.alpha].reset_index(drop=True).to_json()
    store.add("timing", items(lost, 20.0), STAMP)
    store.merge()
    store.close()
    again = load(folder).readings.sort_values(["alpha", "variant"]).reset_index(drop=True)
    assert again.to_json() == before.to_json()


def test_a_damaged_footer_costs_no_row_whose_digest_it_still_tells(folder):
    path = folder / "readings.parquet"
    data = path.read_bytes()
    at = data.rindex(b"parquet-cpp")
    damaged(path, at)  # who wrote it: no row depends on that
    assert states(folder)["readings.parquet"] == "damaged"
    repair(folder)
    assert len(Store(folder).finished()) == len(POINTS)
    assert check(folder).whole


@pytest.mark.parametrize("name", ["points.parquet", "training.parquet"])
def test_a_derived_table_that_is_damaged_costs_nothing(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-10])
    assert states(folder)[name] == "damaged"
    assert load(folder).damages == ()
    assert len(load(folder).training) == 12
    assert derived.renew(folder)
    assert (folder / name).read_bytes() == whole


def test_parts_that_are_damaged_are_repaired_with_what_is_whole(tmp_path):
    folder = filled(tmp_path / "r", merged=False)
    part = sorted((folder / "parts").iterdir())[3]
    damaged(part, 99)
    (wrong,) = [each for each in check(folder).files if each.state is not State.OK]
    assert wrong.file == f"parts/{part.name}"
    assert wrong.left == "the next run measures it again"
    assert repair(folder) == (
        f"parts/{part.name}: is in damaged/ now; the next run measures it again",
    )
    assert check(folder).whole
    assert list((folder / "parts").iterdir()) == []
    kept = {each[0] for each in Store(folder).finished()}
    assert kept == {point.key for point in POINTS if point != POINTS[3]}
    assert repair(folder) == ()


def test_parts_that_vanished_are_missed_and_begun_again(tmp_path):
    folder = filled(tmp_path / "r", merged=False)
    shutil.rmtree(folder / "parts")
    assert states(folder)["parts"] == "missing"
    repair(folder)
    assert check(folder).whole
    assert Store(folder).finished() == set()


def test_a_table_that_vanished_while_parts_stayed_is_begun_again(folder):
    store = Store(folder)
    store.add("timing", items(POINTS[0], 70.0), STAMP)
    store.close()
    (folder / "readings.parquet").unlink()
    assert states(folder)["readings.parquet"] == "missing"
    repair(folder)
    assert check(folder).whole
    assert len(Store(folder).finished()) == 1


def test_a_reading_that_is_a_value_and_a_reason_costs_its_batch_and_is_measured_again(tmp_path):
    folder = tmp_path / "r"
    write_sound(folder)  # of the first version, whose tables have no checksums
    before = Store(folder).finished()
    path = folder / "readings.parquet"
    table = pq.read_table(path)
    names, reasons = table.column("metric").to_pylist(), table.column("reason").to_pylist()
    reasons[names.index("top1")] = "too late"
    column = table.schema.get_field_index("reason")
    pq.write_table(table.set_column(column, table.schema.field(column), [reasons]), path)
    (found,) = [each for each in check(folder).files if each.file == path.name]
    assert (found.state, found.says) == (
        State.DAMAGED,
        "1 rows have neither a value nor a reason, or both",
    )
    (told,) = load(folder).damages
    assert "1 readings are left out: neither a value nor a reason, or both (top1)" in told
    assert repair(folder)
    assert check(folder).whole
    ((_, measure, _, _),) = before - Store(folder).finished()
    assert measure == "accuracy"
    assert repair(folder) == ()


def test_what_a_run_writes_anew_is_moved_away(folder):
    (folder / "run.json").write_text('{"machine_id": ')
    repair(folder)
    assert states(folder)["run.json"] == "missing"
    assert (folder / "damaged" / "run.json").read_text() == '{"machine_id": '
    store = Store(folder)  # a run goes on from here
    assert len(store.finished()) == len(POINTS)


def test_strays_of_dead_writers_are_told_and_cleared(folder):
    strays = [
        folder / ".readings.parquet.abcd1234",
        folder / "parts" / ".00000007-0123456789abcdef.parquet.abcd1234",
    ]
    for stray in strays:
        stray.write_bytes(b"half")
    found = check(folder)
    assert found.whole
    names = [stray.name for stray in strays]
    assert [each.file for each in found.files if each.state is State.STRAY] == names
    assert repair(folder) == tuple(f"{name}: removed" for name in names)
    assert not any(stray.exists() for stray in strays)


def test_repairing_a_whole_folder_touches_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert repair(folder) == ()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_points_that_a_repair_cost_are_told_until_they_are_measured_again(folder, command):
    path = folder / "readings.parquet"
    damaged(path, middle(path, 2))
    status, said, _ = command("check", folder, "--repair")
    assert status == 0
    assert "1 points of the last run have no readings; the same run command measures them" in said
    store = Store(folder)
    for point in POINTS:
        store.add("timing", items(point), STAMP)
    store.close()
    assert "have no readings" not in command("check", folder)[1]


def test_a_folder_whose_run_json_vanished_says_that_a_run_writes_it_anew(folder, command):
    (folder / "run.json").unlink()
    status, _, error = command("show", folder)
    assert status == 2
    assert "it has no run.json; a run on it writes it anew, no reading is lost" in error
    status, said, _ = command("check", folder, "--repair")
    assert (status, "the next run writes anew" in said) == (1, True)


def test_what_is_no_file_is_not_waited_for(folder):
    part = folder / "parts" / "00000007-0123456789abcdef.parquet"
    os.mkfifo(part)
    with pytest.raises(ResultsError, match=rf"{part.name}: can't be read: it is no file"):
        load(folder)


def test_a_damaged_file_is_kept_under_a_name_that_is_free(folder):
    for _ in range(2):
        path = folder / "training.parquet"
        path.write_bytes(path.read_bytes()[:-1])
        repair(folder)
        derived.renew(folder)
    kept = sorted(path.name for path in (folder / "damaged").iterdir())
    assert kept == ["training.parquet", "training.parquet.2"]
