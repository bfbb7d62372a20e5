"""The machines of a Ray cluster: each is asked for its facts before it is given work, and one that
would read something else, or has another version of this package, is refused by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.contracts import Device, Limit, Measure, Network
from sweep.host.failures import reason_of
from sweep.host.machine import PACKAGES, versions_of
from sweep.host.memory import said
from sweep.running import ray_node
from sweep.running.provenance import source_digest
from sweep.running.ray_node import Facts
from sweep.running.surroundings import Surroundings, lacking
from sweep.types import Machine, SettingsError, listed

PATIENCE_S = 120.0  # that a machine may take to tell its facts
# Resources that Ray gives a node by itself; any other is a name that its owner has given it.
_OWN = ("CPU", "GPU", "memory", "object_store_memory", "node:", "accelerator_type:")


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, as far as it may have work. cpus, memory: what Ray counts."""

    id: str
    name: str
    facts: Facts
    cpus: int
    memory: int
    kinds: frozenset[str]

    def calls_at_once(self, measure: Measure) -> int:
        """How many of a measure; one of those that want the whole machine."""
        threads = threads_of(measure)
        return self.cpus // threads if threads else 1


def threads_of(measure: Measure) -> int:
    """Cores of one call; 0 for all of a machine."""
    return 1 if measure.light else measure.threads


def on(node: str, *, soft: bool = False) -> Any:
    """Ray's word for a task that is to be executed there; soft: elsewhere, where it is gone."""
    return NodeAffinitySchedulingStrategy(node, soft=soft)


