"""The networks between the points: their layers at any alpha and resolution.

Worked out from the layers that a run has stored, by the paper's rules alone (sections 3.3 and 3.4),
so that it needs no family and no JAX: a thinner network has int(alpha M) channels where the full
one has M, and a map's side is halved and rounded up by each stride.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import log2
from typing import Any

import pandas as pd

from sweep.metrics import MULT_ADDS, PARAMS
from sweep.paper.layers import (
    CONVOLUTIONS,
    DEPTHWISE,
    FULLY_CONNECTED,
    POOL,
    LayerShape,
    Place,
    layers_of,
)

Row = Mapping[str, Any]  # of points.parquet

EVEN = 8  # channels: kernels compute so many at once, or a multiple of them


@dataclass(frozen=True)
class Counts:
    """Of one image. mult_adds and params as in the paper's tables. pointwise: mult-adds of the 1x1
    convolutions, and of full ones where there are any but the first; moved: elements of all layers'
    inputs and outputs; weights: elements of kernels and the matrix. uneven_pointwise and
    uneven_moved: the parts of those in convolutions whose channels are no multiple of 8. place: of
    the network in octaves, of alpha and of the maps' area.
    """

    place: tuple[float, float]
    mult_adds: int
    params: int
    pointwise: int
    moved: int
    weights: int
    uneven_pointwise: int
    uneven_moved: int

    @property
    def uneven(self) -> bool:
        """Whether it has such convolutions."""
        return self.uneven_moved > 0

    @property
    def terms(self) -> tuple[float, ...]:
        """What a cost is made of: something each call, products, maps, weights."""
        return 1.0, float(self.pointwise), float(self.moved), float(self.weights)

    @property
    def terms_apart(self) -> tuple[float, ...]:
        """The same, and once more what is done on uneven channels."""
        return *self.terms, float(self.uneven_pointwise), float(self.uneven_moved)

    @property
    def simple_terms(self) -> tuple[float, ...]:
        """Mult-adds alone, beside something each call."""
        return 1.0, float(self.mult_adds)


# What is known of every network, and measured of none.
COUNTED: Mapping[str, Callable[[Counts], int]] = {
    MULT_ADDS.name: lambda counts: counts.mult_adds,
    PARAMS.name: lambda counts: counts.params,
}


@dataclass(frozen=True)
class Chain:
    """layers: of the full network, alpha 1, whose maps are left to be worked out."""

    layers: tuple[LayerShape, ...]

    def at(self, alpha: float, resolution: int) -> Counts:
        """alpha > 0; resolution in pixels, 1 or more."""
        place = log2(alpha), 2 * log2(resolution)
        return _counts(place, self.shapes(alpha, resolution))

    def shapes(self, alpha: float, resolution: int) -> tuple[LayerShape, ...]:
        """The layers of one network, in order."""
        found: list[LayerShape] = []
        side = resolution
        last = len(self.layers) - 1
        for place, layer in enumerate(self.layers):
            pooled = layer.type == POOL
            after = 1 if pooled else -(-side // layer.stride)
            found.append(
                replace(
                    layer,
                    kernel=side if pooled else layer.kernel,
                    channels_in=layer.channels_in if not place else found[-1].channels_out,
                    channels_out=layer.channels_out
                    if place == last
                    else _thinned(alpha, layer.channels_out),
                    size_in=side,
                    size_out=after,
                )
            )
            side = after
        return tuple(found)


def chain(readings: pd.DataFrame, points: Iterable[Row]) -> Chain:
    """The full network behind these points, rows of one family and kind, from their stored layers.

    Raises ValueError where there are none, or where they, scaled, have other mult-adds or
    parameters than were counted at one of the points: a family with another way to be thinned.
    """
    rows = list(points)
    stored = layers_of(readings)
    places = [place for place in map(_place, rows) if place in stored]
    if not places:
        raise ValueError("no point has stored layers")
    widest = max(places, key=lambda place: place[2:])
    shapes = [each.shape for each in stored[widest]]
    if any(shape is None or shape.type not in _TYPES for shape in shapes):
        raise ValueError(f"layers of {widest[0]} are of types that the paper has no formula for")
    *thinned, last = (shape for shape in shapes if shape is not None)
    alpha = widest[2]
    full = (replace(each, channels_out=_full(alpha, each.channels_out)) for each in thinned)
    found = Chain((*full, last))
    for row in rows:
        counts = found.at(row["alpha"], row["resolution"])
        for metric, count in COUNTED.items():
            counted, value = row.get(metric), count(counts)
            if is_read(counted) and counted != value:
                raise ValueError(
                    f"{widest[0]} is not thinned as the paper's network is: {row['alpha']}-"
                    f"{row['resolution']} has {counted:,} {metric}, not {value:,}"
                )
    return found


_TYPES = (*CONVOLUTIONS, DEPTHWISE, POOL, FULLY_CONNECTED)


def is_read(value: Any) -> bool:
    """Whether a point has it."""
    return not pd.isna(value)


def _place(row: Row) -> Place:
    return row["family"], row["kind"], row["alpha"], row["resolution"]


def _thinned(alpha: float, channels: int) -> int:
    return max(1, int(alpha * channels))


def _full(alpha: float, channels: int) -> int:
    """M of int(alpha M) channels: of all that it may be the multiple of 8, as Table 1's are."""
    least, beyond = -(-channels // alpha), (channels + 1) / alpha
    even = EVEN * -(-least // EVEN)
    return int(even if even < beyond else least)


def _counts(octaves: tuple[float, float], shapes: tuple[LayerShape, ...]) -> Counts:
    mult_adds = params = pointwise = moved = weights = uneven_pointwise = uneven_moved = 0
    for place, each in enumerate(shapes):
        maps = each.channels_in * each.size_in**2 + each.channels_out * each.size_out**2
        moved += maps
        if each.type == POOL:
            continue
        matrix = each.type == FULLY_CONNECTED
        own = each.channels_out * (1 if each.type == DEPTHWISE else each.channels_in)
        own *= 1 if matrix else each.kernel**2
        work = own * each.size_out**2
        weights += own
        params += own + each.channels_out * (1 if matrix else 2)
        mult_adds += work
        products = work if each.type in CONVOLUTIONS and place else 0
        pointwise += products
        # The image's three channels are every network's.
        if not matrix and (each.channels_out % EVEN or (place and each.channels_in % EVEN)):
            uneven_pointwise += products
            uneven_moved += maps
    return Counts(
        octaves, mult_adds, params, pointwise, moved, weights, uneven_pointwise, uneven_moved
    )
