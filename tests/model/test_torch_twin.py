"""The PyTorch network, which has a table of its own, against hand counts and the Flax network."""

import jax
import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from flax import nnx
from fvcore.nn import FlopCountAnalysis

from mnv1_flax import Kind, MobileNetV1
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.families.mobilenet_v1_torch import mobilenet_v1
from sweep.types import Point
from tests.support.torch_weights import copy_weights


@pytest.mark.parametrize(
    "network",
    [
        ("separable", 1.0, 224),
        ("separable", 0.25, 128),
        ("standard", 1.0, 224),
        ("shallow", 1.0, 224),
    ],
    ids=str,
)
def test_fvcore_counts_the_mult_adds_of_hand_arithmetic(network, exact_counts):
    kind, alpha, resolution = network
    twin = mobilenet_v1(kind, alpha, 1000).eval()
    images = torch.zeros(1, 3, resolution, resolution)
    by_operator = FlopCountAnalysis(twin, images).unsupported_ops_warnings(False).by_operator()
    # fvcore counts batch norm too; the paper's convention, and ours, leaves it out.
    assert by_operator["conv"] + by_operator["linear"] == exact_counts[network].mult_adds


def test_parameters_are_those_of_hand_arithmetic(exact):
    with torch.device("meta"):  # shapes without memory
        twin = mobilenet_v1(exact.kind, exact.alpha, exact.classes)
    trainable = sum(each.numel() for each in twin.parameters())
    statistics = sum(each.numel() for each in twin.buffers() if each.ndim == 1)
    assert trainable == exact.trainable_params
    assert trainable + statistics == exact.params_with_bn_statistics


@pytest.mark.parametrize("resolution", [64, 75])
@pytest.mark.parametrize("kind", list(Kind))
def test_same_weights_give_the_same_logits(kind, resolution, randomise):
    model = MobileNetV1(0.25, resolution, 10, kind, rngs=nnx.Rngs(0))
    randomise(model)
    model.eval()
    twin = mobilenet_v1(kind, 0.25, 10).eval()
    copy_weights(model, twin)

    images = np.random.default_rng(2).uniform(-1, 1, (2, resolution, resolution, 3))
    images = images.astype(np.float32)
    graph, state = nnx.split(model)
    ours = jax.jit(lambda state, images: nnx.merge(graph, state)(images))(state, images)
    with torch.no_grad():
        theirs = twin(torch.tensor(images).permute(0, 3, 1, 2)).numpy()
    largest = np.abs(theirs).max()
    assert np.ptp(theirs, axis=0).max() > 0.01 * largest  # the images matter to the logits
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * largest)


def test_the_family_hands_it_out():
    point = Point("mobilenet_v1", "shallow", 0.25, 1.0, 32)
    twin = MobileNetV1Family().torch_twin(point, num_classes=7).eval()
    assert twin(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("deep", 1.0, 10), "kind = 'deep': must be separable, standard or shallow"),
        (("separable", 0.0, 10), "alpha = 0.0: must be a finite number above 0"),
        (("separable", float("nan"), 10), "alpha = nan: must be a finite number above 0"),
        (("separable", 1.0, 0), "num_classes = 0: must be at least 1"),
    ],
)
def test_errors_name_the_value_and_what_is_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        mobilenet_v1(*arguments)
