"""The cache on disk: a second process loads what the first compiled, and says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep import compile_cache

ROOT = Path(__file__).parents[1]
PROGRAM = """
import json, os, sys
from pathlib import Path
from sweep import compile_cache
compile_cache.enable(Path(sys.argv[1]))
import jax, jax.numpy as jnp
lowered = jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x).T).lower(jnp.ones((7, 5)))
with compile_cache.cache_hits() as hits:
    found = lowered.compile()(jnp.ones((7, 5)))
print(json.dumps([len(hits), float(found.sum()), os.environ["JAX_COMPILATION_CACHE_DIR"]]))
"""


def in_a_fresh_process(folder: Path) -> list:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
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


def test_another_processor_or_version_has_another_folder(tmp_path, monkeypatch):
    folders = []
    for flags in ("flags: avx2", "flags: avx2 avx512f"):
        # Set, so that what `enable` sets is taken back after the test.
        for name in ("JAX_COMPILATION_CACHE_DIR", *compile_cache.KEEP_EVERYTHING):
            monkeypatch.setenv(name, "")
        monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
        monkeypatch.setattr(compile_cache, "_cpu_flags", lambda flags=flags: flags)
        compile_cache.enable(tmp_path)
        folders.append(os.environ["JAX_COMPILATION_CACHE_DIR"])
    assert len(set(folders)) == 2


def test_a_folder_of_the_users_own_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/somewhere/else")
    compile_cache.enable(tmp_path)
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "/somewhere/else"


@pytest.mark.parametrize(
    ("variable", "expected"), [("/caches", "/caches/mobilenet-sweep"), ("", None)]
)
def test_the_default_root_is_the_users_cache_folder(monkeypatch, variable, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    found = compile_cache.default_root()
    assert str(found) == (expected or str(Path.home() / ".cache" / "mobilenet-sweep"))
