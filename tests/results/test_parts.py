"""A batch is a file that is there, whole, or is not; merging loses none and revives none."""

import errno
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.host import files
from sweep.host.files import WriteError
from sweep.results import parts, store
from sweep.results.check import check
from sweep.results.load import load
from sweep.results.parquet import DamagedError
from sweep.results.store import Store
from tests.support.merging import steps_of_merging
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

ALL = [point.key for point in POINTS]
FINISHED = {"finished": "2026-01-01T00:00:00+00:00"}


@pytest.fixture
def folder(tmp_path):
    """Six batches that are in parts yet."""
    return filled(tmp_path / "r", merged=False)


def parts_of(folder):
    return sorted((folder / "parts").iterdir())


def rows(folder):
    results = load(folder)
    assert results.damages == ()
    return (
        results.readings.sort_values(["alpha", "variant"]).to_json(orient="records"),
        results.training.sort_values(["alpha", "step"]).to_json(orient="records"),
    )


def finished(folder):
    return {key for key, *_ in Store(folder).finished()}


def values(folder, point):
    readings = load(folder).readings
    return readings.loc[readings["alpha"] == point.alpha, "value"].tolist()


def test_a_batch_is_one_file_whose_name_tells_its_order_and_its_content(folder):
    names = [path.name for path in parts_of(folder)]
    assert [name[:9] for name in names] == [f"0000000{n}-" for n in range(1, 7)]
    assert finished(folder) == set(ALL)
    assert len(load(folder).readings) == 18
    assert load(folder).training["loss"].tolist() == [
        10.0 * n + step for n in range(6) for step in (1, 2)
    ]


@given(st.data())
def test_a_flipped_bit_costs_the_batch_that_it_is_in_and_no_other(tmp_path_factory, data):
    folder = filled(tmp_path_factory.mktemp("results") / "r", merged=False)
    number = data.draw(st.integers(0, 5))
    part = parts_of(folder)[number]
    damaged(
        part, data.draw(st.integers(0, part.stat().st_size - 1)), 1 << data.draw(st.integers(0, 7))
    )
    assert finished(folder) == {key for n, key in enumerate(ALL) if n != number}
    (told,) = load(folder).damages
    assert told == (
        f"parts/{part.name} can't be read: it was changed since it was written: its checksum "
        "differs; the same run command measures again what is missing."
    )
    assert len(load(folder).readings) == 15


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_part_that_was_cut_is_named_left_out_and_measured_again(folder, length):
    part = parts_of(folder)[2]
    whole = part.read_bytes()
    part.write_bytes(whole[:length])
    (wrong,) = [each for each in check(folder).files if each.state != "ok"]
    assert wrong.file == f"parts/{part.name}"
    opened = Store(folder)
    assert len(opened.damages) == 1
    assert {key for key, *_ in opened.finished()} == {key for key in ALL if key != ALL[2]}
    with opened.writing():
        opened.add("timing", items(POINTS[2], 20.0), STAMP)
    assert load(folder).damages == ()
    assert finished(folder) == set(ALL)
    # What was damaged is kept, for whoever wants to look at it.
    assert (folder / "damaged" / part.name).read_bytes() == whole[:length]


def test_a_part_that_vanished_is_a_batch_that_is_not_finished(folder):
    first, *_, last = parts_of(folder)
    last.unlink()
    assert finished(folder) == set(ALL[:-1])
    first.unlink()
    assert finished(folder) == set(ALL[1:-1])
    (told,) = load(folder).damages  # the one behind it tells that there was one
    assert told.startswith("parts can't be read: 1 of its batches is missing; the same run command")
    opened = Store(folder)
    with opened.writing():
        for point, value in ((POINTS[0], 0.0), (POINTS[5], 50.0)):
            opened.add("timing", items(point, value), STAMP)
    assert rows(folder) == rows(filled(folder.parent / "whole"))


