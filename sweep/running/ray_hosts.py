"""Calls that several hosts of a Ray cluster perform together: this machine, and others that Ray has
join it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import ray

from sweep.contracts import Measure
from sweep.running.follower import follow
from sweep.running.hosts import Address, Door, free_port
from sweep.running.hosts_engine import HostsEngine
from sweep.running.ray_nodes import Node, Nodes, on
from sweep.running.surroundings import Surroundings
from sweep.types import Machine, SettingsError

log = logging.getLogger(__name__)


class RayHosts(HostsEngine):
    """Whose other hosts are machines of the cluster that have everything the measure needs."""

    def __init__(
        self,
        machine: Machine,
        measure: Measure,
        nodes: Nodes,
        *,
        hosts: int,
        surroundings: Surroundings,
    ) -> None:
        address = Address(ray.util.get_node_ip_address(), free_port())
        super().__init__(machine, hosts=hosts, address=address, surroundings=surroundings)
        self._nodes, self._measure = nodes, measure
        self._called: dict[str, Any] = {}  # what ends when a node has left, by the node's id

    def _summon(self, missing: int, door: Door) -> None:
        """Has as many of the cluster's machines join, as far as there are any left."""
        there = list(self._called.values())
        ended, _ = ray.wait(there, num_returns=len(there), timeout=0) if there else ([], [])
        self._called = {id: each for id, each in self._called.items() if each not in ended}
        coming = len(self._called) - (self.hosts - 1 - missing)
        able = [each for each in others(self._nodes, self._measure) if each.id not in self._called]
        for node in able[: max(0, missing - coming)]:
            log.info("%s is asked to join", node.name)
            task = ray.remote(max_retries=0, num_cpus=node.cpus)(_join)
            options = task.options(scheduling_strategy=on(node.id))
            self._called[node.id] = options.remote(door.address, door.key)


def others(nodes: Nodes, measure: Measure) -> Sequence[Node]:
    """Machines that can perform the measure's calls beside this one. Raises SettingsError where
    this one can't.
    """
    able, own = nodes.able(measure), ray.get_runtime_context().get_node_id()
    if own not in [node.id for node in able]:
        raise SettingsError(
            "run.hosts: this machine is the first of the hosts, and is none of the cluster's that "
            "may have such work"
        )
    return [node for node in able if node.id != own]


def _join(address: Address, key: str) -> None:
    """As `python -m sweep join` does there."""
    follow(address, key, log.info)
