"""What fuzzing has found once stays found: each case is taken, or refused, as its folder says."""

import warnings
from pathlib import Path

import pytest

from tests.fuzz import TARGETS, target_named

CORPUS = Path(__file__).parent / "data" / "fuzz"
FOUND = sorted(folder.name for folder in CORPUS.iterdir() if folder.is_dir())


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_mended(name, tmp_path):
    became = {}
    with target_named(name).room(tmp_path) as check, warnings.catch_warnings():
        warnings.simplefilter("error")
        for file in sorted((CORPUS / name).glob("*/*")):
            became[file.name] = "taken" if check(file.read_bytes()) else "refused"
    should = {file.name: file.parent.name for file in (CORPUS / name).glob("*/*")}
    assert became == should


def test_every_case_is_of_a_target():
    assert set(FOUND) <= set(TARGETS)
    assert {folder.name for folder in CORPUS.glob("*/*")} == {"taken", "refused"}


def test_a_measure_that_is_a_program_is_not_started(tmp_path):
    case = (CORPUS / "settings" / "refused" / "measure-starts-a-program.toml").read_text()
    owned = tmp_path / "owned"
    assert "/tmp/owned" in case  # noqa: S108
    with target_named("settings").room(tmp_path) as check:
        assert not check(case.replace("/tmp/owned", str(owned)).encode())  # noqa: S108
    assert not owned.exists()
