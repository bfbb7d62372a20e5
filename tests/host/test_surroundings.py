"""What is wrong around a command, not in its input: locales, names of files, devices of JAX."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from sweep.cli.console import spell_out
from sweep.host.machine import jax_device
from sweep.results.check import check
from sweep.results.load import load
from sweep.results.store import Store
from sweep.settings.config import SettingsError
from sweep.types import ResultsError
from tests.support.stored import MACHINE, POINTS, SETTINGS, run_of

ROOT = Path(__file__).parents[2]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
COSTS = """
name = "costs"
measures = ["cost"]
[grid]
alpha = [0.25]
resolution = [32]
[cost]
fvcore = false
xla = false
"""


def sweep(*arguments: str | bytes, folder: Path, **variables: str):
    return subprocess.run(
        [sys.executable, "-m", "sweep", *arguments],
        cwd=folder, capture_output=True, check=False, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | variables,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "variables"), [(b"r\xff", {}), ("r\u00e9".encode(), ASCII)], ids=["bytes", "locale"]
)
def test_a_run_reads_again_what_it_wrote_whatever_the_folder_is_called(tmp_path, name, variables):
    (tmp_path / "sweep.toml").write_text(COSTS)
    done = sweep("run", "--results", name, "--no-compile-cache", folder=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / os.fsdecode(name) / "costs"
    assert check(folder).whole
    found = load(folder)
    assert len(found.readings)
    assert found.damages == ()
    told = json.loads((folder / "run.json").read_bytes())["command"]
    asked = subprocess.run(
        ["bash", "-c", told.replace("python -m sweep", "printf '%s\\0'", 1).encode()],
        capture_output=True, check=True,
    )  # fmt: skip
    assert name in asked.stdout.split(b"\0")


def test_a_name_that_the_locale_has_not_is_refused_before_anything_is_measured(tmp_path):
    (tmp_path / "sweep.toml").write_text(COSTS.replace("costs", "k\u00f6sten"), "utf-8")
    done = sweep("run", folder=tmp_path, **ASCII)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert "can't name a file under this locale, which has ascii alone; set PYTHONUTF8=1" in line
    assert not (tmp_path / "results").exists()


def test_what_could_not_be_read_again_is_not_begun(tmp_path):
    store = Store(tmp_path / "r")
    with pytest.raises(ResultsError, match=r"run\.json: could not be read again: command"):
        store.write_run(SETTINGS, MACHINE, run_of(*POINTS) | {"command": "\udcff"})
    assert not (tmp_path / "r").exists()


def test_tables_can_be_printed_where_there_is_only_ascii(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    spell_out()
    stream.write("0.25\u201328\u00a0px \u2212 \u00d7 \u00e9\u20ac")
    stream.flush()
    assert stream.buffer.getvalue() == b"0.25-28 px - x \\xe9\\u20ac"  # type: ignore[attr-defined]


def test_a_device_that_is_not_here_is_one_line(tmp_path):
    (tmp_path / "sweep.toml").write_text(COSTS)
    done = sweep("run", folder=tmp_path, JAX_PLATFORMS="abacus")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert line.startswith('JAX_PLATFORMS = "abacus": JAX finds no such device here (')
    assert line.endswith("set it to that, or unset it")
    assert not (tmp_path / "results").exists()


def test_jaxs_bare_assertion_is_one_line_too(monkeypatch):
    """What it raises for cuda where its plugin finds no GPU."""
    here, asked, calls = jax.devices(), jax.config.jax_platforms, []  # type: ignore[attr-defined]

    def devices():
        calls.append(1)
        if len(calls) == 1:
            raise AssertionError
        return here

    monkeypatch.setattr(jax, "devices", devices)
    try:
        with pytest.raises(SettingsError) as refused:
            jax_device()
    finally:
        jax.config.update("jax_platforms", asked)
    assert str(refused.value) == (
        f'JAX_PLATFORMS = "{asked}": JAX finds no such device here (there is none, or no plugin '
        f'for it). This machine has "{here[0].platform}": set it to that, or unset it'
    )


def test_without_compiling_nothing_is_begun():
    with jax.disable_jit(), pytest.raises(SettingsError, match="JAX_DISABLE_JIT is set: "):
        jax_device()


@pytest.mark.parametrize(
    ("redirected", "status", "said"),
    [
        (">&-", 0, ""),
        ("--json >&-", 0, ""),
        ("<&-", 0, ""),
        ("> /dev/full", 1, "No space left on device\n"),
    ],
)
def test_standard_streams_that_are_closed_or_full_are_no_traceback(
    tmp_path, redirected, status, said
):
    command = f"{sys.executable} -m sweep show {ROOT / 'results' / 'reference'} {redirected}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (status, said)
