"""What tests of whole networks share: images, logits, and how close is the same."""

import warnings
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx
from keras.src.legacy.saving import legacy_h5_format

from mnv1_flax import MobileNetV1
from mnv1_flax.checkpoints import save
from mnv1_flax.normalisation import BatchNormReLU

# Compiled once for all networks of the same arguments.
_run = nnx.jit(lambda model, images: model(images))


def randomise(model: MobileNetV1) -> None:
    """Moves batch norm and biases far from their starting values, so that a mix-up shows.

    The variances are about those of the convolutions' outputs, so that an image still matters.
    """
    rng = np.random.default_rng(1)
    for unit in model.units.values():
        assert isinstance(unit.norm, BatchNormReLU)
        channels = unit.norm.mean.shape
        unit.norm.scale[...] = jnp.asarray(rng.uniform(0.5, 1.5, channels), jnp.float32)
        unit.norm.bias[...] = jnp.asarray(rng.normal(0.3, 0.3, channels), jnp.float32)
        unit.norm.mean[...] = jnp.asarray(rng.normal(0.0, 0.3, channels), jnp.float32)
        unit.norm.var[...] = jnp.asarray(rng.uniform(0.04, 0.16, channels), jnp.float32)
    assert model.classifier.bias is not None
    biases = rng.normal(size=model.num_classes)
    model.classifier.bias[...] = jnp.asarray(biases, jnp.float32)


def randomised(alpha: float = 0.25, resolution: int = 64, **others: Any) -> MobileNetV1:
    """A network of such values, in evaluation."""
    model = MobileNetV1(alpha, resolution, rngs=nnx.Rngs(0), **others)
    randomise(model)
    model.eval()
    return model


def random_images(resolution: int, count: int = 2) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, resolution, resolution, 3)).astype(np.float32)


def compiled_logits(model: MobileNetV1, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(_run(model, jnp.asarray(images)))


def as_float64(leaf: Any) -> Any:
    """A leaf of a network's state; random keys stay."""
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def assert_same_logits(
    found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], tolerance: float
) -> None:
    """Within `tolerance` of the largest logit, and no idle comparison: the images matter."""
    largest = np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > 0.01 * largest
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


def save_constant(logits: list[float], file: Path) -> Path:
    """A 0.25-32 checkpoint of ours, written there, whose outputs are `logits` for every image."""
    model = MobileNetV1(0.25, 32, len(logits), "separable", rngs=nnx.Rngs(0))
    state: Any = nnx.state(model)
    classifier = state["classifier"]
    classifier["kernel"][...] = jnp.zeros_like(classifier["kernel"][...])
    classifier["bias"][...] = jnp.asarray(logits, jnp.float32)
    nnx.update(model, state)
    model.eval()
    save(model, file)
    return file


def keras_mobilenet(
    alpha: float, resolution: int, classes: int = 1000, **others: Any
) -> keras.Model:
    """Keras's own network, logits out, with random weights and statistics far from 0 and 1."""
    mobilenet: Any = keras.applications.MobileNet
    # Its own random start is overwritten below, and takes longer to compile than all the rest.
    zeros = keras.initializers.Zeros.__call__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
        network = mobilenet(
            input_shape=(resolution, resolution, 3),
            alpha=alpha,
            weights=None,
            classes=classes,
            classifier_activation=None,
            **others,
        )
    randomise_keras(network)
    return network


def keras_save(network: keras.Model, file: Path) -> Path:
    """Writes a `.keras`, `.weights.h5` or whole `.h5` file, or legacy weights alone where the name
    ends in "_tf.h5", as that of the published ones does.
    """
    with warnings.catch_warnings():
        # Keras's own, under NumPy 2: its variables have __array__ without `copy`.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        if file.name.endswith("_tf.h5"):
            with h5py.File(file, "w") as root:
                legacy_h5_format.save_weights_to_hdf5_group(root, network)
        elif file.name.endswith(".weights.h5"):
            network.save_weights(file)
        else:
            network.save(file)
    return file


def all_layers(network: keras.Model) -> Iterator[Any]:
    """Those of models inside, too."""
    for layer in network.layers:
        yield from all_layers(layer) if isinstance(layer, keras.Model) else (layer,)


def randomise_keras(network: keras.Model) -> None:
    """Random kernels that keep the size of the maps, and statistics far from 0 and 1."""
    rng = np.random.default_rng(1)
    for layer in all_layers(network):
        shapes = [variable.shape for variable in layer.weights]
        values = []
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3
            [channels] = shapes[0]
            gamma, variance = rng.uniform(0.5, 1.5, channels), rng.uniform(0.5, 2.0, channels)
            beta, mean = rng.normal(0.3, 0.3, channels), rng.normal(0.0, 0.3, channels)
            values = [gamma, beta, mean, variance]
        elif shapes:
            *window, channels_in, _ = shapes[0]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = prod(window) * (1 if depthwise else channels_in)
            kernel = rng.normal(0.0, np.sqrt(2 / fan_in), shapes[0])
            values = [kernel, *(rng.normal(size=shape) for shape in shapes[1:])]
        # Not set_weights: it and get_weights warn under NumPy 2 (__array__ without `copy`).
        for variable, value in zip(layer.weights, values, strict=True):
            variable.assign(jnp.asarray(value, jnp.float32))


def keras_logits(network: keras.Model, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    of_keras = jax.jit(network.stateless_call, static_argnames="training")
    values = [[each.value for each in network.trainable_variables]]
    values += [[each.value for each in network.non_trainable_variables]]
    logits, _ = of_keras(*values, images, training=False)
    return np.asarray(logits)
