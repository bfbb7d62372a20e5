"""A training that begins with a trained network: what is copied, what moves, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from mnv1_flax import MobileNetV1, checkpoints
from mnv1_flax.convolution import Padding
from sweep.contracts import Artefact, Network, Trained
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures import trained_files
from sweep.measures.accuracy import Accuracy
from sweep.settings.config import AccuracySettings, SettingsError, parse
from sweep.training.checkpointing import Checkpoint
from sweep.training.feeds import ResidentFeed
from sweep.training.learner import Ready, make_ready
from sweep.training.loop import train
from sweep.training.recipe import schedule
from sweep.training.start import begun
from sweep.types import CurvePoint, Reading
from tests.support.networks import keras_logits, keras_mobilenet, keras_save
from tests.support.short import Short, ShortNetwork
from tests.support.toys import Brightness, Unsaved, point, quiet

pytestmark = pytest.mark.usefixtures("as_users_run_it")
NETWORK = Network(point(0.125, 128), Short())
SIDE, CLASSES = 14, 8  # of the images; the trained network has five classes
HEAD_STEPS, STEPS = 8, 24
RECIPE = AccuracySettings(
    dataset="tests.support.toys:Brightness",
    train_images=64,
    test_images=16,
    keep=False,
    epochs=6,
    head_epochs=2,
    head_rate=0.1,
    tuning_rate=0.02,
    batch_size=16,
    weight_decay=0.1,  # moves whatever it is let move
    dropout_rate=0.1,
    start="trained.safetensors",
)


def a_trained_network(
    seed: int = 1, network: type[MobileNetV1] = ShortNetwork, **other: Any
) -> Any:
    """With statistics far from 0 and 1, as training leaves them."""
    model = network(0.125, SIDE, 5, rngs=nnx.Rngs(seed), **other)
    rng = np.random.default_rng(seed)
    for path, variable in nnx.to_flat_state(nnx.state(model)):
        if path[-1] in ("mean", "bias", "scale", "var"):
            low = 0.5 if path[-1] in ("scale", "var") else -0.3
            variable.set_value(jnp.asarray(rng.uniform(low, 1.5, variable.shape), jnp.float32))
    model.eval()
    return model


def arrays(module: nnx.Module) -> dict[tuple[Any, ...], bytes]:
    found = nnx.to_flat_state(nnx.state(module, (nnx.Param, nnx.BatchStat)))
    return {path: np.asarray(variable.get_value()).tobytes() for path, variable in found}


def of_classifier(path: tuple[Any, ...]) -> bool:
    return path[0] == "classifier"


@cache
def ready(**changes: Any) -> Ready:
    recipe = RECIPE.model_copy(update=changes)
    return make_ready(NETWORK, feed(recipe), CLASSES, recipe, a_trained_network())


def feed(recipe: AccuracySettings = RECIPE, side: int = SIDE) -> ResidentFeed:
    return ResidentFeed(Brightness().load(side, train=64, test=16, seed=0).train, side, recipe)


def fresh(ready: Ready) -> Ready:
    return replace(ready, state=jax.tree.map(lambda leaf: leaf.copy(), ready.state))


def trained(ready: Ready, file: Checkpoint | None = None) -> tuple[dict, list[CurvePoint]]:
    """(the arrays at the end, the curve)."""
    steps, curve = train(fresh(ready), quiet, file), []
    while True:
        try:
            curve.append(next(steps))
        except StopIteration as ended:
            return arrays(ended.value), curve


# What is copied


@pytest.mark.parametrize(
    "other",
    [{}, {"padding": Padding.SYMMETRIC}, {"bn_epsilon": 0.1}, {"batch_norm": False}],
    ids=["batch norm", "another padding", "another epsilon", "folded batch norm"],
)
def test_before_the_first_step_its_features_are_the_trained_networks(other):
    theirs = a_trained_network(**other)
    ours: Any
    ours, classifier = begun(NETWORK, theirs, feed(), CLASSES, RECIPE)
    assert classifier == {("classifier", "kernel"), ("classifier", "bias")}
    ours.eval()
    # With the trained classifier in place of five of the new one's outputs, five logits are its.
    for part in ("kernel", "bias"):
        new = getattr(ours.classifier, part)
        new[..., :5] = getattr(theirs.classifier, part)[...]
    images = jax.random.uniform(jax.random.key(0), (4, SIDE, SIDE, 3), minval=-1)
    # Of a folded one the kernels and the batch norm are divided anew: up to rounding.
    np.testing.assert_allclose(ours(images)[:, :5], theirs(images), rtol=1e-4, atol=1e-5)


def test_the_classifier_is_new_even_where_there_are_as_many_classes():
    theirs = a_trained_network()
    ours, _ = begun(NETWORK, theirs, feed(), 5, RECIPE)
    mine, whose = arrays(ours), arrays(theirs)
    assert {path for path in mine if mine[path] != whose[path]} == {
        ("classifier", "kernel"), ("classifier", "bias"),
    }  # fmt: skip


def test_each_replicate_has_a_classifier_of_its_own():
    one, other = (
        arrays(begun(NETWORK, a_trained_network(), feed(), CLASSES, recipe)[0])
        for recipe in (RECIPE, RECIPE.model_copy(update={"seed": 1}))
    )
    assert {path for path in one if one[path] != other[path]} == {("classifier", "kernel")}


def test_a_network_of_another_width_is_refused_by_what_differs():
    wider = Network(point(0.25, 128), Short())
    with pytest.raises(
        ValueError, match=r"not that of 0\.25-128: units/conv_0/kernel: \[3, 3, 3, 4\]"
    ):
        begun(wider, a_trained_network(), feed(), CLASSES, RECIPE)


# What moves, and when


def test_in_the_head_phase_only_the_classifier_moves():
    before = arrays(begun(NETWORK, a_trained_network(), feed(), CLASSES, RECIPE)[0])
    after, _ = trained(ready(head_epochs=6))
    moved = {path for path in before if before[path] != after[path]}
    assert moved == {("classifier", "kernel"), ("classifier", "bias")}


def test_then_all_moves():
    before = arrays(begun(NETWORK, a_trained_network(), feed(), CLASSES, RECIPE)[0])
    after, _ = trained(ready())
    assert not {path for path in before if before[path] == after[path]}


def test_the_optimiser_begins_anew_with_the_second_phase():
    """As if what came of the first were the network to begin with: the only thing that is left of
    it is its weights.
    """
    recipe = RECIPE.model_copy(update={"dropout_rate": 0.0, "symmetry": "none"})
    both = ready(dropout_rate=0.0, symmetry="none")
    begins, key = fresh(both), jax.random.key(0)
    state: Any = begins.state
    calls = list(both.calls(0, STEPS))
    for step in range(HEAD_STEPS):
        state, _ = both.run_steps(state, *calls[step], key, step)
    rebuilt = both.learner.module(jax.tree.map(lambda leaf: leaf.copy(), state))
    rebuilt.eval()

    anew = make_ready(
        NETWORK,
        both.feed,
        CLASSES,
        recipe.model_copy(update={"head_epochs": 0, "epochs": 4}),
        rebuilt,
    )
    classifier = nnx.state(rebuilt.classifier)  # type: ignore[attr-defined]
    module = anew.learner.module(anew.state)
    nnx.update(module.classifier, classifier)  # type: ignore[attr-defined]
    params = anew.learner.params.pack(nnx.state(module, nnx.Param))
    other: Any = anew.state._replace(params=jax.tree.map(lambda leaf: leaf.copy(), params))
    for step in range(HEAD_STEPS, STEPS):
        state, _ = both.run_steps(state, *calls[step], key, step)
        other, _ = anew.run_steps(other, *calls[step], key, step - HEAD_STEPS)
    assert arrays(both.learner.module(state)) == arrays(anew.learner.module(other))


def test_each_phase_has_a_cosine_of_its_own():
    """Warm-up over a tenth, then half a cosine: by hand, for 10 and 20 steps."""
    recipe = RECIPE.model_copy(update={"epochs": 30, "head_epochs": 10})
    rates = [float(schedule(recipe, 1)(step)) for step in range(30)]
    head = [0.0] + [0.1 * (1 + math.cos(math.pi * n / 9)) / 2 for n in range(9)]
    rest = [0.0, 0.01] + [0.02 * (1 + math.cos(math.pi * n / 18)) / 2 for n in range(18)]
    np.testing.assert_allclose(rates, head + rest, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_broken_off_on_either_side_of_the_turn_it_ends_at_the_same_weights(optimizer, tmp_path):
    whole = ready(optimizer=optimizer)

    def until(stop: int) -> Any:
        def run_steps(*arguments: Any) -> Any:
            if arguments[-1] == stop:
                raise KeyboardInterrupt
            return whole.run_steps(*arguments)

        return run_steps

    def file() -> Checkpoint:
        return Checkpoint(tmp_path / "training.ckpt", {}, 1e9)

    for stop in (3, HEAD_STEPS, HEAD_STEPS + 1, 21):
        with pytest.raises(KeyboardInterrupt):
            trained(replace(whole, run_steps=until(stop)), file())
    last = file()
    weights, curve = trained(whole, last)
    expected, points = trained(whole)
    assert weights == expected
    assert [(each.step, each.loss, each.learning_rate) for each in curve] == [
        (each.step, each.loss, each.learning_rate) for each in points
    ]
    assert last.went_on_at == 21
    assert [each.step for each in curve] == [20, STEPS]


# Where it comes from


@pytest.fixture(scope="module")
def of_keras() -> keras.Model:
    return keras_mobilenet(0.25, 32, classes=5)


def in_keras(of_keras: keras.Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(keras.applications, "MobileNet", lambda **_: of_keras)
    monkeypatch.setattr("sweep.families.mobilenet_v1.KERAS_CHECKPOINTS", [(0.25, 32)])
    return "keras"


def in_a_zoo(of_keras: keras.Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    keras_save(of_keras, folder / "mobilenet_0.25_32.keras")
    return str(folder / "mobilenet_{alpha}_{resolution}.keras")


def kept(of_keras: keras.Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    model = checkpoints.from_keras(of_keras).model
    MobileNetV1Family().save_checkpoint(model, folder / "kept.safetensors", classes="abcde")
    return str(folder / "kept.safetensors")


@pytest.mark.parametrize("begins_with", [in_keras, in_a_zoo, kept])
def test_it_begins_with_what_keras_computes(begins_with, of_keras, tmp_path, monkeypatch):
    network = Network(point(0.25, 32), MobileNetV1Family())
    where = begins_with(of_keras, tmp_path, monkeypatch)
    theirs: Any = trained_files.load(where, network, 32).module
    ours: Any
    ours, _ = begun(network, theirs, feed(side=32), CLASSES, RECIPE)
    ours.eval()
    for part in ("kernel", "bias"):
        getattr(ours.classifier, part)[..., :5] = getattr(theirs.classifier, part)[...]
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(images)[:, :5], keras_logits(of_keras, images), atol=2e-3)


def test_a_file_of_another_alpha_is_refused_by_its_name(of_keras, tmp_path, monkeypatch):
    kept(of_keras, tmp_path, monkeypatch)
    wider = Network(point(0.5, 32), MobileNetV1Family())
    with pytest.raises(ValueError, match=r"kept\.safetensors: has alpha 0\.25, not 0\.5"):
        trained_files.load(str(tmp_path / "kept.safetensors"), wider, 32)


class Loads(Short):
    """Reads the short networks that `save_checkpoint` writes."""

    def load_checkpoint(
        self, path: Path, *, alpha: float | None, resolution: int | None, input_range: Any = None
    ) -> Trained:
        model, values = a_trained_network(), safetensors.numpy.load_file(path)
        state = nnx.to_flat_state(nnx.state(model))
        for key, variable in state:
            if (name := "/".join(map(str, key))) in values:
                variable.set_value(jnp.asarray(values[name]))
        return Trained(model, model.alpha, SIDE, 5)


def outcome(folder: Path, networks: Sequence[Network], **changes: Any) -> list[Any]:
    recipe = {"start": str(folder / "{alpha}.safetensors"), "keep": True} | changes
    measure = Accuracy(RECIPE.model_copy(update=recipe))
    measure.keep_in(folder / "unfinished")
    measure.check_points(networks)
    return list(measure(networks, quiet))


def test_a_point_without_a_file_says_so_and_another_is_trained_from_its_own(tmp_path):
    short = Network(point(0.125, 128), Loads())
    Loads().save_checkpoint(a_trained_network(), tmp_path / "0.125.safetensors", classes=())
    *items, artefact = outcome(tmp_path, [short], head_epochs=6)
    top1 = next(each for each in items if isinstance(each, Reading))
    assert f"begun with {tmp_path / '0.125.safetensors'}" in top1.note
    assert isinstance(artefact, Artefact)
    begins, ends = (
        safetensors.numpy.load_file(path)
        for path in (tmp_path / "0.125.safetensors", artefact.path)
    )
    changed = {name for name in begins if not np.array_equal(begins[name], ends[name])}
    assert changed == {"classifier/kernel", "classifier/bias"}
    with pytest.raises(FileNotFoundError, match=r"0\.25\.safetensors: there is no such checkpoint"):
        outcome(tmp_path, [replace(short, point=point(0.25, 128))])


def test_the_plan_says_what_each_begins_with(tmp_path):
    networks = [Network(point(alpha, 128), Loads()) for alpha in (0.125, 0.25)]
    (tmp_path / "0.125.safetensors").touch()
    start = str(tmp_path / "{alpha}.safetensors")
    told = "\n".join(Accuracy(RECIPE.model_copy(update={"start": start})).describe(networks))
    assert f"each begins with {start} (accuracy.start) and a new classifier" in told
    assert "trained alone for 2 of 6 epochs; 1 of 2 checkpoints are there; missing: " in told


def test_what_it_begins_with_belongs_to_each_point_and_to_nothing_without_it(tmp_path):
    file = tmp_path / "0.125.safetensors"
    start = str(tmp_path / "{alpha}.safetensors")
    measure = Accuracy(RECIPE.model_copy(update={"start": start}))
    absent = measure.identity_of(NETWORK)
    file.write_bytes(b"two")
    # sha256 of "two", by coreutils.
    digest = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
    assert measure.identity_of(NETWORK) == absent | {"start": digest}
    assert start not in str(measure.identity())
    without = Accuracy(RECIPE.model_copy(update={"start": ""}))
    assert without.identity_of(NETWORK) == {"side": 14}
    names = {"start", "head_epochs", "head_rate", "tuning_rate"}
    assert not names & without.identity().keys()
    assert names & measure.identity().keys() == names - {"start"}


# Mistakes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('source = "keras"\nstart = "keras"', 'start is for source = "train" alone'),
        ('start = "zoo/{width}.h5"', "start: {width} must be {alpha}, {resolution} or {kind}"),
        ('start = "keras"\nhead_epochs = 3', "head_epochs = 3: must be at most epochs = 2"),
    ],
)
def test_a_start_that_makes_no_sense_is_one_line(settings, message):
    with pytest.raises(SettingsError) as error:
        parse(f"[accuracy]\n{settings}\n", source="sweep.toml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_family_that_can_begin_with_none_is_told_beforehand():
    unsaved: Any = Unsaved()
    with pytest.raises(SettingsError, match="family unsaved has no build_like"):
        Accuracy(RECIPE).check_points([Network(point(), unsaved)])
