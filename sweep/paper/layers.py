"""The layers of networks as a run stored them: readings in, frozen values out.

A layer has two readings, of its mult-adds and its weights, which carry its shape in their note.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import pandas as pd

from sweep.metrics import PER_LAYER
from sweep.paper.tolerance import Computed

METRICS = tuple(each.name for each in PER_LAYER)
# The types that the paper's Table 2 names.
DEPTHWISE, POOL, FULLY_CONNECTED = "Conv DW 3x3", "Avg Pool", "Fully Connected"
CONVOLUTIONS = ("Conv 3x3", "Conv 1x1")
READ = ("family", "kind", "alpha", "resolution", "metric", "layer", "value", "reason", "note")
Place = tuple[str, str, float, int]  # family, kind, alpha, resolution


@dataclass(frozen=True)
class LayerShape:
    """A layer's type under Table 2's name, and its sides; sizes are of square maps in pixels."""

    type: str
    stride: int
    kernel: int
    channels_in: int
    channels_out: int
    size_in: int
    size_out: int

    def filter(self, times: str) -> str:
        """The filter's shape as the paper's Table 1 prints it; times: the sign between sides."""
        kernel = f"{self.kernel}{times}{self.kernel}"
        if self.type == DEPTHWISE:
            return f"{kernel}{times}{self.channels_in} dw"
        if self.type == POOL:
            return f"Pool {kernel}"
        if self.type == FULLY_CONNECTED:
            return f"{self.channels_in}{times}{self.channels_out}"
        return f"{kernel}{times}{self.channels_in}{times}{self.channels_out}"

    def input(self, times: str) -> str:
        """Height, width and channels of what goes in."""
        return f"{self.size_in}{times}{self.size_in}{times}{self.channels_in}"

    def output(self, times: str) -> str:
        """Height, width and channels of what comes out."""
        return f"{self.size_out}{times}{self.size_out}{times}{self.channels_out}"


@dataclass(frozen=True)
class Layer:
    """One layer of a network, its counts per image. shape: None where its readings carry none."""

    name: str
    shape: LayerShape | None
    mult_adds: Computed
    weights: Computed


def layers_of(readings: pd.DataFrame) -> dict[Place, tuple[Layer, ...]]:
    """The layers of every point that has any among these readings, in order of execution."""
    counts = readings.loc[readings["metric"].isin(METRICS), list(READ)]
    # Point -> layer -> metric -> its reading.
    by_point: dict[Place, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in counts.to_dict(orient="records"):
        # A measure that failed stores its metrics without a layer.
        if row["layer"]:
            point = (row["family"], row["kind"], row["alpha"], row["resolution"])
            layers = by_point.setdefault(point, {})
            layers.setdefault(row["layer"], {})[row["metric"]] = row
    return {
        point: tuple(
            Layer(name, _shape(next(iter(of.values()))["note"]), *(_count(of, m) for m in METRICS))
            for name, of in layers.items()
        )
        for point, layers in by_point.items()
    }


@lru_cache(maxsize=4096)
def _shape(note: str) -> LayerShape | None:
    """A measure from outside may store another note, or none."""
    try:
        stored = json.loads(note)
        sides = (int(stored[field.name]) for field in fields(LayerShape)[1:])
        return LayerShape(str(stored["type"]), *sides)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _count(of_layer: dict[str, dict[str, Any]], metric: str) -> Computed:
    row = of_layer.get(metric)
    if row is None:
        return Computed(None, "no reading of this layer")
    return Computed(None if pd.isna(row["value"]) else float(row["value"]), row["reason"])
