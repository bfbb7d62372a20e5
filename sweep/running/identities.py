"""What a measure's readings are stored under: hashes of exactly what affects them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sweep.contracts import Measure, Network
from sweep.host.failures import reason_of
from sweep.host.machine import versions_of
from sweep.running.artefacts import Artefacts
from sweep.types import Machine, SettingsError, digest_of


class Hashes:
    """One hash for all points of a measure, or each its own: of the measure's identity, the point's
    own, the seed of a replicate, and the artefacts that it is read with. versions: of the packages
    that the readings depend on.
    """

    def __init__(
        self, measure: Measure, networks: Sequence[Network], num_classes: int, artefacts: Artefacts
    ) -> None:
        self.versions = versions_of(measure.versions)
        identity: Any = measure.identity()
        more: dict[str, Any] = {} if measure.classes_of_data else {"num_classes": num_classes}
        if self.versions and not measure.deployments:  # else each network has its own
            more["versions"] = self.versions
        self._shared = [identity, more] if more else identity
        self.measure = digest_of(self._shared)
        first = networks[0].seed if networks else None  # as a single one would be
        self._own = {
            network: _own_identity(measure, network)
            | ({} if network.seed == first else {"seed": network.seed})
            | _deployed(measure, network)
            for network in networks
        }
        self._needs, self._artefacts = measure.needs, artefacts

    def of(self, network: Network) -> str:
        """The hash that a reading of this point and replicate is stored under. It is the measure's
        where the artefacts that it needs are not known yet.
        """
        own, given = self._own.get(network), self._artefacts.names_of(network, self._needs)
        if given:
            return digest_of([self._shared, own, given])
        return digest_of([self._shared, own]) if own else self.measure

    @property
    def networks(self) -> tuple[Network, ...]:
        """All that the measure is asked for."""
        return tuple(self._own)

    def as_dict(self) -> dict[str, Any]:
        """For run.json: what tells the readings of this run from others."""
        told: dict[str, Any] = {"settings_hash": self.measure}
        told |= {"versions": self.versions} if self.versions else {}
        of_points: dict[str, list[str]] = {}
        for network in self._own:
            of_points.setdefault(network.point.key, []).append(self.of(network))
        points = {key: own for key, own in of_points.items() if own != [self.measure]}
        return told | ({"points": points} if points else {})


def _deployed(measure: Measure, network: Network) -> dict[str, Any]:
    """What executes it, of which versions."""
    if network.deployment is None:
        return {}
    return {
        "deployment": asdict(network.deployment),
        "versions": versions_of(measure.versions_of(network)),
    }


def _own_identity(measure: Measure, network: Network) -> dict[str, Any]:
    """Where it can't be told, as of a file that can't be read, measuring the point will say why."""
    try:
        return measure.identity_of(network)
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - one point's trouble, and no other's
        return {"failed": reason_of(error)}


def machine_id(measure: Measure, machine: Machine) -> str:
    """Empty for readings that hold on any machine."""
    return machine.id if measure.machine_bound else ""
