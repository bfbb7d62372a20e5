"""`sweep.toml`: its bytes, and its keys and values, through parsing and the making of a plan."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import strategies as st

from tests.fuzz.command import command, judge
from tests.fuzz.mutations import changed, damaged, plain_values
from tests.fuzz.surroundings import furnish, stand_ins
from tests.fuzz.target import Check, Target, unchanged

ROOT = Path(__file__).parents[2]
FILE = "sweep.toml"
# Every setting there is, on files that `furnish` makes.
WHOLE = b"""
name = "x"
family = "mobilenet_v1"
num_classes = 10
measures = ["cost", "latency", "accuracy"]
[grid]
kind = ["separable"]
alpha = [1.0, 0.25]
rho = [1.0, 0.75]
base_resolution = 32
[[grid.extra]]
kind = "shallow"
alpha = 0.5
resolution = 32
measures = ["cost"]
[cost]
fvcore = false
xla = false
[latency]
batch_sizes = [1, 8]
dtype = "float32"
threads = 1
lowering = ""
processes = 1
rounds = 3
min_sample_s = 0.02
warmup_s = 1.0
seed = 0
[accuracy]
source = "train"
dataset = "imagefolder"
title = "Squares"
base_resolution = 32
bad_images = "skip"
workers = 1
cache_mb = 64
crop = "resized"
crop_area = [0.5, 1.0]
crop_aspect = [0.75, 1.25]
symmetry = "mirror"
test_crop = 1.0
epochs = 1
max_steps = 2
batch_size = 2
optimizer = "sgd"
learning_rate = 0.05
schedule = "cosine"
momentum = 0.9
weight_decay = 1e-4
warmup_share = 0.1
label_smoothing = 0.0
dropout_rate = 0.001
bn_momentum = 0.9
dtype = "float32"
lowering = ""
threads = 1
seed = 0
[accuracy.data]
path = "images"
classes = "classes.txt"
validation_share = 0.5
split_seed = 0
[custom.mine]
factor = 4
"""
CHECKPOINTS = b"""
measures = ["accuracy"]
[grid]
alpha = [0.25]
resolution = [32]
[accuracy]
source = "checkpoints"
checkpoints = "zoo/{alpha}_{resolution}.tflite"
dataset = "numpy"
data = {path = "images.npz"}
"""


def settings() -> Target:
    """The target."""
    return Target("settings", seeds, cases, room, raw=True, instruments=("sweep", "tomllib"))


@cache
def seeds() -> list[bytes]:
    """The project's own experiments, one with every setting, one on checkpoints."""
    own = [ROOT / FILE, *sorted((ROOT / "configs").glob("*.toml"))]
    return [WHOLE, CHECKPOINTS, *(path.read_bytes() for path in own)]


def cases() -> st.SearchStrategy[bytes]:
    """Bytes changed, and keys and values changed."""
    wholes = [tomllib.loads(seed.decode()) for seed in seeds()]
    values = plain_values(null=False)
    structured = st.sampled_from(wholes).flatmap(lambda whole: changed(whole, values))
    return st.one_of(damaged(seeds()), *[structured.map(_written)] * 3)


def _written(data: Any) -> bytes:
    """TOML where it can be; what TOML can't hold is an input as well."""
    try:
        return tomli_w.dumps(data).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError, ValueError, RecursionError):
        return repr(data).encode("utf-8", "surrogatepass")


@contextmanager
def room(folder: Path) -> Iterator[Check]:
    """A plan is made as `run --dry-run` makes it, and nothing may be left of that."""
    furnish(folder)
    path = folder / FILE
    path.touch()

    def check(case: bytes) -> bool:
        path.write_bytes(case)
        with unchanged(folder):
            return judge(command(["run", FILE, "--dry-run", "--no-compile-cache"]), place=FILE)

    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        stand_ins(patch)
        yield check
