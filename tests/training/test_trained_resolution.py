"""At which side a network is trained and scored, and how the table of points tells it."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from flax import nnx

from sweep.contracts import Trained
from sweep.results.load import load
from sweep.results.points import derive
from sweep.results.store import Store
from sweep.running.evaluate import evaluate_checkpoint
from sweep.running.plan import make_plan
from sweep.settings.config import AccuracySettings, SettingsError, parse
from sweep.training.sources import ImageSource
from tests.support import fake_results
from tests.support.commands import OF_FIRST_VERSION
from tests.support.runs import MACHINE
from tests.support.toys import point, quiet

KEY = ("separable", 0.25, 128)


def archive(path: Path) -> Path:
    """Ten images of 10 pixels a side."""
    labels = np.arange(10) % 2
    np.savez(path, image=np.zeros((10, 10, 10), np.uint8), label=labels)
    return path


@pytest.mark.parametrize(
    ("base", "resolution", "side"),
    [(0, 192, 192), (0, 96, 96), (32, 224, 32), (32, 192, 27), (32, 128, 18), (224, 160, 160)],
)
def test_images_in_files_are_as_large_as_the_deployed_networks(tmp_path, base, resolution, side):
    path = archive(tmp_path / "a.npz")
    settings = AccuracySettings(
        dataset="numpy",
        data={"path": str(path), "image_key": "image", "label_key": "label"},
        base_resolution=base,
    )
    assert ImageSource(settings).side(point(0.25, resolution)) == side


@pytest.mark.parametrize(
    ("base", "resolution", "side"), [(0, 224, 32), (0, 192, 27), (0, 128, 18), (48, 128, 27)]
)
def test_a_data_set_that_draws_its_images_has_a_size_of_its_own(base, resolution, side):
    settings = AccuracySettings(base_resolution=base)  # the proxy, of 32 pixels
    assert ImageSource(settings).side(point(0.25, resolution)) == side


def planned(tmp_path: Path, *changes: str):
    settings = parse("", source="test", changes=changes)
    return make_plan(settings, Store(tmp_path / "nowhere"), MACHINE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        # 32 / 224 * 32 = 4.6 and 48 / 224 * 32 = 6.9; 56 / 224 * 32 is 8.
        (("grid.resolution=[224, 56, 32]",), ("1.0-32, 0.75-32, 0.5-32 and 1 more", "5 px", "32")),
        (("grid.resolution=[48, 32]", "grid.alpha=[0.5]"), ("0.5-48 and 0.5-32", "5 and 7 px")),
        (("grid.rho=[0.2]", "grid.alpha=[0.5]"), ("0.5-45", "6 px")),
        (
            ('grid.extra=[{alpha=0.25, resolution=40, measures=["accuracy"]}]',),
            ("0.25-40 would be", "6 px"),
        ),
        (
            ("grid.alpha=[0.5]", "grid.resolution=[224]", "accuracy.base_resolution=7"),
            ("0.5-224", "7 px", "accuracy.base_resolution"),
        ),
    ],
)
def test_a_side_below_8_is_refused_before_anything_is_run(tmp_path, changes, told):
    with pytest.raises(SettingsError) as refused:
        planned(tmp_path, *changes)
    message = str(refused.value)
    assert "\n" not in message
    assert all(each in message for each in (*told, "at least 8", "grid.base_resolution"))


def test_a_side_of_8_is_not_refused(tmp_path):
    assert planned(tmp_path, "grid.resolution=[56]").points


def test_points_that_are_not_trained_have_no_such_side(tmp_path):
    assert planned(tmp_path, "grid.resolution=[32]", 'measures=["cost"]', "grid.extra=[]").points


def test_a_checkpoint_is_not_evaluated_below_8_either():
    class Loading:
        def load_checkpoint(self, path, *, alpha, resolution):
            return Trained(nnx.Module(), 0.25, resolution, 10)

    with pytest.raises(
        SettingsError, match=r"a\.h5: would be evaluated at 7 px, must be at least 8"
    ):
        evaluate_checkpoint(
            cast("Any", Loading()), Path("a.h5"), ImageSource(AccuracySettings()),
            alpha=None, resolution=7, background=False, progress=quiet,
        )  # fmt: skip


def sides(**readings: dict) -> Any:
    more = [
        fake_results.reading(KEY, metric, measure="accuracy", dataset="mine", **each)
        for metric, each in readings.items()
    ]
    without = ("top1", "top5", "test_images")
    return fake_results.results(points=[KEY], without=without, more=more).points[
        "trained_resolution"
    ]


def test_points_parquet_has_the_side_that_an_accuracy_is_of():
    found = sides(top1={"value": 0.5}, trained_resolution={"value": 18})
    assert found.dtype == "Int64"
    assert found.tolist() == [18]
    # Before there was such a reading, the accuracy's note said it.
    assert sides(top1={"value": 0.5, "note": "trained at 18 px; 3 s"}).tolist() == [18]
    assert sides(top1={"value": 0.5, "note": "zoo/a.h5 at 128 px"}).isna().all()
    assert (
        sides(top1={"value": None, "reason": "no image"}, trained_resolution={"value": 18})
        .isna()
        .all()
    )


@pytest.mark.parametrize("name", OF_FIRST_VERSION)
def test_results_of_before_tell_it_too(name):
    points = derive(load(OF_FIRST_VERSION[name]).readings)
    known = points.loc[points["top1"].notna()]
    expected = {"default": {224: 32, 192: 27, 160: 23, 128: 18}, "cifar10": {32: 32, 24: 24}}
    assert known["trained_resolution"].tolist() == [
        expected[name][side] for side in known["resolution"]
    ]
    assert points.loc[points["top1"].isna(), "trained_resolution"].isna().all()
