"""A measure: something read off networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.contracts.family import Network
from sweep.contracts.hooks import Hooks
from sweep.types import CurvePoint, Deployment, Metric, Point, Progress, Reading, listed

# What a call is taken to last where a measure has no estimate of its own, for each of its networks.
UNKNOWN_ESTIMATE_S = 10.0


@dataclass(frozen=True)
class Failed:
    """What a measure gives of a point that failed, beside the others' readings: the point is
    measured again by the next run. Readings of it that are there all the same are shown.
    deployment: which of the point's, where the measure has several.
    """

    point: Point
    reason: str
    deployment: Deployment | None = None


@dataclass(frozen=True)
class Artefact:
    """A file that a measure has made of a point, such as a trained network. Whoever runs the
    measure takes the file over and stores it under a name made of its content; a measure that
    `needs` its kind finds it in `Network.artefacts`. Several points may have one file.
    """

    point: Point
    kind: str
    path: Path


Item = Reading | CurvePoint | Failed | Artefact


class Measure(Hooks, ABC):
    """Reads something off networks. `identity` and `__call__` have to be there, and `name` and
    `metrics`; every other hook does nothing, or next to nothing, until it is overridden.

    name: what stored readings are found under, and the plan and the log say.
    metrics: all that it may read.
    machine_bound: whether its readings hold only for the machine that they were taken on.
    together: whether one call reads all networks, so that drift of the machine hits all alike; else
    each call reads one.
    threads: the cores that a call has to itself, in a process of its own beside others, on a CPU;
    the measure and its networks can be pickled then. 0: a call has the whole machine. May be a
    property, which is read when it is needed.
    spans_hosts: whether several hosts may perform one call together, joined by `jax.distributed`,
    of which each calls the measure: what the first gives counts, and it alone writes files.
    light: whether a call takes no longer than starting a process does: engines make many in one.
    nodes: kinds of machine that each take readings of their own, by the names that an engine knows
    them by; none: one machine takes them.
    classes_of_data: whether its networks have the classes of its data: `num_classes` then changes
    none of its readings.
    versions: packages whose versions its readings depend on: part of what they are stored under.
    gives, needs: kinds of artefacts that it makes, and that it asks for of other measures.
    seeds: of its replicates, where it has several: it is asked for each point from each seed, which
    `Network.seed` tells, and no call is of two. `identity` leaves the list out, so that more can be
    added. A measure that needs an artefact is asked for the replicates of whoever gives it.
    deployments: what it has each point executed by, where it reads that: it is asked for the point
    in each, which `Network.deployment` tells, all in one call where it is `together`. A reading's
    `runtime`, `precision` and `threads` tell which it is of. `identity` leaves the list out.
    """

    name: str
    metrics: tuple[Metric, ...]
    machine_bound: bool = False
    together: bool = False
    threads: int = 0
    spans_hosts: bool = False
    light: bool = False
    nodes: tuple[str, ...] = ()
    classes_of_data: bool = False
    versions: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    deployments: tuple[Deployment, ...] = ()

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What its readings depend on beside the point and the number of classes: settings, data,
        seed. JSON; when it changes, readings are taken anew.
        """

    @abstractmethod
    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterable[Item]:
        """Readings of each of `networks`: one network, or all of them where it reads them together.

        A reading carries its value, or the reason why there is none. Whatever is raised becomes the
        reason of all of them.
        """

    def identity_of(self, network: Network) -> dict[str, Any]:
        """What the readings of this point depend on beside `identity`, such as a file."""
        return {}

    def versions_of(self, network: Network) -> tuple[str, ...]:
        """Those of `versions` that the readings of this one depend on."""
        return self.versions

    def check_points(self, networks: Sequence[Network]) -> None:
        """Raises SettingsError, naming the points and the settings, where they don't fit: nothing
        is measured then.
        """

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """Sentences for whoever reads the plan: the data, and what is missing already."""
        return ()

    def look(self) -> tuple[str, ...]:
        """Looks at its data before anything of a run is measured; sentences: what it saw. Raises
        SettingsError where the data must stop the run: told once, and not by every point.
        """
        return ()

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Seconds, roughly, on a machine like that of the committed reference run."""
        return UNKNOWN_ESTIMATE_S * len(networks)

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """Memory at the peak, roughly, of a process that reads these in one call; 0 where nobody
        knows.
        """
        return 0

    def keep_in(self, folder: Path) -> None:
        """Where it may leave what it takes to go on with a point that is cut off; the folder may
        not be there yet. Called before the first point, and never by a plan that is only looked at.
        """

    def unfinished(self, network: Network) -> tuple[str, ...]:
        """Names of all files that it may leave there of a point, or replicate."""
        return ()

    def forget(self, network: Network) -> None:
        """Removes what it has left of the point, or replicate, whose readings are stored."""

    def local_files(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """Files and folders of this machine that a call reads: another one must have them, too."""
        return ()

    def bridge(self, earlier: Sequence[Network]) -> tuple[Network, ...]:
        """Which of the networks that one earlier call has read are to be read again beside new
        ones, where readings can be compared within one call alone; or have files, of the kinds that
        it gives, with which new ones need not be begun anew.
        """
        return ()

    def describe_bridge(self, earlier: Sequence[Network]) -> str:
        """A sentence for whoever reads the plan: what becomes of those."""
        labels = list(dict.fromkeys(each.point.label for each in earlier))
        are = "is" if len(labels) == 1 else "are"
        return (
            f"{listed(labels)} {are} read once more beside them, to see whether the two sessions "
            "can be compared; what is stored of an earlier one stays"
        )

    def measure_bridged(
        self,
        networks: Sequence[Network],
        earlier: Mapping[Network, Sequence[Reading]],
        progress: Progress,
    ) -> Iterable[Item]:
        """As a call, of `networks` alone. earlier: of each network that is read again, what the
        earlier call has read.
        """
        return self(networks, progress)
