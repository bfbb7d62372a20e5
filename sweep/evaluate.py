"""One trained checkpoint on one set of images: `python -m sweep evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.config import SMALLEST, AccuracySettings, SettingsError, validated
from sweep.contracts import LoadsCheckpoints
from sweep.measures.checkpoint_accuracy import score_of
from sweep.statistics import Interval, wilson
from sweep.training.sources import ImageSource
from sweep.types import Progress


@dataclass(frozen=True)
class Evaluation:
    """Shares of right answers over `images` images, with their 95 % intervals; how many more could
    not be read, and what to know of the checkpoint.
    """

    alpha: float
    resolution: int
    images: int
    top1: float
    top1_interval: Interval
    top5: float
    top5_interval: Interval
    classes: int
    left_out: int
    notes: Sequence[str]


def image_source(data: Path, classes: Path | None, **settings: object) -> ImageSource:
    """The images of a folder of class folders (or one with val/ in it), of Parquet files, or of an
    .npz archive. `settings` are others of [accuracy].

    Raises SettingsError where there are none.
    """
    if not data.exists():
        raise SettingsError(f"--data {data}: there is no such file or folder")
    own = {"path": str(data)} | ({"classes": str(classes)} if classes else {})
    values = {"dataset": _kind_of(data), "data": own, **settings}
    return ImageSource(validated(AccuracySettings, values, source="evaluate"))


def evaluate_checkpoint(
    family: LoadsCheckpoints,
    checkpoint: Path,
    source: ImageSource,
    *,
    alpha: float | None,
    resolution: int | None,
    progress: Progress,
) -> Evaluation:
    """alpha, resolution: None where the file is to say.

    Raises ValueError where the checkpoint can't be read or does not fit the classes, and where an
    image can't be read and is not to be left out.
    """
    trained = family.load_checkpoint(checkpoint, alpha=alpha, resolution=resolution)
    if trained.resolution < SMALLEST:
        raise SettingsError(
            f"{checkpoint}: would be evaluated at {trained.resolution} px, must be at least "
            f"{SMALLEST} (--resolution)"
        )
    images = source.evaluation(trained.resolution)
    score = score_of(trained, images, len(source.dataset.class_names), progress)
    if not score.images:
        raise SettingsError("none of the images could be read")
    return Evaluation(
        alpha=trained.alpha,
        resolution=trained.resolution,
        images=score.images,
        top1=score.top1 / score.images,
        top1_interval=wilson(score.top1, score.images),
        top5=score.top5 / score.images,
        top5_interval=wilson(score.top5, score.images),
        classes=len(source.dataset.class_names),
        left_out=images.left_out(),
        notes=trained.notes,
    )


def _kind_of(data: Path) -> str:
    """The data set that reads such a file or folder."""
    if data.suffix == ".npz" or (data / "val.npz").exists():
        return "numpy"
    if data.suffix == ".parquet" or any(data.glob("*.parquet")):
        return "parquet"
    return "imagefolder"
