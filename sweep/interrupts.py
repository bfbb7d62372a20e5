"""Ctrl-C while nothing has been begun."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

INTERRUPTED = 130  # what a shell makes of SIGINT


@contextlib.contextmanager
def ends_at_once() -> Iterator[None]:
    """Within it Ctrl-C ends the process there and then. For the seconds in which libraries are
    imported and nothing is written: a KeyboardInterrupt is lost there where it hits JAX's callback
    of the garbage collector, and crashes where it hits an extension that is half set up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        os.write(2, b"Interrupted.\n")
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
