"""Table 1, the body of the network, beside the run's own layers of 1.0-224."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sweep.paper.networks import CLASSES, Network, WholeLayer, network_with_layers, networks_of
from sweep.paper.published import PrintedLayer, Shape, table_1
from sweep.paper.shares import NETWORK
from sweep.paper.tolerance import Computed

# Table 2's layer types under the names of Table 1.
TYPES = {
    "Conv 3x3": "Conv",
    "Conv 1x1": "Conv",
    "Conv DW 3x3": "Conv dw",
    "Avg Pool": "Avg Pool",
    "Fully Connected": "FC",
}
POOLING = "pooling is left out of the counts, as in the paper"
NO_SOFTMAX = (
    "the network ends at the logits: softmax has no weights, and its arithmetic is not counted"
)


@dataclass(frozen=True)
class BodyRow:
    """One printed row and the run's layers that it stands for (`times` of them).

    Either the computed shape and counts are there or `reason` says why not; counts are of all of
    the row's layers together. `notes` are of the printed shape, `count_notes` of the counts.
    """

    printed: Shape
    times: int
    computed: Shape | None
    mult_adds: float | None
    weights: float | None
    reason: str
    notes: tuple[str, ...]
    count_notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the run's layer is another than the printed one."""
        return self.computed is not None and self.computed != self.printed


def body(points: pd.DataFrame, readings: pd.DataFrame) -> tuple[BodyRow, ...]:
    """Every row of Table 1. points and readings as `compare` takes them."""
    network = network_with_layers(networks_of(points, readings), NETWORK)
    return tuple(_row(printed, network) for printed in table_1())


def _row(printed: PrintedLayer, network: Network | Computed) -> BodyRow:
    notes = (printed.note,) if printed.note else ()
    if not printed.layer:
        return BodyRow(printed.shape, printed.times, None, None, None, NO_SOFTMAX, notes)
    layers = _layers(printed, network)
    if isinstance(layers, str):
        return BodyRow(printed.shape, printed.times, None, None, None, layers, notes)
    if layers[0].type == "Fully Connected" and layers[0].channels_out != CLASSES:
        notes = (*notes, f"this run has {layers[0].channels_out} classes")
    return BodyRow(
        printed=printed.shape,
        times=printed.times,
        computed=_shape(layers[0]),
        mult_adds=sum(layer.mult_adds for layer in layers),
        weights=sum(layer.weights for layer in layers),
        reason="",
        notes=notes,
        count_notes=(POOLING,) if layers[0].type == "Avg Pool" else (),
    )


def _layers(printed: PrintedLayer, network: Network | Computed) -> list[WholeLayer] | str:
    """The run's layers of a printed row, all of one shape, or why there are none."""
    if isinstance(network, Computed):
        return network.reason
    stem, _, first = printed.layer.rpartition("_")
    names = [printed.layer]
    if printed.times > 1:
        names = [f"{stem}_{int(first) + place}" for place in range(printed.times)]
    absent = [name for name in names if name not in network.layers]
    if absent:
        return f"this run has no layer {absent[0]}"
    layers = [network.layers[name] for name in names]
    if len({_shape(layer) for layer in layers}) > 1:
        return f"the shapes of {names[0]} to {names[-1]} differ in this run"
    return layers


def _shape(layer: WholeLayer) -> Shape:
    return Shape(
        type_stride=f"{TYPES.get(layer.type, layer.type)} / s{layer.stride}",
        filter_shape=layer.filter(" × "),
        input_size=layer.input(" × "),
    )
