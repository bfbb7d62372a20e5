"""Knob values -> points."""

from __future__ import annotations

from sweep.settings.config import GridSettings
from sweep.types import Point


def points(grid: GridSettings, *, family: str) -> tuple[Point, ...]:
    """The grid's product, widest and sharpest first as given, then the extra points; no repeats."""
    product = [
        (kind, alpha, resolution)
        for kind in grid.kind
        for alpha in grid.alpha
        for resolution in grid.resolutions()
    ]
    extra = [(each.kind, each.alpha, each.resolution) for each in grid.extra]
    return tuple(
        point_at(grid, family, kind, alpha, resolution)
        for kind, alpha, resolution in dict.fromkeys(product + extra)
    )


def point_at(grid: GridSettings, family: str, kind: str, alpha: float, resolution: int) -> Point:
    """One point; rho is the resolution's share of the grid's base resolution."""
    return Point(family, kind, alpha, resolution / grid.base_resolution, resolution)


def measures_of(grid: GridSettings, point: Point, every: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the measures that `point` asks for, out of `every`: all of them for a point of the
    product, its own choice for an extra point; of one that stands there twice, both choices.
    """
    if (
        point.kind in grid.kind
        and point.alpha in grid.alpha
        and point.resolution in grid.resolutions()
    ):
        return every
    at = (point.kind, point.alpha, point.resolution)
    own = [each for each in grid.extra if (each.kind, each.alpha, each.resolution) == at]
    asked = {name for each in own for name in (every if each.measures is None else each.measures)}
    return tuple(name for name in every if name in asked)
