"""Settings of every test, and what several files share.

The settings come first: JAX and Keras read the environment when imported.
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["KERAS_BACKEND"] = "jax"
os.environ.pop("COLUMNS", None)  # tables are as wide as in a file, whatever terminal this is

import csv
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import pytest
from hypothesis import settings

from mnv1_flax import MobileNetV1
from tests.support.commands import SHORT, Command, sweep

# A silent change of dtype is an error. Rank promotion stays allowed: [C] against [N,H,W,C] is how
# a channels-last network is written.
jax.config.update("jax_numpy_dtype_promotion", "strict")

pytest.register_assert_rewrite("sweep.testing")
pytest_plugins = ["tests.support.browser_fixtures"]

settings.register_profile("project", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("project")


@dataclass(frozen=True)
class ExactCounts:
    """A row of `data/exact_counts.csv`: one network, counted by hand arithmetic."""

    kind: str
    alpha: float
    resolution: int
    classes: int
    mult_adds: int
    weights: int
    trainable_params: int
    params_with_bn_statistics: int


def _exact_counts() -> list[ExactCounts]:
    lines = (Path(__file__).parent / "data" / "exact_counts.csv").read_text("utf-8").splitlines()
    return [
        ExactCounts(
            row.pop("kind"),
            float(row.pop("alpha")),
            **{name: int(value) for name, value in row.items()},
        )
        for row in csv.DictReader(lines)
    ]


EXACT_COUNTS = _exact_counts()


@pytest.fixture(params=EXACT_COUNTS, ids=lambda row: f"{row.kind}-{row.alpha}-{row.resolution}")
def exact(request: pytest.FixtureRequest) -> ExactCounts:
    """Runs the test once for each network counted by hand."""
    return request.param


@pytest.fixture
def exact_counts() -> dict[tuple[str, float, int], ExactCounts]:
    """(kind, alpha, resolution) -> the network counted by hand, for tests of a few of them."""
    return {(row.kind, row.alpha, row.resolution): row for row in EXACT_COUNTS}


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """command("show", folder, inside=where) -> (exit status, standard output, standard error)."""
    with Command(capsys, monkeypatch) as call:
        yield call


@pytest.fixture(scope="session")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a process has run SHORT, for who only looks at what came of it."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "sweep.toml").write_text(SHORT)
    done = sweep("run", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "report: results/quick/report.html" in done.stdout
    return folder


@pytest.fixture
def as_users_run_it() -> Iterator[None]:
    """Optax raises a float to an integer step: it can't be run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def randomise() -> Callable[[MobileNetV1], None]:
    """See `tests.support.networks`, which imports Keras."""
    from tests.support.networks import randomise

    return randomise


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, Any]:
    """What a process of pytest-xdist tells of a test can have half a surrogate pair in it, as some
    tests do in their logs; it goes through UTF-8.
    """
    return _encodable((yield))


def _encodable(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode("utf-8", "backslashreplace").decode()
    if isinstance(told, dict):
        return {_encodable(key): _encodable(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return type(told)(map(_encodable, told))
    return told
