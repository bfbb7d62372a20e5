"""Made-up runs of several trainings of each point, each with what it got right image by image."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sweep.metrics import TOP1
from sweep.results.load import Results
from sweep.results.points import with_points
from tests.support import fake_results

IMAGES = 1000
# The cheapest first; the paper's Table 6 and 7 have mult-adds of 41, 150, 325 and 569 M.
LADDER = (0.25, 0.5, 0.75, 1.0)
ON_LADDER = [("separable", alpha, 224) for alpha in LADDER]


def trained(
    shares: Mapping[float, Sequence[float]], *, seeds: Sequence[int | None] = (), path: str = "fake"
) -> Results:
    """A run of alpha-224 that got these shares of IMAGES from each of its seeds. Which images a
    network finds easy is the same for all: what they get right is nested, as it nearly is.
    """
    keys = [("separable", alpha, 224) for alpha in shares]
    run = fake_results.results(Path("results") / path, points=keys, without=[TOP1.name])
    of_alpha = {
        alpha: fake_results.reading(
            key, TOP1.name, 0.5, measure="accuracy", dataset="photo-patches"
        )
        for alpha, key in zip(shares, keys, strict=True)
    }
    rows = [
        of_alpha[alpha] | {"seed": seed, "value": share, "samples": _right(share)}
        for alpha, values in shares.items()
        for seed, share in zip(seeds or range(len(values)), values, strict=False)
    ]
    more = pd.DataFrame(rows, columns=run.readings.columns)
    readings = pd.concat([run.readings, more], ignore_index=True)
    return with_points(dataclasses.replace(run, readings=readings))


def of_two_seeds() -> Results:
    """Means of 31, 41.5, 42 and 42.5 %: the first seed has the third ahead, the second the last."""
    return trained({0.25: [0.30, 0.32], 0.5: [0.41, 0.42], 0.75: [0.43, 0.41], 1.0: [0.42, 0.43]})


def _right(share: float) -> np.ndarray:
    return (np.arange(IMAGES) < round(share * IMAGES)) * 1.0
