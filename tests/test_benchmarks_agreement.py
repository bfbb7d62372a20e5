"""The benchmark of agreement: that its loop in PyTorch is of the same recipe as ours."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from flax import nnx

from benchmarks.agreement import Comparison, recipe_of
from benchmarks.agreement_torch import draw_weights, train
from mnv1_flax import MobileNetV1
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.families.mobilenet_v1_torch import mobilenet_v1
from sweep.training.feeds import ResidentFeed
from sweep.training.learner import make_ready
from sweep.training.loop import train as our_train
from sweep.types import CurvePoint, Images
from tests.support.torch_weights import copy_weights
from tests.support.toys import Brightness, point, quiet


def test_agreement_by_hand():
    # Variances 0.0001 and 0.0004, of three each: the error is sqrt(0.0005 / 3) = 0.01291.
    near = Comparison(ours=(0.49, 0.50, 0.51), theirs=(0.50, 0.52, 0.54))
    assert near.difference == pytest.approx(-0.02)
    assert near.standard_error == pytest.approx(0.01291, abs=1e-5)
    assert near.agree
    assert not Comparison(ours=(0.49, 0.50, 0.51), theirs=(0.51, 0.53, 0.55)).agree


@pytest.mark.usefixtures("as_users_run_it")
def test_from_the_same_weights_both_loops_take_the_same_steps():
    """Batches of all images, so that their order is none; nothing else is drawn. Steps are small,
    or rounding would grow a thousandfold in each; weight decay is large, or it would not show.
    """
    recipe = recipe_of("", epochs=5, images=64).model_copy(
        update={
            "symmetry": "none",
            "dropout_rate": 0.0,
            "learning_rate": 1e-3,
            "weight_decay": 0.5,
            "warmup_share": 0.4,
        }
    )
    split = Brightness().load(32, train=64, test=8, seed=0).train
    pixels = np.repeat(split.images, 3, axis=3).astype(np.float32)
    network = Network(point(0.25, kind="shallow"), MobileNetV1Family())
    ready = make_ready(network, ResidentFeed(Images(pixels, split.labels), 32, recipe), 8, recipe)
    before = ready.learner.module(ready.state)
    assert isinstance(before, MobileNetV1)
    twin, start, trained = (mobilenet_v1("shallow", 0.25, 8) for _ in range(3))
    for each in (twin, start):
        copy_weights(before, each)

    theirs = train(
        twin,
        torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(split.labels).long(),
        recipe,
        torch.Generator(),
    )

    def steps() -> Iterator[CurvePoint]:
        module = yield from our_train(ready, quiet)
        assert isinstance(module, MobileNetV1)
        copy_weights(module, trained)

    assert [each.loss for each in steps()] == [pytest.approx(sum(theirs) / 5, rel=1e-4)]
    for name, expected in twin.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        found, old = trained.state_dict()[name], start.state_dict()[name]
        if name.endswith("running_var"):
            found = as_torch_counts_it(found, recipe.bn_momentum**5, name, twin)
        assert (found - expected).norm() <= 0.01 * (expected - old).norm(), name


def as_torch_counts_it(
    biased: torch.Tensor, kept: float, name: str, twin: torch.nn.Module
) -> torch.Tensor:
    """A running variance that began at 1, a share `kept` of which is left, with n - 1 for n."""
    until = int(name.partition(".")[0]) + 1  # the blocks of the twin are its first children
    before = [module for block in list(twin.children())[:until] for module in block.modules()]
    strides = [each.stride[0] for each in before if isinstance(each, torch.nn.Conv2d)]
    side = 32 // math.prod(strides)
    values = 64 * side**2
    return kept + (biased - kept) * values / (values - 1)


def test_both_draw_weights_of_the_same_kind():
    model = MobileNetV1(0.5, 32, 10, rngs=nnx.Rngs(0))
    twin, copied = (mobilenet_v1("separable", 0.5, 10) for _ in range(2))
    draw_weights(twin, torch.Generator().manual_seed(0))
    copy_weights(model, copied)
    copies = dict(copied.named_parameters())
    for name, parameter in twin.named_parameters():
        theirs, found = parameter.detach(), copies[name].detach()
        if theirs.ndim == 1:
            assert torch.equal(theirs, found), name
            continue
        # A variance found from n draws has a standard error of sqrt(2 / n), a cut normal's less.
        tolerance = 4 * math.sqrt(2 * 2 / theirs.numel())
        assert float(found.var() / theirs.var()) == pytest.approx(1, abs=tolerance), name
        largest = max(float(each.abs().max()) for each in (theirs, found))
        assert largest <= 2.3 * float(theirs.std()) * (1 + tolerance), name
