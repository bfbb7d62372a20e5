"""Ctrl-C before anything has begun, as a shell sees it."""

import _thread
import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from sweep.host.interrupts import (
    Terminated,
    ends_at_once,
    go_on,
    heard,
    held_back,
    interruptible,
)
from tests.support.commands import ROOT

# What swallows a KeyboardInterrupt: Python calls it in the middle of a collection, as it calls
# JAX's, and goes on as if nothing had been raised.
SWALLOWING = """
import gc, os, signal
from sweep.host.interrupts import ends_at_once
signal.signal(signal.SIGINT, signal.default_int_handler)
gc.callbacks.append(lambda *_: os.kill(os.getpid(), signal.SIGINT))
with {guard}:
    gc.collect()
gc.callbacks.clear()
print("went on")
"""


@pytest.fixture(autouse=True)
def _heard():
    """As at a terminal: who starts the tests in the background has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("guard", "status", "printed"),
    [("open(os.devnull)", 0, "went on\n"), ("ends_at_once()", 130, "")],
)
def test_an_interrupt_that_would_be_lost_ends_the_process(guard, status, printed):
    ended = subprocess.run(
        [sys.executable, "-c", SWALLOWING.format(guard=guard)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (status, printed)
    if status:
        assert ended.stderr == "Interrupted.\n"


def test_afterwards_ctrl_c_is_what_it_was():
    before = signal.getsignal(signal.SIGINT)
    with ends_at_once():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_held_back_it_comes_afterwards_where_signals_are_blocked():
    """As in Ray's processes, which interrupt themselves."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with pytest.raises(KeyboardInterrupt), held_back():
            interrupted()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert signal.SIGINT not in signal.sigpending()


def test_a_process_that_ignores_ctrl_c_can_be_interrupted():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupted()  # comes to nothing
        interruptible()
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_that_is_spawned_never_sees_ctrl_c():
    """Nor does the first one, which starts Python's resource tracker."""
    code = """
import multiprocessing, pathlib, time
from sweep.host.interrupts import spawning
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    with spawning():
        child.start()
    print(pathlib.Path(f"/proc/{child.pid}/status").read_text())
    child.kill()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (blocked,) = [line.split()[1] for line in done.stdout.splitlines() if "SigBlk" in line]
    assert int(blocked, 16) & 1 << (signal.SIGINT - 1)


def interrupted():
    _thread.interrupt_main()
    time.sleep(0.01)


def test_held_back_it_comes_afterwards():
    went_on = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - where it is raised is the point
        with held_back():
            os.kill(os.getpid(), signal.SIGINT)
            went_on.append("inside")
        went_on.append("outside")
    assert went_on == ["inside"]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_what_was_lost_comes_at_the_next_step(number, error):
    with heard():
        go_on()
        with contextlib.suppress(KeyboardInterrupt):  # as a library's callback does
            os.kill(os.getpid(), number)
        with pytest.raises(error) as raised:
            go_on()
    assert raised.type is error
    with heard():
        go_on()
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with heard():  # a step that hears for itself
            pass
        with pytest.raises(error):
            go_on()
    with heard():
        go_on()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


WHILE_IMPORTED = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
sys.argv = ["sweep", "--help"]
runpy.run_module("sweep", run_name="__main__")
"""


def test_ctrl_c_while_the_command_line_is_imported_is_told_without_a_traceback():
    done = subprocess.run(
        [sys.executable, "-c", WHILE_IMPORTED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
