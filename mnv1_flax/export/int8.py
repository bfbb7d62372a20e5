"""The network as an int8 file: weights in steps of each channel's own, activations by the ranges
that a few hundred images have shown.

By the tools that the runtimes' own makers keep: `litert_quantizer` for TFLite and
`onnxruntime.quantization` (quantise and dequantise beside every operator) for ONNX.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mnv1_flax.export.deployed import Deployed, Floats, Step
from mnv1_flax.export.onnx_file import INPUT, onnx_bytes
from mnv1_flax.export.tflite_file import SIGNATURE, tflite_bytes

# Of a channel's bias, what its largest weight has to be at least: a bias is stored in steps of the
# weights' scale times the images', in 32 bits, and a channel whose weights are all but zero, as of
# published networks some are, would lose it. What such a weight adds is below a step of an output.
LEAST_WEIGHT = 1e-4


def quantisable(network: Deployed) -> Deployed:
    """The network with a smallest weight in each channel whose bias would not fit into 32 bits."""
    return replace(network, steps=tuple(map(_with_weights, network.steps)))


def _with_weights(step: Step) -> Step:
    kernel = step.kernel.reshape(-1, step.kernel.shape[-1]).copy()
    largest, channels = np.abs(kernel).argmax(axis=0), np.arange(kernel.shape[-1])
    weight, least = kernel[largest, channels], LEAST_WEIGHT * np.abs(step.bias)
    kernel[largest, channels] = np.where(np.abs(weight) < least, np.copysign(least, weight), weight)
    return replace(step, kernel=kernel.reshape(step.kernel.shape))


def int8_onnx(
    network: Deployed, images: Iterable[Floats], *, batch: int = 1, per_channel: bool = True
) -> bytes:
    """images: f32[batch,R,R,3], as the network takes them: each used once, to learn the ranges of
    activations. per_channel: whether each output channel of the weights has a scale of its own.
    """
    import onnx
    from onnxruntime import quantization as quantised

    class Reader(quantised.CalibrationDataReader):
        def __init__(self) -> None:
            self._images = iter(images)

        def get_next(self) -> Any:
            shown = next(self._images, None)
            return None if shown is None else {INPUT: shown.transpose(0, 3, 1, 2)}

    model = onnx_bytes(quantisable(network), batch)
    with _quietly(), TemporaryDirectory(prefix="sweep-int8-") as folder:
        target = Path(folder) / "int8.onnx"
        quantised.quantize_static(
            onnx.load_model_from_string(model),
            str(target),
            Reader(),
            quant_format=quantised.QuantFormat.QDQ,
            activation_type=quantised.QuantType.QInt8,
            weight_type=quantised.QuantType.QInt8,
            per_channel=per_channel,
        )
        made = onnx.load(target)
        onnx.helper.set_model_props(made, network.about)
        return made.SerializeToString()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars, advice and sizes that the tools print, whoever calls them."""
    root, told = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                yield
    finally:
        root.setLevel(told)


def int8_tflite(network: Deployed, images: Iterable[Floats], *, batch: int = 1) -> bytes:
    """Its images and logits are int8, too, with their scales in the file. images: as of
    `int8_onnx`.
    """
    from litert_quantizer import Quantizer, recipe

    model = tflite_bytes(quantisable(network), batch)
    ranges: dict[str, Any] = {}
    with _quietly():
        quantizer: Any = Quantizer(bytearray(model), recipe.static_wi8_ai8())
        for each in images:
            shown = {SIGNATURE: [{INPUT: np.ascontiguousarray(each)}]}
            _widen(ranges, quantizer.calibrate(shown))
        return bytes(quantizer.quantize(ranges).quantized_model)


def _widen(ranges: dict[str, Any], others: Mapping[str, Mapping[str, Any]]) -> None:
    """The least and the largest of all images, by tensor. Given all at once, the tool takes a
    moving average of them, and cuts off what most images stay below: the logits of right classes.
    """
    for name, own in others.items():
        before = ranges.setdefault(name, dict(own))
        before["min"] = np.minimum(before["min"], own["min"])
        before["max"] = np.maximum(before["max"], own["max"])
