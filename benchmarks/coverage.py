"""How often intervals hold: accuracies of some seeds against the mean of the others.

    python -m benchmarks.coverage results/many    # a run with four seeds or more; seconds

Of each split of the seeds, drawn at random, intervals are made from the first part; counted is how
often the other part's mean lies inside, the interval widened by that mean's own error (the root of
the sum of both half widths' squares). 95 % is what they say; 92 to 98 % is what they may. On the
same images their luck is common to both parts, and left out of both intervals; on others each part
has half of the test images, and the intervals are whole. From one training each there is no
interval but that of the images (Wilson's), and its share shows what it leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import parser, table
from sweep.maths.replicates import Replicates
from sweep.maths.surface import smoothed
from sweep.metrics import TOP1
from sweep.results.load import load
from sweep.results.trainings import Trainings, trainings_of

SPLITS = 100
FEWEST_SEEDS = 3

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimates:
    """Of P points: values and the ends of their intervals, f64[P]."""

    values: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Held:
    """Over all splits and points: how often intervals held, half of their mean width, and the root
    of the mean square of what values were off by from the other part's mean.
    """

    share: float
    half: float
    off: float


def main() -> None:
    """A table for each way to split, a row for each number of seeds."""
    options = parser(__doc__)
    options.add_argument("folder", type=Path, metavar="DIR")
    options.add_argument("--splits", type=int, default=SPLITS, help="of each number of seeds")
    arguments = options.parse_args()
    trained = trainings_of(load(arguments.folder).readings, TOP1)
    seeds = 0 if trained is None else trained.replicates.values.shape[1]
    if trained is None or seeds < FEWEST_SEEDS or np.isnan(trained.replicates.values).any():
        raise SystemExit(
            f"{arguments.folder}: needs {FEWEST_SEEDS} seeds or more, and every point from each "
            "(accuracy.seeds)"
        )
    points, _, images = trained.replicates.right.shape
    print(f"{points} points, {seeds} seeds, {images:,} images; {arguments.splits} splits a row\n")
    for title, other_images in (("On the same images", False), ("On other images", True)):
        rows = [
            _row(count, held(trained, count, arguments.splits, other_images=other_images))
            for count in range(1, seeds // 2 + 1)
        ]
        head = ("seeds", "", "held", "half the interval, points", "off, points")
        print(f"{title}\n\n{table(head, [each for row in rows for each in row])}\n")


def held(trained: Trainings, seeds: int, splits: int, *, other_images: bool) -> dict[str, Held]:
    """Raw values and smoothed ones of so many seeds against the mean of the others."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Array]] = {}
    for _ in range(splits):
        near, far = _parts(trained.replicates, seeds, rng, other_images=other_images)
        raw, others = estimates(near), estimates(far)
        ways = {"raw": raw, "smoothed": _smooth(near, trained)}
        if seeds == 1 and not other_images:
            del ways["raw"]  # no interval at all
        for name, way in ways.items():
            apart = others.values - way.values
            own = np.where(apart > 0, way.high - way.values, way.values - way.low)
            inside = np.abs(apart) <= np.hypot(own, (others.high - others.low) / 2)
            told = np.stack([inside.astype(np.float64), (way.high - way.low) / 2, apart])
            found.setdefault(name, []).append(told)
    return {
        name: Held(float(inside.mean()), float(half.mean()), float(np.sqrt(np.mean(apart**2))))
        for name, each in found.items()
        for inside, half, apart in [np.concatenate(each, axis=1)]
    }


def estimates(replicates: Replicates) -> Estimates:
    """The points' means, with their intervals."""
    ends = [replicates.interval(point) for point in range(len(replicates.means))]
    low, high = (np.array([getattr(each, end) for each in ends]) for end in ("low", "high"))
    return Estimates(replicates.means, low, high)


def _smooth(replicates: Replicates, trained: Trainings) -> Estimates:
    alphas, resolutions = (
        np.array([key[place] for key in trained.places], np.float64) for place in (2, 3)
    )
    result = smoothed(replicates, alphas, resolutions / resolutions.max())
    return Estimates(result.values, result.low, result.high)


def _parts(
    whole: Replicates, seeds: int, rng: np.random.Generator, *, other_images: bool
) -> tuple[Replicates, Replicates]:
    order = rng.permutation(whole.values.shape[1])
    parts = order[:seeds], order[seeds:]
    if other_images:
        images = np.array_split(rng.permutation(whole.right.shape[2]), 2)
        near, far = (_on(whole, *each) for each in zip(parts, images, strict=True))
        return near, far
    near, far = (_without_images(whole.values[:, each]) for each in parts)
    return near, far


def _on(whole: Replicates, seeds: Indices, images: Indices) -> Replicates:
    right = whole.right[:, seeds][:, :, images]
    return Replicates(right.mean(axis=2), right)


def _without_images(values: Array) -> Replicates:
    """Whose images have no part in any variance."""
    return Replicates(values, np.zeros((*values.shape, 1), bool))


def _row(seeds: int, found: dict[str, Held]) -> list[tuple[str, ...]]:
    return [
        (
            str(seeds),
            name,
            f"{100 * each.share:.1f} %",
            f"{100 * each.half:.2f}",
            f"{100 * each.off:.2f}",
        )
        for name, each in found.items()
    ]


if __name__ == "__main__":
    main()
