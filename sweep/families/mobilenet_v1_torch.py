"""MobileNetV1 in PyTorch: a second witness for counts, tools that only read torch, and comparisons.

Written independently of `mnv1_flax.architecture`, with a table of its own, on purpose: a slip in
either table, in a stride or in the padding, then shows as a difference between the two networks.
Don't make one import the other.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

# Stages of Table 1 at one map size: (channels, blocks, stride of the first block).
_STAGES = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))
# Table 5's shallow network drops the five blocks with 14x14x512 in and out.
_SHALLOW_STAGES = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 1, 2), (1024, 2, 2))
_BN_EPSILON = 1e-3
_BN_MOMENTUM = 0.01  # torch's convention: the weight of the batch; Keras and Flax say 0.99
_DROPOUT_RATE = 1e-3


def mobilenet_v1(kind: str, alpha: float, num_classes: int) -> nn.Module:
    """The network of `kind` ("separable", "standard", "shallow"), with random weights.

    f32[N,3,R,R] -> f32[N,num_classes] at any resolution R. alpha: width multiplier, above 0.
    Raises ValueError where an argument is out of range.
    """
    if kind not in ("separable", "standard", "shallow"):
        raise ValueError(f"kind = {kind!r}: must be separable, standard or shallow")
    if not 0 < alpha < float("inf"):
        raise ValueError(f"alpha = {alpha}: must be a finite number above 0")
    if num_classes < 1:
        raise ValueError(f"num_classes = {num_classes}: must be at least 1")

    width = _width(alpha, 32)
    steps = [_convolution(3, width, kernel=3, stride=2)]
    for channels, blocks, first_stride in _SHALLOW_STAGES if kind == "shallow" else _STAGES:
        for block in range(blocks):
            before, width = width, _width(alpha, channels)
            stride = first_stride if block == 0 else 1
            if kind == "standard":
                steps.append(_convolution(before, width, kernel=3, stride=stride))
            else:
                steps.append(_convolution(before, before, kernel=3, stride=stride, groups=before))
                steps.append(_convolution(before, width, kernel=1, stride=1))
    return nn.Sequential(
        *steps, _MeanOfMap(), nn.Dropout(_DROPOUT_RATE), nn.Linear(width, num_classes)
    )


class _PadLikeTensorFlow(nn.Module):
    """Zeros for a 3x3 filter of stride 2 as TensorFlow's SAME puts them: where the side is even,
    one at the end only. Conv2d's padding=1 puts one on either side always.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        return functional.pad(x, (width % 2, 1, height % 2, 1))


class _MeanOfMap(nn.Module):
    """Mean over height and width: f[N,C,H,W] -> f[N,C]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def _convolution(
    channels_in: int, channels_out: int, *, kernel: int, stride: int, groups: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6."""
    pad = [_PadLikeTensorFlow()] if stride == 2 else []
    own_padding = kernel // 2 if stride == 1 else 0
    return nn.Sequential(
        *pad,
        nn.Conv2d(
            channels_in, channels_out, kernel, stride, own_padding, groups=groups, bias=False
        ),
        nn.BatchNorm2d(channels_out, eps=_BN_EPSILON, momentum=_BN_MOMENTUM),
        nn.ReLU6(),
    )


def _width(alpha: float, channels: int) -> int:
    return max(1, int(alpha * channels))
