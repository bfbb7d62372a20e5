"""Top-1 and top-5 of each point, trained from random weights on one data set.

The network trains at rho times the data set's own base resolution: the same architecture and
alpha as the deployed network, on images as large as the data set has.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from sweep.config import AccuracySettings
from sweep.contracts import Dataset, Network
from sweep.registry import find
from sweep.training.evaluation import evaluate
from sweep.training.loop import Ready, make_ready, train
from sweep.types import Better, CurvePoint, Metric, Point, Progress, Reading

TOP1 = Metric("top1", "Top-1 accuracy", "1", Better.HIGHER)
TOP5 = Metric("top5", "Top-5 accuracy", "1", Better.HIGHER)
TEST_IMAGES = Metric("test_images", "Test images", "1", Better.NEITHER)

# On one core of the reference run; for estimates alone.
COMPILE_S, IMAGE_S, TRAINED_MULT_ADD_S = 13.0, 1.2e-4, 1.1e-10


class Accuracy:
    """Trains, then counts right answers on images that training has not seen."""

    name = "accuracy"
    machine_bound = False
    metrics = (TOP1, TOP5, TEST_IMAGES)

    def __init__(self, settings: AccuracySettings) -> None:
        self.settings = settings
        self.dataset: Dataset = find("dataset", settings.dataset)()
        self._ready: dict[Point, Ready] = {}

    @property
    def threads(self) -> int:
        """Cores of one training: part of its identity, since sums are taken in another order."""
        return self.settings.threads

    def identity(self) -> dict[str, Any]:
        """The recipe, and the images that it is applied to."""
        return self.settings.model_dump(mode="json") | {"data": self.dataset.identity()}

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Fitted to the reference run: compiling, then a time per image of two parts."""
        seen = self.settings.train_images * self.settings.epochs
        per_image = [IMAGE_S + TRAINED_MULT_ADD_S * self._mult_adds(each) for each in networks]
        return COMPILE_S * len(networks) + seen * sum(per_image)

    def prepare(self, network: Network) -> None:
        """Loads and compiles ahead; the next call for this point starts with its first step."""
        self._ready[network.point] = self._make_ready(network)

    def _make_ready(self, network: Network) -> Ready:
        settings = self.settings
        splits = self.dataset.load(
            self._side(network.point),
            train=settings.train_images,
            test=settings.test_images,
            seed=settings.seed,
        )
        return make_ready(network, splits, len(self.dataset.class_names), settings)

    def _mult_adds(self, network: Network) -> int:
        """Of the network as it is trained, at the data set's size."""
        point = replace(network.point, resolution=self._side(network.point))
        rows = network.family.layers(point, num_classes=len(self.dataset.class_names))
        return sum(row.mult_adds for row in rows)

    def _side(self, point: Point) -> int:
        return round(point.rho * self.dataset.base_resolution)

    def __call__(self, network: Network, progress: Progress) -> Iterator[Reading | CurvePoint]:
        """The curve while training, then the three readings."""
        progress(0.0, "compiling")
        marks = [time.perf_counter()]
        ready = self._ready.pop(network.point, None) or self._make_ready(network)
        marks.append(time.perf_counter())
        module = yield from train(ready, progress)
        marks.append(time.perf_counter())
        progress(1.0, "evaluating")
        score = evaluate(module, ready.splits.test)
        marks.append(time.perf_counter())
        variant = f"dataset={self.dataset.name}"
        preparing, training, evaluating = (late - early for early, late in pairwise(marks))
        note = (
            f"trained at {self._side(network.point)} px; {preparing:.1f} s to prepare, of which "
            f"{ready.trace_s:.1f} s to trace and {ready.compile_s:.1f} s to compile, "
            f"{training:.1f} s to train, {evaluating:.1f} s to evaluate"
        )
        for metric, value in (
            (TOP1, score.top1 / score.images),
            (TOP5, score.top5 / score.images),
            (TEST_IMAGES, float(score.images)),
        ):
            yield Reading(metric, network.point, value, variant=variant, note=note)
