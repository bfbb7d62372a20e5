"""points.parquet and training.parquet are what the readings say: report puts them right."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sweep.cli.main import main
from sweep.results.derived import renew
from sweep.results.load import load
from sweep.results.store import Store
from sweep.types import Reading
from tests.support.stored import (
    MACHINE,
    POINTS,
    SETTINGS,
    SPEED,
    STAMP,
    damaged,
    filled,
    run_of,
    states,
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """As a run leaves it at its end."""
    path = filled(tmp_path / "r")
    store = Store(path)
    store.write_run(SETTINGS, MACHINE, run_of(*POINTS) | {"finished": "2026-01-01T00:00:00+00:00"})
    store.write_derived(load(path))
    store.close()
    return path


def derived(folder: Path, name: str = "points.parquet") -> pd.DataFrame:
    return pd.read_parquet(folder / name)


def without(path: Path) -> None:
    path.unlink()


def test_what_is_right_stays_as_it_is(folder):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert not renew(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["points.parquet", "training.parquet"])
@pytest.mark.parametrize("harm", [without, lambda path: damaged(path, 40)], ids=["gone", "damaged"])
def test_report_derives_the_tables_that_are_gone(folder, name, harm, capsys):
    right = derived(folder, name)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    harm(folder / name)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folder)])
    assert not ended.value.code
    pd.testing.assert_frame_equal(derived(folder, name), right)
    assert set(states(folder).values()) == {"ok"}
    assert states(folder)[name] == "ok"
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert "can't be read" not in (folder / "report.html").read_text("utf-8")


NEW = [Reading(SPEED, POINTS[0], 70.0)]


def test_points_of_before_a_run_that_was_killed_are_derived_anew(folder):
    store = Store(folder)
    store.write_run(SETTINGS, MACHINE, run_of(*POINTS))
    store.add("timing", NEW, STAMP)
    assert not renew(folder)  # a run writes the folder, and will itself
    store.close()
    assert "speed" not in derived(folder)
    assert renew(folder)
    assert 70.0 in derived(folder)["speed"].tolist()


def test_points_of_before_the_table_was_written_anew_are_derived_anew(folder):
    store = Store(folder)
    with store.writing():
        store.add("timing", NEW, STAMP)
    assert renew(folder)
    assert 70.0 in derived(folder)["speed"].tolist()
    assert not renew(folder)


def test_where_nothing_can_be_written_one_sentence_says_so(folder, capsys, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    (folder / "points.parquet").unlink()
    monkeypatch.setattr("sweep.host.files.tempfile.mkstemp", refused)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folder)])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    said = f"{folder}/points.parquet: can't be written: Read-only file system"
    assert line == f"{said}; --to FILE writes the page elsewhere"
    assert json.loads((folder / "run.json").read_text())["finished"]
