"""Cores of this machine, claimed by one process at a time.

A cluster's CPUs are numbers that a scheduler counts: it says how many a task may have, not which. A
claim is a lock on a file for each core, the operating system's: it ends with the process.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

AGAIN_S = 0.1  # between two looks at cores that others have


def default_folder() -> Path:
    """Of all processes of this user on this machine."""
    return Path(tempfile.gettempdir()) / f"mobilenet-sweep-cores-{os.getuid()}"


@contextmanager
def claimed(
    numbers: Sequence[int], count: int, *, folder: Path | None = None
) -> Iterator[tuple[int, ...]]:
    """`count` of these cores, at most all of them, which no other claim has meanwhile; waits for
    them.
    """
    folder = folder or default_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = min(count, len(numbers))
    while True:
        with ExitStack() as held:
            taken = _taken(numbers, count, folder, held)
            if len(taken) == count:
                yield taken
                return
        time.sleep(AGAIN_S)


def _taken(numbers: Sequence[int], count: int, folder: Path, held: ExitStack) -> tuple[int, ...]:
    """Those that were free, until there are enough. One process looks at a time: of two that each
    hold what the other waits for, none would ever have all.
    """
    taken: list[int] = []
    with (folder / "all").open("wb") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        for number in numbers:
            if len(taken) == count:
                break
            file = (folder / f"core-{number}").open("wb")  # the stack holds it
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                held.enter_context(file)
                taken.append(number)
    return tuple(taken)
