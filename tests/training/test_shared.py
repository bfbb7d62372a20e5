"""A network inside another: what it computes, what it is trained by, and how far it is its own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from sweep.contracts import Network
from sweep.measures.shared_accuracy import SharedAccuracy
from sweep.settings.config import AccuracySettings
from sweep.training import shared
from sweep.training.calibration import calibrated, sub_network
from sweep.training.checkpointing import Checkpoint
from sweep.training.feeds import ResidentFeed, StreamFeed
from sweep.training.learner import Ready, module_of
from sweep.training.loop import train
from sweep.training.shared import Cell, Sandwich, make_ready
from sweep.types import CurvePoint, Reading
from tests.support.short import Short
from tests.support.stripes import folder
from tests.support.stripes import settings as of_files
from tests.support.toys import Brightness, point, quiet

pytestmark = pytest.mark.usefixtures("as_users_run_it")
FAMILY = Short()
WIDE, THIN = (Network(point(alpha), FAMILY) for alpha in (0.25, 0.125))
SIDES = (16, 12)
CLASSES = 8
RECIPE = AccuracySettings(
    dataset="tests.support.toys:Brightness",
    train_images=64,
    test_images=16,
    epochs=6,
    batch_size=16,
    learning_rate=0.02,
    dropout_rate=0.1,  # whose random numbers have to go on where they were, too
)
STEPS = 24


def sandwich(recipe: AccuracySettings = RECIPE, count: int = 1) -> Sandwich:
    feeds = {
        side: ResidentFeed(Brightness().load(side, train=64, test=16, seed=0).train, side, recipe)
        for side in SIDES
    }
    (first, *between), smallest = (
        [Cell(network, side, feeds[side]) for side in SIDES] for network in (WIDE, THIN)
    )
    return Sandwich(first, smallest, between, count, recipe.seed)


def made_ready(of: Sandwich, recipe: AccuracySettings) -> Ready:
    return make_ready(of, CLASSES, recipe, shared.compiled(of, CLASSES, recipe, quiet))


@cache
def compiled() -> Ready:
    """Ready once, for many trainings: each is given a copy of the start."""
    return made_ready(sandwich(), RECIPE)


def fresh(**changes: Any) -> Ready:
    ready = compiled()
    return replace(ready, state=jax.tree.map(jnp.copy, ready.state), **changes)


def randomised(network: Network, side: int) -> nnx.Module:
    """With scales and shifts that are not those that it starts with."""
    module = module_of(network, side, CLASSES, RECIPE)
    rng = np.random.default_rng(0)
    moved = jax.tree.map(
        lambda each: each + 0.1 * rng.normal(size=each.shape).astype(np.float32),
        nnx.state(module, (nnx.Param, nnx.BatchStat)),
    )
    nnx.update(module, jax.tree.map(abs, moved))
    return module


def answers(module: nnx.Module, images: jax.Array) -> jax.Array:
    """By the batch's own statistics, without dropout."""
    module.set_attributes(deterministic=True)
    graph, state = nnx.split(module)
    return jax.jit(lambda state, images: nnx.merge(graph, state)(images))(state, images)


def test_it_computes_what_the_larger_one_does_without_its_other_channels():
    """With a scale and a shift of 0 a channel is 0 after ReLU6, whatever comes into it."""
    whole = randomised(WIDE, 16)
    cut = sub_network(whole, THIN, 16, CLASSES, RECIPE)
    own: Any = nnx.state(cut, nnx.Param)["units"]
    silenced: Any = nnx.state(whole, nnx.Param)
    for name, unit in silenced["units"].items():
        width = own[name]["norm"]["scale"].shape[0]
        assert 0 < width < unit["norm"]["scale"].shape[0]
        for part in ("scale", "bias"):
            values = unit["norm"][part]
            values.set_value(values.get_value().at[width:].set(0))
    nnx.update(whole, silenced)
    images = jnp.asarray(np.random.default_rng(1).normal(size=(4, 16, 16, 3)), jnp.float32)
    np.testing.assert_allclose(answers(cut, images), answers(whole, images), rtol=2e-4, atol=2e-4)


def test_a_smaller_network_adds_to_its_own_channels_alone(monkeypatch):
    recipe = RECIPE.model_copy(
        update={
            "momentum": 0.0, "weight_decay": 0.0, "warmup_share": 0.0, "schedule": "exponential"
        }
    )  # fmt: skip
    of_both = replace(sandwich(recipe), smallest=sandwich(recipe).smallest[:1], between=())
    ready = made_ready(of_both, recipe)
    call = next(ready.feed.calls(0, 1))

    def step(*indices: int) -> list[np.ndarray]:
        """The parameters after a step of plain descent by these cells."""
        monkeypatch.setattr(Sandwich, "drawn", lambda self, step: indices)
        start = jax.tree.map(jnp.copy, ready.state)
        state, _ = ready.run_steps(start, *call, jax.random.key(0), 0)
        return list(map(np.array, jax.tree.leaves(ready.learner.params.unpack(state.params))))

    thin = jax.tree.leaves(nnx.state(module_of(THIN, 16, CLASSES, RECIPE), nnx.Param))
    kernels = 0
    for large, both, small in zip(step(0), step(0, 1), thin, strict=True):
        added, inside = both - large, tuple(slice(length) for length in small.shape)
        if small.ndim > 1:
            assert np.abs(added[inside]).max() > 0
            kernels += 1
        added[inside] = 0
        assert not added.any()
    assert kernels == 6


