"""SIGKILL while a sweep runs: at random moments, and at each of the store's disk operations.

python -m tests.faults crash --times 100
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults import Row, row, says
from tests.faults.sweeps import Ended, Sweep, tables

SEED = 6
KILLS_A_SWEEP = 8  # then it is let finish, and another begins
MOMENTS = ("starting", "storing", "storing", "storing", "ending")
CONTINUED = "`stored already: nothing of it is done again.`"


def random_moments(times: int, folder: Path, whole: str) -> Row:
    """Kills a sweep again and again, and looks at what is left each time. whole: the tables of a
    sweep that nobody interrupts.
    """
    chance = random.Random(SEED)  # noqa: S311 - moments, no secret
    lost: list[str] = []
    for number, first in enumerate(range(0, times, KILLS_A_SWEEP)):
        sweep = Sweep(folder / f"{number}")
        reported: set[str] = set()
        for kill in range(min(KILLS_A_SWEEP, times - first)):
            # The last is of `python -m sweep` as it is, with JAX.
            ended = _killed(sweep, chance, jax=kill == KILLS_A_SWEEP - 1)
            lost += _continued_wrong(ended, reported)
            reported |= sweep.reported(ended.out)
            lost += sweep.lost(reported)
        lost += _finished_wrong(sweep, whole)
    return row("SIGKILL at a random moment of a run", times, lost, CONTINUED)


def operations(fault: str, times: int, folder: Path, of: Sequence[int], whole: str) -> Row:
    """Kills a sweep before, within or after one of its disk operations, each in turn."""
    lost: list[str] = []
    for number in range(times):
        sweep = Sweep(folder / f"{number}")
        # Spread over all of them, from the first to the last.
        at = of[(number * (len(of) - 1)) // max(1, times - 1)]
        ended = sweep.run(SWEEP_FAULT=("kill", "half")[number % 2], SWEEP_FAULT_AT=at)
        if ended.status != -9:
            raise AssertionError(f"operation {at} of {of[-1]}: {ended.status}\n{ended.err}")
        lost += sweep.lost(sweep.reported(ended.out))
        lost += _finished_wrong(sweep, whole)
    return row(fault, times, lost, CONTINUED)


def harness(times: int, folder: Path) -> Iterator[Row]:
    """All of them."""
    undisturbed = Sweep(folder / "whole")
    count, merging = undisturbed.operations()
    whole = tables(undisturbed.results)
    yield random_moments(times, folder / "random", whole)
    yield operations(
        "SIGKILL before, within or after a write, flush or rename of the store",
        times, folder / "operations", range(1, count + 1), whole,
    )  # fmt: skip
    yield operations(
        "SIGKILL at a step of merging parts into the table, or of clearing up after it",
        times, folder / "merging", merging, whole,
    )  # fmt: skip


def _killed(sweep: Sweep, chance: random.Random, *, jax: bool) -> Ended:
    """A run that is killed while it starts, stores or ends; what it could still say."""
    process = sweep.start(jax=jax)
    moment = chance.choice(MOMENTS)
    after = {"starting": 0, "storing": chance.randint(1, 5), "ending": sweep.points}[moment]
    # `python -m sweep` imports for most of its time, and draws a page at its end.
    longest = {"starting": 2.0 if jax else 0.2, "storing": 0.05, "ending": 1.5 if jax else 0.2}
    delay = chance.uniform(0.0, longest[moment])
    timers = []

    def kill_soon() -> None:
        timers.append(threading.Timer(delay, process.kill))
        timers[0].start()

    if not after:
        kill_soon()
    out, stored = "", 0
    for line in process.stdout or ():
        out += line
        stored += line.startswith("stored")
        last = line.startswith("stored") and stored >= after
        if not timers and (last or line.startswith("numbers: ")):
            kill_soon()
    _, err = process.communicate(timeout=300)
    for timer in timers:
        timer.cancel()
    return Ended(process.returncode, out, err)


def _continued_wrong(ended: Ended, before: set[str]) -> list[str]:
    """Where a run that came as far as its plan did not say that it goes on from there."""
    planned = "points to do" in ended.out
    return ["does not go on"] if before and planned and not says(CONTINUED, ended.out) else []


def _finished_wrong(sweep: Sweep, whole: str) -> list[str]:
    """Where the same command, let finish, did not end as a sweep that nobody interrupted."""
    before = sweep.reported()
    ended = sweep.run()
    wrong = _continued_wrong(ended, before) + sweep.strays()
    if ended.status or not ended.in_words:
        wrong.append(f"status {ended.status}: {ended.err}")
    return wrong + (["other tables"] if tables(sweep.results) != whole else [])
