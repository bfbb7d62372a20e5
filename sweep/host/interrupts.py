"""Ctrl-C and SIGTERM: where they would do harm, and how they end a run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

INTERRUPTED, TERMINATED = 130, 143  # what a shell makes of SIGINT and of SIGTERM


@contextlib.contextmanager
def _handling(handler: Any, numbers: Iterable[int]) -> Iterator[None]:
    """In the main thread, which alone hears signals."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


def _end(*_: object) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


def ends_at_once() -> contextlib.AbstractContextManager[None]:
    """Within it Ctrl-C ends the process there and then. For the seconds in which libraries are
    imported and nothing is written: a KeyboardInterrupt is lost there where it hits JAX's callback
    of the garbage collector, and crashes where it hits an extension that is half set up.
    """
    return _handling(_end, [signal.SIGINT])


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends whatever Ctrl-C ends, in the same way."""


def ended_by(terminated: bool) -> tuple[str, int]:
    """The word and the exit status of a process that Ctrl-C, or SIGTERM, has ended."""
    return ("Terminated", TERMINATED) if terminated else ("Interrupted", INTERRUPTED)


_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
# What was heard. Where it is raised it may be lost: in a callback of the garbage collector, say.
_heard: list[type[KeyboardInterrupt]] = []


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """SIGTERM within it raises Terminated, where it would have ended the process there and then.
    What is lost of it, or of a Ctrl-C, `go_on` raises; within another one, that one goes on.
    """
    if _raise in map(signal.getsignal, _USUAL):
        yield
        return
    _heard.clear()
    told = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if _heard and lost.exc_type in _heard else told(lost)
    try:
        with _handling(_raise, [n for n, usual in _USUAL.items() if signal.getsignal(n) is usual]):
            yield
    finally:
        sys.unraisablehook = told


def interruptible() -> None:
    """Has KeyboardInterrupt raised in this process where SIGINT is ignored, as in all that a script
    leaves in the background: `ray.cancel` is one that the process sends itself.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def ends() -> bool:
    """Whether something was heard, and what is under way is being put down."""
    return bool(_heard)


def go_on() -> None:
    """Between two steps of what is done within `heard`: raises what was heard and is lost."""
    if _heard:
        raise _heard[-1]


def _raise(number: int, _: object) -> None:
    _heard.append(Terminated if number == signal.SIGTERM else KeyboardInterrupt)
    raise _heard[-1]


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM within it come after it. Processes that are started meanwhile never see a
    Ctrl-C: they inherit what their parent's thread doesn't listen to.
    """
    came: list[int] = []
    # Libraries have threads that do listen, and hand what they hear to Python's main one; not where
    # it is ignored, or ends the process.
    listening = [number for number in _USUAL if callable(signal.getsignal(number))]
    try:
        with _handling(lambda number, _: came.append(number), listening):
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    finally:
        if came:
            # Not sent once more: where it is blocked, as Ray blocks it in its processes, it would
            # never come.
            handler: Any = signal.getsignal(came[0])
            handler(came[0], None)


@contextlib.contextmanager
def spawning() -> Iterator[None]:
    """`held_back`, for processes that are spawned within it. Python's resource tracker, which the
    first of them starts, would let Ctrl-C through again, to this thread and to them.
    """
    resource_tracker.ensure_running()
    with held_back():
        yield


def end_with_parent() -> None:
    """From now on, this process of multiprocessing's ends when the one that started it does, which
    else it might outlive by hours: it would find out when it has something to say.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(TERMINATED)

    threading.Thread(target=watch, daemon=True, name="parent").start()
