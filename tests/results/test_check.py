"""`check` names what is damaged; `--repair` keeps what is whole, and a run measures the rest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.cli.main import main
from sweep.results import check as verify
from sweep.results import load as results
from sweep.results import parquet as tables
from sweep.results.check import State, check
from sweep.results.journal import scan
from sweep.results.load import load
from sweep.results.repair import repair
from sweep.results.schema import READINGS
from sweep.results.store import Store
from sweep.types import ResultsError
from tests.fuzz.results import write_sound
from tests.support.stored import MACHINE, POINTS, STAMP, damaged, filled, items

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nobody_writes(monkeypatch):
    """No second look, in case a run was just writing: none does here."""
    monkeypatch.setattr(verify, "PAUSE_S", 0.0)
    monkeypatch.setattr(results, "PAUSE_S", 0.0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six points, each in a row group of its own."""
    monkeypatch.setattr(tables, "SMALL_GROUP", 2)
    return filled(tmp_path / "r")


def states(folder):
    return {each.file: each.state.value for each in check(folder).files}


def sweep(capsys, *arguments):
    status = 0
    try:
        main([str(each) for each in arguments])
    except SystemExit as ended:
        status = ended.code or 0
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def middle(path: Path, group: int) -> int:
    """Where the values of a row group lie."""
    column = pq.ParquetFile(path).metadata.row_group(group).column(READINGS.names.index("value"))
    assert column.path_in_schema == "value"
    return column.data_page_offset + column.total_compressed_size // 2


def test_a_whole_folder_is_whole(folder):
    assert check(folder).whole
    assert check(folder).sealed
    assert set(states(folder).values()) == {"ok"}
    says = {each.file: each.says for each in check(folder).files}
    assert says["readings.parquet"] == "18 rows of 6 points"
    assert says["training.parquet"] == "12 rows of 6 points"


@pytest.mark.parametrize("name", ["reference", "cifar10"])
def test_folders_of_earlier_versions_are_whole(name):
    found = check(ROOT / "results" / name)
    assert found.whole
    assert not found.sealed  # a changed value would not show, and `check` says so
    assert any("without a checksum" in each.says for each in found.files)


@pytest.mark.parametrize(
    "name", ["readings.parquet", "training.parquet", "run.json", "machine.json", "settings.toml"]
)
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


@pytest.mark.parametrize("name", ["readings.parquet", "training.parquet", "run.json"])
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


def test_one_damaged_row_group_costs_its_points_and_no_other(folder, capsys):
    path = folder / "readings.parquet"
    before = load(folder).readings
    damaged(path, middle(path, 2))
    status, out, _ = sweep(capsys, "check", folder)
    assert status == 1
    assert "15 rows of 5 points can be kept" in " ".join(out.split())
    with pytest.raises(ResultsError, match=rf"{path}: can't be read: it was changed"):
        Store(folder)

    status, out, _ = sweep(capsys, "check", folder, "--repair", "--json")
    assert status == 0
    told = json.loads(out)
    assert told["whole"] is True
    assert told["repaired"] == [
        "readings.parquet: a copy of it is in damaged/readings.parquet; 15 rows of 5 points can be "
        "kept"
    ]
    assert (folder / "damaged" / "readings.parquet").exists()

    store = Store(folder)
    lost = POINTS[2]
    assert {each[0] for each in store.finished()} == {p.key for p in POINTS if p != lost}
    kept = load(folder).readings
    assert kept.to_json() == before[before["alpha"] != lost.alpha].reset_index(drop=True).to_json()
    store.add("timing", items(lost, 20.0), STAMP)
    store.compact()
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


def test_damaged_curves_leave_the_report_and_are_told(folder):
    path = folder / "training.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    results = load(folder)
    assert len(results.readings) == 18
    assert results.training.empty
    assert results.damages == (
        "training.parquet can't be read: it is cut short; curves of training are missing.",
    )
    repair(folder)
    assert load(folder).damages == ()
    assert len(Store(folder).finished()) == len(POINTS)


