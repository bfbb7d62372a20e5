"""The Flax network against Keras's with the same weights, and against its own other forms."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

from mnv1_flax import Kind, MobileNetV1, compiled
from mnv1_flax.deployment import compiler_options
from mnv1_flax.normalisation import BatchNormReLU6

CLASSES = 10


def random_images(resolution: int, count: int = 2) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, resolution, resolution, 3)).astype(np.float32)


def compiled_logits(model: MobileNetV1, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    graph, state = nnx.split(model)
    return np.asarray(jax.jit(lambda s, x: nnx.merge(graph, s)(x))(state, images))


def assert_same_logits(
    found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], tolerance: float
) -> None:
    """Within `tolerance` of the largest logit, and no idle comparison: the images matter."""
    largest = np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > 0.01 * largest
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


# Keras


def randomise_keras(network: keras.Model) -> None:
    """Random kernels that keep the size of the maps, and statistics far from 0 and 1."""
    rng = np.random.default_rng(1)
    for layer in network.layers:
        shapes = [variable.shape for variable in layer.weights]
        values = []
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3
            [channels] = shapes[0]
            gamma, variance = rng.uniform(0.5, 1.5, channels), rng.uniform(0.5, 2.0, channels)
            beta, mean = rng.normal(0.3, 0.3, channels), rng.normal(0.0, 0.3, channels)
            values = [gamma, beta, mean, variance]
        elif shapes:
            height, width, channels_in, _ = shapes[0]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = height * width * (1 if depthwise else channels_in)
            kernel = rng.normal(0.0, np.sqrt(2 / fan_in), shapes[0])
            values = [kernel, *(rng.normal(size=shape) for shape in shapes[1:])]
        # Not set_weights: it and get_weights warn under NumPy 2 (__array__ without `copy`).
        for variable, value in zip(layer.weights, values, strict=True):
            variable.assign(jnp.asarray(value, jnp.float32))


def keras_names(ours: str) -> tuple[str, str]:
    """(convolution, batch norm) in Keras for the name of one of our layers."""
    kind, number = ours.split("_")
    if kind == "conv":
        return "conv1", "conv1_bn"
    name = {"depthwise": "conv_dw", "pointwise": "conv_pw"}[kind] + f"_{number}"
    return name, f"{name}_bn"


def copy_from_keras(network: keras.Model, model: MobileNetV1) -> None:
    """Every weight of Keras's network into ours. Depthwise [3,3,C,1] -> [3,3,C]; pointwise and
    classifier [1,1,M,N] -> [M,N].
    """
    left = {layer.name for layer in network.layers if layer.weights}

    def weights(name: str) -> list[jax.Array]:
        left.remove(name)
        return [variable.value for variable in network.get_layer(name).weights]

    for ours, unit in model.units.items():
        convolution, norm = keras_names(ours)
        [kernel] = weights(convolution)
        if ours.startswith("depthwise"):
            kernel = kernel[..., 0]
        elif ours.startswith("pointwise"):
            kernel = kernel[0, 0]
        assert unit.kernel.shape == kernel.shape
        unit.kernel[...] = kernel
        gamma, beta, mean, variance = weights(norm)
        assert isinstance(unit.norm, BatchNormReLU6)
        unit.norm.scale[...], unit.norm.bias[...] = gamma, beta
        unit.norm.mean[...], unit.norm.var[...] = mean, variance
    kernel, bias = weights("conv_preds")
    assert model.classifier.bias is not None
    model.classifier.kernel[...], model.classifier.bias[...] = kernel[0, 0], bias
    assert not left


@pytest.mark.parametrize(("alpha", "resolution"), [(1.0, 224), (0.25, 128), (0.75, 160), (0.5, 96)])
def test_same_weights_give_the_logits_of_keras(alpha, resolution, monkeypatch):
    # Its own random start is overwritten below, and takes longer to compile than all the rest.
    zeros = keras.initializers.Zeros.__call__
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
    mobilenet: Any = keras.applications.MobileNet
    network = mobilenet(
        input_shape=(resolution, resolution, 3),
        alpha=alpha,
        weights=None,
        classifier_activation=None,
    )
    randomise_keras(network)
    model = MobileNetV1(alpha, resolution, 1000, rngs=nnx.Rngs(0))
    copy_from_keras(network, model)
    model.eval()

    images = random_images(resolution)
    of_keras = jax.jit(network.stateless_call, static_argnames="training")
    values = [[each.value for each in network.trainable_variables]]
    values += [[each.value for each in network.non_trainable_variables]]
    expected, _ = of_keras(*values, images, training=False)

    assert_same_logits(compiled_logits(model, images), expected, 1e-4)
    assert_same_logits(compiled_logits(model.folded(), images), expected, 1e-4)


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
        assert isinstance(unit.norm, BatchNormReLU6)
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


def test_gradients_of_the_whole_network_are_autodiffs_of_the_grouped_convolution():
    # In float64: in float32 a rounding moves numbers over the kinks of ReLU6.
    found = []
    with jax.enable_x64(True):
        images = jnp.asarray(random_images(33, count=3), jnp.float64)
        for lowering in ("shifted", "grouped"):
            model = MobileNetV1(
                0.25, 33, CLASSES, "shallow", dropout_rate=0, lowering=lowering, rngs=nnx.Rngs(0)
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


def as_float64(leaf: Any) -> Any:
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


@pytest.mark.parametrize("lowering", ["shifted", "grouped"])
def test_in_bfloat16_maps_are_rounded_but_statistics_are_not(lowering, randomise):
    images = jnp.asarray(random_images(64, count=4))
    logits, means = [], []
    for dtype in (None, "bfloat16"):
        model = MobileNetV1(
            0.25, 64, CLASSES, dropout_rate=0, lowering=lowering, dtype=dtype, rngs=nnx.Rngs(0)
        )
        model(images)  # moves the running statistics by the batch's
        norm = model.units["conv_0"].norm
        assert isinstance(norm, BatchNormReLU6)
        means.append(norm.mean[...])
        randomise(model)
        model.eval()
        logits.append(np.asarray(model(images)))
    assert logits[1].dtype == means[1].dtype == np.float32
    # bfloat16 has 8 significant bits: each rounding is 2 ** -9 at most, each layer makes one.
    largest = np.abs(logits[0]).max()
    assert 1e-5 * largest < np.abs(logits[1] - logits[0]).max() < 28 * 2**-9 * largest
    np.testing.assert_allclose(means[1], means[0], atol=2**-8 * float(np.abs(means[0]).max()))


def test_the_compiled_program_with_its_weights_inside_gives_the_networks_logits(randomise):
    model = MobileNetV1(0.25, 64, CLASSES, rngs=nnx.Rngs(0))
    randomise(model)
    model.eval()
    images = random_images(64)
    program = compiled(model.folded(), batch=2)
    assert_same_logits(np.asarray(program(images)), compiled_logits(model, images), 1e-5)


def test_small_networks_get_options_on_a_cpu_only():
    assert compiler_options(10_000_000, "cpu")
    assert not compiler_options(10_000_000, "gpu")
    assert not compiler_options(600_000_000, "cpu")
