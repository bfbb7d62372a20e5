"""The run's side of the comparison: its points of the paper's family, with their layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

FAMILY = "mobilenet_v1"


@dataclass(frozen=True)
class Layer:
    """One layer's counts, per image."""

    mult_adds: float
    weights: float
    channels_in: int
    channels_out: int


@dataclass(frozen=True)
class Network:
    """One point of the run; None where it has no such number. layers by name, empty where the run
    didn't store them.
    """

    mult_adds: float | None
    weights: float | None
    top1: float | None
    dataset: str
    layers: dict[str, Layer]


Key = tuple[str, float, int]  # kind, alpha, resolution
Networks = dict[Key, Network]


def networks_of(points: pd.DataFrame, readings: pd.DataFrame) -> Networks:
    """The run's points of the paper's family by (kind, alpha, resolution)."""
    layers = _layers(readings)
    networks = {}
    for row in points.to_dict("records"):
        if row["family"] != FAMILY:
            continue
        key = (row["kind"], row["alpha"], row["resolution"])
        networks[key] = Network(
            mult_adds=_number(row["mult_adds"]),
            weights=_number(row["weights"]),
            top1=_number(row["top1"]),
            dataset="" if pd.isna(row["dataset"]) else str(row["dataset"]),
            layers=layers.get(key, {}),
        )
    return networks


def _layers(readings: pd.DataFrame) -> dict[Key, dict[str, Layer]]:
    """(kind, alpha, resolution) -> layer name -> its counts and channels."""
    wanted: pd.DataFrame = readings.loc[
        (readings["family"] == FAMILY)
        & readings["metric"].isin(("layer_mult_adds", "layer_weights"))
        & readings["value"].notna()
    ]
    shapes: dict[Key, dict[str, dict[str, Any]]] = {}
    for row in wanted.to_dict("records"):
        network = shapes.setdefault((row["kind"], row["alpha"], row["resolution"]), {})
        layer = network.setdefault(row["variant"].removeprefix("layer="), json.loads(row["note"]))
        layer[row["metric"]] = row["value"]
    return {
        key: {
            name: Layer(
                mult_adds=layer["layer_mult_adds"],
                weights=layer["layer_weights"],
                channels_in=layer["channels_in"],
                channels_out=layer["channels_out"],
            )
            for name, layer in network.items()
        }
        for key, network in shapes.items()
    }


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