def test_all_parts_of_a_run_that_vanished_are_missed(folder):
    shutil.rmtree(folder / "parts")
    (told,) = load(folder).damages
    assert told.startswith("parts can't be read: it is missing; the same run command measures")
    assert finished(folder) == set()


def test_parts_that_vanish_under_a_run_end_it(tmp_path):
    opened = begun(tmp_path / "r")
    opened.add("timing", items(POINTS[0]), STAMP)
    shutil.rmtree(tmp_path / "r" / "parts")
    with pytest.raises(WriteError, match=r"parts/00000002-.*can't be written: No such file"):
        opened.add("timing", items(POINTS[1]), STAMP)


def test_a_link_in_place_of_parts_is_not_followed(folder):
    (folder / "parts").rename(folder.parent / "elsewhere")
    (folder / "parts").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(Exception, match="parts: can't be read: Not a directory"):
        load(folder)


def test_a_disk_that_refuses_half_way_leaves_the_folder_as_it_was(folder, monkeypatch):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    opened = Store(folder)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", full)
        with pytest.raises(WriteError, match="No space left on device"):
            opened.add("timing", items(POINTS[0], 70.0), STAMP)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    opened.add("timing", items(POINTS[0], 70.0), STAMP)
    assert values(folder, POINTS[0]) == [70.0, 71.0, 72.0]


# Merging


def test_every_state_that_merging_passes_through_reads_the_same(folder, monkeypatch):
    before = rows(folder)
    seen = []
    names = steps_of_merging(folder, monkeypatch, look=lambda: seen.append(rows(folder)))
    unlinks = [f"unlink 0000000{n}-" for n in range(1, 7)]
    # run.json names both tables first, and the new one alone before any part goes.
    assert names == ["replace run.json", "replace readings.", "replace run.json", *unlinks]
    assert set(seen) == {before}
    assert rows(folder) == before


@pytest.mark.parametrize("stop", range(10))
def test_merging_that_broke_off_is_done_again_with_the_same_end(folder, stop, monkeypatch):
    assert len(steps_of_merging(folder, monkeypatch, stop)) == max(1, stop)
    whole = filled(folder.parent / "whole")
    assert rows(folder) == rows(whole)
    assert check(folder).whole
    assert finished(folder) == set(ALL)
    opened = Store(folder)
    opened.add("timing", items(POINTS[2], 20.0), STAMP)  # as it was
    opened.merge()
    opened.close()
    assert rows(folder) == rows(whole)
    assert all(each.state == "ok" for each in check(folder).files)
    assert [path.relative_to(folder) for path in sorted(folder.rglob("*"))] == [
        path.relative_to(whole) for path in sorted(whole.rglob("*"))
    ]


def test_a_part_that_comes_back_after_it_was_merged_changes_nothing(folder):
    old = {path: path.read_bytes() for path in parts_of(folder)}
    for value in (50.0, 60.0):
        opened = Store(folder)
        opened.add("timing", items(POINTS[0], value), STAMP)
        opened.merge()
        opened.close()
    for path, data in old.items():  # that they are gone had not reached the disk
        path.write_bytes(data)
    assert values(folder, POINTS[0]) == [60.0, 61.0, 62.0]
    opened = Store(folder)
    opened.add("timing", items(POINTS[1], 70.0), STAMP)
    opened.close()
    assert values(folder, POINTS[0]) == [60.0, 61.0, 62.0]
    assert values(folder, POINTS[1]) == [70.0, 71.0, 72.0]
    assert [path.name[:8] for path in parts_of(folder)] == ["00000009"]


def test_a_table_from_before_is_not_taken_for_this_one(folder):
    opened = Store(folder)
    opened.merge()
    old = (folder / "readings.parquet").read_bytes()
    opened.add("timing", items(POINTS[0], 50.0), STAMP)
    opened.merge()
    opened.close()
    (folder / "readings.parquet").write_bytes(old)
    with pytest.raises(DamagedError, match=r"readings\.parquet: can't be read: it was changed"):
        Store(folder)
    with pytest.raises(DamagedError, match=r"readings\.parquet: can't be read: it was changed"):
        load(folder)


