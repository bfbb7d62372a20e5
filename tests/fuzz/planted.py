"""A program with every kind of fault, to see that the fuzzer sees them: for its own tests."""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.target import Check, Target


def planted() -> Target:
    """It goes wrong at some of its cases, whatever they are, each time in another way."""
    return Target("planted", lambda: [b"seed"], st.binary, _room, raw=False, instruments=())


@contextmanager
def _room(folder: Path) -> Iterator[Check]:
    tried = folder.parent / "tried"  # outlives the process, and its room
    if not tried.exists():
        tried.write_text("0")

    def check(case: bytes) -> bool:
        if case == b"seed":
            return True
        number = int(tried.read_text()) + 1
        tried.write_text(str(number))
        match number:
            case 3:
                raise KeyError(case)
            case 6:
                bytes(1 << 33)
            case 9:
                ctypes.string_at(0)
            case 12:
                time.sleep(60)
            case 15:  # as C code that loops, and hears no alarm
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
                time.sleep(60)
        return number % 2 == 0

    yield check
