"""Top-1 and top-5 of each point, trained on one data set, from random weights or those of a network
that is trained already.

The network trains at the resolution that it is deployed at, or, where the data set draws images of
its own size or the settings ask for it, at rho times a base resolution: the same architecture and
alpha as the deployed network, on smaller images. `ImageSource.side` decides.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from flax import nnx

from sweep.contracts import Artefact, Measure, Network, SavesCheckpoints, TunesTrained
from sweep.host.memory import FLOAT_BYTES, said
from sweep.host.xla import cautions
from sweep.measures import trained_files
from sweep.measures.effort import Effort, counted, part_of, shares
from sweep.measures.scores import METRICS, score_readings
from sweep.settings.config import SMALLEST, AccuracySettings, SettingsError, digest_of
from sweep.training.checkpointing import Checkpoint, partial_of
from sweep.training.devices import check_batch, is_first_host
from sweep.training.evaluation import evaluator
from sweep.training.evaluation_images import TestImages
from sweep.training.learner import Ready, make_ready
from sweep.training.loop import train
from sweep.training.sources import ImageSource
from sweep.types import CurvePoint, Progress, Reading, listed

MOST_NAMED = 3  # classes, in the plan
# Settings that are no part of the identity: where images are and how they get in, what the page
# calls them, how often training is written down, what is kept of it or scored beside, what is of
# networks that others trained. The image's size is each point's own, a replicate's seed its own.
ELSEWHERE = {
    "data", "title", "workers", "cache_mb", "bad_images", "checkpoint_s", "base_resolution",
    "background", "keep", "seeds", "held_back", "shared", "devices",
}  # fmt: skip
# What counts only where training begins with trained weights.
OF_START = {"head_epochs", "head_rate", "tuning_rate"}
# How images are cropped that are streamed: 2, each by random numbers of its own.
STREAMED = {"streamed": 2}
TRAINED_NETWORK = "network"  # the kind of artefact


class Accuracy(Measure):
    """Trains, then counts right answers on images that training has not seen."""

    name = "accuracy"
    machine_bound = False
    classes_of_data = True
    spans_hosts = True
    metrics = METRICS

    def __init__(self, settings: AccuracySettings) -> None:
        self.settings = settings
        self.source = ImageSource(settings)
        self.effort = Effort(settings, self.source)
        self._folder: Path | None = None

    def keep_in(self, folder: Path) -> None:
        self._folder = folder

    def unfinished(self, network: Network) -> tuple[str, ...]:
        """Its checkpoint, what grows into the next one, and a network that is to be stored."""
        checkpoint = self._file(Path(), network)
        saved = self._file(Path(), network, ".safetensors")
        return tuple(each.name for each in (checkpoint, partial_of(checkpoint), saved))

    def forget(self, network: Network) -> None:
        if self._folder is not None:
            for name in self.unfinished(network):
                with contextlib.suppress(OSError):
                    (self._folder / name).unlink()

    def local_files(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """What `accuracy.data` names, and the networks that trainings begin with."""
        begun_with = trained_files.there(self.settings.start, networks)
        return (*self.source.local_files, *begun_with)

    @property
    def gives(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The trained network, where it is kept."""
        return (TRAINED_NETWORK,) if self.settings.keep else ()

    @property
    def seeds(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Of the trainings of a point, where there are several."""
        first, count = self.settings.seed, self.settings.seeds
        return tuple(range(first, first + count)) if count > 1 else ()

    @property
    def threads(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Cores of one training: part of its identity, since sums are taken in another order.
        Where images are decoded all the time, points are trained one after the other.
        """
        return 0 if self.source.streams else self.settings.threads

    def identity(self) -> dict[str, Any]:
        """The recipe, as far as it is used, and the images that it is applied to."""
        settings, source = self.settings, self.source
        unused: set[str] = set()
        if settings.crop != "resized":
            unused |= {"crop_area", "crop_aspect"}
        if settings.schedule != "exponential":
            unused |= {"decay_rate", "decay_epochs"}
        if not source.dataset.in_files:
            unused |= {"test_crop"}
        # What it begins with is each point's own.
        unused |= {"start"} | ({"learning_rate"} if settings.start else OF_START)
        recipe = settings.model_dump(mode="json", exclude=ELSEWHERE | unused)
        counts = {"train_images": source.train_images, "test_images": source.test_images}
        return recipe | counts | {"threads": self.threads, "data": source.identity}

    def identity_of(self, network: Network) -> dict[str, Any]:
        """The side in pixels, which rho decides, and whether images of that size are streamed:
        random boxes are then others; and the content of what it begins with.
        """
        side = self.source.side(network.point)
        own: dict[str, Any] = {"side": side} | (STREAMED if self.source.streamed_at(side) else {})
        if self.settings.start:
            own["start"] = trained_files.content(self.settings.start, network.point)
        return own

    def _seed(self, network: Network) -> int:
        return self.settings.seed if network.seed is None else network.seed

    def check_points(self, networks: Sequence[Network]) -> None:
        """Raises SettingsError naming the points whose images would be too small to tell apart, and
        where networks are to be kept that can't be, or a batch is not to be shared out evenly.
        """
        check_batch(self.settings)
        families = {each.family.name: each.family for each in networks}
        for name, family in families.items():
            if self.settings.keep and not isinstance(family, SavesCheckpoints):
                raise SettingsError(
                    f"accuracy.keep = true: family {name} has no save_checkpoint; false trains "
                    "without keeping its networks"
                )
            if self.settings.start and not isinstance(family, TunesTrained):
                raise SettingsError(
                    f"accuracy.start: family {name} has no build_like; empty begins with random "
                    "weights"
                )
        start = self.settings.start
        if "{" not in start and trained_files.missing(start, networks):  # else some have one
            raise SettingsError(f'accuracy.start = "{start}": there is no such file')
        small = {
            network.point.label: side
            for network in networks
            if (side := self.source.side(network.point)) < SMALLEST
        }
        if not small:
            return
        sides = sorted(set(small.values()))
        base = self.source.base_resolution
        whose = "accuracy.base_resolution" if self.settings.base_resolution else "the data set's"
        raise SettingsError(
            f"{listed(list(small), MOST_NAMED)} would be trained at "
            f"{listed([str(side) for side in sides])} px, must be at least {SMALLEST}: that is rho "
            f"(grid.resolution / grid.base_resolution) times {whose} {base}; raise one of them"
        )

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """The data set, the sides of the images, and where training is cut short."""
        source, settings = self.source, self.settings
        sides = sorted({self.source.side(network.point) for network in networks})
        lines = [
            f"{source.title}, {len(source.dataset.class_names)} classes; "
            f"{source.train_images:,} images to train on, {source.test_images:,} to evaluate on"
            f"{source.said_held_back}; "
            f"at {', '.join(map(str, sides))} px"
        ]
        lines += [*source.dataset.notes(trains=True), *source.enlarged(sides)]
        lines += self._other_outputs(networks)
        if settings.start:
            lines.append(
                f"each begins with {settings.start} (accuracy.start) and a new classifier, trained "
                f"alone for {settings.head_epochs} of {settings.epochs} epochs; "
                + trained_files.how_many(settings.start, networks)
            )
        if source.never_learned:
            lines.append(
                f"evaluated on, but never trained on: {listed(source.never_learned, MOST_NAMED)}"
            )
        if settings.max_steps:
            lines.append(
                f"training ends after {settings.max_steps} steps (accuracy.max_steps): a look, no "
                "result"
            )
        if self.settings.keep and networks:
            rows = [row for each in self._kept_networks(networks) for row in self.effort.rows(each)]
            size = said(FLOAT_BYTES * sum(row.params_with_statistics for row in rows))
            lines.append(f"trained networks are kept, {size} of them (accuracy.keep)")
        return (*lines, *cautions())

    def _other_outputs(self, networks: Sequence[Network]) -> list[str]:
        """Of images of the user's own, where costs are of another number of outputs than they have
        classes.
        """
        classes = len(self.source.dataset.class_names)
        deployed = {network.num_classes for network in networks} - {classes}
        if not self.source.dataset.in_files or not deployed:
            return []
        return [
            f"costs and latencies are of {listed(list(map(str, sorted(deployed))))} outputs "
            f"(num_classes), and the images have {classes} classes"
        ]

    def _kept_networks(self, networks: Sequence[Network]) -> Sequence[Network]:
        """That there is a file of, once these have been measured."""
        return networks

    def look(self) -> tuple[str, ...]:
        """Decodes the images once."""
        return self.source.look(trains=True)

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Compiling, training and evaluating, as `Effort` has them."""
        return sum(sum(self._parts_s(each)) for each in networks)

    def _parts_s(self, network: Network) -> tuple[float, float, float]:
        effort = self.effort
        training = effort.train_s([network])
        return effort.compile_s(network), training, effort.evaluate_s(network)

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """The largest of their trainings, or its evaluation where that takes more."""
        return max(map(self.effort.bytes_of, networks), default=0)

    def _make_ready(self, network: Network) -> tuple[Ready, TestImages]:
        recipe = self._recipe(network)
        feed, test = self.source.training(self.source.side(network.point), recipe)
        trained = self._begins_with(network)
        return make_ready(network, feed, self._classes, recipe, trained), test

    def _begins_with(self, network: Network) -> nnx.Module | None:
        if not self.settings.start:
            return None
        side = self.source.side(network.point)
        return trained_files.load(self.settings.start, network, side).module

    def _recipe(self, network: Network) -> AccuracySettings:
        """Of the network's own replicate."""
        return self.settings.model_copy(update={"seed": self._seed(network)})

    @property
    def _classes(self) -> int:
        return len(self.source.dataset.class_names)

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint | Artefact]:
        """The curve while training, then the readings, and the trained network."""
        (network,) = networks
        progress(0.0, "compiling")
        _, begins, ends, _ = shares(*self._parts_s(network))
        ready, test = self._make_ready(network)
        marks = [time.perf_counter()]
        checkpoint = self._checkpoint(network)
        training_progress = part_of(progress, begins, ends)
        training_progress(0.0, "begins to train")
        module = yield from train(ready, training_progress, checkpoint)
        marks.append(time.perf_counter())
        progress(ends, "evaluating")
        side = self.source.side(network.point)
        held_back, devices = self.source.held_back(side), ready.learner.devices
        scored = evaluator(module)
        sets = [each.over(devices) for each in (test, held_back) if each is not None]
        reported = counted(part_of(progress, ends, 1.0), sets)
        score, *more = (scored(each, told) for each, told in zip(sets, reported, strict=True))
        beside = more[0] if more else None
        marks.append(time.perf_counter())
        training, evaluating = (late - early for early, late in pairwise(marks))
        left_out = ready.left_out() + sum(each.left_out() for each in sets)
        waited = f" ({ready.waits.told})" if ready.waits.told else ""
        note = (
            f"trained at {side} px; {ready.trace_s:.1f} s to trace, "
            f"{ready.compile_s:.1f} s to compile, {training:.1f} s to train{waited}, "
            f"{evaluating:.1f} s to evaluate"
        )
        if devices.count > 1:
            note += f"; on {devices.told}"
        if self.settings.start:
            note += f"; begun with {trained_files.origin(self.settings.start, network.point)}"
        if checkpoint is not None and checkpoint.went_on_at:
            note += f"; broken off, continued at step {checkpoint.went_on_at}"
        yield from score_readings(
            network.point,
            score,
            self._classes,
            side,
            note,
            left_out,
            dataset=self.source.dataset.name,
            precision=self.settings.dtype,
            seed=self._seed(network),
            held_back=beside,
        )
        if self.settings.keep and is_first_host():
            yield Artefact(network.point, TRAINED_NETWORK, self._saved(network, module))

    def _saved(self, network: Network, module: nnx.Module) -> Path:
        """The trained network in a file, whose own resolution is the one that it was trained at."""
        folder = self._folder or Path(tempfile.mkdtemp(prefix="networks-"))
        path = self._file(folder, network, ".safetensors")
        path.unlink(missing_ok=True)  # of a process that died before its readings were stored
        family: Any = network.family
        family.save_checkpoint(module, path, classes=self.source.dataset.class_names)
        return path

    def _checkpoint(self, network: Network) -> Checkpoint | None:
        """Where the point's training is written down; None where it isn't, or by another host."""
        if self._folder is None or not self.settings.checkpoint_s or not is_first_host():
            return None
        path = self._file(self._folder, network)
        return Checkpoint(path, self._training(network), self.settings.checkpoint_s)

    def _file(self, folder: Path, network: Network, suffix: str = ".ckpt") -> Path:
        """A name of its own for each point, replicate and recipe: another recipe's training is left
        alone.
        """
        digest = digest_of(self._training(network))
        label = re.sub("[^0-9A-Za-z.]+", "-", network.point.label)
        return folder / f"{self.name}-{label}-{digest}{suffix}"

    def _training(self, network: Network) -> dict[str, Any]:
        return {
            "identity": self.identity() | self.identity_of(network),
            "point": network.point.key,
            "seed": self._seed(network),
        }
