"""The calls that a plan is made of, and those that are refused: they would not fit in memory."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sweep.contracts import Call, Device, Engine, Limit, Measure, Network
from sweep.contracts.measure import UNKNOWN_ESTIMATE_S
from sweep.host.memory import said
from sweep.types import Point, Reading

Earlier = Sequence[tuple[Network, tuple[Reading, ...]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task(Call):
    """A call that the plan makes. refusal: why it is not to be begun. device: what people call the
    machine that is to execute it, where there are several.
    """

    refusal: str = ""
    device: str = ""

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(dict.fromkeys(network.point for network in self.networks))

    @property
    def seed(self) -> int | None:
        """The replicate that all its networks are of."""
        return self.networks[0].seed

    @property
    def label(self) -> str:
        """For a progress bar: "accuracy 0.75-192"."""
        on = f" on {self.device}" if self.device else ""
        if len(self.networks) == 1:
            return f"{self.measure.name} {self.networks[0].label}{on}"
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.measure.name}, {len(self.points)} points together{seed}{on}"


def tasks_of(
    measure: Measure, networks: Sequence[Network], engine: Engine, most: Limit
) -> list[Task]:
    """What there is to do of a measure: a call for each network, or one for all of a replicate that
    fit together. Those that would not fit in memory have a task each, refused.
    """
    if not networks:
        return []
    groups = [(network,) for network in networks]
    refused: list[Task] = []
    if measure.together:
        groups = []
        for seed in dict.fromkeys(network.seed for network in networks):
            own = [network for network in networks if network.seed == seed]
            fitting, too_large = _that_fit(measure, own, most)
            groups += [fitting] if fitting else []
            refused += too_large
    at_once = engine.at_once(measure)
    tasks = []
    for group in groups:
        size = _bytes_of(measure, group)
        if most.bytes and size > most.bytes:
            refused.append(_refused(measure, group[0], size, most))
            continue
        beside = min(at_once, most.bytes // size) if size and most.bytes else at_once
        tasks.append(Task(measure, group, _estimate_s(measure, group) / max(1, beside), size))
    return tasks + refused


def on_device(task: Task, device: Device) -> Task:
    """The task, to be executed there."""
    return replace(task, machine=device.machine.id, device=device.name)


def bridged(task: Task, earlier: Earlier, most: Limit) -> Task:
    """The task with the networks that are read again; as it is where they don't fit with it."""
    networks = (*task.networks, *(network for network, _ in earlier))
    size = _bytes_of(task.measure, networks)
    if most.bytes and size > most.bytes:
        return task
    estimate_s = _estimate_s(task.measure, networks)
    return replace(task, earlier=tuple(earlier), bytes=size, estimate_s=estimate_s)


def _that_fit(
    measure: Measure, networks: Sequence[Network], most: Limit
) -> tuple[tuple[Network, ...], list[Task]]:
    """As many networks as can be measured together, the smallest of them, in the grid's order."""
    if not most.bytes or _bytes_of(measure, networks) <= most.bytes:
        return tuple(networks), []
    sizes = {network: _bytes_of(measure, (network,)) for network in networks}
    by_size = sorted(networks, key=lambda network: sizes[network])
    count = bisect_right(
        range(len(by_size) + 1), most.bytes, key=lambda n: _bytes_of(measure, by_size[:n])
    )
    fitting = by_size[: max(0, count - 1)]
    refused = []
    for network in by_size[len(fitting) :]:
        size = sizes[network]
        with_others = len(fitting) if size <= most.bytes else 0
        if with_others:
            size = _bytes_of(measure, [*fitting, network])
        refused.append(_refused(measure, network, size, most, with_others))
    kept = {id(each) for each in fitting}
    return tuple(each for each in networks if id(each) in kept), refused


def _refused(measure: Measure, network: Network, size: int, most: Limit, others: int = 0) -> Task:
    beside = f", with the {others} smaller points that share its process" if others else ""
    reason = (
        f"not begun: it would take about {said(size)} of memory{beside}; max_memory_share allows "
        f"{said(most.bytes)} of {most.words}. A larger share begins it, 0 always"
    )
    return Task(measure, (network,), 0.0, size, refusal=reason)


def _bytes_of(measure: Measure, networks: Sequence[Network]) -> int:
    """0 where nobody knows."""
    if not networks:
        return 0
    try:
        return measure.bytes_of(networks)
    except Exception:  # measuring the point will say what is wrong with it
        log.debug("%s can't say how much memory it takes", measure.name, exc_info=True)
        return 0


def _estimate_s(measure: Measure, networks: Sequence[Network]) -> float:
    try:
        return measure.estimate_s(networks)
    except Exception:  # measuring the point will say what is wrong with it
        log.debug("%s can't say how long it takes", measure.name, exc_info=True)
        return UNKNOWN_ESTIMATE_S * len(networks)
