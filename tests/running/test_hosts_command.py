"""`run --hosts 2` and `join`, as they are typed: what comes out is one host's."""

from __future__ import annotations

from typing import Any

import pytest

from sweep.results.load import Results, load
from sweep.running.hosts import KEY, free_port
from tests.support import stripes
from tests.support.commands import sweep
from tests.support.hosts import SECRET, joined

STRIPES = """
family = "tests.support.short:Short"
measures = ["accuracy"]
[grid]
alpha = [0.25]
resolution = [32]
base_resolution = 32
[accuracy]
dataset = "imagefolder"
data = {{ path = "{path}" }}
base_resolution = 32
epochs = 4
batch_size = 12
learning_rate = 0.1
crop = "resized"
symmetry = "mirror"
bad_images = "skip"
cache_mb = {cache}
threads = 0
"""


@pytest.fixture(scope="module", params=["streamed", "in memory"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """The results of one host, and of two. One image of those to train on, and two of those to
    evaluate on, can't be read.
    """
    folder = tmp_path_factory.mktemp("stripes")
    images = stripes.folder(folder / "images", wider_by=4 * (request.param == "streamed"))
    for name in ("train/low/03.png", "val/low/00.png", "val/high/05.png"):
        (images / name).write_bytes(b"no image")
    (folder / "it.toml").write_text(STRIPES.format(path=images, cache=100))
    address = f"127.0.0.1:{free_port()}"
    hosts = ("--hosts", "2", "--on", f"local://{address}")
    one = sweep("run", "it.toml", "--results", "one", folder=folder)
    with joined(address) as others:
        two = sweep("run", "it.toml", "--results", "two", *hosts, folder=folder, **{KEY: SECRET})
        told, _ = others[0].communicate(timeout=60)
    assert (one.returncode, two.returncode, others[0].returncode) == (0, 0, 0), two.stderr
    assert f"on the other host: python -m sweep join {address}" in two.stdout
    assert "the run is over" in told
    return [load(folder / each / "default") for each in ("one", "two")]


def readings(results: Results) -> dict[str, Any]:
    """By column, then metric."""
    return results.readings.set_index("metric").to_dict()


def test_two_hosts_evaluate_each_image_once_and_count_the_bad_ones_of_both(both):
    for each in map(readings, both):
        assert each["value"]["test_images"] == 18 - 2
        assert each["value"]["left_out_images"] == 3


def test_what_a_reading_is_of_does_not_change_with_the_hosts(both):
    one, two = map(readings, both)
    assert one["settings_hash"] == two["settings_hash"]
    assert "on 2 devices of 2 hosts" in two["note"]["top1"]
    assert "devices" not in one["note"]["top1"]


def test_two_hosts_learn_what_one_learns(both):
    one, two = (each.training.sort_values("step")["loss"].to_numpy() for each in both)
    assert two == pytest.approx(one, rel=0.05)
