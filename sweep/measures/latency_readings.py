"""What a session of timing comes to: readings of each network, and why some have failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import geometric_mean, median
from typing import Any

from sweep.contracts import Failed, Network
from sweep.measures.latency_session import Program, Session
from sweep.metrics import (
    CALLS,
    COMPILE,
    DRIFT,
    FILE,
    LATENCY,
    PEAK_MEMORY,
    PROCESS,
    PROCESS_MEMORY,
    REFERENCE,
)
from sweep.types import Reading, listed

METRICS = (
    *(LATENCY, PROCESS, CALLS, REFERENCE, DRIFT, COMPILE),
    *(PEAK_MEMORY, PROCESS_MEMORY, FILE),
)
NO_ACCOUNT = "this backend does not account for the memory of a compiled program"
NOT_TOLD = "the system does not tell how much a process holds"


def readings(session: Session, index: int) -> Iterator[Reading]:
    """Of one program."""
    program, taken = session.programs[index], session.taken[index]
    failed = session.failed.get(index) or session.broken.get(program.target)
    read = partial(_reading, program, failed)
    made = session.made.get(program.source, {})
    opened = [each["seconds"] for each in taken.opened]
    compiled = made.get("seconds")
    yield read(LATENCY, taken.seconds, note=_checked(made, taken.opened))
    yield read(PROCESS, taken.processes, summary=lambda values: len(set(values)))
    yield read(CALLS, taken.calls)
    yield read(REFERENCE, session.reference if taken.seconds else [])
    yield read(COMPILE, opened if compiled is None else [compiled])
    memory = [each["memory_bytes"] for each in taken.opened if each["memory_bytes"] is not None]
    yield read(PROCESS_MEMORY, memory, missing=NOT_TOLD)
    if compiled is not None:
        account = made["memory_bytes"]
        yield read(PEAK_MEMORY, [] if account is None else [account], missing=NO_ACCOUNT)
    elif made.get("file_bytes"):
        yield read(FILE, [made["file_bytes"]])


def _reading(
    program: Program,
    failed: str | None,
    metric: Any,
    values: Sequence[float],
    *,
    summary: Any = median,
    note: str = "",
    missing: str = "",
) -> Reading:
    of = program.deployment
    read = partial(
        Reading, metric, program.network.point, batch=program.batch, runtime=of.runtime,
        precision=of.precision, threads=of.threads,
    )  # fmt: skip
    if not values:
        return read(None, reason=failed or missing)
    # A size is what it is: no list of samples, of which an interval could be made.
    samples = () if metric in (PEAK_MEMORY, FILE, PROCESS_MEMORY) else tuple(map(float, values))
    return read(float(summary(values)), samples=samples, note=note)


def _checked(made: Mapping[str, Any], opened: Sequence[Mapping[str, Any]]) -> str:
    """ "by XNNPACK; logits within 2.1e-06 of the largest"."""
    told = [f"by {opened[0]['kernels']}"] if opened else []
    if (difference := made.get("difference")) is not None:
        told.append(f"logits within {difference:.2g} of the largest from {made['whose']}")
    return "; ".join(told)


def drift(
    session: Session, index: int, earlier: Mapping[Network, Sequence[Reading]]
) -> Iterator[Reading]:
    """How long networks of an earlier session take now, as shares of what they took in the first
    one: the mean, and each; those of the program's own deployment, all where there are none of it.
    Nothing where none was timed in both.
    """
    program = session.programs[index]
    ratios: dict[Program, float] = {}
    for at, other in enumerate(session.programs):
        own = [each for each in earlier.get(other.network, ()) if each.batch == program.batch]
        then = {each.metric.name: each.value for each in own}
        now = session.taken[at].seconds
        if other.batch == program.batch and now and (before := then.get(LATENCY.name)):
            ratios[other] = median(now) / before * (then.get(DRIFT.name) or 1.0)
    same = {each: ratio for each, ratio in ratios.items() if each.deployment == program.deployment}
    if chosen := same or ratios:
        labels = [(each.network.point if same else each.network).label for each in chosen]
        yield _reading(
            program, None, DRIFT, list(chosen.values()), summary=geometric_mean,
            note=f"timed again: {listed(labels)}",
        )  # fmt: skip


def failures(session: Session, network: Network) -> Iterator[Failed]:
    """What is to be timed again, and why."""
    for index, program in enumerate(session.programs):
        if program.network != network:
            continue
        if (reason := session.failed.get(index)) and index not in session.missing:
            yield Failed(network.point, f"batch {program.batch}: {reason}", network.deployment)
        if reason := session.broken.get(program.target):
            count = session.timed[program.target]
            of = f"{count} of {session.settings.processes} processes timed it"
            yield Failed(network.point, f"{of}; then {reason}", network.deployment)
