"""Accuracies by the smooth surface over alpha and resolution, beside what was counted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from sweep.maths.surface import smoothed
from sweep.results.trainings import Key, Trainings

COLUMNS = COLUMN, LOW, HIGH = "top1_smooth", "top1_smooth_low", "top1_smooth_high"


@dataclass(frozen=True)
class Smoothed:
    """An accuracy, 0..1, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def columns(self) -> dict[str, float]:
        """As points.parquet has it."""
        return dict(zip(COLUMNS, (self.value, self.low, self.high), strict=True))


def smoothed_points(trained: Trainings) -> dict[Key, Smoothed]:
    """Of the points of each kind of network that are grid enough for a surface: six or more, of
    three alphas and two resolutions at least, none with an accuracy of 0 or 1.
    """
    found: dict[Key, Smoothed] = {}
    for keys in _grids(trained.places):
        replicates = trained.replicates.of([trained.places[key] for key in keys])
        _, _, alphas, resolutions = zip(*keys, strict=True)
        with suppress(ValueError):
            result = smoothed(replicates, alphas, [each / max(resolutions) for each in resolutions])
            ends = zip(result.values, result.low, result.high, strict=True)
            found |= {
                key: Smoothed(*map(float, each)) for key, each in zip(keys, ends, strict=True)
            }
    return found


def _grids(keys: Iterable[Key]) -> list[list[Key]]:
    """Points of one family and kind together."""
    grids: dict[Key, list[Key]] = {}
    for key in keys:
        grids.setdefault(key[:2], []).append(key)
    return list(grids.values())
