"""Weights of the Flax network in the PyTorch one."""

import jax
import numpy as np
import torch

from mnv1_flax import MobileNetV1
from mnv1_flax.normalisation import BatchNormReLU


def copy_weights(model: MobileNetV1, twin: torch.nn.Module) -> None:
    """Flax to PyTorch, in order of execution: HWIO to OIHW, and [M,N] to [N,M]."""

    def tensor(value: jax.Array) -> torch.Tensor:
        return torch.tensor(np.asarray(value))

    convolutions = [m for m in twin.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in twin.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for row in model.layers()[:-2]:
            unit, convolution, norm = model.units[row.name], convolutions.pop(0), norms.pop(0)
            kernel = tensor(unit.kernel[...])
            match row.type:
                case "Conv 3x3":
                    kernel = kernel.permute(3, 2, 0, 1)
                case "Conv DW 3x3":
                    kernel = kernel.permute(2, 0, 1)[:, None]
                case "Conv 1x1":
                    kernel = kernel.T[:, :, None, None]
            assert convolution.weight.shape == kernel.shape
            convolution.weight.copy_(kernel)
            assert isinstance(unit.norm, BatchNormReLU)
            norm.weight.copy_(tensor(unit.norm.scale[...]))
            norm.bias.copy_(tensor(unit.norm.bias[...]))
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(tensor(unit.norm.mean[...]))
            norm.running_var.copy_(tensor(unit.norm.var[...]))
        [linear] = [m for m in twin.modules() if isinstance(m, torch.nn.Linear)]
        linear.weight.copy_(tensor(model.classifier.kernel[...]).T)
        assert model.classifier.bias is not None
        linear.bias.copy_(tensor(model.classifier.bias[...]))
    assert not convolutions
    assert not norms
