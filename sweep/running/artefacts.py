"""Files that measures make for each other, such as trained networks: which measures come first, and
which files are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from sweep.contracts import Measure, Network
from sweep.results.writing import NETWORK, NETWORKS
from sweep.types import Point, SettingsError, listed


def givers_of(measures: Mapping[str, Measure]) -> dict[str, str]:
    """By an artefact's kind, the name of the measure that gives it; measures by their names.

    Raises SettingsError where two give the same, or one needs what none gives.
    """
    givers: dict[str, str] = {}
    for name, measure in measures.items():
        for kind in measure.gives:
            if kind in givers:
                raise SettingsError(f"measures: {givers[kind]} and {name} both give a {kind}")
            givers[kind] = name
    for name, measure in measures.items():
        for kind in measure.needs:
            if kind not in givers:
                raise SettingsError(f"measures: {name} needs a {kind}, which none of them gives")
    return givers


def in_order(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """The measures, each after those whose artefacts it needs; else in the order that they have.

    Raises SettingsError as `givers_of` does, and where some need each other.
    """
    givers = givers_of(measures)
    sorter = TopologicalSorter(dict.fromkeys(measures, ()))
    for name, measure in measures.items():
        sorter.add(name, *(givers[kind] for kind in measure.needs))
    try:
        return {name: measures[name] for name in sorter.static_order()}
    except CycleError as error:
        names = listed(list(dict.fromkeys(error.args[1])))
        raise SettingsError(
            f"measures: {names} can't be measured one after the other: each needs what another of "
            "them gives"
        ) from None


def seeds_of(name: str, measures: Mapping[str, Measure]) -> tuple[int, ...]:
    """Of the replicates that a measure is asked for: its own, or of those that it needs artefacts
    of.
    """
    givers = givers_of(measures)
    asked = [measures[name], *(measures[givers[kind]] for kind in measures[name].needs)]
    return tuple(dict.fromkeys(seed for each in asked for seed in each.seeds))


class Artefacts:
    """The files in results/<name>/networks/, each named by its content, and which of them belong to
    which point and replicate.
    """

    def __init__(self, results: Path) -> None:
        self.folder = results / NETWORKS
        self._names: dict[tuple[str, Point, int | None], str] = {}

    def is_whole(self, name: str) -> bool:
        """Whether the file is there, with the content that it is named by."""
        told = NETWORK.fullmatch(name)
        try:
            return told is not None and _digest(self.folder / name) == told["digest"]
        except OSError:
            return False

    def note(self, network: Network, names: Iterable[str]) -> None:
        """These files are of the network from now on. What has no name of ours is passed over: the
        readings may be from somebody else.
        """
        for name in names:
            if told := NETWORK.fullmatch(name):
                self._names[told["kind"], network.point, network.seed] = name

    def forget(self, network: Network, kind: str) -> None:
        """No file of the kind is of the network."""
        self._names.pop((kind, network.point, network.seed), None)

    def names_of(self, network: Network, kinds: Sequence[str]) -> dict[str, str]:
        """By their kinds, the names of its files; {} where one of them is not known."""
        names = {kind: self._names.get((kind, network.point, network.seed), "") for kind in kinds}
        return names if all(names.values()) else {}

    def damaged(self, network: Network, kinds: Sequence[str]) -> list[str]:
        """The kinds of which a file is known, and is not there whole."""
        names = self.names_of(network, kinds)
        return [kind for kind, name in names.items() if not self.is_whole(name)]

    def handed(self, network: Network, kinds: Sequence[str]) -> Network:
        """The network with the paths of its files."""
        names = self.names_of(network, kinds)
        return replace(network, artefacts={kind: self.folder / names[kind] for kind in names})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
