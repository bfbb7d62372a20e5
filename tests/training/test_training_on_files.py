"""Training on images in files, from the folder to the readings."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.contracts import Network
from sweep.measures.accuracy import Accuracy
from sweep.settings.config import AccuracySettings
from sweep.types import CurvePoint, Point
from tests.support.image_files import plain, write_folder
from tests.support.short import Short
from tests.support.stripes import folder, settings
from tests.support.toys import point, quiet

pytestmark = pytest.mark.usefixtures("as_users_run_it")
NETWORK = Network(point(0.25, 224), Short())


def outcome(
    recipe: AccuracySettings, network: Network = NETWORK
) -> tuple[list[float], dict[str, float], Accuracy]:
    """(losses over the steps, readings by metric, the measure)."""
    measure = Accuracy(recipe)
    items: list[Any] = list(measure([network], quiet))
    losses = [item.loss for item in items if isinstance(item, CurvePoint)]
    readings = {item.metric.name: item.value for item in items if not isinstance(item, CurvePoint)}
    return losses, readings, measure


def seen(measure: Accuracy) -> Iterator[tuple[jax.Array, Any]]:
    """What the network gets to see in two epochs: images and labels, step by step."""
    side = round(NETWORK.point.rho * measure.source.base_resolution)
    feed, _ = measure.source.training(side)
    for step, (images, labels, indices) in enumerate(feed.calls(0, 2 * feed.steps_per_epoch)):
        key = jax.random.key(step)
        yield feed.augmented(jnp.asarray(images)[indices[0]], key), np.asarray(labels)[indices[0]]


def test_held_on_the_device_or_streamed_it_is_the_same_training(tmp_path):
    """The same images in the same order under the same symmetries. Not the same losses: the two
    are programs of their own, and what rounding they differ by grows in each step.
    """
    path = folder(tmp_path)
    held, streamed = Accuracy(settings(path)), Accuracy(settings(path, cache_mb=0))
    assert (held.source.streams, streamed.source.streams) == (False, True)
    assert held.threads == 1
    assert streamed.threads == 0  # one after the other: decoding wants the cores
    pairs = list(zip(seen(held), seen(streamed), strict=True))
    assert len(pairs) == 2 * 48 // 12
    for (images, labels), (others, other_labels) in pairs:
        np.testing.assert_allclose(images, others, rtol=1e-6)
        np.testing.assert_array_equal(labels, other_labels)
    for recipe in (held.settings, streamed.settings):
        _, readings, _ = outcome(recipe)
        # Chance is 1 in 3.
        assert readings["top1"] > 0.6
        assert readings["test_images"] == 18
        assert readings["left_out_images"] == 0


def test_images_that_are_enlarged_are_told_of(tmp_path):
    """They are 40 px high and as wide, or wider."""
    source = Accuracy(settings(folder(tmp_path, wider_by=30))).source
    assert source.enlarged([32, 40]) == ()
    assert source.enlarged([32, 48, 64]) == (
        "the images' shorter side is 40 px: at 48 and 64 px they are enlarged, and show no more",
    )
    measure = Accuracy(settings(tmp_path, base_resolution=48))
    assert source.enlarged([48])[0] in measure.describe([NETWORK])


@pytest.mark.parametrize("wider_by", [0, 8])
def test_random_crops_learn_too_on_the_device_and_streamed(tmp_path, wider_by):
    recipe = settings(folder(tmp_path, wider_by=wider_by), crop="resized", crop_area=(0.6, 1.0))
    losses, readings, measure = outcome(recipe)
    assert measure.source.streams == bool(wider_by)
    assert losses[-1] < losses[0]
    assert readings["top1"] > 0.5


def test_bad_images_are_left_out_of_training_and_evaluation_and_counted(tmp_path):
    path = folder(tmp_path)
    write_folder(
        path, {"train/low/bad.jpg": b"", "train/high/bad.png": b"x", "val/low/bad.png": b"y"}
    )
    for cache_mb in (0, 1024):
        recipe = settings(path, bad_images="skip", epochs=2, cache_mb=cache_mb)
        _, readings, _ = outcome(recipe)
        assert readings["left_out_images"] == 3
        assert readings["test_images"] == 18
    with pytest.raises(ValueError, match=r"bad\.(jpg|png): "):
        outcome(settings(path, epochs=2))


@pytest.mark.parametrize(("base", "side"), [(0, 24), (48, 10)])
def test_images_in_files_are_learned_as_deployed_unless_told_otherwise(tmp_path, base, side):
    # 24 px of 112 at rho = 1; of 48 that is 10.3.
    deployed = Network(Point("short", "separable", 0.25, 24 / 112, 24), Short())
    recipe = settings(folder(tmp_path), base_resolution=base, max_steps=2)
    losses, readings, measure = outcome(recipe, deployed)
    assert readings["trained_resolution"] == side
    assert measure.describe([deployed])[0].endswith(f"at {side} px")
    # It ends early, as it is told to; what it is evaluated on is whole.
    assert len(losses) == 1
    assert readings["test_images"] == 18
    whole = recipe.model_copy(update={"max_steps": 0})
    assert measure.identity() != Accuracy(whole).identity()


def test_a_plan_tells_the_data_and_what_can_not_be_learned(tmp_path):
    path = folder(tmp_path)
    write_folder(path, {"val/strange/1.png": plain(9)})
    measure = Accuracy(settings(path, max_steps=5))
    told = measure.describe([replace(NETWORK, num_classes=4)])
    # 18 images to evaluate on, and the stranger.
    assert "4 classes" in told[0]
    assert "19 to evaluate on" in told[0]
    assert told[1:3] == (
        "evaluated on, but never trained on: strange",
        "training ends after 5 steps (accuracy.max_steps): a look, no result",
    )
