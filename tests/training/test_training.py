"""The training loop: it learns, repeats itself bit by bit, and counts every test image once."""

import math
from functools import cache, partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from sweep.measures.accuracy import Accuracy
from sweep.settings.config import AccuracySettings
from sweep.training import loop
from sweep.training.augment import turned_and_mirrored
from sweep.training.evaluation import evaluate
from sweep.training.evaluation_images import TestImages
from sweep.training.feeds import ResidentFeed
from sweep.training.learner import Waits, make_ready
from sweep.training.loop import TrainingError, train
from sweep.training.recipe import optimizer, schedule
from sweep.types import CurvePoint, Images
from tests.support.one_step import NETWORK, ONE_BATCH, apart, first_step, in_float64
from tests.support.short import LAYERS
from tests.support.toys import Brightness, quiet

pytestmark = pytest.mark.usefixtures("as_users_run_it")
RECIPE = AccuracySettings(
    dataset="tests.support.toys:Brightness",
    train_images=256,
    test_images=72,
    keep=False,
    epochs=12,
    batch_size=32,
    learning_rate=0.1,
    symmetry="square",
)


def outcome(settings: AccuracySettings) -> list:
    return list(Accuracy(settings)([NETWORK], quiet))


@pytest.fixture(scope="module")
def first() -> list:
    """What came of the recipe."""
    with jax.numpy_dtype_promotion("standard"):
        return outcome(RECIPE)


def test_it_learns_what_can_be_learnt_and_repeats_itself_bitwise(first):
    # Called otherwise on the page: the same training.
    second = outcome(RECIPE.model_copy(update={"title": "Bars"}))
    top1, top5, images, classes = (reading.value for reading in first[-6:-2])
    # Chance is 1 in 8; the bars differ so much that a few steps suffice.
    assert top1 > 0.5
    assert top5 >= top1
    assert images == 72
    assert classes == 8
    assert [item.value for item in first[-6:]] == [item.value for item in second[-6:]]
    conditions = {tuple(item.conditions.items()) for item in second[-5:]}
    assert [{name: of for name, of in each if of not in ("", None)} for each in conditions] == [
        {"dataset": "brightness", "precision": "float32", "seed": 0}
    ]
    losses = [item.loss for item in first if isinstance(item, CurvePoint)]
    assert losses == [item.loss for item in second if isinstance(item, CurvePoint)]
    assert losses[-1] < losses[0]


def test_the_network_trains_at_rho_times_the_data_sets_own_size(first):
    # rho = 128 / 224, the data set's base is 24: 13.7, so 14.
    assert first[-1].note.startswith("trained at 14 px;")


@cache
def exact() -> tuple[float, dict]:
    return in_float64(ONE_BATCH, batch())


def batch() -> Images:
    return Brightness().load(14, train=32, test=8, seed=0).train


# A map is rounded at each of 5 layers there and back. A rounding takes one number in 1 / epsilon
# over a kink of ReLU6, and its share of the gradient with it: these add up as the root of their
# number, to 1e-3 in float32, to a quarter in bfloat16. Another batch's gradient lies further than
# its own length.
ROUNDINGS = 2 * LAYERS


@pytest.mark.parametrize(
    ("change", "epsilon"),
    [
        ({"lowering": "shifted"}, 2**-23),
        ({"lowering": "grouped"}, 2**-23),
        ({"dtype": "bfloat16"}, 2**-7),
    ],
    ids=["shifted", "grouped", "bfloat16"],
)
def test_a_step_follows_float64s_gradient_whichever_lowering_and_dtype(change, epsilon):
    """A step, no training: at this rate each rounding goes a way of its own within twenty."""
    loss, gradient = first_step(ONE_BATCH.model_copy(update=change), batch())
    exact_loss, expected = exact()
    assert loss == pytest.approx(exact_loss, rel=ROUNDINGS * epsilon)
    assert apart(gradient, expected) < math.sqrt(ROUNDINGS * epsilon)


