"""Mult-adds as a smooth function of alpha and resolution, by the paper's formulas.

A full convolution costs D_K.D_K.M.N.D_F.D_F, a depthwise one D_K.D_K.M.D_F.D_F, a pointwise one
M.N.D_F.D_F (Howard et al. 2017, sections 3.1 and 3.2). A thinner network has alpha.M and alpha.N
channels, except for the image's and the classes; a map's side D_F goes with the image's.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sweep.metrics import LAYER_MULT_ADDS
from sweep.paper.layers import (
    CONVOLUTIONS,
    DEPTHWISE,
    FULLY_CONNECTED,
    POOL,
    Layer,
    LayerShape,
    Place,
    layers_of,
)

POINT = ["family", "kind", "alpha", "resolution"]
LAYER = LAYER_MULT_ADDS.name


@dataclass(frozen=True)
class CostMap:
    """mult_adds = (linear.alpha + square.alpha^2).resolution^2 + head.alpha, where widths and
    sizes are not rounded. linear: depthwise layers and the first; square: all other convolutions;
    head: the classifier.
    """

    linear: float
    square: float
    head: float

    def mult_adds(self, alpha: npt.ArrayLike, resolution: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Per image. alpha and resolution (pixels) broadcast together."""
        alphas, sides = np.asarray(alpha, np.float64), np.asarray(resolution, np.float64)
        return (self.linear + self.square * alphas) * alphas * sides**2 + self.head * alphas


def cost_map(readings: pd.DataFrame, among: Container[Place]) -> CostMap | None:
    """Worked out from the stored layers of the widest point `among` those, at its highest
    resolution: there the rounding of widths and sizes is least. None where no point has layers,
    or where one of them is of a type whose formula the paper doesn't give.
    """
    # A measure that failed stores its metrics without a layer.
    with_layers = readings.loc[(readings["metric"] == LAYER) & (readings["layer"] != "")]
    points = with_layers.drop_duplicates(POINT)[POINT].itertuples(index=False, name=None)
    stored = [point for point in points if point in among]
    if not stored:
        return None
    widest = max(stored, key=lambda point: point[2:])
    _, _, alpha, resolution = widest
    of_widest = pd.Series(data=True, index=readings.index)
    for column, value in zip(POINT, widest, strict=True):
        of_widest &= readings[column] == value
    return _from_layers(layers_of(readings.loc[of_widest])[widest], alpha, resolution)


def _from_layers(layers: tuple[Layer, ...], alpha: float, resolution: int) -> CostMap | None:
    linear = square = head = 0.0
    reduction = 1
    for place, layer in enumerate(layers):
        shape = layer.shape
        if shape is None or shape.type not in (*CONVOLUTIONS, DEPTHWISE, POOL, FULLY_CONNECTED):
            return None
        if shape.type == POOL:
            continue
        if shape.type == FULLY_CONNECTED:
            head += shape.channels_in * shape.channels_out / alpha
            continue
        reduction *= shape.stride
        area = (_unrounded(shape, resolution, reduction) / resolution) ** 2
        taps = shape.kernel**2 * area
        if shape.type == DEPTHWISE:
            linear += taps * shape.channels_out / alpha
        elif place == 0:
            linear += taps * shape.channels_in * shape.channels_out / alpha
        else:
            square += taps * shape.channels_in * shape.channels_out / alpha**2
    return CostMap(linear, square, head)


def _unrounded(shape: LayerShape, resolution: int, reduction: int) -> float:
    """The side of a layer's output before rounding up, where the strides so far explain it; else,
    as in a network that is no chain, the side as stored.
    """
    side = resolution / reduction
    return side if -(-resolution // reduction) == shape.size_out else float(shape.size_out)