def test_a_step_s_networks_follow_from_the_seed_and_its_number():
    one, same = sandwich(count=1), sandwich(count=1)
    other = sandwich(RECIPE.model_copy(update={"seed": 1}))
    steps = [one.drawn(step) for step in range(200)]
    assert steps == [same.drawn(step) for step in range(200)]
    assert steps != [other.drawn(step) for step in range(200)]
    # The largest always, one of the two smallest, and the one that there is in between.
    assert set(steps) == {(0, 1, 3), (0, 2, 3)}
    assert 70 < sum(step == (0, 1, 3) for step in steps) < 130
    assert set(map(len, (sandwich(count=0).drawn(step) for step in range(9)))) == {2}
    assert set(map(len, (sandwich(count=5).drawn(step) for step in range(9)))) == {3}


def test_statistics_are_the_mean_of_the_batches_own():
    """Of the stem, whose inputs are the images: worked out in NumPy."""
    module = module_of(THIN, 12, CLASSES, RECIPE)
    stem: Any = module.units["conv_0"]  # type: ignore[attr-defined]
    kernel = np.asarray(stem.kernel.get_value(), np.float64)
    images = np.random.default_rng(2).normal(size=(3, 8, 12, 12, 3)).astype(np.float32)
    labels = np.zeros(8, np.int32)
    calibrated(module, [(each, labels) for each in images])
    # SAME at stride 2 on an even side: a column of zeros at the end alone.
    padded = np.pad(images.astype(np.float64), ((0, 0), (0, 0), (0, 1), (0, 1), (0, 0)))
    taps = [
        padded[:, :, row : row + 12 : 2, column : column + 12 : 2] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    ]
    maps = np.sum(taps, axis=0)
    means, variances = maps.mean((1, 2, 3)), maps.var((1, 2, 3))
    np.testing.assert_allclose(stem.norm.mean[...], means.mean(0), atol=1e-5)
    np.testing.assert_allclose(stem.norm.var[...], variances.mean(0), rtol=1e-4)


def test_an_image_that_is_none_makes_no_difference_to_statistics():
    images = np.random.default_rng(3).normal(size=(8, 12, 12, 3)).astype(np.float32)
    labels = np.zeros(8, np.int32)
    first, second = (module_of(THIN, 12, CLASSES, RECIPE) for _ in range(2))
    calibrated(first, [(np.concatenate([images[:4], images[:4]]), labels)])
    calibrated(second, [(images, np.where(np.arange(8) < 4, 0, -1)), (images, labels - 1)])
    one, two = (jax.tree.leaves(nnx.state(each, nnx.BatchStat)) for each in (first, second))
    for own, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(own, other)
    with pytest.raises(ValueError, match="none of the images to calibrate"):
        calibrated(module_of(THIN, 12, CLASSES, RECIPE), [(images, labels - 1)])


def ended(ready: Ready, file: Checkpoint | None = None) -> tuple[bytes, list[Any]]:
    """(the weights' bytes, the losses of the curve)."""
    steps, losses = train(ready, quiet, file), []
    while True:
        try:
            losses.append(next(steps).loss)
        except StopIteration as end:
            leaves = jax.tree.leaves(nnx.state(end.value, nnx.Param))
            return b"".join(np.asarray(leaf).tobytes() for leaf in leaves), losses


def until(stop: int, *arguments: Any) -> Any:
    if arguments[-1] == stop:
        raise KeyboardInterrupt
    return compiled().run_steps(*arguments)


def test_broken_off_it_goes_on_to_the_same_weights_bit_by_bit(tmp_path: Path):
    whole = ended(fresh())
    assert whole[1][-1] < whole[1][0]
    for number, broken_at in enumerate((1, 7, 20, 23)):
        file = tmp_path / f"{number}.ckpt"
        with pytest.raises(KeyboardInterrupt):
            ended(fresh(run_steps=partial(until, broken_at)), Checkpoint(file, {}, 1e9))
        again = Checkpoint(file, {}, 1e9)
        assert ended(fresh(), again) == whole
        assert again.went_on_at == broken_at


def test_images_in_files_are_streamed_at_the_largest_side_for_all(tmp_path):
    """Of two sizes, in random boxes: decoded for every batch. Stripes of three widths are told
    apart, at a size that is made smaller on the device, too.
    """
    recipe = of_files(
        folder(tmp_path, wider_by=8), source="shared", crop="resized", cache_mb=0, epochs=20,
        shared={"alpha": (0.25, 0.125), "rho": (1.0, 0.7143), "calibration_images": 24},
    )  # fmt: skip
    measure = SharedAccuracy(recipe)
    points = [Network(point(0.25, 224), FAMILY), Network(point(0.25, 160), FAMILY)]
    feeds = measure.source.shared_training([23, 32], recipe)
    assert feeds[23] is feeds[32]
    assert isinstance(feeds[32], StreamFeed)
    items: list[Any] = [*measure(points, quiet)]
    top1 = {each.point.resolution: each.value for each in items if named(each) == "top1"}
    assert top1.keys() == {224, 160}
    assert min(top1.values()) > 0.6
    # The curve is the largest network's, which is a point of the grid.
    assert {each.point for each in items if isinstance(each, CurvePoint)} == {points[0].point}


def named(item: Any) -> str:
    return item.metric.name if isinstance(item, Reading) else ""
