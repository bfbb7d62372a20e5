"""MobileNetV1 trained by a plain loop in PyTorch, to hold the sweep's against.

Written from the recipe's words, not from the sweep's loop: a slip in either then shows as a
difference between the two.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import nn

from sweep.families.mobilenet_v1_torch import mobilenet_v1
from sweep.loading.subset import Subset, some
from sweep.settings.config import AccuracySettings
from sweep.training.sources import ImageSource

# Of the start of a kernel, times its fan-in: as mnv1_flax/model.py documents it.
CONVOLUTION_GAIN, CLASSIFIER_GAIN = 1 / 3, 1.0
TRUNCATED_STD = 0.87962566103423978  # of a unit normal cut at two


def accuracy(recipe: AccuracySettings, alpha: float) -> float:
    """On the test images, 0 to 1, after training. Torch draws the weights, Pillow decodes."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)  # dropout's
    images, labels = _decoded(recipe, "train")
    network = mobilenet_v1("separable", alpha, int(labels.max()) + 1)
    draw_weights(network, generator)
    train(network, images, labels, recipe, generator)
    network.eval()
    images, labels = _decoded(recipe, "test")
    with torch.no_grad():
        logits = torch.cat([network(part) for part in images.split(500)])
    if not logits.isfinite().all():
        raise RuntimeError("the outputs of PyTorch's network are not finite: no accuracy")
    # torch's own argmax, to hold ours against: of equals the first, too.
    return (logits.argmax(dim=1) == labels).double().mean().item()


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Kernels normal, cut at two deviations, of variance gain / fan-in; biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            gain = CLASSIFIER_GAIN if isinstance(module, nn.Linear) else CONVOLUTION_GAIN
            deviation = math.sqrt(gain / module.weight[0].numel()) / TRUNCATED_STD
            cut = 2 * deviation
            nn.init.trunc_normal_(module.weight, 0, deviation, -cut, cut, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def train(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    recipe: AccuracySettings,
    generator: torch.Generator,
) -> list[float]:
    """All epochs, the last short batch of each left out. images f32[N,3,S,S], labels i64[N].

    -> the loss of each step. Running statistics keep torch's own convention: unbiased variances.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1 - recipe.bn_momentum  # torch's is the weight of the batch
        if isinstance(module, nn.Dropout):
            module.p = recipe.dropout_rate
    per_epoch = len(labels) // recipe.batch_size
    steps = recipe.epochs * per_epoch
    optimizer = torch.optim.SGD(
        _groups(network, recipe.weight_decay),
        recipe.learning_rate,
        recipe.momentum,
        nesterov=recipe.momentum > 0,
    )
    warmup = max(1, round(recipe.warmup_share * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, warmup, steps))
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    network.train()
    losses: list[float] = []
    for _ in range(recipe.epochs):
        order = torch.randperm(len(labels), generator=generator)
        for batch in order.split(recipe.batch_size)[:per_epoch]:
            seen = images[batch]
            if recipe.symmetry == "mirror":
                mirrored = torch.rand(len(batch), generator=generator) < 0.5
                seen = torch.where(mirrored[:, None, None, None], seen.flip(3), seen)
            loss = loss_of(network(seen), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return losses


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for kernels, but no depthwise filter, bias or batch norm."""
    decayed = [
        module.weight
        for module in network.modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    ]
    known = {id(each) for each in decayed}
    others = [each for each in network.parameters() if id(each) not in known]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _rate(step: int, warmup: int, steps: int) -> float:
    """Share of the learning rate: up from 0 in a line, then down to 0 in half a cosine."""
    if step < warmup:
        return step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2


def _decoded(recipe: AccuracySettings, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(images f32[N,3,32,32] in [-1, 1], labels i64[N]): of "train" those that ours draws by the
    seed too, of "test" all.
    """
    (path,) = Path(recipe.data["path"]).glob(f"{split}*.parquet")
    rows = pq.read_table(path)
    if split == "train":
        dataset: Any = ImageSource(recipe).dataset
        drawn = some(dataset.records("train"), recipe.train_images, recipe.seed)
        rows = rows.take(drawn.indices) if isinstance(drawn, Subset) else rows
    pixels = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(each["bytes"])).convert("RGB"))
            for each in rows["img"].to_pylist()
        ]
    )
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images.contiguous(), torch.tensor(rows["label"].to_pylist())
