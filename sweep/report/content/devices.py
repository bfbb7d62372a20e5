"""Latencies of several devices and runtimes: each has its own axis and frontier; here, how they
compare.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from sweep.maths.statistics import kendall_tau
from sweep.metrics import LATENCY
from sweep.report.content.axes import number, quantities
from sweep.report.content.beside import ENOUGH
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import SPACE, times
from sweep.results.devices import IMPORTED, on_device
from sweep.types import listed

if TYPE_CHECKING:
    from sweep.results.load import Results

HERE = "this machine"


def latencies(results: Results) -> tuple[tuple[str, Quantity], ...]:
    """What each device is called, this run's own machine first, with its latency at a batch size;
    those that were read alone.
    """
    names = {LATENCY.name: results.device or HERE}
    names |= {on_device(LATENCY, name).name: name for name in results.devices.values()}
    return tuple(
        (names[of.metric.name], of)
        for of in quantities(results)
        if of.metric.name in names and of.column in results.points
        if bool(results.points[of.column].notna().any())
    )


def by_runtimes(results: Results) -> tuple[tuple[str, Quantity], ...]:
    """By what this run's own machine executed networks, the primary one first, likewise."""
    names = {each.metric.name: each.words for each in results.deployments}
    known = [of for of in quantities(results) if of.metric.name in names]
    return tuple((names[of.metric.name], of) for of in known)


def agreement(results: Results) -> tuple[str, ...]:
    """How alike the devices rank the points, and each other runtime and the primary one, in the
    same precision on as many threads: a sentence for each batch size.
    """
    runtimes, rows = by_runtimes(results), results.points.to_dict("records")
    first = [each for each in runtimes if not each[1].other]
    alike = _by_alike(results)
    others = [each for each in runtimes if each[1].other and each[1].metric.name in alike]
    pairs = [*combinations(latencies(results), 2), *product(first, others)]
    of_batch = [pair for pair in pairs if pair[0][1].batch == pair[1][1].batch]
    sentences = []
    for batch in dict.fromkeys(of.batch for (_, of), _ in of_batch):
        told = [_pair(*pair, rows) for pair in of_batch if pair[0][1].batch == batch]
        if any(told):
            sentences.append(
                f"Latencies at batch {batch}, ranked (a Kendall tau of 1 is the same order, 0 is "
                f"chance): {listed([each for each in told if each])}."
            )
    return tuple(sentences)


def _by_alike(results: Results) -> set[str]:
    """Latencies in the same precision and on as many threads as the primary one."""
    ways = {
        each.metric.name: (each.deployment.precision, each.deployment.threads)
        for each in results.deployments
    }
    return {name for name, way in ways.items() if way == ways[LATENCY.name]}


def _pair(
    first: tuple[str, Quantity], other: tuple[str, Quantity], rows: list[dict[str, Any]]
) -> str:
    """tau 0.95 between this machine and xeon, which takes 1.8 to 2.1 times as long .."""
    columns = [of.column for _, of in (first, other)]
    read = [tuple(number(row.get(column)) for column in columns) for row in rows]
    both = [(a, b) for a, b in read if a and b]
    try:
        tau = kendall_tau(*map(list, zip(*both, strict=True))) if len(both) >= ENOUGH else None
    except ValueError:  # all ties
        tau = None
    if tau is None:
        return ""
    low, high = (times(end(b / a for a, b in both)) for end in (min, max))
    ratio = low if low == high else f"{low.removesuffix(f'{SPACE}times')} to {high}"
    return (
        f"tau {tau:.2f} between {first[0]} and {other[0]}, which takes {ratio} as long "
        f"({len(both)} points)"
    )


def what_it_is(results: Results, of: Quantity) -> str:
    """Whose a latency is, for whoever chooses by it; empty for what is no latency."""
    words = {each.metric.name: each.words for each in results.deployments}
    if of.metric == LATENCY or of.metric.name in words:
        on = f" by {words[of.metric.name]}" if of.other else of.on
        return f"Latencies{on} are of one machine: {machine_words(results.machine)}."
    for id, name in results.devices.items():
        if of.metric == on_device(LATENCY, name):
            others = results.machine.get("earlier", [])
            machine = next((each for each in others if each.get("id") == id), {})
            if machine.get("platform") == IMPORTED:
                return (
                    f"Latencies on {name} were measured elsewhere and imported: how, and of which "
                    "file, nobody here knows."
                )
            return f"Latencies on {name} are of one machine: {machine_words(machine)}."
    return ""


def machine_words(machine: dict[str, Any]) -> str:
    """What a machine is, for a sentence: its accelerator, else its processor, and its cores."""
    where = machine.get("device") if machine.get("platform") not in (None, "cpu") else None
    where = where or machine.get("cpu") or "unknown"
    return f"{where}, {machine['cores']} cores" if "cores" in machine else str(where)
