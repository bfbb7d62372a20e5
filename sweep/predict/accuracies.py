"""The accuracy that a network between the points would have, by the surface through those that were
trained, or that somebody has published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.maths.surface import COEFFICIENTS, Surface, fitted, through
from sweep.predict.costs import Prediction
from sweep.results.trainings import Key, Trainings

# Points beyond the surface's coefficients: with one, an interval of 95 % is all that there is.
FEWEST_LEFT = 3
IMAGENET = 50_000  # validation images, which published accuracies were counted on


@dataclass(frozen=True)
class AccuracyModel:
    """full: the resolution in pixels that the surface has as 1. common: variance of an accuracy
    that all points share.
    """

    surface: Surface
    full: int
    common: float = 0.0

    def at(self, alpha: float, resolution: int) -> Prediction:
        """Top-1, 0..1; alpha > 0, resolution in pixels."""
        found = self.surface.between([alpha], [resolution / self.full], self.common)
        return Prediction(float(found.values[0]), float(found.low[0]), float(found.high[0]))


def of_trainings(trainings: Trainings, keys: Sequence[Key]) -> AccuracyModel:
    """Through these points of a run, of one family and kind. Raises ValueError where they are too
    few for a surface, or one has an accuracy of 0 or 1.
    """
    known = [key for key in keys if key in trainings.places]
    if not known:
        raise ValueError("no point has an accuracy that was counted image by image")
    _, _, alphas, resolutions = zip(*known, strict=True)
    full = max(resolutions)
    replicates = trainings.replicates.of([trainings.places[key] for key in known])
    surface, _, common = through(replicates, alphas, [each / full for each in resolutions])
    if surface.freedom < FEWEST_LEFT:
        raise ValueError(
            f"a surface through {len(known)} accuracies tells next to nothing of others: "
            f"{COEFFICIENTS + FEWEST_LEFT} or more do"
        )
    return AccuracyModel(surface, full, common)


def of_published(points: Sequence[tuple[float, int, float]]) -> AccuracyModel:
    """Through (alpha, resolution, top-1) as they are printed for ImageNet. Raises ValueError as
    `of_trainings`.
    """
    if not points:
        raise ValueError("nothing is published of these points")
    alphas, resolutions, top1 = (np.asarray(each, np.float64) for each in zip(*points, strict=True))
    full = int(resolutions.max())
    surface = fitted(alphas, resolutions / full, top1, top1 * (1 - top1) / IMAGENET)
    return AccuracyModel(surface, full)
