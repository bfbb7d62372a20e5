"""Whose an item of a call is: of several networks of one point, each with a deployment of its own,
the one that the item's conditions tell.
"""

from __future__ import annotations

from collections.abc import Iterable

from sweep.contracts import Artefact, Failed, Network
from sweep.types import CurvePoint, Deployment, Point, Reading


class Owners:
    """The networks that a call was asked for."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._of_point: dict[Point, list[Network]] = {}
        for network in networks:
            self._of_point.setdefault(network.point, []).append(network)

    def of(self, item: Reading | CurvePoint | Failed | Artefact) -> Network | None:
        """None where the item is of none of them."""
        there = self._of_point.get(item.point, []) if isinstance(item.point, Point) else []
        if not there or there[0].deployment is None:
            return there[0] if there else None
        told = _deployment(item)
        matching = [each for each in there if told and _fits(each.deployment, told)]
        # A number of threads is of the network that names it before it is of that with all cores.
        exact = [each for each in matching if each.deployment == told]
        return next(iter([*exact, *matching]), None)


def _deployment(item: Reading | CurvePoint | Failed | Artefact) -> Deployment | None:
    if isinstance(item, Reading):
        return Deployment(item.runtime, item.precision, item.threads or 0)
    return item.deployment if isinstance(item, Failed) else None


def _fits(asked: Deployment | None, told: Deployment) -> bool:
    return asked is not None and asked in (told, Deployment(told.runtime, told.precision))