def test_two_steps_are_those_of_the_formulas_written_out():
    """Against a plain loop over the unpacked parameters: SGD with Nesterov momentum as Sutskever
    et al. 2013 have it in Optax's form, weight decay on kernels, running means as Ioffe & Szegedy.
    """
    recipe = RECIPE.model_copy(
        update={"epochs": 1, "train_images": 64, "symmetry": "none", "dropout_rate": 0.0}
    )
    splits = Brightness().load(14, train=64, test=8, seed=0)
    ready = make_ready(NETWORK, ResidentFeed(splits.train, 14, recipe), 8, recipe)
    plain = NETWORK.family.build(
        NETWORK.point, num_classes=8, resolution=14, seed=0, lowering=None,
        bn_momentum=recipe.bn_momentum, dropout_rate=0.0, dtype="float32",
    )  # fmt: skip
    trained = run_to_the_end(train(ready, quiet))

    order = np.random.default_rng(recipe.seed).permutation(64).reshape(2, 32)
    graph, params, rest = nnx.split(plain, nnx.Param, ...)
    decays = {path: NETWORK.family.decays(leaf) for path, leaf in nnx.to_flat_state(params)}
    velocity = jax.tree.map(jnp.zeros_like, params)
    rate = schedule(recipe, 2)

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def loss_of(params, rest, images, labels):
        module = nnx.merge(graph, params, rest, copy=True)
        scores = jax.nn.log_softmax(module(jnp.tile(images, (1, 1, 1, 3))))
        return -jnp.mean(scores[jnp.arange(32), labels]), nnx.split(module, nnx.Param, ...)[2]

    for step, batch in enumerate(order):
        arrays = splits.train.images[batch], splits.train.labels[batch]
        (_, rest), gradients = loss_of(params, rest, *arrays)
        flat = [dict(nnx.to_flat_state(each)) for each in (params, gradients, velocity)]
        for path, decay in decays.items():
            weight, gradient, moving = (each[path][...] for each in flat)
            gradient = gradient + recipe.weight_decay * decay * weight
            moving = recipe.momentum * moving + gradient
            moved = weight - float(rate(step)) * (gradient + recipe.momentum * moving)
            flat[0][path][...], flat[2][path][...] = moved, moving
        params, velocity = (nnx.from_flat_state(each) for each in (flat[0], flat[2]))
    expected = nnx.state(nnx.merge(graph, params, rest), (nnx.Param, nnx.BatchStat))
    found = nnx.state(trained, (nnx.Param, nnx.BatchStat))
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    for ours, theirs in pairs:
        largest = float(jnp.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * max(largest, 1e-2))


def run_to_the_end(training) -> nnx.Module:
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value


def test_a_loss_that_is_no_number_ends_the_training_with_words():
    broken = Brightness().load(14, train=64, test=8, seed=0)
    broken.train.images[:] = np.nan
    recipe = RECIPE.model_copy(update={"epochs": 1})
    with pytest.raises(TrainingError, match="the loss is nan after 2 of 2 steps"):
        list(train(make_ready(NETWORK, ResidentFeed(broken.train, 14, recipe), 8, recipe), quiet))


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1203])
def test_every_test_image_is_scored_exactly_once(count):
    class Sums(nnx.Module):
        """The class is written in the image's first pixel."""

        def __call__(self, images: jax.Array) -> jax.Array:
            return jax.nn.one_hot(images[:, 0, 0, 0].astype(jnp.int32), 10)

    labels = np.arange(count, dtype=np.int32) % 10
    images = np.zeros((count, 2, 2, 1), np.float32)
    images[:, 0, 0, 0] = np.where(np.arange(count) % 3 == 0, labels, (labels + 1) % 10)
    score = evaluate(Sums(), TestImages(Images(images, labels), 2, RECIPE))
    assert score.images == count
    assert score.top1 == len(range(0, count, 3))
    # By NumPy: of the ties at 0 a lower index comes first.
    answers = np.eye(10)[images[:, 0, 0, 0].astype(int)]
    best = np.argsort(-answers, axis=1, kind="stable")[:, :5]
    assert score.top5 == (best == labels[:, None]).any(axis=1).sum()


