"""The rules of docs/decisions/0002, checked on the imports themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> list[Path]:
    path = ROOT / name
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize(
    ("inside", "never"),
    [
        ("mnv1_flax", ("sweep",)),
        (
            "sweep/measures",
            ("sweep.results.store", "sweep.running.run", "sweep.report", "mnv1_flax"),
        ),
        (
            "sweep/training",
            ("sweep.results.store", "sweep.running.run", "sweep.measures", "mnv1_flax"),
        ),
        (
            "sweep/loading",
            ("sweep.training", "sweep.datasets", "sweep.running.run", "mnv1_flax", "jax"),
        ),
        (
            "sweep/datasets",
            ("sweep.results.store", "sweep.running.run", "sweep.measures", "mnv1_flax"),
        ),
        (
            "sweep/report",
            ("sweep.measures", "sweep.running.run", "sweep.training", "mnv1_flax", "jax"),
        ),
        (
            "sweep/paper",
            ("sweep.measures", "sweep.running.run", "sweep.report", "mnv1_flax", "jax"),
        ),
        ("sweep/results/store.py", ("sweep.measures", "sweep.running.run", "sweep.report", "jax")),
        ("sweep/types.py", ("sweep",)),
        (
            "sweep/contracts",
            ("sweep.measures", "sweep.running.run", "sweep.results.store", "jax"),
        ),
    ],
)
def test_what_a_room_never_imports(inside, never):
    for path in room(inside):
        for name in imports_of(path):
            assert not any(name == each or name.startswith(f"{each}.") for each in never), path


def test_only_the_family_knows_the_network():
    knowing = [
        path.relative_to(ROOT).as_posix()
        for path in room("sweep")
        if any(name.split(".")[0] == "mnv1_flax" for name in imports_of(path))
    ]
    assert knowing == ["sweep/families/mobilenet_v1.py"]


def test_decoding_needs_no_jax():
    # sweep.loading.stream imports Grain, which imports JAX's profiler where there is a JAX.
    code = (
        "import sys, sweep.loading.reading, sweep.datasets.imagefolder, sweep.datasets.parquet,"
        " sweep.datasets.numpy_archive; assert not {'jax', 'flax'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_reading_settings_and_results_needs_no_jax():
    heavy = "{'jax', 'flax', 'torch', 'keras'}"
    code = (
        "import sys, sweep.settings.config, sweep.settings.grid, sweep.results.store,"
        " sweep.results.points, sweep.report.page.page,"
        f" sweep.report.content.build, sweep.report.terminal.tables;"
        f" assert not {heavy} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
