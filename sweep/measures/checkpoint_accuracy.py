"""Top-1 and top-5 of networks that somebody has trained: a checkpoint for each point."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from sweep.config import AccuracySettings
from sweep.contracts import LoadsCheckpoints, Network, Trained
from sweep.measures.scores import METRICS, score_readings
from sweep.training.evaluation import Score, evaluate
from sweep.training.feeds import TestImages
from sweep.training.sources import ImageSource
from sweep.types import Point, Progress, Reading, alpha_text, listed

# Images per second and mult-add, on both cores of the reference run; for estimates alone.
LOAD_S, MULT_ADD_S = 8.0, 4e-11
MOST_FILES = 10_000  # in a folder that may be a checkpoint
MOST_NAMED = 3  # missing files, in the plan


class MissingCheckpointError(FileNotFoundError):
    """There is no checkpoint for this point."""


class CheckpointAccuracy:
    """Loads each point's checkpoint, then counts right answers at the point's own resolution."""

    name = "accuracy"
    machine_bound = False
    classes_of_data: Literal[True] = True
    metrics = METRICS

    def __init__(self, settings: AccuracySettings) -> None:
        self.settings = settings
        self.source = ImageSource(settings)

    def identity(self) -> dict[str, Any]:
        """How images are shown, and which; each point's checkpoint is in `identity_of`."""
        own = {"source", "dataset", "test_images", "test_crop", "seed"}
        shown = self.settings.model_dump(mode="json", include=own)
        return shown | {"data": self.source.identity}

    def identity_of(self, network: Network) -> dict[str, Any]:
        """The content of the point's file; of Keras's checkpoints their source alone."""
        if self.settings.source == "keras":
            return {}
        return {"sha256": _sha256(self._path(network.point))}

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """The data set, and how many of the checkpoints are there."""
        source = self.source
        classes = len(source.dataset.class_names)
        data = f"{source.title}, {classes} classes; {source.test_images:,} images to evaluate on"
        if self.settings.source == "keras":
            return data, "Keras's ImageNet checkpoints, from its cache or fetched"
        paths = [self._path(network.point) for network in networks]
        missing = [str(path) for path in paths if not _is_there(path)]
        found = f"{len(paths) - len(missing)} of {len(paths)} checkpoints are there"
        if missing:
            found += f"; missing: {listed(missing, MOST_NAMED)}"
        return data, found

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """By the mult-adds of all images."""
        images = self.source.test_images
        mult_adds = sum(sum(row.mult_adds for row in each.layers()) for each in networks)
        return LOAD_S * len(networks) + MULT_ADD_S * images * mult_adds

    def __call__(self, network: Network, progress: Progress) -> Iterator[Reading]:
        """Raises MissingCheckpointError, or ValueError where the checkpoint does not fit."""
        progress(0.0, "loading")
        began = time.perf_counter()
        trained, origin = self._trained(network)
        side = network.point.resolution
        test = self.source.evaluation(side)
        score = score_of(trained, test, len(self.source.dataset.class_names), progress)
        note = "; ".join(
            [
                f"{origin} at {side} px",
                *trained.notes,
                f"{time.perf_counter() - began:.1f} s to load and evaluate",
            ]
        )
        classes = len(self.source.dataset.class_names)
        yield from score_readings(
            network.point, score, self.source.title, classes, side, note, test.left_out()
        )

    def _trained(self, network: Network) -> tuple[Trained, str]:
        family = network.family
        if not isinstance(family, LoadsCheckpoints):
            raise TypeError(f"family {family.name} can't load checkpoints")
        if self.settings.source == "keras":
            return family.from_keras(network.point), "Keras's ImageNet checkpoint"
        path = self._path(network.point)
        if not _is_there(path):
            raise MissingCheckpointError(f"{path}: there is no such checkpoint")
        point = network.point
        return family.load_checkpoint(path, alpha=point.alpha, resolution=point.resolution), str(
            path
        )

    def _path(self, point: Point) -> Path:
        text = self.settings.checkpoints
        for field, value in (
            ("{alpha}", alpha_text(point.alpha)),
            ("{resolution}", str(point.resolution)),
            ("{kind}", point.kind),
        ):
            text = text.replace(field, value)
        return Path(text)


def score_of(trained: Trained, test: TestImages, classes: int, progress: Progress) -> Score:
    """Evaluates a trained network; one more output than classes is a background class before them.

    Raises ValueError where the outputs fit the classes neither way.
    """
    extra = trained.num_classes - classes
    if extra not in (0, 1):
        raise ValueError(
            f"the checkpoint has {trained.num_classes} outputs, the data set {classes} classes: "
            "give the list that it was trained on (--classes FILE, or accuracy.data.classes)"
        )
    total = max(1, len(test))

    def report(done: int) -> None:
        progress(done / total, f"{done} of {total} images")

    return evaluate(trained.module, test, background=extra == 1, progress=report)


def _is_there(path: Path) -> bool:
    """Not where the name is one that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _sha256(path: Path) -> str | None:
    """Of a file, or of all files of a folder; None where there is none, or too many of them."""
    if not _is_there(path):
        return None
    files = list(islice(path.rglob("*"), MOST_FILES)) if path.is_dir() else [path]
    if len(files) == MOST_FILES:  # no checkpoint, but such as "/"
        return None
    digest = hashlib.sha256()
    for file in sorted(files):
        if file.is_file():
            if path.is_dir():
                digest.update(f"{file.relative_to(path)}\0".encode())
            with file.open("rb") as opened:
                while block := opened.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()
