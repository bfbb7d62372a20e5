"""A simulated Ray cluster in a process of its own: Ray forks where it starts a machine, and a
process with JAX in it must not.

    python -m tests.support.ray_cluster 0  # commands as JSON on standard input, answers on output
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


class SimulatedCluster:
    """One machine that keeps the books, of so many CPUs, and those that are added."""

    def __init__(self, cpus: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(cpus)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address: str = self._ask()

    def close(self) -> None:
        """All its machines end."""
        self._process.communicate()  # the end of its input

    def add(
        self,
        cpus: int = 1,
        kinds: Mapping[str, int] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> int:
        """The process that Ray keeps on the new machine. kinds: custom resources."""
        more: dict[str, Any] = {"resources": dict(kinds)} if kinds else {}
        if env:
            more["env_vars"] = os.environ | dict(env)
        return self._ask({"num_cpus": cpus} | more)

    def kill(self, pid: int) -> None:
        """The machine is gone, without a word."""
        self._ask(pid)

    def _ask(self, command: Any = None) -> Any:
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        if command is not None:
            to.write(json.dumps(command) + "\n")
            to.flush()
        return json.loads(back.readline())


def _serve() -> None:
    from ray.cluster_utils import Cluster

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": int(sys.argv[1])})
    nodes: dict[int, Any] = {}
    print(json.dumps(cluster.address), file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        answer: Any = None
        if isinstance(command, dict):
            node = cluster.add_node(**command)
            answer = node.all_processes["raylet"][0].process.pid
            nodes[answer] = node
        else:
            cluster.remove_node(nodes.pop(command), allow_graceful=False)
        print(json.dumps(answer), file=answers, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    _serve()
