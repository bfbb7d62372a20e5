"""Top-1 and top-5 of networks that somebody has trained: a checkpoint for each point."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.contracts import Measure, Network, Trained
from sweep.host.xla import cautions
from sweep.measures import trained_files
from sweep.measures.effort import part_of, shares
from sweep.measures.scores import METRICS, score_readings
from sweep.settings.config import AccuracySettings
from sweep.training.evaluation import Score, evaluate
from sweep.training.evaluation_images import TestImages
from sweep.training.sources import ImageSource
from sweep.types import Progress, Reading, listed

# Images per second and mult-add, on both cores of the reference run; for estimates alone.
LOAD_S, MULT_ADD_S = 8.0, 4e-11
MOST_CLASSES_NAMED = 6
IMAGENET_OUTPUTS = 1001


class CheckpointAccuracy(Measure):
    """Loads each point's checkpoint, then counts right answers at the point's own resolution."""

    name = "accuracy"
    machine_bound = False
    classes_of_data = True
    metrics = METRICS

    def __init__(self, settings: AccuracySettings) -> None:
        self.settings = settings
        self.source = ImageSource(settings)

    def identity(self) -> dict[str, Any]:
        """How images are shown, and which; each point's checkpoint is in `identity_of`."""
        shown = self.settings.model_dump(
            mode="json", include={"source", "dataset", "test_crop", "background"}
        )
        shown |= {"test_images": self.source.test_images, "data": self.source.identity}
        return shown | ({"seed": self.settings.seed} if self.source.draws_test_images else {})

    def identity_of(self, network: Network) -> dict[str, Any]:
        """The content of the point's file; of Keras's checkpoints their source alone."""
        if self.settings.source == "keras":
            return {}
        return {"sha256": trained_files.content(self._where, network.point)}

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """The data set, and how many of the checkpoints are there."""
        source = self.source
        classes = len(source.dataset.class_names)
        data = f"{source.title}, {classes} classes; {source.test_images:,} images to evaluate on"
        data += source.said_held_back
        data = "; ".join([data, *source.told_classes])
        notes = source.dataset.notes(trains=False)
        notes += source.enlarged(sorted({network.point.resolution for network in networks}))
        return data, *notes, trained_files.how_many(self._where, networks), *cautions()

    def local_files(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """What `accuracy.data` names, and the points' checkpoints."""
        return (*self.source.local_files, *trained_files.there(self._where, networks))

    def look(self) -> tuple[str, ...]:
        """Decodes the images once."""
        return self.source.look(trains=False)

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """By the mult-adds of all images."""
        images = self.source.test_images + self.source.held_back_images
        mult_adds = sum(sum(row.mult_adds for row in each.layers()) for each in networks)
        return LOAD_S * len(networks) + MULT_ADD_S * images * mult_adds

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Reading]:
        """Raises MissingCheckpointError, or ValueError where the checkpoint does not fit."""
        (network,) = networks
        progress(0.0, "loading")
        began = time.perf_counter()
        trained = trained_files.load(self._where, network, network.point.resolution)
        side = trained.resolution
        images = self.source.held_back(side)
        counts = self.source.test_images, 0 if images is None else len(images)
        _, ends, _ = shares(*counts)
        first, then = part_of(progress, 0.0, ends), part_of(progress, ends, 1.0)
        evaluation = evaluated(trained, self.source, self.settings.background, first)
        beside = None
        if images is not None:
            beside = evaluated(trained, self.source, self.settings.background, then, images)
        note = "; ".join(
            [
                f"{trained_files.origin(self._where, network.point)} at {side} px",
                *evaluation.notes,
                f"{time.perf_counter() - began:.1f} s to load and evaluate",
            ]
        )
        yield from score_readings(
            network.point,
            evaluation.score,
            evaluation.classes,
            side,
            note,
            evaluation.left_out + (beside.left_out if beside else 0),
            dataset=self.source.dataset.name,
            precision="float32",
            held_back=beside.score if beside else None,
        )

    @property
    def _where(self) -> str:
        return self.settings.checkpoints or trained_files.KERAS


