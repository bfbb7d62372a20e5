"""Batch norm with ReLU6 against its plain formula, hand arithmetic, and itself folded."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mnv1_flax.normalisation import Activation, BatchNormReLU, BiasReLU, batch_norm_relu

EPSILON = 1e-3
RELU6, RELU = Activation


def plain(x: jax.Array, gamma: jax.Array, beta: jax.Array, most: float = 6.0) -> jax.Array:
    """Ioffe & Szegedy 2015, algorithm 1, then ReLU up to `most`: all left to autodiff."""
    mean = jnp.mean(x, axis=(0, 1, 2))
    variance = jnp.mean((x - mean) ** 2, axis=(0, 1, 2))
    normalised = (x - mean) / jnp.sqrt(variance + EPSILON)
    return jnp.minimum(jnp.maximum(gamma * normalised + beta, 0.0), most)


def fused(x: jax.Array, gamma: jax.Array, beta: jax.Array, activation: Activation) -> jax.Array:
    return batch_norm_relu(x, gamma, beta, EPSILON, activation)[0]


@partial(jax.jit, static_argnums=4)
def values_and_gradients(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, weight: jax.Array, activation: Activation
) -> list[tuple[jax.Array, ...]]:
    """Of both: the output, and all gradients of the output's sum under `weight`."""

    def of(norm: Callable[..., jax.Array]) -> tuple[jax.Array, ...]:
        value, transpose = jax.vjp(norm, x, gamma, beta)
        return value, *transpose(weight)

    most = {RELU6: 6.0, RELU: np.inf}[activation]
    return [of(partial(fused, activation=activation)), of(partial(plain, most=most))]


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("shape", [(4, 5, 3, 6), (2, 1, 1, 3), (1, 4, 4, 2)], ids=str)
def test_output_and_gradients_are_the_plain_formulas(shape, activation):
    rng = np.random.default_rng(0)
    channels = shape[-1]
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(0.7, 2.0, shape))
        gamma, beta = (
            jnp.asarray(rng.normal(3, 1, channels)),
            jnp.asarray(rng.normal(3, 1, channels)),
        )
        weight = jnp.asarray(rng.standard_normal(shape))
        ours, autodiffs = values_and_gradients(x, gamma, beta, weight, activation)
    if np.size(x) > 100:  # then both ends of ReLU6 and its slope are there to be tested
        values = set(np.asarray(autodiffs[0]).ravel().tolist())
        assert {0.0, 6.0} < values if activation is RELU6 else max(values) > 6
    for found, expected in zip(ours, autodiffs, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_mean_and_variance_carry_no_gradient():
    def of_statistics(x: jax.Array) -> jax.Array:
        _, mean, variance = batch_norm_relu(x, jnp.ones(2), jnp.zeros(2), EPSILON, RELU6)
        return jnp.sum(mean) + jnp.sum(variance)

    x = jnp.asarray(np.random.default_rng(1).standard_normal((2, 3, 3, 2)), jnp.float32)
    np.testing.assert_array_equal(jax.grad(of_statistics)(x), np.zeros(x.shape))


# One channel with the pixels 1, 3, 5, 7: mean 4, biased variance (9 + 1 + 1 + 9) / 4 = 5. With
# epsilon 4 the divisor is sqrt(9) = 3. The second channel is ten times as far out, at the same
# mean: variance 500.
TINY = jnp.array([[[[1.0, -26.0], [3.0, -6.0]]], [[[5.0, 14.0], [7.0, 34.0]]]])


def tiny_norm() -> BatchNormReLU:
    norm = BatchNormReLU(2, momentum=0.9, epsilon=4.0, activation=RELU6)
    norm.scale[...] = jnp.array([3.0, 0.0])
    norm.bias[...] = jnp.array([1.0, 2.5])
    return norm


def test_training_by_hand():
    norm = tiny_norm()
    # Channel 0: 3 * (x - 4) / 3 + 1 = -2, 0, 2, 4, and ReLU6 cuts the -2. Channel 1: gamma 0.
    out = norm(TINY)
    np.testing.assert_allclose(out[..., 0].ravel(), [0, 0, 2, 4], atol=1e-5)
    np.testing.assert_allclose(out[..., 1].ravel(), [2.5] * 4)
    # Running mean: 0.9 * 0 + 0.1 * 4. Running variance, from 1: 0.9 + 0.1 * 5 and 0.9 + 0.1 * 500.
    np.testing.assert_allclose(norm.mean[...], [0.4, 0.4], rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], [1.4, 50.9], rtol=1e-6)
    norm(TINY)
    # 0.9 * 0.4 + 0.1 * 4; 0.9 * 1.4 + 0.1 * 5; 0.9 * 50.9 + 0.1 * 500.
    np.testing.assert_allclose(norm.mean[...], [0.76, 0.76], rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], [1.76, 95.81], rtol=1e-6)


def test_evaluation_by_hand():
    norm = tiny_norm()
    norm.mean[...] = jnp.array([2.0, 0.0])
    norm.var[...] = jnp.array([32.0, 5.0])
    norm.eval()
    # Channel 0: 3 * (x - 2) / sqrt(32 + 4) + 1 = x / 2. Statistics stay as they are.
    np.testing.assert_allclose(norm(TINY)[..., 0].ravel(), [0.5, 1.5, 2.5, 3.5], rtol=1e-6)
    np.testing.assert_array_equal(norm.mean[...], [2.0, 0.0])
    np.testing.assert_array_equal(norm.var[...], [32.0, 5.0])
    # Folded: scale 3 / 6, shift 1 - 2 / 2; gamma 0 leaves beta alone.
    scale, shift = norm.scale_and_shift()
    np.testing.assert_allclose(scale, [0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(shift, [0.0, 2.5], atol=1e-6)


def test_folded_into_a_product_it_is_the_same():
    # norm(x * kernel) = relu6(x * (kernel * scale) + shift): what folding a network rests on.
    rng = np.random.default_rng(2)
    norm = BatchNormReLU(3, momentum=0.99, epsilon=EPSILON, activation=RELU6)
    norm.scale[...] = jnp.asarray(rng.uniform(0.5, 2, 3), jnp.float32)
    norm.bias[...] = jnp.asarray(rng.normal(1, 1, 3), jnp.float32)
    norm.mean[...] = jnp.asarray(rng.normal(0, 1, 3), jnp.float32)
    norm.var[...] = jnp.asarray(rng.uniform(0.5, 2, 3), jnp.float32)
    norm.eval()
    x = jnp.asarray(rng.standard_normal((2, 4, 4, 3)), jnp.float32)
    kernel = jnp.asarray(rng.standard_normal(3), jnp.float32)
    scale, shift = norm.scale_and_shift()
    folded = BiasReLU(3, activation=RELU6)
    folded.bias[...] = shift
    np.testing.assert_allclose(folded(x * (kernel * scale)), norm(x * kernel), atol=1e-5)


def test_activations_by_hand():
    x = jnp.array([-1.0, 0.0, 2.5, 6.0, 9.0])
    np.testing.assert_array_equal(RELU6(x), [0, 0, 2.5, 6, 6])
    np.testing.assert_array_equal(RELU(x), [0, 0, 2.5, 6, 9])
