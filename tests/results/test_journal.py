"""What is appended is there, whole, whatever becomes of the rest of the file."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.host.files import WriteError
from sweep.results import journal, store
from sweep.results.batch import batch_of
from sweep.results.journal import Writer, scan
from sweep.results.parquet import DamagedError
from sweep.results.store import Store, load
from sweep.types import ResultsError
from tests.support.stored import (
    MACHINE,
    POINTS,
    SETTINGS,
    STAMP,
    begun,
    damaged,
    filled,
    items,
    run_of,
)

BATCHES = [batch_of("timing", items(point), STAMP, failed=False) for point in POINTS[:4]]


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "journal")


def written(path, batches=BATCHES):
    writer = Writer(path, 7)
    for batch in batches:
        writer.append(batch)
    writer.close()
    return path


def points_in(data, path):
    return [entry.identities[0][0] for entry in scan(path, data).entries()]


ALL = [point.key for point in POINTS[:4]]


def test_what_is_appended_is_read_whole_and_in_order(path):
    found = scan(path, path.read_bytes())
    assert (found.generation, found.torn, found.lost, found.damage) == (7, 0, 0, ())
    entries = list(found.entries())
    assert [entry.readings() for entry in entries] == [batch.readings for batch in BATCHES]
    assert [entry.training() for entry in entries] == [batch.training for batch in BATCHES]
    assert [entry.finished for entry in entries] == [batch.finished for batch in BATCHES]
    assert [entry.rows for entry in entries] == [5] * 4


def test_a_file_cut_anywhere_keeps_every_entry_before_the_cut(path):
    data = path.read_bytes()
    ends = [frame.end for frame in scan(path, data).frames]
    for length in range(20, len(data)):
        found = scan(path, data[:length])
        whole = sum(end <= length for end in ends)
        assert points_in(data[:length], path) == ALL[:whole]
        assert found.torn  # also between two entries: nothing else would tell of those that follow
        assert found.lost == 0
    assert not scan(path, data).torn


@given(st.integers(0, 7), st.data())
def test_a_flipped_bit_costs_the_entry_that_it_is_in_and_no_other(tmp_path_factory, bit, data_):
    path = written(tmp_path_factory.mktemp("journal") / "journal")
    ends = [20, *(frame.end for frame in scan(path, path.read_bytes()).frames)]
    assert path.stat().st_size == ends[-1] + 8
    at = data_.draw(st.integers(0, ends[-1] - 1))
    damaged(path, at, 1 << bit)
    left = points_in(path.read_bytes(), path)
    hit = sum(end <= at for end in ends) - 1  # -1 is the header
    assert left == [key for number, key in enumerate(ALL) if number != hit]
    found = scan(path, path.read_bytes())
    assert found.lost == (1 if 0 <= hit < 3 else 0)
    assert found.torn == (hit == 3)
    assert found.generation == 7  # each entry tells it, too


def test_zeros_over_two_entries_are_counted_as_two(path):
    first, _, third, _ = scan(path, path.read_bytes()).frames
    data = path.read_bytes()
    data = data[: first.end] + bytes(third.end - first.end) + data[third.end :]
    assert points_in(data, path) == [ALL[0], ALL[3]]
    assert scan(path, data).lost == 2


def test_an_entry_that_the_disk_refuses_half_way_leaves_the_file_as_it_was(path, monkeypatch):
    before = path.read_bytes()
    write, refused = os.pwrite, []

    def half(handle, data, at):
        if refused and at + len(data) > len(before):  # there is room for what was there
            raise OSError(errno.ENOSPC, "No space left on device")
        refused.append(True)
        return write(handle, bytes(data)[: len(data) // 2] if len(data) > 8 else data, at)

    writer = Writer(path, 7)
    with monkeypatch.context() as patched:
        patched.setattr(journal.os, "pwrite", half)
        with pytest.raises(OSError, match="No space left"):
            writer.append(BATCHES[0])
    assert path.read_bytes() == before
    writer.append(BATCHES[0])
    assert points_in(path.read_bytes(), path) == [*ALL, ALL[0]]


def test_what_a_dead_writer_began_is_overwritten(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-17])
    writer = Writer(path, 7)
    writer.append(BATCHES[3])
    writer.close()
    assert path.read_bytes() == whole


def test_an_entry_that_declares_more_than_any_batch_has_is_refused(path, monkeypatch):
    monkeypatch.setattr(journal, "_LARGEST", 100)
    with pytest.raises(ResultsError, match="an entry is too large"):
        list(scan(path, path.read_bytes()).entries())


def rows(folder):
    results = load(folder)
    assert results.damages == ()
    return (
        results.readings.sort_values(["alpha", "variant"]).to_json(orient="records"),
        results.training.sort_values(["alpha", "step"]).to_json(orient="records"),
    )


def test_every_state_that_a_compaction_passes_through_reads_the_same(tmp_path, monkeypatch):
    folder = filled(tmp_path / "r", compacted=False)
    before = rows(folder)
    states = []

    def watched(path, write, real=store.replace_file):
        real(path, write)
        states.append((path.name, rows(folder)))

    monkeypatch.setattr(store, "replace_file", watched)
    opened = Store(folder)
    opened.compact()
    opened.close()
    assert [name for name, _ in states] == ["readings.parquet", "training.parquet"]
    assert all(state == before for _, state in states)
    assert rows(folder) == before
    assert scan(folder / "journal", (folder / "journal").read_bytes()).frames == ()


@pytest.mark.parametrize("steps", [1, 2])
def test_a_compaction_that_broke_off_is_done_again_with_the_same_end(tmp_path, steps, monkeypatch):
    whole = rows(filled(tmp_path / "whole"))
    folder = filled(tmp_path / "r", compacted=False)
    done = []

    def broken(path, write, real=store.replace_file):
        if len(done) == steps:
            raise KeyboardInterrupt
        real(path, write)
        done.append(path.name)

    with monkeypatch.context() as patched:
        patched.setattr(store, "replace_file", broken)
        patched.setattr(journal, "replace_file", broken)
        opened = Store(folder)
        with pytest.raises(KeyboardInterrupt):
            opened.compact()
        opened.close()
    assert len(scan(folder / "journal", (folder / "journal").read_bytes()).frames) == len(POINTS)
    again = Store(folder)
    assert len(again.finished()) == len(POINTS)
    again.add("timing", items(POINTS[2], 20.0), STAMP)  # as it was
    again.compact()
    again.close()
    assert rows(folder) == whole
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (tmp_path / "whole").iterdir()
    )


def test_a_journal_that_the_tables_have_outlived_changes_nothing(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    old = (folder / "journal").read_bytes()
    for value in (50.0, 60.0):
        opened = Store(folder)
        opened.add("timing", items(POINTS[0], value), STAMP)
        opened.compact()
        opened.close()
    now = rows(folder)
    (folder / "journal").write_bytes(old)  # what replaced it had not reached the disk
    assert rows(folder) == now
    opened = Store(folder)
    opened.add("timing", items(POINTS[1], 70.0), STAMP)
    opened.close()
    readings = load(folder).readings
    assert readings.loc[readings["alpha"] == 0.25, "value"].tolist() == [60.0, 61.0, 62.0]
    assert readings.loc[readings["alpha"] == 0.5, "value"].tolist() == [70.0, 71.0, 72.0]


def test_tables_from_before_the_journal_are_not_taken_for_newer(tmp_path):
    folder = filled(tmp_path / "r")
    old = (folder / "readings.parquet").read_bytes()
    opened = Store(folder)
    opened.add("timing", items(POINTS[0], 50.0), STAMP)
    opened.compact()
    opened.add("timing", items(POINTS[1], 60.0), STAMP)
    opened.close()
    (folder / "readings.parquet").write_bytes(old)
    with pytest.raises(DamagedError, match=r"readings\.parquet: can't be read: it is older than"):
        Store(folder)
    with pytest.raises(DamagedError, match=r"readings\.parquet: can't be read: it is older than"):
        load(folder)


def test_a_damaged_journal_is_told_and_what_is_whole_in_it_is_shown(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    frames = scan(folder / "journal", (folder / "journal").read_bytes()).frames
    damaged(folder / "journal", frames[1].start + 5)
    results = load(folder)
    assert sorted(set(results.readings["alpha"])) == [0.25, 0.75, 1.0, 1.25, 1.5]
    assert results.damages == (
        "journal can't be read: 1 of 6 batches in it are damaged; their readings are missing "
        "until they are measured again.",
    )
    with pytest.raises(DamagedError, match="journal: can't be read: 1 of 6 batches"):
        Store(folder)


def test_a_torn_end_costs_one_batch_and_is_told(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    path = folder / "journal"
    path.write_bytes(path.read_bytes()[:-30])
    assert len(Store(folder).finished()) == len(POINTS) - 1
    (told,) = load(folder).damages
    assert told.startswith("journal can't be read to its end: ")
    opened = Store(folder)
    opened.add("timing", items(POINTS[-1], 50.0), STAMP)
    assert load(folder).damages == ()
    assert len(load(folder).readings) == 3 * len(POINTS)
    opened.close()


def test_rows_written_in_all_are_a_few_times_those_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FEWEST_ROWS", 10)
    counted = []

    def counting(*arguments, real=store.write_table, **named):
        counted.append(real(*arguments, **named))
        return counted[-1]

    monkeypatch.setattr(store, "write_table", counting)
    opened = begun(tmp_path / "r")
    points = [type(POINTS[0])("toy", "separable", n + 1.0, 1.0, 224) for n in range(300)]
    opened.write_run(SETTINGS, MACHINE, run_of(*points))
    for point in points:
        opened.add("timing", items(point), STAMP)
    opened.compact()
    opened.close()
    kept = 300 * 5
    assert len(load(tmp_path / "r").readings) == 300 * 3
    assert kept < sum(counted) <= 4 * kept


def test_a_run_has_a_journal_from_its_beginning_to_its_end_and_no_longer(tmp_path):
    opened = begun(tmp_path / "r")
    path = tmp_path / "r" / "journal"
    assert path.exists()
    opened.add("timing", items(POINTS[0]), STAMP)
    opened.write_run(SETTINGS, MACHINE, run_of(*POINTS) | {"finished": "now"})
    assert not path.exists()
    assert len(load(tmp_path / "r").readings) == 3
    opened.write_run(SETTINGS, MACHINE, run_of(*POINTS))
    assert path.exists()


def test_a_journal_that_vanished_is_told(tmp_path):
    folder = filled(tmp_path / "r", compacted=False)
    (folder / "journal").unlink()
    (told,) = load(folder).damages
    assert told.startswith("journal can't be read: it is missing; what was measured last is lost")
    with pytest.raises(DamagedError, match="journal: can't be read: it is missing"):
        Store(folder)


def test_a_journal_that_vanishes_under_a_run_ends_it(tmp_path):
    opened = begun(tmp_path / "r")
    opened.add("timing", items(POINTS[0]), STAMP)
    (tmp_path / "r" / "journal").unlink()
    with pytest.raises(WriteError, match="its journal was moved or removed meanwhile"):
        opened.add("timing", items(POINTS[1]), STAMP)