@dataclass(frozen=True)
class Evaluated:
    """A trained network's score, how many images could not be read, what to know of both, and how
    many classes it chooses among.
    """

    score: Score
    left_out: int
    notes: tuple[str, ...]
    classes: int


def evaluated(
    trained: Trained,
    source: ImageSource,
    background: bool,
    progress: Progress,
    images: TestImages | None = None,
) -> Evaluated:
    """Evaluates at the network's own resolution.

    background: the user says that the first output is none of the classes. images: others than
    those that points are chosen by, of that resolution. Raises ValueError where the outputs don't
    fit the classes, or the file names none of the outputs as the data set does a class.
    """
    named = source.dataset.class_names
    outputs = _by_name(trained.classes, named)
    classes = named if outputs is None else trained.classes
    shifted = has_background(trained.num_classes, classes, background)
    test = source.evaluation(trained.resolution) if images is None else images
    total = max(1, len(test))

    def report(done: int) -> None:
        progress(done / total, f"{done} of {total} images")

    score = evaluate(trained.module, test, background=shifted, outputs=outputs, progress=report)
    left_away = f"the first of {trained.num_classes} outputs is left away as a background class"
    if outputs is not None:
        told = _told_by_name(trained.classes, named)
    else:  # named alike, the order is no guess
        told = source.told_absent if trained.classes else source.told_classes
    notes = (*trained.notes, *([left_away] if shifted else []), *told)
    return Evaluated(score, test.left_out(), notes, len(classes))


def _by_name(theirs: Sequence[str], ours: Sequence[str]) -> list[int] | None:
    """Which output each class of the data set is, where the network's file names its outputs in
    another order or has more of them. Raises ValueError where it has none of a class's name.
    """
    if not theirs or tuple(theirs) == tuple(ours):
        return None
    of_name = {name: output for output, name in enumerate(theirs)}
    if lacking := [name for name in ours if name not in of_name]:
        raise ValueError(
            f"{listed(lacking, MOST_CLASSES_NAMED)}: no class of the network, whose outputs its "
            f"file calls {listed(theirs, MOST_CLASSES_NAMED)}; labels that are numbers get names "
            "from a list, a line each (--classes FILE, or accuracy.data.classes)"
        )
    if len(of_name) < len(theirs):
        twice = next(name for name in theirs if theirs.count(name) > 1)
        raise ValueError(
            f"the network's file calls several outputs {twice}: which is which, a list of all its "
            "classes in its own order tells (--classes FILE, or accuracy.data.classes)"
        )
    return [of_name[name] for name in ours]


def _told_by_name(theirs: Sequence[str], ours: Sequence[str]) -> Sequence[str]:
    told = ["classes are found by the names that the network's file has"]
    if absent := [name for name in theirs if name not in ours]:
        share = f"{len(absent)} of its {len(theirs)} classes"
        told.append(f"no image of {share} ({listed(absent, MOST_CLASSES_NAMED)})")
    return told


def has_background(outputs: int, classes: Sequence[str], asked: bool) -> bool:
    """Whether a network's first output is none of the classes: where the user says so, and of 1001
    outputs on 1000 classes, TensorFlow's convention for ImageNet. Any other mismatch could be
    another order as well: a ValueError, which says what to give.
    """
    count = len(classes)
    if outputs == count + 1 and (asked or outputs == IMAGENET_OUTPUTS):
        return True
    if outputs == count and not asked:
        return False
    raise ValueError(
        f"outputs of the network: {outputs}; classes of the data set: {count} "
        f"({listed(classes, MOST_CLASSES_NAMED)}): give a list of all {outputs} in the order of "
        "the outputs (--classes FILE, or accuracy.data.classes), or images of those classes alone "
        "that it was trained on; where there is one output more, and it is a background class, say "
        "so (--background, or accuracy.background = true), and nowhere else"
    )
