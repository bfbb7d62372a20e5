"""The wheel: every file of the packages, nothing else, and it works away from the checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment

PACKAGES = ("sweep", "mnv1_flax")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of what is in the checkout, built in a copy of it, by what pip calls too."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "tests", "benchmarks"):
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=caches)
    code = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_every_file_of_the_packages_is_in_the_wheel_and_no_other(wheel):
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(each).suffix for each in files} > {".py", ".toml", ".csv", ".css", ".js", ".jinja"}
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {each for each in names if ".dist-info/" not in each} == files


def test_what_is_unpacked_elsewhere_begins_an_experiment_and_draws_a_page(
    wheel, quick_run, tmp_path
):
    unpacked, empty = tmp_path / "unpacked", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(unpacked)
    empty.mkdir()

    def sweep(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sweep", *arguments],
            cwd=empty,
            env=environment(PYTHONPATH=str(unpacked)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "python -m sweep run --dry-run" in sweep("init")
    assert "Plan for results/default" in sweep("run", "--dry-run")
    shutil.copytree(quick_run / "results", empty / "results")
    (empty / "results/quick/report.html").unlink()
    sweep("report", "results/quick")
    assert (empty / "results/quick/report.html").stat().st_size > 1_000_000  # with its plotly
    where = "import sweep; print(sweep.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=empty, env=environment(PYTHONPATH=str(unpacked)),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(found).is_relative_to(unpacked)
