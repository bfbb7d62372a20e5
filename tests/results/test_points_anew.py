"""points.parquet is what the readings say: report puts it right where it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sweep.cli.main import main
from sweep.results.check import check
from sweep.results.load import load
from sweep.results.points import derive
from sweep.results.repair import renew_points
from sweep.results.store import Store
from sweep.types import Reading
from tests.support.stored import MACHINE, POINTS, SETTINGS, SPEED, STAMP, damaged, filled, run_of


@pytest.fixture
def folder(tmp_path) -> Path:
    """As a run leaves it at its end."""
    path = filled(tmp_path / "r")
    store = Store(path)
    store.write_run(SETTINGS, MACHINE, run_of(*POINTS) | {"finished": "2026-01-01T00:00:00+00:00"})
    store.write_points(derive(load(path).readings))
    store.close()
    return path


def states(folder: Path) -> dict[str, str]:
    return {each.file: each.state.value for each in check(folder).files}


def derived(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "points.parquet")


def without(path: Path) -> None:
    path.unlink()


def test_what_is_right_stays_as_it_is(folder):
    before = {path.name: path.stat() for path in folder.iterdir()}
    assert not renew_points(folder)
    assert {path.name: path.stat() for path in folder.iterdir()} == before


@pytest.mark.parametrize("harm", [without, lambda path: damaged(path, 40)], ids=["gone", "damaged"])
def test_report_derives_the_points_that_are_gone(folder, harm, capsys):
    right, others = derived(folder), {"points.parquet", "report.html"}
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in others}
    harm(folder / "points.parquet")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folder)])
    assert not ended.value.code
    pd.testing.assert_frame_equal(derived(folder), right)
    assert set(states(folder).values()) == {"ok"}
    assert states(folder)["points.parquet"] == "ok"
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert "can't be read" not in (folder / "report.html").read_text("utf-8")


NEW = [Reading(SPEED, POINTS[0], 70.0)]


def test_points_of_before_a_run_that_was_killed_are_derived_anew(folder):
    store = Store(folder)
    store.write_run(SETTINGS, MACHINE, run_of(*POINTS))
    store.add("timing", NEW, STAMP)
    assert not renew_points(folder)  # a run writes the folder, and will itself
    store.close()
    assert "speed" not in derived(folder)
    assert renew_points(folder)
    assert 70.0 in derived(folder)["speed"].tolist()


def test_points_of_before_the_tables_were_written_anew_are_derived_anew(folder):
    store = Store(folder)
    with store.writing():
        store.add("timing", NEW, STAMP)
    (folder / "journal").unlink()  # the run came to its end, but for its points
    assert renew_points(folder)
    assert 70.0 in derived(folder)["speed"].tolist()
    assert not renew_points(folder)


def test_where_nothing_can_be_written_one_sentence_says_so(folder, capsys, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    (folder / "points.parquet").unlink()
    monkeypatch.setattr("sweep.host.files.tempfile.mkstemp", refused)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folder)])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"{folder}/points.parquet: can't be written: Read-only file system"
    assert json.loads((folder / "run.json").read_text())["finished"]
