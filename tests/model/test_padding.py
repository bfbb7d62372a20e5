"""Symmetric padding against PyTorch's `padding=1`: values, gradients, and what it changes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

from mnv1_flax import Lowering, MobileNetV1, Padding, depthwise_conv
from mnv1_flax.convolution import full_conv

SIZES = [(6, 6), (7, 7), (5, 8), (2, 3), (1, 1)]
SYMMETRIC = Padding.SYMMETRIC
Arrays = list[npt.NDArray[np.float64]]


def torch_values_and_gradients(
    images: npt.NDArray[np.float64], kernel: npt.NDArray[np.float64], stride: int, groups: int
) -> tuple[npt.NDArray[np.float64], Arrays]:
    """(the weight of the output's sum, [output, the sum's gradient by images, by kernel]), all in
    our order of axes. kernel f64[3,3,M,N].
    """
    torch = pytest.importorskip("torch")
    x = torch.tensor(images.transpose(0, 3, 1, 2), requires_grad=True)
    w = torch.tensor(kernel.transpose(3, 2, 0, 1), requires_grad=True)
    out = torch.nn.functional.conv2d(x, w, stride=stride, padding=1, groups=groups)
    weight = torch.tensor(np.random.default_rng(3).standard_normal(out.shape))
    (out * weight).sum().backward()
    assert x.grad is not None
    assert w.grad is not None
    found = [out.detach().numpy().transpose(0, 2, 3, 1), x.grad.numpy().transpose(0, 2, 3, 1)]
    found.append(w.grad.numpy().transpose(2, 3, 1, 0))
    return weight.numpy().transpose(0, 2, 3, 1), found


def our_values_and_gradients(convolution: Callable[..., jax.Array], *arrays: Any) -> Arrays:
    """As `torch_values_and_gradients` gives them, and the output outside of differentiation."""

    @jax.jit
    def run(images: jax.Array, kernel: jax.Array, weight: jax.Array) -> tuple[jax.Array, ...]:
        value, transpose = jax.vjp(convolution, images, kernel)
        return value, *transpose(weight), convolution(images, kernel)

    with jax.enable_x64(True):
        return [np.asarray(each) for each in run(*(jnp.asarray(each) for each in arrays))]


def assert_close(found: Arrays, expected: Arrays) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == np.float64
        largest = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * largest)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("lowering", list(Lowering))
def test_depthwise_convolution_and_its_gradients_are_torchs(lowering, stride, size):
    rng = np.random.default_rng(0)
    images, kernel = rng.standard_normal((2, *size, 3)), rng.standard_normal((3, 3, 1, 3))
    weight, expected = torch_values_and_gradients(images, kernel, stride, groups=3)
    convolution = partial(depthwise_conv, stride=stride, lowering=lowering, padding=SYMMETRIC)
    found = our_values_and_gradients(convolution, images, kernel[:, :, 0], weight)
    found[2] = found[2][:, :, None]
    assert_close(found, [*expected, expected[0]])


# Up to 4 channels the full convolution is a product over patches, above it is XLA's.
@pytest.mark.parametrize("channels", [3, 5])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_full_convolution_and_its_gradients_are_torchs(stride, size, channels):
    rng = np.random.default_rng(1)
    images = rng.standard_normal((2, *size, channels))
    kernel = rng.standard_normal((3, 3, channels, 4))
    weight, expected = torch_values_and_gradients(images, kernel, stride, groups=1)
    convolution = partial(full_conv, stride=stride, padding=SYMMETRIC)
    # Outside of differentiation the stem is another sum.
    found = our_values_and_gradients(convolution, images, kernel, weight)
    assert_close(found, [*expected, expected[0]])


@pytest.mark.parametrize("lowering", list(Lowering))
def test_stride_2_on_an_even_side_by_hand(lowering):
    # A zero on either side puts the filter on rows and columns 1 and 3 (SAME: on 2 and 4). It is
    # v + 2 * right + 100 * below: on 1: 1 + 2 * 2 + 100 * 5; on 3: 3 + 2 * 4 + 100 * 7; on 9:
    # 9 + 2 * 10 + 100 * 13; on 11: 11 + 2 * 12 + 100 * 15.
    image = jnp.arange(1.0, 17.0).reshape(1, 4, 4, 1)
    kernel = jnp.asarray([[0.0, 0, 0], [0, 1, 2], [0, 100, 0]])[..., None]
    found = depthwise_conv(image, kernel, stride=2, lowering=lowering, padding="symmetric")
    np.testing.assert_array_equal(found[0, ..., 0], [[505, 711], [1329, 1535]])


def test_the_network_keeps_its_padding_when_folded_and_it_matters(randomise):
    run = nnx.jit(lambda model, images: model(images))
    logits = {}
    images = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)), jnp.float32)
    for padding in Padding:
        model = MobileNetV1(0.25, 64, 10, "shallow", padding=padding, rngs=nnx.Rngs(0))
        randomise(model)
        model.eval()
        folded = model.folded()
        assert model.padding is folded.padding is padding
        logits[padding] = np.asarray(run(model, images))
        close = 1e-5 * np.abs(logits[padding]).max()
        np.testing.assert_allclose(run(folded, images), logits[padding], rtol=0, atol=close)
    same, symmetric = logits[Padding.SAME], logits[SYMMETRIC]
    assert np.abs(same - symmetric).max() > 0.01 * np.abs(same).max()


def test_an_unknown_padding_is_an_error():
    message = "padding = 'valid': must be one of same, symmetric"
    with pytest.raises(ValueError, match=message):
        MobileNetV1(0.25, 32, 10, padding="valid", rngs=nnx.Rngs(0))
