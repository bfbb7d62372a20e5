"""Ctrl-C where a KeyboardInterrupt would do harm."""

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


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C within it comes after it. Processes that are started meanwhile never see one: they
    inherit what their parent's thread doesn't listen to.
    """
    came: list[object] = []
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # Libraries have threads that do listen, and hand what they hear to Python's main one.
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda *_: came.append(None)) if main else None
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if main:
            signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)
