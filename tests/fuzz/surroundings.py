"""What commands find around them in a fuzzer's folder, and what they must not really do there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import pytest

CLASSES = ("a", "b")


def furnish(folder: Path) -> None:
    """Images in a folder of class folders and in an .npz, a list of classes, a sound experiment."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 8, 8, 3), np.uint8)
    for number, image in enumerate(pixels):
        path = folder / "images" / CLASSES[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    np.savez(folder / "images.npz", images=pixels, labels=np.array([0, 1, 0, 1]))
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")


def stand_ins(patch: pytest.MonkeyPatch) -> None:
    """In place of what is slow or outside: facts of the machine are read once; nothing is measured,
    drawn or fetched; the allocator stays as it is.
    """
    import sweep.cli.evaluate
    import sweep.cli.measuring
    import sweep.cli.pick
    import sweep.cli.run
    import sweep.host.machine
    import sweep.training.speed

    patch.setattr(sweep.cli.run, "keep_freed_memory", lambda: None)
    patch.setattr(sweep.cli.pick, "keep_freed_memory", lambda: None)
    patch.setattr(sweep.cli.evaluate, "keep_freed_memory", lambda: None)
    patch.setattr(sweep.cli.measuring, "_log_to", lambda folder: None)
    patch.setattr(sweep.host.machine, "this_machine", cache(sweep.host.machine.this_machine))
    patch.setattr(sweep.training.speed, "decode_s", lambda records, side: 0.001)
    _no_photographs(patch)


def _no_photographs(patch: pytest.MonkeyPatch) -> None:
    """The photographs' identity takes a second to work out."""
    from sweep.datasets.photo_patches import PhotoPatches

    def identity(self: Any) -> dict[str, Any]:
        return {"name": "photo-patches"}

    patch.setattr(PhotoPatches, "identity", identity)
