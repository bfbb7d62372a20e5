"""Table 2: which share of the mult-adds and of the parameters each layer type has."""

from __future__ import annotations

from sweep.paper.networks import (
    CLASSES,
    CLASSIFIER,
    Network,
    Networks,
    network_with_layers,
    other_classes,
)
from sweep.paper.published import LayerTypeShare, table_2
from sweep.paper.tolerance import Computed, Quantity, Row, row

TABLE = "2"
NETWORK = ("separable", 1.0, 224)  # the one that Table 2 is of
# Printed with swapped digits: 1.19 % for 1.91 %.
MISPRINTED = "Conv 3x3"


def share_rows(networks: Networks) -> list[Row]:
    """Table 2 beside the run's 1.0-224, in the printed order."""
    return [each for printed in table_2() for each in _rows(printed, networks)]


def _rows(printed: LayerTypeShare, networks: Networks) -> tuple[Row, Row]:
    name = printed.layer_type
    mult_adds = _share(networks, name, "mult_adds").noted(printed.mult_adds_note)
    weights = _share(networks, name, "weights").noted(printed.params_note)
    held = name != MISPRINTED
    return (
        row(TABLE, name, Quantity.MULT_ADDS_SHARE, printed.mult_adds, mult_adds, held=held),
        row(TABLE, name, Quantity.PARAMETERS_SHARE, printed.params, weights),
    )


def _share(networks: Networks, layer_type: str, count: str) -> Computed:
    """The type's share, 0..1, of the network with ImageNet's classes."""
    network = network_with_layers(networks, NETWORK)
    if not isinstance(network, Network):
        return network
    total = sum(getattr(layer, count) for layer in network.layers.values())
    if total != getattr(network, count):
        return Computed(None, reason="this run's layers don't add up to its network")
    part = sum(
        getattr(layer, count) for layer in network.layers.values() if layer.type == layer_type
    )
    head = network.layers[CLASSIFIER]
    # As in `with_classes`: one mult-add and one weight per input channel and class.
    more = head.channels_in * (CLASSES - head.channels_out)
    computed = Computed((part + (more if layer_type == head.type else 0)) / (total + more))
    return computed.told(other_classes(head)) if more else computed