def test_a_damaged_journal_is_repaired_with_what_is_whole_in_it(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    path = folder / "journal"
    damaged(path, scan(path, path.read_bytes()).frames[3].start + 9)
    (wrong,) = [each for each in check(folder).files if each.state is not State.OK]
    assert (wrong.file, wrong.says) == ("journal", "1 of 6 batches in it are damaged")
    assert wrong.left == "5 of its batches are whole and are kept"
    repair(folder)
    assert check(folder).whole
    assert scan(path, path.read_bytes()).frames == ()
    finished = {each[0] for each in Store(folder).finished()}
    assert finished == {point.key for point in POINTS if point != POINTS[3]}


def test_a_torn_journal_is_told_apart_and_made_whole(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    path = folder / "journal"
    path.write_bytes(path.read_bytes()[:-13])
    assert states(folder)["journal"] == "torn"
    repair(folder)
    assert check(folder).whole
    assert len(Store(folder).finished()) == len(POINTS) - 1


def test_a_journal_that_vanished_is_missed_and_begun_again(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    (folder / "journal").unlink()
    assert states(folder)["journal"] == "missing"
    repair(folder)
    assert check(folder).whole
    assert Store(folder).finished() == set()


def test_tables_that_vanished_while_the_journal_stayed_are_begun_again(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    (folder / "readings.parquet").unlink()
    assert states(folder)["readings.parquet"] == "missing"
    repair(folder)
    assert check(folder).whole
    assert len(Store(folder).finished()) == len(POINTS)


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


def test_a_journal_cut_between_two_batches_is_told(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    path = folder / "journal"
    data = path.read_bytes()
    path.write_bytes(data[: scan(path, data).frames[-2].end])
    assert states(folder)["journal"] == "torn"
    assert load(folder).damages
    assert len(Store(folder).finished()) == len(POINTS) - 1


def test_machines_whose_facts_are_theirs_are_kept(folder):
    other = json.loads((folder / "machine.json").read_text())
    other["cores"] = 2
    (folder / "machine.json").write_text(json.dumps({**MACHINE, "earlier": [other]}))
    assert states(folder)["machine.json"] == "damaged"
    repair(folder)
    assert check(folder).whole
    assert load(folder).machine == MACHINE


def test_a_whole_machine_file_is_left_alone_where_the_run_names_another_machine(folder):
    run = json.loads((folder / "run.json").read_text())
    kept = {key: run[key] for key in ("points", "measures")}  # as a first version wrote it
    (folder / "run.json").write_text(json.dumps(kept | {"machine_id": "another"}))
    before = (folder / "machine.json").read_bytes()
    assert states(folder)["machine.json"] == "damaged"
    repair(folder)
    assert (folder / "machine.json").read_bytes() == before
    assert repair(folder) == ()


@pytest.mark.parametrize("name", ["run.json", "machine.json"])
def test_what_a_run_writes_anew_is_moved_away(folder, name):
    (folder / name).write_text('{"machine_id": ')
    repair(folder)
    assert states(folder)[name] == "missing"
    assert (folder / "damaged" / name).read_text() == '{"machine_id": '
    store = Store(folder)  # a run goes on from here
    assert len(store.finished()) == len(POINTS)


def test_strays_of_dead_writers_are_told_and_cleared(folder):
    stray = folder / ".readings.parquet.abcd1234"
    stray.write_bytes(b"half")
    found = check(folder)
    assert found.whole
    assert [each.file for each in found.files if each.state is State.STRAY] == [stray.name]
    assert repair(folder) == (f"{stray.name}: removed",)
    assert not stray.exists()


def test_repairing_a_whole_folder_touches_nothing(folder):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert repair(folder) == ()
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_points_that_a_repair_cost_are_told_until_they_are_measured_again(folder, capsys):
    path = folder / "readings.parquet"
    damaged(path, middle(path, 2))
    status, said, _ = sweep(capsys, "check", folder, "--repair")
    assert status == 0
    assert "1 points of the last run have no readings; the same run command measures them" in said
    store = Store(folder)
    for point in POINTS:
        store.add("timing", items(point), STAMP)
    store.close()
    assert "have no readings" not in sweep(capsys, "check", folder)[1]


def test_a_folder_whose_run_json_vanished_says_that_a_run_writes_it_anew(folder, capsys):
    (folder / "run.json").unlink()
    status, _, error = sweep(capsys, "show", folder)
    assert status == 2
    assert "it has no run.json; a run on it writes it anew, no reading is lost" in error
    status, said, _ = sweep(capsys, "check", folder, "--repair")
    assert (status, "the next run writes anew" in said) == (1, True)


def test_no_results_folder_is_status_2(tmp_path, capsys):
    status, _, err = sweep(capsys, "check", tmp_path)
    assert (status, err.strip()) == (2, f"{tmp_path}: not a results folder (it has no run.json)")


def test_what_is_no_file_is_not_waited_for(folder):
    (folder / "journal").unlink(missing_ok=True)
    os.mkfifo(folder / "journal")
    with pytest.raises(ResultsError, match="journal: can't be read: it is no file"):
        load(folder)


def test_check_needs_no_jax(folder):
    code = (
        "import sys; from sweep.cli.main import main\n"
        f"try: main(['check', {str(folder)!r}])\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "assert not {'jax', 'torch', 'flax'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_damaged_file_is_kept_under_a_name_that_is_free(folder):
    for _ in range(2):
        path = folder / "training.parquet"
        path.write_bytes(path.read_bytes()[:-1])
        repair(folder)
    kept = sorted(path.name for path in (folder / "damaged").iterdir())
    assert kept == ["training.parquet", "training.parquet.2"]
