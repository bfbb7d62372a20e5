"""One call of the deployed network, ours and theirs, all with the same weights.

Every maker takes alpha, resolution and batch, and returns a call that classifies the same images
and waits for it; it gives the first few logits, so that the contenders can be held together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

CLASSES = 1000
Floats = npt.NDArray[np.float32]
Run = Callable[[], list[float]]
SHOWN = 8


def ours(
    alpha: float, resolution: int, batch: int, *, lowering: str = "", dtype: str = "float32"
) -> Run:
    """The compiled program that the sweep times, weights as constants."""
    import jax.numpy as jnp
    from flax import nnx

    from mnv1_flax import MobileNetV1, compiled

    model = MobileNetV1(
        alpha, resolution, CLASSES, batch_norm=False, lowering=lowering or None, rngs=nnx.Rngs(0)
    )
    model.eval()
    for name, kernel, bias in _weights(alpha):
        if name == "classifier":
            model.classifier.kernel[...] = jnp.asarray(kernel.T)
            assert model.classifier.bias is not None
            model.classifier.bias[...] = jnp.asarray(bias)
            continue
        unit = model.units[name]
        unit.kernel[...] = jnp.asarray(_as_ours(kernel, unit.kernel.shape))
        unit.norm.bias[...] = jnp.asarray(bias)
    program = compiled(model, batch, dtype)
    images = jnp.asarray(_images(resolution, batch), dtype)
    return _keeping(lambda: np.asarray(program(images)))


def keras_on_jax(alpha: float, resolution: int, batch: int) -> Run:
    """Keras's own MobileNet on JAX, as `predict_on_batch` runs it; its weights are its own."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    network: Any = keras.applications.MobileNet  # its annotations know no None
    model = network(
        (resolution, resolution, 3), alpha=alpha, weights=None, classifier_activation=None
    )
    images = _images(resolution, batch)
    return _keeping(lambda: np.asarray(model.predict_on_batch(images)), shown=0)


def torch_call(alpha: float, resolution: int, batch: int, *, way: str) -> Run:
    """PyTorch's, batch norm folded. way: "eager" (channels last) or "compile"."""
    import torch

    network: Any = _FoldedTwin(alpha).network
    network = network.to(memory_format=torch.channels_last)
    images = torch.from_numpy(_channels_first(_images(resolution, batch)))
    images = images.to(memory_format=torch.channels_last)
    if way == "compile":
        network = torch.compile(network)

    def call() -> Floats:
        with torch.inference_mode():
            return network(images).numpy()

    return _keeping(call)


def onnx_runtime(alpha: float, resolution: int, batch: int) -> Run:
    """ONNX Runtime's CPU provider, with its defaults: all cores, every graph optimisation."""
    import onnxruntime  # pyright: ignore[reportMissingImports]

    from benchmarks.onnx_twin import onnx_model

    session: Any = onnxruntime.InferenceSession(
        onnx_model(list(_weights(alpha)), resolution, batch), providers=["CPUExecutionProvider"]
    )
    images = _channels_first(_images(resolution, batch))
    return _keeping(lambda: session.run(None, {"images": images})[0])


def openvino(alpha: float, resolution: int, batch: int) -> Run:
    """OpenVINO on the CPU, tuned for latency, in float32."""
    import openvino as ov  # pyright: ignore[reportMissingImports]

    from benchmarks.onnx_twin import onnx_model

    core = ov.Core()
    model = core.read_model(onnx_model(list(_weights(alpha)), resolution, batch))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    images = ov.Tensor(_channels_first(_images(resolution, batch)), shared_memory=True)

    def call() -> Floats:
        request.infer([images])
        return request.get_output_tensor().data

    return _keeping(call)


class _FoldedTwin:
    """The PyTorch twin with batch norm folded into its convolutions, from a fixed seed."""

    def __init__(self, alpha: float) -> None:
        import torch
        from torch import nn
        from torch.nn.utils.fusion import fuse_conv_bn_eval

        from sweep.families.mobilenet_v1_torch import mobilenet_v1

        torch.manual_seed(0)
        self.network = mobilenet_v1("separable", alpha, CLASSES).eval()
        self.convolutions: list[Any] = []
        for unit in self.network.modules():
            if not isinstance(unit, nn.Sequential) or not isinstance(unit[-1], nn.ReLU6):
                continue
            at = next(i for i, part in enumerate(unit) if isinstance(part, nn.Conv2d))
            convolution, norm = unit[at], unit[at + 1]
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            # Biases that differ, so that a mix-up shows.
            nn.init.uniform_(norm.bias, 0.0, 0.5)
            unit[at] = fuse_conv_bn_eval(convolution, norm)
            unit[at + 1] = nn.Identity()
            self.convolutions.append(unit[at])
        self.classifier: Any = next(
            each for each in self.network.modules() if isinstance(each, nn.Linear)
        )


def _weights(alpha: float) -> Iterator[tuple[str, Floats, Floats]]:
    """(name of the layer in `mnv1_flax`, kernel as PyTorch has it, bias), in order."""
    twin = _FoldedTwin(alpha)
    for index, convolution in enumerate(twin.convolutions):
        kind = "depthwise" if convolution.groups > 1 else "pointwise"
        name = f"{kind}_{(index + 1) // 2}" if index else "conv_0"
        yield name, convolution.weight.detach().numpy(), convolution.bias.detach().numpy()
    classifier = twin.classifier
    yield "classifier", classifier.weight.detach().numpy(), classifier.bias.detach().numpy()


def _as_ours(kernel: Floats, shape: tuple[int, ...]) -> Floats:
    """PyTorch's [out, in, y, x] as [y, x, in, out], [y, x, channels] or [in, out]."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0).reshape(shape))


def _images(resolution: int, batch: int) -> Floats:
    """f32[batch,R,R,3] in [-1, 1]."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (batch, resolution, resolution, 3)).astype(np.float32)


def _channels_first(images: Floats) -> Floats:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _keeping(call: Callable[[], Floats], shown: int = SHOWN) -> Run:
    return lambda: call()[0, :shown].astype(float).tolist()
