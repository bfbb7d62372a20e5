"""Folders of schema 1 and 2 are read, shown, checked and continued; what they hold is kept.

data/schema2 was written by commit a70a2cd: a run of six points that was broken off. The tables have
the first three; the journal the third (anew), the fourth, the fifth, and a failure of the sixth.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.results import derived
from sweep.results.check import State, check
from sweep.results.load import load
from sweep.results.repair import repair
from sweep.results.store import Store
from tests.support.commands import OF_FIRST_VERSION
from tests.support.merging import steps_of_merging
from tests.support.stored import MACHINE, POINTS, SETTINGS, STAMP, damaged, items, run_of, states

DATA = Path(__file__).parents[1] / "data" / "schema2"
FIRST = {0: 0.0, 1: 10.0, 2: 200.0, 3: 300.0, 4: 400.0}  # the first value of each point
FINISHED = {"finished": "2026-01-01T00:00:00+00:00"}


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(DATA, tmp_path / "r"))


def firsts(folder):
    readings = load(folder).readings
    there = readings[readings["value"].notna()]
    return {
        number: there.loc[there["alpha"] == point.alpha, "value"].tolist()[0]
        for number, point in enumerate(POINTS)
        if point.alpha in there["alpha"].tolist()
    }


def curves(folder):
    training = load(folder).training
    return {alpha: rows["loss"].tolist() for alpha, rows in training.groupby("alpha")}


CURVES = {POINTS[n].alpha: [value + 1, value + 2] for n, value in FIRST.items()}


def journal_entries(folder):
    """Where each of its batches begins, by the magic that is before it."""
    data = (folder / "journal").read_bytes()
    parts = data.split(b"\xf5ENTRY\r\n")
    return [len(b"\xf5ENTRY\r\n".join(parts[: n + 1])) for n in range(len(parts) - 1)]


def test_it_is_read_whole_journal_and_all(folder):
    results = load(folder)
    assert results.damages == ()
    assert firsts(folder) == FIRST
    assert curves(folder) == CURVES
    assert (results.settings, results.machine) == (SETTINGS, MACHINE)
    assert results.readings["reason"].tolist().count("broke") == 1
    assert {key for key, *_ in Store(folder).finished()} == {POINTS[n].key for n in FIRST}
    assert set(states(folder).values()) == {"ok"}
    assert states(folder).keys() >= {"settings.toml", "machine.json", "journal"}


def test_to_read_it_changes_nothing(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    test_it_is_read_whole_journal_and_all(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_run_goes_on_from_it_and_writes_it_as_this_version_does(folder):
    store = Store(folder)
    with store.writing():
        store.write_run(SETTINGS, MACHINE, run_of(*POINTS))
        store.add("timing", items(POINTS[5], 500.0), STAMP)
        store.write_run(SETTINGS, MACHINE, run_of(*POINTS) | FINISHED)
    assert firsts(folder) == FIRST | {5: 500.0}
    assert curves(folder) == CURVES | {POINTS[5].alpha: [501.0, 502.0]}
    assert load(folder).machine == MACHINE
    assert {path.name for path in folder.iterdir()} == {
        "run.json",
        "readings.parquet",
        "training.parquet",  # as it was: it is derived now
    }
    metadata = pq.read_schema(folder / "readings.parquet").metadata
    assert metadata[b"sweep_schema_version"] == b"4"


@pytest.mark.parametrize("stop", range(6))
def test_a_run_that_dies_while_it_writes_the_folder_anew_loses_nothing(folder, stop, monkeypatch):
    steps_of_merging(folder, monkeypatch, stop, look=lambda: firsts(folder))
    assert firsts(folder) == FIRST
    assert curves(folder) == CURVES
    assert check(folder).whole
    test_a_run_goes_on_from_it_and_writes_it_as_this_version_does(folder)


def test_a_batch_of_the_journal_that_is_damaged_costs_no_other(folder):
    damaged(folder / "journal", journal_entries(folder)[1] + 70)
    (told,) = load(folder).damages
    assert told == (
        "journal can't be read: 1 of 4 batches in it are damaged; the same run command measures "
        "again what is missing."
    )
    assert firsts(folder) == {n: value for n, value in FIRST.items() if n != 3}
    assert states(folder)["journal"] == "damaged"
    assert repair(folder)
    assert check(folder).whole
    assert (folder / "damaged" / "journal").exists()
    assert firsts(folder) == {n: value for n, value in FIRST.items() if n != 3}
    assert repair(folder) == ()


@pytest.mark.parametrize("cut", [1, 13, 200])
def test_a_journal_that_was_cut_costs_what_was_cut_and_is_told(folder, cut):
    data = (folder / "journal").read_bytes()
    (folder / "journal").write_bytes(data[:-cut])
    (told,) = load(folder).damages
    assert told.startswith("journal can't be read: it lacks its end: a run was ended while")
    assert firsts(folder) == FIRST  # the last is of a failure
    assert not check(folder).whole


def test_a_journal_that_vanished_is_missed(folder):
    (folder / "journal").unlink()
    (told,) = load(folder).damages
    assert told.startswith("journal can't be read: it is missing; the same run command measures")
    assert firsts(folder) == {0: 0.0, 1: 10.0, 2: 20.0}


@pytest.mark.parametrize("at", range(0, 2000, 97))
def test_a_flipped_bit_in_the_journal_changes_nothing_without_a_word(folder, at):
    damaged(folder / "journal", at, 1 << at % 8)
    results = load(folder)
    assert results.damages
    assert firsts(folder).items() <= (FIRST | {2: 20.0}).items() | FIRST.items()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("settings.toml", "settings.toml can't be read: it is missing; the next run writes it "),
        ("machine.json", "machine.json can't be read: it is missing; facts of the machine are "),
        ("training.parquet", "training.parquet can't be read: it is missing; curves of training"),
    ],
)
def test_what_a_report_can_do_without_is_a_caution(folder, name, says):
    (folder / name).unlink()
    (told,) = load(folder).damages
    assert told.startswith(says)
    assert firsts(folder) == FIRST
    assert states(folder)[name] == "missing"


@pytest.mark.parametrize("name", ["settings.toml", "machine.json", "training.parquet"])
def test_every_flipped_bit_that_says_something_else_is_found(folder, name):
    before = load(folder)
    whole = (folder / name).read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        damaged(folder / name, at, 1 << at % 8)
        results = load(folder)
        if not results.damages:
            assert results.training.equals(before.training)
            assert (results.settings, results.machine) == (before.settings, before.machine)
        else:
            assert states(folder)[name] == "damaged"
        (folder / name).write_bytes(whole)


def test_settings_that_were_changed_are_told(folder):
    (folder / "settings.toml").write_text('name = "mine"\n')
    results = load(folder)
    assert results.settings["name"] == "mine"
    assert results.damages == (
        "settings.toml can't be read: it is not as the last run wrote it; the next run writes it "
        "anew.",
    )


def test_machines_whose_facts_are_theirs_are_kept(folder):
    other = MACHINE | {"cores": 2}
    (folder / "machine.json").write_text(json.dumps({**MACHINE, "earlier": [other]}))
    assert states(folder)["machine.json"] == "damaged"
    repair(folder)
    assert check(folder).whole
    assert load(folder).machine == MACHINE


def test_a_machine_file_is_kept_where_the_run_names_another_machine(folder):
    run = json.loads((folder / "run.json").read_text())
    kept = {key: run[key] for key in ("points", "measures")}  # as a first version wrote it
    (folder / "run.json").write_text(json.dumps(kept | {"machine_id": "another"}))
    assert states(folder)["machine.json"] == "damaged"
    repair(folder)
    assert (folder / "damaged" / "machine.json").read_bytes() == (
        DATA / "machine.json"
    ).read_bytes()
    assert json.loads((folder / "run.json").read_text())["machines"] == [MACHINE]
    assert repair(folder) == ()


def test_a_run_json_that_is_damaged_takes_nothing_else_with_it(folder):
    damaged(folder / "run.json", 40)
    assert [name for name, state in states(folder).items() if state != "ok"] == ["run.json"]
    repair(folder)
    store = Store(folder)
    with store.writing():
        store.write_run(SETTINGS, MACHINE, run_of(*POINTS))
    assert (firsts(folder), curves(folder)) == (FIRST, CURVES)
    assert load(folder).damages == ()


@pytest.mark.parametrize("name", OF_FIRST_VERSION)
def test_folders_of_the_first_version_are_continued(name, tmp_path):
    folder = shutil.copytree(OF_FIRST_VERSION[name], tmp_path / name)
    before = load(folder)
    finished = Store(folder).finished()
    store = Store(folder)
    with store.writing():
        run = {key: before.run[key] for key in ("machine_id", "points", "measures")}
        store.write_run(before.settings, before.machine, run | FINISHED)
    after = load(folder)
    assert Store(folder).finished() == finished
    for kind in ("readings", "training"):
        one, other = (getattr(each, kind) for each in (before, after))
        order = ["family", "kind", "alpha", "resolution", "measure", "time"]
        one, other = (each.sort_values(order, kind="stable") for each in (one, other))
        assert one.to_json(orient="records") == other.to_json(orient="records")
    assert all(each.state is State.OK for each in check(folder).files)


def test_a_report_leaves_the_curves_of_an_earlier_folder_as_they_are(folder):
    before = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    assert not derived.renew(folder)
    after = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    assert {name: after[name] for name in before} == before
    assert len(load(folder).training)
