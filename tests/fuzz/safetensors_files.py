"""safetensors in timm's naming: the header's JSON, and its offsets into the numbers."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import safetensors.numpy
from hypothesis import strategies as st

from tests.fuzz.checkpoints import ALPHA, CLASSES, INSTRUMENTS, loaded_as
from tests.fuzz.mutations import changed, damaged, plain_values
from tests.fuzz.target import Target

# Stages of timm's `_gen_mobilenet_v1`: blocks, and channels at alpha = 1.
STAGES = ((1, 64), (2, 128), (2, 256), (6, 512), (2, 1024))


def timm() -> Target:
    """The target."""
    return Target("safetensors", _seeds, _cases, loaded_as(".safetensors"), True, INSTRUMENTS)


@cache
def _seeds() -> list[bytes]:
    def width(channels: int) -> int:
        return max(1, int(ALPHA * channels))

    def norm(name: str, channels: int) -> dict[str, Any]:
        parts = ("weight", "bias", "running_mean", "running_var")
        arrays = {f"{name}.{part}": np.ones(channels, np.float32) for part in parts}
        return arrays | {f"{name}.num_batches_tracked": np.int64(1)}

    before = width(32)
    arrays: dict[str, Any] = {"conv_stem.weight": np.ones((before, 3, 3, 3), np.float32)}
    arrays |= norm("bn1", before)
    for stage, (blocks, channels) in enumerate(STAGES):
        for number in range(blocks):
            name, out = f"blocks.{stage}.{number}", width(channels)
            arrays[f"{name}.conv_dw.weight"] = np.ones((before, 1, 3, 3), np.float32)
            arrays[f"{name}.conv_pw.weight"] = np.ones((out, before, 1, 1), np.float32)
            arrays |= norm(f"{name}.bn1", before) | norm(f"{name}.bn2", out)
            before = out
    arrays["classifier.weight"] = np.ones((CLASSES, before), np.float32)
    arrays["classifier.bias"] = np.ones(CLASSES, np.float32)
    whole = {name: np.asarray(array) for name, array in arrays.items()}
    return [safetensors.numpy.save(whole)]


def _cases() -> st.SearchStrategy[bytes]:
    content = _seeds()[0]
    length = int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]

    def written(header: Any) -> bytes:
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + numbers

    return damaged(_seeds()) | changed(header, plain_values()).map(written)
