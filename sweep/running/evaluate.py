"""One trained checkpoint on one set of images: `python -m sweep evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.contracts import LoadsCheckpoints
from sweep.datasets.splits import split_of
from sweep.maths.statistics import Interval, wilson
from sweep.measures.checkpoint_accuracy import evaluated
from sweep.measures.scores import FIVE, no_share
from sweep.results.load import load
from sweep.results.run_file import RUN
from sweep.settings.config import SMALLEST, AccuracySettings, SettingsError, validated
from sweep.training.sources import ImageSource
from sweep.types import Progress


@dataclass(frozen=True)
class Evaluation:
    """Shares of right answers over `images` images, with their 95 % intervals; how many more could
    not be read, and what to know of the checkpoint and the classes. top5: None where there are no
    more than five classes.
    """

    alpha: float
    resolution: int
    images: int
    top1: float
    top1_interval: Interval
    top5: float | None
    top5_interval: Interval | None
    left_out: int
    notes: Sequence[str]


def image_source(data: Path, classes: Path | None, **settings: object) -> ImageSource:
    """The images of a folder of class folders (or one that holds val/ or test/), of Parquet files,
    or of an .npz archive. `settings` are others of [accuracy].

    Raises SettingsError where there are none.
    """
    if not data.exists():
        raise SettingsError(f"--data {data}: there is no such file or folder")
    own = {"path": str(data)} | ({"classes": str(classes)} if classes else {})
    values = {"dataset": _kind_of(data), "data": own, **settings}
    return ImageSource(validated(AccuracySettings, values, source="evaluate"))


def source_of_run(folder: Path) -> ImageSource:
    """The images that a run's accuracies are counted on. Raises ResultsError where there is no run,
    SettingsError where it has none of this version's.
    """
    section = load(folder).settings.get("accuracy", {})
    return ImageSource(validated(AccuracySettings, section, source=str(folder / RUN)))


def evaluate_checkpoint(
    family: LoadsCheckpoints,
    checkpoint: Path,
    source: ImageSource,
    *,
    alpha: float | None,
    resolution: int | None,
    background: bool,
    progress: Progress,
) -> Evaluation:
    """alpha, resolution: None where the file is to say. background: the network's first output is
    none of the classes.

    Raises ValueError where the checkpoint can't be read or does not fit the classes, where an image
    can't be read and is not to be left out, and where there is no accuracy.
    """
    trained = family.load_checkpoint(checkpoint, alpha=alpha, resolution=resolution)
    if trained.resolution < SMALLEST:
        raise SettingsError(
            f"{checkpoint}: would be evaluated at {trained.resolution} px, must be at least "
            f"{SMALLEST} (--resolution)"
        )
    evaluation = evaluated(trained, source, background, progress)
    score, classes = evaluation.score, len(source.dataset.class_names)
    if reason := no_share(score, classes, 1):
        raise SettingsError(f"there is no accuracy: {reason}")
    told = not no_share(score, classes, FIVE)
    return Evaluation(
        alpha=trained.alpha,
        resolution=trained.resolution,
        images=score.images,
        top1=score.top1 / score.images,
        top1_interval=wilson(score.top1, score.images),
        top5=score.top5 / score.images if told else None,
        top5_interval=wilson(score.top5, score.images) if told else None,
        left_out=evaluation.left_out,
        notes=(*evaluation.notes, *source.dataset.notes(trains=False)),
    )


def _kind_of(data: Path) -> str:
    """The data set that reads such a file or folder."""
    if data.suffix == ".npz" or any(split_of(each.name) for each in data.glob("*.npz")):
        return "numpy"
    if data.suffix == ".parquet" or any(data.glob("*.parquet")):
        return "parquet"
    return "imagefolder"
