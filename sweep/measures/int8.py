"""What is left of an accuracy in 8 bits: each trained network is quantised, and executed by the
runtime that ships it, on the images that its float32 accuracy is counted on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sweep.contracts import Exports, LoadsCheckpoints, Measure, Network, Runtime, Trained
from sweep.measures.accuracy import TRAINED_NETWORK
from sweep.measures.checkpoint_accuracy import evaluated
from sweep.measures.effort import Effort, part_of
from sweep.measures.executed import executed
from sweep.measures.scores import no_share
from sweep.metrics import PARAMS, in_int8
from sweep.settings.config import AccuracySettings, Int8Settings, SettingsError
from sweep.settings.registry import find
from sweep.training.augment import as_floats, three_channels
from sweep.training.evaluation_images import TestImages
from sweep.training.sources import ImageSource
from sweep.types import Better, Metric, Progress, Reading, listed, slug

QUANTISERS = ("litert-quantizer", "onnxruntime")
QUANTISED_S = 0.03  # an image to calibrate by; for estimates alone
STARTED_S = 5.0


class Int8Accuracy(Measure):
    """Quantises by images of training, as they are shown in evaluation; counts right answers."""

    name = "int8"
    classes_of_data = True
    needs = (TRAINED_NETWORK,)
    also = ("accuracy",)

    def __init__(self, settings: Int8Settings, accuracy: AccuracySettings) -> None:
        """Raises SettingsError where no networks are kept that it could take, UnknownPartError
        where there is no such runtime.
        """
        if accuracy.source != "train" or not accuracy.keep:
            raise SettingsError(
                'measures = "int8": takes the networks that accuracy.source = "train" trains and '
                "accuracy.keep = true keeps"
            )
        self.settings = settings
        self.source = ImageSource(accuracy)
        self.effort = Effort(accuracy, self.source)
        self.runtimes: dict[str, Runtime] = {
            name: find("runtime", name, key="int8.runtimes")() for name in settings.runtimes
        }
        for name, runtime in self.runtimes.items():
            if "int8" not in runtime.precisions:
                raise SettingsError(
                    f'int8.runtimes = "{name}": has {listed(runtime.precisions)}, and no int8'
                )
        packages = (package for each in self.runtimes.values() for package in each.packages)
        self.versions = tuple(dict.fromkeys([*packages, *QUANTISERS]))
        self.metrics = tuple(
            metric for each in self.runtimes.values() for metric in metrics_by(each.name)
        )

    def identity(self) -> dict[str, Any]:
        """The images, those to calibrate by among them; the network is an artefact."""
        told = self.settings.model_dump(mode="json")
        crop = {"test_crop": self.source.settings.test_crop} if self.source.dataset.in_files else {}
        images = {"test_images": self.source.test_images, "data": self.source.identity}
        return told | crop | images | {"seed": self.source.settings.seed}

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """By what, and by which images."""
        del networks
        count = min(self.settings.calibration_images, self.source.train_images)
        by = listed(list(self.runtimes))
        return (
            f"networks in 8 bits, executed by {by}: ranges of {count:,} of the images to train on",
        )

    def local_files(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """What `accuracy.data` names."""
        del networks
        return self.source.local_files

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Of each network and runtime: calibrating, and evaluating about as Flax does."""
        calibrating = STARTED_S + QUANTISED_S * self.settings.calibration_images
        each = (calibrating + self.effort.evaluate_s(network) for network in networks)
        return len(self.runtimes) * sum(each)

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Reading]:
        """Raises ValueError where the network can't be read, written or executed."""
        (network,) = networks
        family: Any = network.family
        if not isinstance(family, LoadsCheckpoints) or not isinstance(family, Exports):
            raise TypeError("its family can't write networks for other runtimes")
        file = network.artefacts[TRAINED_NETWORK]
        trained = family.load_checkpoint(file, alpha=None, resolution=None)
        with TemporaryDirectory(prefix="sweep-int8-") as folder:
            for number, runtime in enumerate(self.runtimes.values()):
                low, high = (each / len(self.runtimes) for each in (number, number + 1))
                to = Path(folder) / f"{number}{runtime.suffixes[0]}"
                yield from self._read(network, trained, runtime, to, part_of(progress, low, high))

    def _read(
        self, network: Network, trained: Trained, runtime: Runtime, to: Path, progress: Progress
    ) -> Iterator[Reading]:
        began, family = time.perf_counter(), network.family
        count = self.settings.calibration_images
        images = self.source.calibration(trained.resolution, count, 1)
        shown = calibrating(images, part_of(progress, 0.0, 0.5))
        family.export(trained.module, to, classes=trained.classes, int8=shown)  # type: ignore[attr-defined]
        program = executed(runtime, runtime.open(to))
        score = evaluated(program, self.source, False, part_of(progress, 0.5, 1.0)).score
        accuracy, size = metrics_by(runtime.name)
        note = f"{program.notes[0]}; {time.perf_counter() - began:.1f} s to quantise and evaluate"
        conditions: dict[str, Any] = {
            "runtime": runtime.name, "precision": "int8", "dataset": self.source.dataset.name,
            "seed": network.seed,
        }  # fmt: skip
        classes = len(self.source.dataset.class_names)
        if reason := no_share(score, classes, 1):
            yield Reading(accuracy, network.point, None, reason=reason, **conditions)
        else:
            right = tuple(map(float, score.first))
            share = score.top1 / score.images
            yield Reading(accuracy, network.point, share, samples=right, note=note, **conditions)
        yield Reading(size, network.point, float(to.stat().st_size), **conditions)


def calibrating(images: TestImages, progress: Progress) -> Iterator[npt.NDArray[np.float32]]:
    """images: one by one -> f32[1,S,S,3] in [-1, 1]."""
    for number, (pixels, labels) in enumerate(images):
        progress(number / len(images), f"calibrating, {number} of {len(images)} images")
        if int(labels[0]) >= 0:
            yield np.asarray(three_channels(as_floats(jnp.asarray(pixels))), np.float32)


def metrics_by(runtime: str) -> tuple[Metric, Metric]:
    """Top-1 of the int8 file as a runtime executes it, and the size of the file."""
    stem = slug(runtime)
    return (
        in_int8(runtime),
        Metric(
            f"file_int8_{stem}_bytes", f"Size of the int8 file, for {runtime}", "B", Better.LOWER,
            short=f"int8 file for {runtime}", beside=PARAMS.name,
        ),
    )  # fmt: skip
