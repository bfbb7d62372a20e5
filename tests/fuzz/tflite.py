"""TFLite's flatbuffers, float and quantised, in the layouts of two converters."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.fuzz.checkpoints import ALPHA, CLASSES, INSTRUMENTS, RESOLUTION, loaded_as
from tests.fuzz.mutations import Held, damaged, numbers
from tests.fuzz.target import Target

_INSTRUMENTS = (*INSTRUMENTS, "tflite", "flatbuffers")


def floats() -> Target:
    """Weights in 32 and 16 bits."""
    return _target("tflite", _floats)


def quantised() -> Target:
    """Weights in 8 bits with scales and zero points."""
    return _target("tflite-quantised", _quantised)


def _target(name: str, seeds: Any) -> Target:
    def cases() -> st.SearchStrategy[bytes]:
        return st.one_of(damaged(seeds()), *[_edited(Held(seed)) for seed in seeds()])

    return Target(name, seeds, cases, loaded_as(".tflite"), True, _INSTRUMENTS)


@cache
def _floats() -> list[bytes]:
    from tests.support.tflite_files import (
        in_half_precision,
        random_weights,
        write_converted,
        write_official,
    )

    weights = random_weights(ALPHA, CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.tflite"
        network = (file, ALPHA, RESOLUTION, CLASSES)
        return [
            write_official(*network, weights).read_bytes(),
            write_official(*network, in_half_precision(weights)).read_bytes(),
            write_converted(*network, weights, (0, 1)).read_bytes(),
        ]


@cache
def _quantised() -> list[bytes]:
    from tests.support.tflite_files import Quantised, Weights, random_weights, write_official

    quantised = {}
    for name, each in random_weights(ALPHA, CLASSES).items():
        kernel = np.asarray(getattr(each.kernel, "stored", each.kernel))
        stored = np.clip(kernel * 50 + 128, 0, 255).astype(np.uint8)
        bias = Quantised(np.zeros(_channels(name, kernel), np.int32), [0.001], [0])
        quantised[name] = Weights(Quantised(stored, [0.02], [128]), bias)
    with tempfile.TemporaryDirectory() as folder:
        network = (Path(folder) / "x.tflite", ALPHA, RESOLUTION, CLASSES)
        return [write_official(*network, quantised).read_bytes()]


def _channels(name: str, kernel: Any) -> int:
    return kernel.shape[-1] if name.startswith("depthwise") else kernel.shape[0]


@st.composite
def _edited(draw: st.DrawFn, held: Held[bytes]) -> bytes:
    """The graph as objects with some of their numbers and lists changed, written anew."""
    import ai_edge_litert.schema_py_generated as schema
    import flatbuffers

    model: Any = schema.ModelT.InitFromPackedBuf(held.value, 0)
    for _ in range(draw(st.integers(1, 3))):
        _edit(draw, model)
    builder = flatbuffers.Builder(1 << 16)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # noqa: BLE001 - a number that its field can't hold: flatbuffers says it anyhow
        return held.value[: draw(st.integers(0, len(held.value)))]
    return bytes(builder.Output())


def _edit(draw: st.DrawFn, model: Any) -> None:
    graph = model.subgraphs[0]
    lists = (graph.tensors, graph.operators, model.buffers, model.operatorCodes)
    items = draw(st.sampled_from([each for each in lists if each]))
    item = draw(st.sampled_from(items))
    names = sorted(vars(item))
    match draw(st.integers(0, 5)):
        case 0:
            items.remove(item)
        case 1:
            items.append(item)
        case 2:
            graph.inputs, graph.outputs = draw(_indices()), draw(_indices())
        case 3 if hasattr(getattr(item, "builtinOptions", None), "__dict__"):
            options = item.builtinOptions
            names = sorted(vars(options)) or ["nothing"]
            setattr(options, draw(st.sampled_from(names)), draw(st.integers(0, 3)))
        case 3 | 4 if hasattr(getattr(item, "quantization", None), "__dict__"):
            scales = draw(st.lists(st.floats(width=32), max_size=4))
            item.quantization.scale = scales
            item.quantization.zeroPoint = draw(st.lists(st.integers(-(2**63), 2**63 - 1)))
        case _:
            name = draw(st.sampled_from(names))
            new = numbers() if isinstance(getattr(item, name), (int, float)) else _indices()
            setattr(item, name, draw(new))


def _indices() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(-2, 120) | st.sampled_from([2**31 - 1, -(2**31)]), max_size=6)
