"""Which networks one shared training trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sweep.contracts import Network
from sweep.settings.config import AccuracySettings
from sweep.training.shared import Cell, Sandwich
from sweep.training.sources import ImageSource
from sweep.types import Point

Kind = tuple[str, str, int | None]


@dataclass(frozen=True)
class SharedPoints:
    """Of each kind: a network's family, its own kind and its replicate. A method's argument is any
    network of the kind.
    """

    settings: AccuracySettings
    source: ImageSource

    def of(self, network: Network) -> tuple[Point, ...]:
        """All that are trained, one for each alpha and side in pixels."""
        point, shared = network.point, self.settings.shared
        base = point.resolution / point.rho
        made = (
            replace(point, alpha=alpha, rho=rho, resolution=round(rho * base))
            for alpha in shared.alpha
            for rho in shared.rho
        )
        return tuple({(each.alpha, self.source.side(each)): each for each in made}.values())

    def largest(self, network: Network) -> Network:
        points = self.of(network)
        return replace(network, point=max(points, key=lambda each: (each.alpha, each.rho)))

    def sides(self, network: Network) -> list[int]:
        """In pixels, the smallest first."""
        return sorted({self.source.side(each) for each in self.of(network)})

    def holds(self, network: Network) -> bool:
        """Whether it can be cut out of what is trained, at a resolution between those trained."""
        family: Any = network.family
        largest, sides = self.largest(network), self.sides(network)
        within = min(self.settings.shared.alpha) <= network.point.alpha
        return (
            within
            and family.shares_weights(network.point, largest.point)
            and sides[0] <= self.source.side(network.point) <= sides[-1]
        )

    def sandwich(self, largest: Network, recipe: AccuracySettings) -> Sandwich:
        """All of them as a training has them, on the source's images."""
        shared, sides = self.settings.shared, self.sides(largest)
        feeds = self.source.shared_training(sides, recipe)

        def cells(alpha: float) -> list[Cell]:
            """At every side, the largest first."""
            own = [each for each in self.of(largest) if each.alpha == alpha]
            points = {self.source.side(each): each for each in own}
            return [
                Cell(replace(largest, point=points[side]), side, feeds[side])
                for side in reversed(sides)
            ]

        alphas = sorted(set(shared.alpha), reverse=True)
        smallest = cells(alphas.pop()) if len(alphas) > 1 else []
        first, *between = [each for alpha in alphas for each in cells(alpha)]
        return Sandwich(first, smallest, between, shared.between, recipe.seed)


def kind_of(network: Network) -> Kind:
    return network.family.name, network.point.kind, network.seed


def kinds_of(networks: Sequence[Network]) -> list[list[Network]]:
    """The networks of each kind: one training each."""
    kinds: dict[Kind, list[Network]] = {}
    for network in networks:
        kinds.setdefault(kind_of(network), []).append(network)
    return list(kinds.values())
