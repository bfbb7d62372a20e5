"""Files in `.safetensors`, and the names that timm gives its `mobilenetv1_100` and `_125` there.

Names and layout: timm's `EfficientNet` built by `_gen_mobilenet_v1`
(https://github.com/huggingface/pytorch-image-models, timm/models/efficientnet.py). Its convolutions
pad with one zero on either side, which SAME doesn't at stride 2; its batch norms have PyTorch's
epsilon 1e-5 and momentum 0.1. Images are normalised with mean and deviation 0.5: [-1, 1], as here.

timm rounds widths to multiples of 8: at the usual alphas they are the paper's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from mnv1_flax.architecture import BLOCKS, LayerType
from mnv1_flax.checkpoints.contents import (
    Array,
    CheckpointError,
    Contents,
    Naming,
    short,
)
from mnv1_flax.convolution import Padding

_LAYOUTS = {
    LayerType.FULL: "NMHW",
    LayerType.DEPTHWISE: "N1HW",
    LayerType.POINTWISE: "NMHW",
    LayerType.CLASSIFIER: "NM",
}
_PARTS = {"kernel": "weight", "scale": "weight", "bias": "bias"} | {
    "mean": "running_mean",
    "var": "running_var",
}
_DTYPES = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
    "F64": np.dtype(np.float64),
    "I64": np.dtype(np.int64),
}


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a file, and the metadata of its header. Raises CheckpointError."""
    from safetensors import SafetensorError, deserialize

    content = path.read_bytes()
    try:
        entries = deserialize(content)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path}: is no whole safetensors file ({short(str(error))})"
        ) from error
    if problems := [
        f"{key}: has dtype {entry['dtype']}, must have F32, F16 or BF16"
        for key, entry in entries
        if entry["dtype"] not in _DTYPES
    ]:
        raise CheckpointError.listing(path, problems)
    arrays = {
        key: np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for key, entry in entries
    }
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return arrays, header.get("__metadata__") or {}


def of_timm(arrays: Mapping[str, Array]) -> Contents:
    """The contents of a file in timm's naming."""
    # How many batches each batch norm has seen: PyTorch's own, of no use here.
    unused = {f"{norm}.num_batches_tracked" for norm in _norms()}
    problems = (
        "conv_head: this is timm's mobilenetv1_100h, which has a convolution before its"
        " classifier; the paper's network has none",
    )
    return Contents(
        Naming(_key, _LAYOUTS),
        {key: array for key, array in arrays.items() if key not in unused},
        padding=Padding.SYMMETRIC,
        bn_epsilon=1e-5,
        bn_momentum=0.9,
        problems=problems if any(key.startswith("conv_head.") for key in arrays) else (),
    )


def _blocks() -> dict[int, str]:
    """Number of a block in `architecture` -> its name in timm, which counts within stages: a stage
    ends where the width changes.
    """
    names, stage, place, before = {}, -1, 0, 0
    for number, (channels, _) in enumerate(BLOCKS, start=1):
        stage, place = (stage, place + 1) if channels == before else (stage + 1, 0)
        names[number], before = f"blocks.{stage}.{place}", channels
    return names


def _module(layer: str, part: str) -> str:
    """timm's module that holds a part of one of our layers."""
    if layer == "classifier":
        return "classifier"
    if layer == "conv_0":
        return "conv_stem" if part == "kernel" else "bn1"
    kind, number = layer.split("_")
    convolution, norm = {"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")}[kind]
    return f"{_blocks()[int(number)]}.{convolution if part == 'kernel' else norm}"


def _key(layer: str, part: str) -> str:
    return f"{_module(layer, part)}.{_PARTS[part]}"


def _norms() -> list[str]:
    blocks = [f"{block}.{norm}" for block in _blocks().values() for norm in ("bn1", "bn2")]
    return ["bn1", *blocks]
