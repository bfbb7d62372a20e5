"""The run's side of the comparison: its points of the paper's family, with their layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sweep.paper.layers import METRICS, LayerShape, layers_of
from sweep.paper.tolerance import Computed
from sweep.types import alpha_text

FAMILY = "mobilenet_v1"
CLASSES = 1000  # ImageNet's
CLASSIFIER = "classifier"
STEM = "conv_0"


@dataclass(frozen=True)
class WholeLayer(LayerShape):
    """A layer with its shape and both its counts per image."""

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
    layers: dict[str, WholeLayer]


Key = tuple[str, float, int]  # kind, alpha, resolution
Networks = dict[Key, Network]

# Of every network that the paper prints a number of.
ALPHAS, RESOLUTIONS = (1.0, 0.75, 0.5, 0.25), (224, 192, 160, 128)

NO_LAYERS = Computed(None, reason="this run has no per-layer counts of the network")


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


def network_with_layers(networks: Networks, key: Key) -> Network | Computed:
    """The network with its layers, or why not."""
    network = networks.get(key)
    if network is None:
        kind, alpha, resolution = key
        return Computed(None, reason=f"{kind} {alpha_text(alpha)}-{resolution} is not in this run")
    return network if {STEM, CLASSIFIER} <= set(network.layers) else NO_LAYERS


def with_classes(network: Network | Computed, classes: int, count: str) -> Computed:
    """The network's "mult_adds" or "weights" with a classifier of so many classes in place of its
    own; 0 leaves the classifier out.
    """
    if isinstance(network, Computed):
        return network
    total = getattr(network, count)
    if total is None:
        return Computed(None, reason=f"this run has no {count.replace('_', '-')} of the network")
    if not {STEM, CLASSIFIER} <= set(network.layers):
        return NO_LAYERS
    head = network.layers[CLASSIFIER]
    # One mult-add and one weight per input channel and class: the pooled map is 1 x 1.
    computed = Computed(total + head.channels_in * (classes - head.channels_out))
    return (
        computed.told(other_classes(head)) if classes == CLASSES != head.channels_out else computed
    )


def other_classes(head: WholeLayer) -> str:
    """The note of a count whose classifier was exchanged."""
    return f"with the paper's classes in place of this run's {head.channels_out}"


def _layers(readings: pd.DataFrame) -> dict[Key, dict[str, WholeLayer]]:
    """(kind, alpha, resolution) -> layer name -> its shape and counts; of the networks that the
    paper's tables are about and of the widest: a large grid has thousands of others.
    """
    ours = readings.loc[(readings["family"] == FAMILY) & readings["metric"].isin(METRICS)]
    printed = ours["alpha"].isin(ALPHAS) & ours["resolution"].isin(RESOLUTIONS)
    wanted = ours.loc[printed | (ours["alpha"] == ours["alpha"].max())]
    return {
        (kind, alpha, resolution): {
            layer.name: WholeLayer(
                **vars(layer.shape),
                mult_adds=layer.mult_adds.value,
                weights=layer.weights.value,
            )
            for layer in layers
            if layer.shape is not None
            and layer.mult_adds.value is not None
            and layer.weights.value is not None
        }
        for (_, kind, alpha, resolution), layers in layers_of(wanted).items()
    }


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
