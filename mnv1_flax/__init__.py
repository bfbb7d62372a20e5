"""MobileNetV1 (Howard et al. 2017, arXiv 1704.04861) in Flax NNX, usable alone."""

from mnv1_flax.architecture import Kind, Layer, LayerType, layers
from mnv1_flax.checkpoints import Checkpoint, CheckpointError
from mnv1_flax.convolution import Padding
from mnv1_flax.deployment import compiled
from mnv1_flax.depthwise import Lowering, default_lowering, depthwise_conv
from mnv1_flax.model import DepthwiseKernel, MobileNetV1
from mnv1_flax.normalisation import Activation

__all__ = [
    "Activation",
    "Checkpoint",
    "CheckpointError",
    "DepthwiseKernel",
    "Kind",
    "Layer",
    "LayerType",
    "Lowering",
    "MobileNetV1",
    "Padding",
    "compiled",
    "default_lowering",
    "depthwise_conv",
    "layers",
]
