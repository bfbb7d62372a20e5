"""One step of training (batch statistics, backward, SGD with momentum), ours and theirs.

Every maker takes alpha, side (of the images, px) and batch, and returns a call that does one step
and waits for it. The same random images each time: a step's cost does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

CLASSES = 1000
Dtype = Literal["float32", "bfloat16"]
Sums = Literal["chosen", "XLA's defaults", "no sums fused"]
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 1e-4


def ours(
    alpha: float,
    side: int,
    batch: int,
    *,
    lowering: str = "",
    dtype: Dtype = "float32",
    sums: Sums = "chosen",
) -> Callable[[], float]:
    """The sweep's own step, drawing the batch from the images on the device and augmenting it.

    sums: as the sweep compiles it; or, for timing alone, as XLA's defaults have it, whatever they
    fuse, or with no sum fused (`sweep.host.xla.options`).
    """
    import jax

    from sweep.contracts import Network
    from sweep.families.mobilenet_v1 import MobileNetV1Family
    from sweep.host.xla import options
    from sweep.settings.config import AccuracySettings
    from sweep.training import learner
    from sweep.training.feeds import ResidentFeed
    from sweep.types import Images, Point

    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, side, side, 3)).astype(np.float32)
    split = Images(images, rng.integers(0, CLASSES, batch).astype(np.int32))
    settings = AccuracySettings(
        train_images=batch,
        batch_size=batch,
        learning_rate=LEARNING_RATE,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        lowering=lowering,
        dtype=dtype,
    )
    network = Network(Point("mobilenet_v1", "separable", alpha, 1.0, side), MobileNetV1Family())
    feed = ResidentFeed(split, side, settings)
    if sums != "chosen":
        forced = options() if sums == "no sums fused" else {}
        compiling: Any = lambda lowered: lowered.compile(compiler_options=forced)  # noqa: E731
        learner.with_fused_sums = compiling
    ready = learner.make_ready(network, feed, CLASSES, settings)
    state, key = ready.state, jax.random.key(0)
    on_device = jax.device_put((split.images, split.labels))
    per_call = feed.steps_per_call
    indices = np.tile(np.arange(batch, dtype=np.int32), (per_call, 1))

    def step() -> float:
        nonlocal state
        state, (losses, _) = ready.run_steps(state, *on_device, indices, key, 0)
        return float(losses[-1])

    return step


def torch_step(
    alpha: float, side: int, batch: int, *, way: str, shared_out: bool = False
) -> Callable[[], float]:
    """PyTorch's. way: "eager", "channels_last", or "compile" (channels last, compiled). shared_out:
    of one process of several, by DistributedDataParallel; batch is its own share then.
    """
    import torch
    from torch import nn

    network: Any = with_own_padding(_twin(alpha)).train()
    images = torch.randn(batch, 3, side, side)
    labels = torch.randint(0, CLASSES, (batch,))
    if way != "eager":
        network = network.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    if way == "compile":
        network = torch.compile(network)
    if shared_out:
        network = nn.parallel.DistributedDataParallel(network)
    loss_of = nn.CrossEntropyLoss()

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def with_own_padding(network: Any) -> Any:
    """The twin with Conv2d's symmetric padding in place of TensorFlow's, which costs PyTorch a
    copy of the map: what a user of PyTorch would train, and what is fastest for it.
    """
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.Sequential) and type(module[0]).__name__ == "_PadLikeTensorFlow":
            module[0] = nn.Identity()
            convolution: Any = module[1]
            convolution.padding = (1, 1)
    return network


def _twin(alpha: float) -> Any:
    from sweep.families.mobilenet_v1_torch import mobilenet_v1

    return mobilenet_v1("separable", alpha, CLASSES)
