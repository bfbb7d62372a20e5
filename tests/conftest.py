"""Settings of every test, and the hand-counted networks.

The settings come first: JAX and Keras read the environment when imported.
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["KERAS_BACKEND"] = "jax"

import csv
from dataclasses import dataclass
from pathlib import Path

import jax
import pytest
from hypothesis import settings

# A silent change of dtype is an error. Rank promotion stays allowed: [C] against [N,H,W,C] is how
# a channels-last network is written.
jax.config.update("jax_numpy_dtype_promotion", "strict")

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


@pytest.fixture(params=_exact_counts(), ids=lambda row: f"{row.kind}-{row.alpha}-{row.resolution}")
def exact(request: pytest.FixtureRequest) -> ExactCounts:
    """Runs the test once for each network counted by hand."""
    return request.param