def test_a_joint_batch_takes_the_place_of_its_own_points_only(folder):
    opened = Store(folder)
    opened.add("timing", [*items(POINTS[0], 100.0), *items(POINTS[1], 200.0)], STAMP)
    opened.add("timing", items(POINTS[1], 300.0), STAMP)
    for _ in range(2):
        assert [values(folder, point)[0] for point in POINTS] == [100, 300, 20, 30, 40, 50]
        assert len(load(folder).readings) == 18
        opened.merge()
    opened.close()


def test_a_reader_begins_again_where_parts_go_while_it_reads(folder, monkeypatch):
    before = rows(folder)
    writer = Store(folder)

    real = parts.read

    def then_merged(*part):
        monkeypatch.setattr(parts, "read", real)
        writer.merge()
        return real(*part)

    monkeypatch.setattr(parts, "read", then_merged)
    assert rows(folder) == before
    assert parts_of(folder) == []


def test_a_folder_never_has_many_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MERGE_AT", 10)
    opened = begun(tmp_path / "r")
    points = [type(POINTS[0])("toy", "separable", n + 1.0, 1.0, 224) for n in range(35)]
    opened.write_run(SETTINGS, MACHINE, run_of(*points))
    most = 0
    for point in points:
        opened.add("timing", items(point), STAMP)
        most = max(most, len(parts_of(tmp_path / "r")))
    assert (most, len(parts_of(tmp_path / "r"))) == (9, 5)
    assert len(load(tmp_path / "r").readings) == 35 * 3
    opened.close()


def test_the_more_batches_the_more_parts_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MERGE_AT", 2)
    opened = begun(tmp_path / "r")
    points = [type(POINTS[0])("toy", "separable", n + 1.0, 1.0, 224) for n in range(40)]
    opened.write_run(SETTINGS, MACHINE, run_of(*points))
    waiting = []
    for point in points:
        opened.add("timing", items(point), STAMP)
        waiting.append(len(parts_of(tmp_path / "r")))
    assert all(parts < max(2, n / 5) for n, parts in enumerate(waiting, start=1))
    assert waiting.count(0) < 15  # merging every second part would be twenty times
    assert len(load(tmp_path / "r").readings) == 40 * 3
    opened.close()


def test_a_run_has_parts_from_its_beginning_to_its_end_and_no_longer(tmp_path):
    opened = begun(tmp_path / "r")
    folder = tmp_path / "r" / "parts"
    assert folder.is_dir()
    opened.add("timing", items(POINTS[0]), STAMP)
    assert len(list(folder.iterdir())) == 1
    opened.write_run(SETTINGS, MACHINE, run_of(*POINTS) | FINISHED)
    assert not folder.exists()
    assert len(load(tmp_path / "r").readings) == 3
    opened.write_run(SETTINGS, MACHINE, run_of(*POINTS))
    assert folder.is_dir()
    assert load(tmp_path / "r").damages == ()


# What was trained


def test_a_file_is_kept_under_the_name_of_its_content(tmp_path):
    opened = begun(tmp_path / "r")
    (tmp_path / "weights.ckpt").write_bytes(b"weights")
    name = opened.keep(tmp_path / "weights.ckpt", "network")
    kept = tmp_path / "r" / "networks" / name
    assert kept.read_bytes() == b"weights"
    assert name.startswith("network-9a129038d9a0")
    assert name.endswith(".ckpt")
    assert not (tmp_path / "weights.ckpt").exists()
    (tmp_path / "again.ckpt").write_bytes(b"weights")
    assert opened.keep(tmp_path / "again.ckpt", "network") == name
    assert os.listdir(tmp_path / "r" / "networks") == [name]  # noqa: PTH208
    assert check(tmp_path / "r").whole
    damaged(kept, 3)
    (wrong,) = [each for each in check(tmp_path / "r").files if each.state != "ok"]
    assert wrong.file == f"networks/{name}"
