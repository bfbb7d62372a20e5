"""The Flax network against hand arithmetic and its own other forms.

Against Keras's and PyTorch's networks with the same weights: `test_checkpoints_*.py`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

from mnv1_flax import Kind, MobileNetV1, compiled
from mnv1_flax.deployment import compiler_options
from mnv1_flax.normalisation import BatchNormReLU
from tests.support.networks import as_float64, assert_same_logits, compiled_logits, random_images
from tests.support.short import LAYERS, ShortNetwork

CLASSES = 10


# Counts and shapes of the module itself


def size(state: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(state))


def test_the_module_holds_the_parameters_of_hand_arithmetic(exact):
    abstract = nnx.eval_shape(
        lambda: MobileNetV1(
            exact.alpha, exact.resolution, exact.classes, exact.kind, rngs=nnx.Rngs(0)
        )
    )
    units = abstract.units.values()
    kernels = [unit.kernel for unit in units] + [abstract.classifier.kernel]
    assert size(nnx.state(abstract, nnx.Param)) == exact.trainable_params
    assert sum(kernel.size for kernel in kernels) == exact.weights
    both = nnx.state(abstract, (nnx.Param, nnx.BatchStat))
    assert size(both) == exact.params_with_bn_statistics


@pytest.mark.parametrize(
    ("kind", "resolution", "last_map"),
    [
        # 33, 17, 9, 5, 3, 2; 97, 49, 25, 13, 7, 4; 225, 113, 57, 29, 15, 8: halved, rounding up.
        ("separable", 33, 2),
        ("separable", 97, 4),
        ("separable", 225, 8),
        ("standard", 33, 2),
        ("shallow", 1, 1),
    ],
)
def test_odd_resolutions(kind, resolution, last_map):
    def run() -> tuple[jax.Array, jax.Array]:
        model = MobileNetV1(0.25, resolution, CLASSES, kind, rngs=nnx.Rngs(0))
        x = images = jnp.zeros((2, resolution, resolution, 3))
        for unit in model.units.values():
            x = unit(x)
        return x, model(images)

    maps, logits = jax.eval_shape(run)
    assert maps.shape == (2, last_map, last_map, 256)
    assert logits.shape == (2, CLASSES)


def test_tiny_alpha_leaves_one_channel_and_still_runs():
    model = MobileNetV1(0.01, 33, CLASSES, rngs=nnx.Rngs(0))
    # int(0.01 * c): 0 up to 64 channels, so 1; then 1, 2, 5, 10.
    widths = [model.units[f"pointwise_{i}"].kernel.shape[1] for i in (1, 2, 4, 6, 13)]
    assert widths == [1, 1, 2, 5, 10]
    model.eval()
    logits = compiled_logits(model, random_images(33))
    assert logits.shape == (2, CLASSES)
    assert np.isfinite(logits).all()


# Forms and modes


@pytest.mark.parametrize("kind", list(Kind))
def test_folded_gives_the_same_logits(kind, randomise):
    model = MobileNetV1(0.25, 65, CLASSES, kind, rngs=nnx.Rngs(0))
    randomise(model)
    model.eval()
    folded = model.folded()
    images = random_images(65)
    assert_same_logits(compiled_logits(folded, images), compiled_logits(model, images), 1e-5)
    assert not jax.tree.leaves(nnx.state(folded, nnx.BatchStat))
    with pytest.raises(ValueError, match="no batch norm to fold"):
        folded.folded()


def test_lowerings_give_the_same_logits(randomise):
    def logits(lowering: str) -> npt.NDArray[np.float32]:
        model = MobileNetV1(0.25, 65, CLASSES, "shallow", lowering=lowering, rngs=nnx.Rngs(0))
        randomise(model)
        model.eval()
        return compiled_logits(model, random_images(65))

    assert_same_logits(logits("shifted"), logits("grouped"), 1e-5)


def test_training_moves_the_statistics_and_evaluation_does_not():
    model = MobileNetV1(0.25, 33, CLASSES, "shallow", rngs=nnx.Rngs(0))

    def statistics() -> list[npt.NDArray[np.float32]]:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(model, nnx.BatchStat))]

    run = nnx.jit(lambda model, images: model(images))
    images = jnp.asarray(random_images(33))
    at_first = statistics()
    model.eval()
    run(model, images)
    after_evaluation = statistics()
    model.train()
    run(model, images)
    after_training = statistics()
    assert len(at_first) == 2 * 17  # a mean and a variance behind each of 17 convolutions
    for first, evaluated, trained in zip(at_first, after_evaluation, after_training, strict=True):
        np.testing.assert_array_equal(first, evaluated)
        assert not np.array_equal(first, trained)


def test_settings_reach_the_layers():
    model = MobileNetV1(
        0.25, 32, CLASSES, dropout_rate=0.3, bn_momentum=0.8, bn_epsilon=1e-5, rngs=nnx.Rngs(0)
    )
    assert model.dropout.rate == 0.3
    for unit in model.units.values():
        assert isinstance(unit.norm, BatchNormReLU)
        assert (unit.norm.momentum, unit.norm.epsilon) == (0.8, 1e-5)


@pytest.mark.parametrize("shape", [(2, 32, 33, 3), (2, 64, 64, 3), (2, 32, 32, 1), (32, 32, 3)])
def test_images_of_the_wrong_shape_are_an_error(shape):
    model = MobileNetV1(0.25, 32, CLASSES, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"images \(.*\): must be \(N, 32, 32, 3\)"):
        model(jnp.zeros(shape))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0}, "alpha = 0.0: must be a finite number above 0"),
        ({"resolution": 0}, "resolution = 0: must be at least 1"),
        ({"num_classes": 0}, "num_classes = 0: must be at least 1"),
        ({"kind": "deep"}, "kind = 'deep': must be one of separable, standard, shallow"),
        ({"lowering": "fft"}, "lowering = 'fft': must be one of shifted, grouped"),
    ],
)
def test_errors_name_the_value_and_what_is_allowed(settings, message):
    with pytest.raises(ValueError, match=message):
        MobileNetV1(**{"alpha": 0.25, "resolution": 32, **settings}, rngs=nnx.Rngs(0))


# Other dtypes, other lowerings, the compiled form


def squared_logits_and_gradients(model: MobileNetV1, images: jax.Array) -> tuple[Any, Any]:
    """The mean square of the logits in training mode, and its gradient by every parameter."""
    graph, params, rest = nnx.split(model, nnx.Param, ...)

    @jax.jit
    @jax.value_and_grad
    def of(params: Any) -> jax.Array:
        return jnp.mean(nnx.merge(graph, params, rest, copy=True)(images) ** 2)

    return of(params)


def test_gradients_of_all_layers_together_are_autodiffs_of_the_grouped_convolution():
    # In float64: in float32 a rounding moves numbers over the kinks of ReLU6.
    found = []
    with jax.enable_x64(True):
        images = jnp.asarray(random_images(33, count=3), jnp.float64)
        for lowering in ("shifted", "grouped"):
            model = ShortNetwork(
                0.25, 33, CLASSES, dropout_rate=0, lowering=lowering, rngs=nnx.Rngs(0)
            )
            nnx.update(model, jax.tree.map(as_float64, nnx.state(model)))
            found.append(squared_logits_and_gradients(model, images))
    (ours, our_gradients), (theirs, their_gradients) = found
    assert ours.dtype == np.float64
    assert float(ours) == pytest.approx(float(theirs), rel=1e-9)
    pairs = zip(jax.tree.leaves(our_gradients), jax.tree.leaves(their_gradients), strict=True)
    for mine, autodiff in pairs:
        largest = float(np.abs(autodiff).max())
        assert largest > 0
        np.testing.assert_allclose(mine, autodiff, rtol=0, atol=1e-9 * largest)


@pytest.mark.parametrize("lowering", ["shifted", "grouped"])
def test_in_bfloat16_maps_are_rounded_but_statistics_are_not(lowering, randomise):
    images = random_images(64, count=4)
    logits, means = [], []
    for dtype in (None, "bfloat16"):
        model = ShortNetwork(
            0.25, 64, CLASSES, dropout_rate=0, lowering=lowering, dtype=dtype, rngs=nnx.Rngs(0)
        )
        compiled_logits(model, images)  # moves the running statistics by the batch's
        norm = model.units["conv_0"].norm
        assert isinstance(norm, BatchNormReLU)
        means.append(norm.mean[...])
        randomise(model)
        model.eval()
        logits.append(compiled_logits(model, images))
    assert logits[1].dtype == means[1].dtype == np.float32
    # bfloat16 has 8 significant bits: each rounding is 2 ** -9 at most, each layer makes one.
    largest = np.abs(logits[0]).max()
    difference = np.abs(logits[1] - logits[0]).max()
    assert 1e-5 * largest < difference < (LAYERS + 1) * 2**-9 * largest
    np.testing.assert_allclose(means[1], means[0], atol=2**-8 * float(np.abs(means[0]).max()))


def test_the_compiled_program_with_its_weights_inside_gives_the_networks_logits(randomise):
    model = MobileNetV1(0.25, 64, CLASSES, rngs=nnx.Rngs(0))
    randomise(model)
    model.eval()
    images = random_images(64)
    program = compiled(model.folded(), batch=2)
    assert_same_logits(np.asarray(program(images)), compiled_logits(model, images), 1e-5)


def test_options_are_by_size_and_threads_on_a_cpu_and_none_elsewhere():
    small, large = (compiler_options(each, "cpu", 2) for each in (10_000_000, 600_000_000))
    assert small != large
    assert small == compiler_options(600_000_000, "cpu", 1)
    assert not any("REDUCE" in str(each) for each in (*small.values(), *large.values()))
    assert compiler_options(10_000_000, "gpu") == {}