def test_the_schedule_warms_up_and_comes_down_to_zero():
    settings = AccuracySettings(epochs=1, learning_rate=0.4, warmup_share=0.1)
    rate = schedule(settings, 100)
    assert [float(rate(step)) for step in (0, 5, 10)] == pytest.approx([0.0, 0.2, 0.4])
    # Half-way down the cosine.
    assert float(rate(55)) == pytest.approx(0.2)
    assert float(rate(100)) == pytest.approx(0.0)


def test_the_exponential_schedule_goes_down_in_steps():
    settings = AccuracySettings(
        learning_rate=0.045, schedule="exponential", decay_rate=0.94, decay_epochs=2.5,
        warmup_share=0.0, epochs=10,
    )  # fmt: skip
    rate = schedule(settings, 4)
    # 2.5 epochs of four steps: ten steps at 0.045, ten at 0.045 * 0.94, then 0.045 * 0.8836.
    expected = [0.045, 0.045, 0.0423, 0.0423, 0.039762]
    assert [float(rate(step)) for step in (0, 9, 10, 19, 20)] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["sgd", "adamw", "rmsprop"])
def test_weight_decay_reaches_kernels_but_no_depthwise_filter_bias_or_batch_norm(name):
    module = NETWORK.family.build(
        NETWORK.point,
        num_classes=8,
        resolution=32,
        seed=0,
        lowering=None,
        bn_momentum=0.9,
        dropout_rate=0.0,
        dtype="float32",
    )
    params = nnx.state(module, nnx.Param)
    settings = AccuracySettings(optimizer=name, weight_decay=0.5)
    decays = jax.tree.map(
        NETWORK.family.decays, params, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
    )
    transformation = optimizer(settings, optax.constant_schedule(0.1), decays)
    # With no gradient, only what decays moves.
    nothing = jax.tree.map(jnp.zeros_like, params)
    updates, _ = transformation.update(nothing, transformation.init(params), params)
    moved = {
        "/".join(map(str, path)): bool(jnp.any(leaf[...] != 0))
        for path, leaf in nnx.to_flat_state(cast("nnx.State", updates))
    }
    assert {name for name, moves in moved.items() if moves} == {"classifier/kernel"} | {
        f"units/{unit}/kernel" for unit in ("conv_0", "pointwise_1", "pointwise_2")
    }


def test_augmentation_draws_all_eight_symmetries_evenly():
    image = np.arange(9, dtype=np.float32).reshape(3, 3)
    symmetries = {
        np.rot90(side, turns).tobytes() for side in (image, image.T) for turns in range(4)
    }
    batch = jnp.tile(jnp.asarray(image)[None, :, :, None], (4000, 1, 1, 1))
    drawn = np.asarray(turned_and_mirrored(batch, jax.random.key(0)))[..., 0]
    counts = dict.fromkeys(symmetries, 0)
    for each in drawn:
        counts[each.tobytes()] += 1
    assert len(counts) == 8
    # 500 each, standard deviation 21.
    assert all(400 < count < 600 for count in counts.values())


def test_how_long_images_were_waited_for_is_told(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock, waits = Clock(), Waits()
    monkeypatch.setattr(loop, "time", clock)

    def decoded():
        for number in range(3):
            clock.now += 2.0
            yield number

    for _ in loop.timed(decoded(), waits):  # type: ignore[arg-type] - any calls will do
        clock.now += 6.0
    waits.all_s = clock.now
    assert waits == Waits(images_s=6.0, all_s=24.0)
    assert waits.told == "waiting for images 25% of it"
    assert Waits(images_s=0.1, all_s=24.0).told == ""
