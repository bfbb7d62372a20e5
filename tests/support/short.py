"""MobileNetV1 cut off after its second block: every kind of layer, and a third of the compile time.

For tests of what is done with a network, whichever it is. What the network itself is, tests of the
whole one say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mnv1_flax import Layer, MobileNetV1
from mnv1_flax.architecture import Kind
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.types import Point

LAYERS = 5  # the stem, and two blocks: strides 1 and 2


def cut(rows: Sequence[Layer]) -> tuple[Layer, ...]:
    """The first rows, and the last two, which pool and classify what the others leave."""
    kept = tuple(rows[:LAYERS])
    side, channels = kept[-1].size_out, kept[-1].channels_out
    pool, classifier = rows[-2:]
    pool = replace(pool, kernel=side, size_in=side, channels_in=channels, channels_out=channels)
    return *kept, pool, replace(classifier, channels_in=channels)


class ShortNetwork(MobileNetV1):
    """7 rows of Table 1 in place of 29."""

    def layers(self) -> tuple[Layer, ...]:
        return cut(super().layers())


class Short(MobileNetV1Family):
    """The family of such networks."""

    name = "short"
    kinds: tuple[str, ...] = (Kind.SEPARABLE.value,)
    _network = ShortNetwork

    def layers(self, point: Point, *, num_classes: int) -> tuple[Layer, ...]:
        return cut(super().layers(point, num_classes=num_classes))


class Sibling(MobileNetV1Family):
    """Another family: its points are other points."""

    name = "sibling"
