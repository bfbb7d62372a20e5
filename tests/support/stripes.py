"""Three classes of striped images in files, and a recipe that learns them in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.settings.config import AccuracySettings
from tests.support.image_files import write_folder

CLASSES = ("low", "middle", "high")


def waves(label: int, height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """Stripes whose frequency is the class: learnt in seconds, mirrored or not."""
    rng = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * (label + 1) * 2 * np.arange(width) / width)
    image = 128 + 90 * np.broadcast_to(wave, (height, width)) + rng.normal(0, 10, (height, width))
    return np.repeat(image.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def folder(root: Path, height: int = 40, wider_by: int = 0) -> Path:
    """48 images to train on and 18 to evaluate on; every other one wider by `wider_by`."""
    return write_folder(
        root,
        {
            f"{split}/{name}/{number:02}.png": waves(
                label, height, 40 + wider_by * (number % 2), 100 * label + number
            )
            for split, count in (("train", 16), ("val", 6))
            for label, name in enumerate(CLASSES)
            for number in range(count)
        },
    )


def settings(path: Path, **changes: Any) -> AccuracySettings:
    values = {
        "dataset": "imagefolder",
        "data": {"path": str(path)},
        "base_resolution": 32,
        "epochs": 12,
        "batch_size": 12,
        "learning_rate": 0.1,
        "symmetry": "mirror",
        "workers": 1,
        "keep": False,
    }
    return AccuracySettings.model_validate(values | changes)
