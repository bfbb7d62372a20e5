"""timm's names and layout, against a PyTorch network that has them."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
import torch
from flax import nnx
from safetensors.torch import save_file
from torch import nn

from mnv1_flax import MobileNetV1, Padding
from mnv1_flax.checkpoints import CheckpointError, load
from tests.support.networks import assert_same_logits, compiled_logits, random_images

# Stages of timm's `_gen_mobilenet_v1`: blocks, stride of the first, channels.
STAGES = [(1, 1, 64), (2, 2, 128), (2, 2, 256), (6, 2, 512), (2, 2, 1024)]


class NormAct(nn.BatchNorm2d):
    """timm keeps the activation inside its batch norm; it has no weights."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu6(super().forward(input))


class Block(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(
            channels_in, channels_in, 3, stride, padding=1, groups=channels_in, bias=False
        )
        self.bn1 = NormAct(channels_in)
        self.conv_pw = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.bn2 = NormAct(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))


class Timm(nn.Module):
    """The network under timm's names, written from its description, not copied."""

    def __init__(self, alpha: float, classes: int) -> None:
        super().__init__()
        channels = int(32 * alpha)
        self.conv_stem = nn.Conv2d(3, channels, 3, 2, padding=1, bias=False)
        self.bn1 = NormAct(channels)
        stages = []
        for count, first_stride, width in STAGES:
            blocks = []
            for number in range(count):
                out = int(width * alpha)
                blocks.append(Block(channels, out, first_stride if number == 0 else 1))
                channels = out
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.blocks(self.bn1(self.conv_stem(x))).mean((2, 3)))


@pytest.fixture(scope="module")
def network() -> Timm:
    torch.manual_seed(0)
    network = Timm(0.25, 10).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            assert module.running_mean is not None
            # As small as the outputs are, epsilon 1e-3 and 1e-5 are far apart.
            nn.init.uniform_(module.running_var, 0.002, 0.01)
            nn.init.normal_(module.running_mean, 0.0, 0.05)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.3, 0.3)
        elif isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, 0.0, (0.01 / fan_in) ** 0.5)
    return network


def file_of(network: nn.Module, folder: Path, **changed: torch.Tensor | None) -> Path:
    """The network's state as a file; `changed` replaces arrays, or drops them where None."""
    arrays = {**network.state_dict(), **changed}
    file = folder / "mobilenetv1_025.test_r64_in1k.safetensors"
    save_file({key: array for key, array in arrays.items() if array is not None}, file)
    return file


def torch_logits(network: nn.Module, images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    with torch.no_grad():
        return network(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()


def test_logits_are_those_of_pytorch_and_need_its_padding(network, tmp_path):
    checkpoint = load(file_of(network, tmp_path))
    model = checkpoint.model
    assert (model.alpha, model.resolution, model.num_classes) == (0.25, 64, 10)
    assert (model.padding, model.bn_epsilon) == (Padding.SYMMETRIC, 1e-5)
    assert checkpoint.notes == ("resolution 64 is from the file's name",)
    images = random_images(64)
    expected = torch_logits(network, images)
    assert_same_logits(compiled_logits(model, images), expected, 1e-4)
    assert_same_logits(compiled_logits(model.folded(), images), expected, 1e-4)

    same = MobileNetV1(0.25, 64, 10, bn_epsilon=1e-5, padding="same", rngs=nnx.Rngs(0))
    nnx.update(same, nnx.state(model, (nnx.Param, nnx.BatchStat)))
    same.eval()
    apart = np.abs(compiled_logits(same, images) - expected).max()
    assert apart > 0.01 * np.abs(expected).max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_are_widened(network, tmp_path, dtype):
    half = network.classifier.weight.detach().to(dtype)
    checkpoint = load(file_of(network, tmp_path, **{"classifier.weight": half}))
    assert "weights of 16 bits are widened to float32" in checkpoint.notes
    kernel = checkpoint.model.classifier.kernel[...]
    assert kernel.dtype == jnp.float32
    np.testing.assert_array_equal(kernel, half.float().numpy().T)


def test_every_mismatch_is_named(network, tmp_path):
    file = file_of(
        network,
        tmp_path,
        **{
            "bn1.running_var": None,
            "blocks.2.1.bn2.num_batches_tracked": None,  # of no use, so that it may be missing
            "blocks.3.5.conv_pw.weight": torch.zeros(128, 128),
            "blocks.3.6.conv_pw.weight": torch.zeros(128, 128, 1, 1),
            "blocks.4.0.bn1.bias": torch.zeros(128, dtype=torch.float64),
            "blocks.4.1.bn1.bias": torch.zeros(256, dtype=torch.int64),
        },
    )
    with pytest.raises(CheckpointError) as caught:
        load(file)
    assert str(caught.value).splitlines() == [
        f"{file}: 5 mismatches",
        "  bn1.running_var: is missing",
        "  blocks.3.5.conv_pw.weight: has shape (128, 128), must have (128, 128, 1, 1)",
        "  blocks.4.0.bn1.bias: has dtype float64, must have one of float32, float16, bfloat16",
        "  blocks.4.1.bn1.bias: has dtype int64, must have one of float32, float16, bfloat16",
        "  blocks.3.6.conv_pw.weight: is not part of the network",
    ]


def test_the_variant_with_a_convolution_before_its_classifier_is_told(network, tmp_path):
    head = {"conv_head.weight": torch.zeros(1024, 256, 1, 1), "bn2.weight": torch.zeros(1024)}
    with pytest.raises(CheckpointError, match="this is timm's mobilenetv1_100h"):
        load(file_of(network, tmp_path, **head))


def test_100_in_timms_names_is_no_resolution(network, tmp_path):
    file = file_of(network, tmp_path).rename(tmp_path / "mobilenetv1_100.safetensors")
    with pytest.raises(CheckpointError, match="neither the file nor its name says a resolution"):
        load(file)
    assert load(file, resolution=128).model.resolution == 128
