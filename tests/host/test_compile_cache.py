"""The cache on disk: a second process loads what the first compiled, and says so."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.host import compile_cache

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, os, sys
from pathlib import Path
from sweep.host import compile_cache
compile_cache.enable(Path(sys.argv[1]))
import jax, jax.monitoring, jax.numpy as jnp
lowered = jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x).T).lower(jnp.ones((7, 5)))
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
found = lowered.compile()(jnp.ones((7, 5)))
hits = events.count("/jax/compilation_cache/cache_hits")
print(json.dumps([hits, float(found.sum()), os.environ["JAX_COMPILATION_CACHE_DIR"]]))
"""


def in_a_fresh_process(folder: Path, program: str = PROGRAM) -> list:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_second_process_loads_what_the_first_compiled(tmp_path):
    first_hits, first, folder = in_a_fresh_process(tmp_path)
    second_hits, second, _ = in_a_fresh_process(tmp_path)
    assert (first_hits, second_hits) == (0, 1)
    assert first == second
    assert Path(folder).parent == tmp_path


@pytest.fixture
def variables(monkeypatch):
    """Those that `enable` sets are taken back after the test."""
    for name in (
        "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE", *compile_cache.KEEP_EVERYTHING,
    ):  # fmt: skip
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_another_processor_has_another_folder(tmp_path, variables):
    folders = []
    for flags in ("flags: avx2", "flags: avx2 avx512f"):
        variables.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
        variables.setattr(compile_cache, "_cpu_flags", lambda flags=flags: flags)
        assert compile_cache.enable(tmp_path) == ""
        folders.append(os.environ["JAX_COMPILATION_CACHE_DIR"])
    assert len(set(folders)) == 2
    assert not any(tmp_path.iterdir())  # none is made for a run that may be refused yet


def test_a_folder_of_the_users_own_is_left_alone(tmp_path, variables):
    variables.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "own"))
    assert compile_cache.enable(tmp_path / "ours") == ""
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path / "own")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("own", [False, True])
def test_a_folder_that_can_not_be_written_is_told_and_done_without(tmp_path, variables, own):
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" / "caches"
    if own:
        variables.setenv("JAX_COMPILATION_CACHE_DIR", str(root))
    told = compile_cache.enable(root)
    assert told.startswith(f"compiled programs are not kept: {root}")
    assert ("JAX_COMPILATION_CACHE_DIR" in told) == own
    assert os.environ["JAX_ENABLE_COMPILATION_CACHE"] == "false"


def test_nothing_is_kept_in_a_cache_that_is_off(tmp_path):
    program = PROGRAM.replace("import jax,", "compile_cache.disable()\nimport jax,")
    assert "disable" in program
    for _ in range(2):
        hits, *_ = in_a_fresh_process(tmp_path, program)
        assert hits == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("/caches", "/caches/mobilenet-sweep"), ("", None), ("not/absolute", None)],
)
def test_the_default_root_is_the_users_cache_folder(monkeypatch, variable, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    found = compile_cache.default_root()
    assert str(found) == (expected or str(Path.home() / ".cache" / "mobilenet-sweep"))


def test_who_has_no_home_has_no_cache(variables):
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    variables.delenv("XDG_CACHE_HOME", raising=False)
    variables.delenv("HOME")
    variables.setattr(pwd, "getpwuid", unknown)
    assert compile_cache.default_root() is None
    assert compile_cache.enable(None).startswith("compiled programs are not kept: you have no home")
    assert os.environ["JAX_ENABLE_COMPILATION_CACHE"] == "false"
