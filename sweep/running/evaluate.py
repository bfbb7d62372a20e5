"""One trained network on one set of images: `python -m sweep evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.contracts import Family, LoadsCheckpoints, Network, Trained
from sweep.datasets.records import DatasetError
from sweep.datasets.splits import split_of
from sweep.host.files import is_there
from sweep.maths.statistics import Interval, wilson
from sweep.measures.checkpoint_accuracy import Evaluated, evaluated
from sweep.measures.executed import FLAX, executed, opened
from sweep.measures.scores import FIVE, no_share
from sweep.measures.shared_accuracy import SHARED_NETWORK, SharedAccuracy
from sweep.metrics import TOP1
from sweep.results.load import load
from sweep.results.run_file import RUN
from sweep.results.writing import NETWORKS
from sweep.settings.config import SMALLEST, AccuracySettings, Settings, SettingsError, validated
from sweep.settings.registry import find
from sweep.training.sources import ImageSource
from sweep.types import Point, Progress, ResultsError, listed


@dataclass(frozen=True)
class Evaluation:
    """Shares of right answers over `images` images, with their 95 % intervals; how many more could
    not be read, and what to know of the checkpoint and the classes. top5: None where there are no
    more than five classes.
    """

    alpha: float | None
    resolution: int
    images: int
    top1: float
    top1_interval: Interval
    top5: float | None
    top5_interval: Interval | None
    left_out: int
    notes: Sequence[str]


def image_source(
    data: Path, classes: Path | None, more: Mapping[str, str] | None = None, **settings: object
) -> ImageSource:
    """The images of a folder of class folders (or one that holds val/ or test/), of Parquet files,
    or of an .npz archive. more: further settings of [accuracy.data]; `settings` are others of
    [accuracy].

    Raises SettingsError where there are none.
    """
    if not data.exists():
        raise SettingsError(f"--data {data}: there is no such file or folder")
    more = more or {}
    own = {"path": str(data), **more} | ({"classes": str(classes)} if classes else {})
    kind = _kind_of(data)
    if more:
        known = find("dataset", kind).Settings.model_fields
        if wrong := [name for name in more if name not in known]:
            raise SettingsError(f"{_options(wrong)}: not of a data set of this kind ({kind})")
    values = {"dataset": kind, "data": own, **settings}
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
    input_range: tuple[float, float] | None = None,
    runtime: str = "",
    progress: Progress,
) -> Evaluation:
    """alpha, resolution: None where the file is to say. background: the network's first output is
    none of the classes. input_range: of the images that the network takes, where not as the file
    says. runtime: what executes it, as `opened` has it.

    Raises ValueError where the checkpoint can't be read or does not fit the classes, where an image
    can't be read and is not to be left out, and where there is no accuracy.
    """
    program = opened(checkpoint, runtime)
    if program is None:
        told = {} if input_range is None else {"input_range": input_range}
        trained = family.load_checkpoint(checkpoint, alpha=alpha, resolution=resolution, **told)
    elif alpha is not None or resolution is not None:
        raise SettingsError(
            f"--alpha, --resolution: {checkpoint} is executed by {program[0].name} as it is "
            f"(--runtime {FLAX} reads it as a network of Flax, where it is one of TFLite's)"
        )
    else:
        trained = executed(*program, input_range)
    if trained.resolution < SMALLEST:
        raise SettingsError(
            f"{checkpoint}: would be evaluated at {trained.resolution} px, must be at least "
            f"{SMALLEST} (--resolution)"
        )
    evaluation = evaluated(trained, source, background, progress)
    return _told(trained, evaluation, source, _learned(checkpoint, source))


def _learned(checkpoint: Path, source: ImageSource) -> list[str]:
    """A sentence on images that a network which a run has kept was trained on, where the run's data
    is still there to tell.
    """
    folder = checkpoint.parent.parent
    if checkpoint.parent.name != NETWORKS or not is_there(folder / RUN):
        return []
    try:
        learned = source.learned_by(source_of_run(folder))
    except (ResultsError, SettingsError, DatasetError, OSError):
        return []
    if not learned:
        return []
    return [
        f"it was trained on {learned:,} of these images: what it gets right of those says little "
        f"of others (--run {folder} takes those that it has not seen)"
    ]


def _told(
    trained: Trained, evaluation: Evaluated, source: ImageSource, more: Sequence[str] = ()
) -> Evaluation:
    """more: notes. Raises SettingsError where there is no accuracy."""
    score, classes = evaluation.score, evaluation.classes
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
        notes=(*more, *evaluation.notes, *source.dataset.notes(trains=False)),
    )


@dataclass(frozen=True)
class Shared:
    """The shared network of a run: its file, the measure that trained it, and the settings of the
    grid that points are named by.
    """

    folder: Path
    file: Path
    measure: SharedAccuracy
    family: Family
    kind: str
    base_resolution: int
    seed: int | None

    def network(self, alpha: float, resolution: int) -> Network:
        """As a point of the run's grid would be. Raises SettingsError where it lies outside of what
        was trained.
        """
        rho = resolution / self.base_resolution
        point = Point(self.family.name, self.kind, alpha, rho, resolution)
        network = Network(point, self.family, seed=self.seed)
        self.measure.check_points([network])
        return network

    def cut(self, alpha: float, resolution: int) -> Trained:
        """The network of that size, its batch norm calibrated on the run's training images, at the
        side of the images that a point of that resolution is scored on.
        """
        network, measure = self.network(alpha, resolution), self.measure
        whole = measure.load_shared(network, self.file)
        module, names = (
            measure.cutting.calibrated(whole, network),
            measure.source.dataset.class_names,
        )
        side, note = measure.source.side(network.point), measure.cutting.said(network)
        return Trained(module, alpha, side, len(names), (note,), tuple(names))


def shared_of_run(folder: Path, *, kind: str | None, seed: int | None) -> Shared:
    """kind, seed: of the shared networks that are kept; None where there is one, or for the first
    seed. Raises ResultsError where there is no run, SettingsError where it has no such network.
    """
    results = load(folder)
    run = validated(Settings, results.settings, source=str(folder / RUN))
    readings = results.readings
    readings = readings.loc[readings["metric"] == TOP1.name]
    kept = {
        (str(row["kind"]), row["seed"]): name
        for row in readings.to_dict("records")
        for name in row["artefacts"]
        if name.startswith(f"{SHARED_NETWORK}-")
    }
    there = listed([f"{of} of seed {int(own)}" for of, own in sorted(kept)])
    kept = {
        (of, own): name
        for (of, own), name in kept.items()
        if kind in (None, of) and seed in (None, own)
    }
    if not kept and there:
        asked = [f"--kind {kind}"] * (kind is not None) + [f"--seed {seed}"] * (seed is not None)
        raise SettingsError(f"{' '.join(asked)}: no such shared network is kept in {folder}; "
                            f"there is {there}")  # fmt: skip
    if not kept:
        raise SettingsError(
            f"--shared {folder}: no shared network is kept there "
            '(accuracy.source = "shared" and accuracy.keep = true train and keep one)'
        )
    if len(kinds := {each for each, _ in kept}) > 1:
        raise SettingsError(f"--shared {folder}: has shared networks of {listed(sorted(kinds))}: "
                            "--kind names one")  # fmt: skip
    (of_kind, of_seed), name = min(kept.items())
    measure = SharedAccuracy(run.accuracy)
    family: Family = find("family", run.family)()
    own = int(of_seed) if measure.seeds else None
    file, base = folder / NETWORKS / name, run.grid.base_resolution
    return Shared(folder, file, measure, family, of_kind, base, own)


def evaluate_shared(
    shared: Shared,
    *,
    alpha: float,
    resolution: int,
    export: Path | None,
    progress: Progress,
) -> Evaluation:
    """Any network inside the shared one, its batch norm calibrated on the run's training images,
    on the run's test images: what the run itself would read. export: where it is written, as an
    ordinary checkpoint of the size that it is evaluated at.

    Raises ValueError as `evaluate_checkpoint`, and where there is a file at `export` already.
    """
    measure, network = shared.measure, shared.network(alpha, resolution)
    whole = measure.load_shared(network, shared.file)
    (cut,) = measure.cutting.cuts(whole, [network], progress)
    source = measure.source
    if export is not None:
        family: Any = shared.family
        family.save_checkpoint(cut.module, export, classes=source.dataset.class_names)
    trained = Trained(cut.module, alpha, resolution, len(source.dataset.class_names))
    note = measure.cutting.said(network)
    return _told(trained, Evaluated(cut.score, cut.left_out, (note,), trained.num_classes), source)


def _kind_of(data: Path) -> str:
    """The data set that reads such a file or folder."""
    if data.suffix == ".npz" or any(split_of(each.name) for each in data.glob("*.npz")):
        return "numpy"
    # The root of a repository of Hugging Face's has them in data/, or in a folder a configuration.
    deeper = (each for depth in ("*/", "*/*/") for each in data.glob(f"{depth}[!.]*.parquet"))
    if (
        data.suffix == ".parquet"
        or any(data.glob("*.parquet"))
        or any(split_of(str(each.relative_to(data))) for each in deeper)
    ):
        return "parquet"
    return "imagefolder"


def _options(settings: Sequence[str]) -> str:
    """As the command line has them."""
    return listed([f"--{name.replace('_', '-')}" for name in settings])