class Nodes:
    """What is known of the cluster's machines."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self.source = source_digest()
        self._versions = versions_of(PACKAGES)
        self._files: dict[int, tuple[str, ...]] = {}  # that measures read, by their identity
        self._known: dict[str, Node] = {}
        self._asked: dict[str, Any] = {}  # what will be the facts, by the node's id
        self.count = 0  # of machines that Ray may give work
        self._lacking: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        self.refused: dict[str, str] = {}  # why, by the node's id

    def look(self, patience_s: float = 0.0) -> list[str]:
        """Asks machines that have come since; sentences: which of them are refused, and why."""
        alive = {each["NodeID"]: each for each in ray.nodes() if each["Alive"]}
        working = {id for id, each in alive.items() if each["Resources"].get("CPU", 0) >= 1}
        self.count = len(working)
        self._known = {id: node for id, node in self._known.items() if id in alive}
        self._asked = {id: asked for id, asked in self._asked.items() if id in alive}
        ask = ray.remote(num_cpus=0)(ray_node.facts)
        for id in working - {*self._known, *self._asked, *self.refused}:
            self._asked[id] = ask.options(scheduling_strategy=on(id)).remote(self._surroundings)
        there, _ = (
            ray.wait(list(self._asked.values()), num_returns=len(self._asked), timeout=patience_s)
            if self._asked
            else ([], [])
        )
        late = [id for id, asked in self._asked.items() if asked in there or patience_s]
        hosts = Counter(each["NodeManagerHostname"] for each in alive.values())
        return [sentence for id in late if (sentence := self._take_up(alive[id], hosts))]

    def _take_up(self, told: dict[str, Any], hosts: Counter[str]) -> str:
        """The node with its facts; or why it is refused."""
        id, host = told["NodeID"], told["NodeManagerHostname"]
        name = host if hosts[host] == 1 else f"{host} ({id[:6]})"
        asked, why, facts = self._asked.pop(id), "", None
        try:
            facts = cast("Facts", ray.get(asked, timeout=0))
            why = self._other_code(facts)
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, BaseException) else error
            lacks = isinstance(cause, ImportError) and (cause.name or "").startswith("sweep")
            why = "has no mobilenet-sweep" if lacks else reason_of(cause)
        except (RayError, TimeoutError) as error:
            if id not in {each["NodeID"] for each in ray.nodes() if each["Alive"]}:
                return ""  # it is gone again
            why = f"does not tell its facts ({reason_of(error)})"
        if why or facts is None:
            self.refused[id] = f"{name} is given nothing: it {why}"
            return self.refused[id]
        resources = told["Resources"]
        kinds = frozenset(each for each in resources if not each.startswith(_OWN))
        cpus, memory = int(resources["CPU"]), int(resources.get("memory", 0))
        self._known[id] = Node(id, name, facts, cpus, memory, kinds)
        return ""

    def _other_code(self, facts: Facts) -> str:
        if facts.source == self.source:
            return ""
        own = versions_of(["mobilenet-sweep"])["mobilenet-sweep"]
        return (
            f"has another version of mobilenet-sweep ({facts.told}) than this process ({own}): "
            "install the same on both"
        )

    def get(self, id: str) -> Node | None:
        """None of one that is gone."""
        return self._known.get(id)

    @property
    def all(self) -> tuple[Node, ...]:
        """Those that may have work, the strongest first. Raises SettingsError where none may."""
        if not self._known:
            why = listed(sorted(self.refused.values())) or "it has no machine with a CPU"
            raise SettingsError(f"the cluster has nobody to work: {why}")
        return tuple(sorted(self._known.values(), key=lambda node: (-node.cpus, node.id)))

    def able(self, measure: Measure, machine: str = "") -> list[Node]:
        """Those that can execute calls of the measure; machine: the id of the one wanted."""
        return [
            node
            for node in self.all
            if not self._hindrance(node, measure)
            and node.calls_at_once(measure)
            and machine in ("", node.facts.machine.id)
        ]

    def hindrances(self, measure: Measure, networks: Sequence[Network]) -> list[str]:
        """Sentences: which machines are not given the measure's calls, and why. Raises
        SettingsError where none is left.
        """
        self._ask_for_files(measure, networks)
        told = [
            f"{node.name} is given none of it: {why}"
            for node in self.all
            if (why := self._hindrance(node, measure))
        ]
        if not self.able(measure):
            threads = f"threads = {measure.threads}: no machine has so many cores"
            raise SettingsError(f"{measure.name}: {'; '.join(told) or threads}")
        return told

    def _ask_for_files(self, measure: Measure, networks: Sequence[Network]) -> None:
        known = self._files.get(id(measure), ())
        files = tuple(dict.fromkeys((*known, *measure.local_files(networks))))
        self._files[id(measure)] = files
        ask = ray.remote(num_cpus=0)(lacking)
        asked = {
            (node.id, files): ask.options(scheduling_strategy=on(node.id)).remote(
                self._surroundings, files
            )
            for node in self.all
            if files and (node.id, files) not in self._lacking
        }
        for key, answer in asked.items():
            try:
                self._lacking[key] = ray.get(answer, timeout=PATIENCE_S)
            except RayError as error:
                self._lacking[key] = [reason_of(error)]

    def _hindrance(self, node: Node, measure: Measure) -> str:
        """Why the machine can't execute the measure's calls; empty where it can."""
        there = node.facts.versions
        others = [
            f"{name} {there.get(name)} in place of {self._versions[name]}"
            for name in measure.versions
            if there.get(name) != self._versions.get(name)
        ]
        if others:
            return f"it has {listed(others)}"
        files = self._files.get(id(measure), ())
        if missing := self._lacking.get((node.id, files), []):
            return f"it has no {listed(missing, 3)}"
        return ""

    @property
    def machine(self) -> Machine:
        """That readings of one machine are of: the driver's own where it may have work, else the
        one that most are like.
        """
        if own := self.get(ray.get_runtime_context().get_node_id()):
            return own.facts.machine
        machines = {node.facts.machine.id: node.facts.machine for node in self.all}
        counts = Counter(node.facts.machine.id for node in self.all)
        return machines[max(sorted(counts), key=lambda id: counts[id])]

    def of_kind(self, measure: str, kind: str) -> Device:
        """Raises SettingsError where no machine is of that kind, or they are not alike."""
        nodes = [node for node in self.all if kind in node.kinds]
        machines = {node.facts.machine.id: node.facts.machine for node in nodes}
        setting = f'{measure}.nodes = "{kind}"'
        if not nodes:
            kinds = sorted({each for node in self.all for each in node.kinds})
            there = (
                f"the cluster has {listed(kinds)}" if kinds else "no machine has a name of its own"
            )
            raise SettingsError(
                f"{setting}: no machine of the cluster has such a resource; {there} (ray start "
                f"--resources '{{\"{kind}\": 1}}')"
            )
        if len(machines) > 1:
            raise SettingsError(
                f"{setting}: {listed([node.name for node in nodes])} are not alike: name them apart"
            )
        return Device(kind, *machines.values())

    def limit(self, share: float) -> Limit:
        """Of the machine that has most."""
        most = max(node.facts.limit.bytes for node in self.all)
        return Limit(int(share * most), f"the largest machine's {said(most)}")

    def holding(self, names: Sequence[str], nodes: Sequence[Node]) -> Iterator[Node]:
        """Those that have a file of that name: a training that was broken off there."""
        return (node for node in nodes if node.facts.unfinished.intersection(names))
