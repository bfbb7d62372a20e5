"""The run's side of the comparison: its points of the paper's family, with their layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sweep.paper.tolerance import Found
from sweep.types import alpha_text

FAMILY = "mobilenet_v1"
CLASSES = 1000  # ImageNet's
CLASSIFIER = "classifier"
STEM = "conv_0"
LAYER_FIELDS = {
    "type", "stride", "kernel", "channels_in", "channels_out", "size_in", "size_out",
    "layer_mult_adds", "layer_weights",
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One layer: its type under Table 2's name, its shape, and its counts per image. Sizes are
    sides of square maps in pixels.
    """

    type: str
    stride: int
    kernel: int
    channels_in: int
    channels_out: int
    size_in: int
    size_out: int
    mult_adds: float
    weights: float


@dataclass(frozen=True)
class Network:
    """One point of the run; None where it has no such number. layers by name, in order of
    execution; empty where the run didn't store them.
    """

    mult_adds: float | None
    weights: float | None
    top1: float | None
    dataset: str
    layers: dict[str, Layer]


Key = tuple[str, float, int]  # kind, alpha, resolution
Networks = dict[Key, Network]

# Of every network that the paper prints a number of.
ALPHAS, RESOLUTIONS = (1.0, 0.75, 0.5, 0.25), (224, 192, 160, 128)

NO_LAYERS = Found(None, reason="this run has no per-layer counts of the network")


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


def found_network(networks: Networks, key: Key) -> Network | Found:
    """The network with its layers, or why not."""
    network = networks.get(key)
    if network is None:
        kind, alpha, resolution = key
        return Found(None, reason=f"{kind} {alpha_text(alpha)}-{resolution} is not in this run")
    return network if {STEM, CLASSIFIER} <= set(network.layers) else NO_LAYERS


def with_classes(network: Network | Found, classes: int, count: str) -> Found:
    """The network's "mult_adds" or "weights" with a classifier of so many classes in place of its
    own; 0 leaves the classifier out.
    """
    if isinstance(network, Found):
        return network
    total = getattr(network, count)
    if total is None:
        return Found(None, reason=f"this run has no {count.replace('_', '-')} of the network")
    if not {STEM, CLASSIFIER} <= set(network.layers):
        return NO_LAYERS
    head = network.layers[CLASSIFIER]
    # One mult-add and one weight per input channel and class: the pooled map is 1 x 1.
    found = Found(total + head.channels_in * (classes - head.channels_out))
    return found.told(other_classes(head)) if classes == CLASSES != head.channels_out else found


def other_classes(head: Layer) -> str:
    """The note of a count whose classifier was exchanged."""
    return f"with the paper's classes in place of this run's {head.channels_out}"


def _layers(readings: pd.DataFrame) -> dict[Key, dict[str, Layer]]:
    """(kind, alpha, resolution) -> layer name -> its shape and counts; of the networks that the
    paper's tables are about and of the widest: a large grid has thousands of others.
    """
    wanted: pd.DataFrame = readings.loc[
        (readings["family"] == FAMILY)
        & readings["metric"].isin(("layer_mult_adds", "layer_weights"))
        & readings["value"].notna()
    ]
    printed = wanted["alpha"].isin(ALPHAS) & wanted["resolution"].isin(RESOLUTIONS)
    wanted = wanted.loc[printed | (wanted["alpha"] == wanted["alpha"].max())]
    shapes: dict[Key, dict[str, dict[str, Any]]] = {}
    for row in wanted.to_dict("records"):
        network = shapes.setdefault((row["kind"], row["alpha"], row["resolution"]), {})
        layer = network.setdefault(row["variant"].removeprefix("layer="), _shape(row["note"]))
        layer[row["metric"]] = row["value"]
    return {
        key: {
            name: Layer(
                type=layer["type"],
                stride=layer["stride"],
                kernel=layer["kernel"],
                channels_in=layer["channels_in"],
                channels_out=layer["channels_out"],
                size_in=layer["size_in"],
                size_out=layer["size_out"],
                mult_adds=layer["layer_mult_adds"],
                weights=layer["layer_weights"],
            )
            for name, layer in network.items()
            if layer.keys() >= LAYER_FIELDS
        }
        for key, network in shapes.items()
    }


def _shape(note: str) -> dict[str, Any]:
    """What the note of a layer's reading holds; a measure from outside may store another."""
    try:
        told = json.loads(note)
    except (ValueError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
