"""Files that measures make for each other: in which order, stored how, and what belongs to them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from sweep.contracts import Network
from sweep.results.load import load
from sweep.results.store import Store
from sweep.running.artefacts import Artefacts
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import SettingsError, parse
from tests.support.engines import MACHINE
from tests.support.runs import Watcher
from tests.support.toys import CALLS, Counts, Perimeter, Unsaved, Writes, point

BOTH = ("Counts", "Writes")  # as nobody would have to know that one needs the other


@pytest.fixture(autouse=True)
def _forget_calls():
    CALLS.clear()


def plan_of(folder: Path, *measures: str, factor: int = 4, **options):
    names = [f"tests.support.toys:{name}" for name in measures]
    text = f"measures = {json.dumps(names)}\n[grid]\nalpha = [0.5]\nresolution = [64, 32]\n"
    text += (
        f'[custom."tests.support.toys:Writes"]\nfactor = {factor}\n' if "Writes" in measures else ""
    )
    settings, store = parse(text, source="test"), Store(folder)
    again, only = (
        {f"tests.support.toys:{name}" for name in options.get(option, ())}
        for option in ("again", "only")
    )
    return make_plan(settings, store, MACHINE, again=again, only=only), settings, store


def run(folder: Path, *measures: str, factor: int = 4, **options):
    plan, settings, store = plan_of(folder, *measures, factor=factor, **options)
    CALLS.clear()
    return execute(plan, settings, store, MACHINE, Watcher())


def letters(folder: Path) -> list[float]:
    readings = load(folder).readings
    return readings.loc[readings["metric"] == "letters", "value"].tolist()


def test_what_is_needed_is_made_first_and_stored_under_its_content(tmp_path):
    assert run(tmp_path / "r", *BOTH).failures == ()
    assert CALLS == ["0.5-64", "0.5-32", "counts 0.5-64", "counts 0.5-32"]
    assert letters(tmp_path / "r") == [4, 4]
    (file,) = (tmp_path / "r" / "networks").iterdir()  # the same content, and so one file
    assert file.name == f"text-{hashlib.sha256(b'xxxx').hexdigest()[:32]}.txt"
    rows = load(tmp_path / "r").readings
    names = {
        metric: list(names) for metric, names in zip(rows["metric"], rows["artefacts"], strict=True)
    }
    assert names == {"written": [file.name], "letters": []}
    assert not (tmp_path / "r" / "unfinished").exists()
    assert run(tmp_path / "r", *BOTH).failures == ()
    assert CALLS == []


def test_a_reading_belongs_to_the_content_that_it_was_read_with(tmp_path, monkeypatch):
    run(tmp_path / "r", *BOTH)
    run(tmp_path / "r", *BOTH, factor=5)
    assert CALLS == ["0.5-64", "0.5-32", "counts 0.5-64", "counts 0.5-32"]
    assert letters(tmp_path / "r") == [5, 5]
    run(tmp_path / "r", *BOTH)  # what was read with the first is there
    assert CALLS == []
    assert letters(tmp_path / "r") == [4, 4]
    # Other settings that make the same content: what needs it is not read again.
    monkeypatch.setattr(Writes, "identity", lambda self: {"other": 1})
    run(tmp_path / "r", *BOTH)
    assert CALLS == ["0.5-64", "0.5-32"]
    assert letters(tmp_path / "r") == [4, 4]


def test_names_that_are_not_ours_lead_nowhere(tmp_path):
    """A folder may be from somebody else."""
    shelf, of = Artefacts(tmp_path / "r"), Network(point(), cast("Any", Unsaved()))
    (tmp_path / "secret.txt").write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()[:32]
    (tmp_path / f"text-{digest}.txt").write_text("x")
    shelf.note(of, ["../secret.txt", f"../text-{digest}.txt", f"../../text-{digest}", "\x00", ""])
    assert shelf.names_of(of, ["text"]) == {}
    shelf.note(of, [f"text-{digest}.txt"])
    assert shelf.damaged(of, ["text"]) == ["text"]  # there is none of it


def test_a_run_that_is_killed_goes_on_with_what_was_made(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.running.test_artefacts import *\n"
        "run(Path(sys.argv[1]), *BOTH)"
    )
    (tmp_path / "deadly").touch()
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "r")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path.cwd())])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert letters(tmp_path / "r") == [4]
    assert run(tmp_path / "r", *BOTH).failures == ()
    assert CALLS == ["counts 0.5-32"]
    assert letters(tmp_path / "r") == [4, 4]


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"xxx")])
def test_a_file_that_is_gone_or_damaged_is_made_again_only_where_it_is_wanted(tmp_path, harm):
    run(tmp_path / "r", *BOTH)
    (file,) = (tmp_path / "r" / "networks").iterdir()
    harm(file)
    run(tmp_path / "r", *BOTH)
    assert CALLS == []
    assert run(tmp_path / "r", *BOTH, again=["Counts"]).failures == ()
    assert CALLS == ["0.5-64", "0.5-32", "counts 0.5-64", "counts 0.5-32"]
    assert file.read_bytes() == b"xxxx"
    assert letters(tmp_path / "r") == [4, 4]


def test_without_the_file_the_point_fails_and_says_so(tmp_path):
    assert run(tmp_path / "r", *BOTH, only=["Counts"]).failures == (
        "counts 0.5-64: there is no text of this point",
        "counts 0.5-32: there is no text of this point",
    )
    assert CALLS == []
    assert run(tmp_path / "r", *BOTH).failures == ()
    assert letters(tmp_path / "r") == [4, 4]


class Circular(Counts):
    name = "circular"
    gives = ("other text",)


class Counterpart(Perimeter):
    name = "counterpart"
    gives = ("text",)
    needs = ("other text",)


@pytest.mark.parametrize(
    ("measures", "told"),
    [
        (["tests.support.toys:Counts"], "Counts needs a text, which none of them gives"),
        (
            ["tests.support.toys:Writes", "tests.running.test_artefacts:Counterpart"],
            "both give a text",
        ),
        (
            ["tests.running.test_artefacts:Circular", "tests.running.test_artefacts:Counterpart"],
            "each needs what another of them gives",
        ),
    ],
)
def test_who_needs_what_nobody_can_give_first_is_refused_by_name(tmp_path, measures, told):
    settings = parse(f"measures = {json.dumps(measures)}", source="test")
    with pytest.raises(SettingsError, match=told):
        make_plan(settings, Store(tmp_path / "r"), MACHINE)
    assert not (tmp_path / "r").exists()
