"""A process that executes calls, and what its parent holds of it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

from sweep.contracts import Call, Progressed, Said
from sweep.host.allocator import keep_freed_memory
from sweep.host.failures import OUT_OF_MEMORY, end_of, reason_of
from sweep.host.interrupts import TERMINATED, end_with_parent, spawning
from sweep.host.machine import pin
from sweep.running.calls import Packed, Result, failed, perform

PARTING_S = 5.0  # that a process may take to end by itself


class Worker:
    """A process that keeps to its cores, and the pipe to it; started anew where it died.

    index: of the call that it is at, or was; holds: bytes of its largest call.
    """

    connection: Connection

    def __init__(self, cores: tuple[int, ...], *, daemon: bool = True) -> None:
        """daemon: one that may have no processes of its own."""
        self._cores, self._daemon = cores, daemon
        self._process: Any = None
        self._began = 0.0
        self.index = 0
        self.busy = False
        self.holds = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def begin(self, index: int, call: Call | Packed, size: int) -> Result | None:
        """None where the call is under way."""
        if self._process is None or not self._process.is_alive():
            self._start()
        self._began = time.perf_counter()
        try:
            self.connection.send((index, call))
        except Exception as error:  # noqa: BLE001 - somebody's measure can't be pickled
            return Result(failure=f"can't be sent to a process: {reason_of(error)}")
        self.index, self.busy, self.holds = index, True, max(self.holds, size)
        return None

    def _start(self) -> None:
        # Spawned, not forked: a child must not inherit JAX's threads half-way through.
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, self._cores), daemon=self._daemon
        )
        with spawning():  # half a process can be neither used nor ended
            self._process.start()
        other.close()
        self.holds = 0

    def next_event(self) -> Progressed | Said | Result:
        """Waits for what the process says next; with a result it is free again."""
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            message = Result(failure=end_of(self._process.exitcode))
        except Exception as error:  # noqa: BLE001 - what it sent can't be taken out of the pipe
            message = Result(failure=f"its readings can't be passed on: {reason_of(error)}")
        if isinstance(message, logging.LogRecord):
            return Said(self.index, message.getMessage(), message.levelno)
        if isinstance(message, Result):
            self.busy = False
            if message.failure.startswith(OUT_OF_MEMORY):
                self.end()  # what it holds is in pieces
        return message

    def has_said(self, seconds: float) -> bool:
        """Whether `next_event` has something; waits for so long at most."""
        return self.connection.poll(seconds)

    def ask_to_end(self) -> None:
        """It may put down how far it is."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Until it has ended, for so long at most."""
        if self._process is not None:
            self._process.join(max(0.0, seconds))

    def part(self) -> None:
        """It may end by itself, in its own time, and takes along what its libraries hold."""
        if self._process is not None:
            self.connection.close()

    def end(self) -> None:
        """There and then."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.holds = 0


class _Pipe:
    """To the parent, for all threads of the process; in form a queue, as log handlers want it."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, Lock()

    def put_nowait(self, message: object) -> None:
        with self._lock:
            self._connection.send(message)


def _serve(connection: Connection, cores: tuple[int, ...]) -> None:
    """A worker's life: a call in, progress and a result out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    end_with_parent()
    pin(cores)
    # Before the first call arrives: unpickling it imports JAX.
    keep_freed_memory()
    pipe = _Pipe(connection)
    # The parent's log is the run's: it gets warnings, and news of our own.
    queue: Any = QueueHandler(pipe)  # type: ignore[arg-type] - it asks for put_nowait alone
    logging.basicConfig(handlers=[queue], format="%(message)s", force=True)
    logging.getLogger("sweep").setLevel(logging.INFO)
    while True:
        try:
            index, call = connection.recv()
            call = call.unpacked() if isinstance(call, Packed) else call
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - somebody's measure can't be unpickled here
            pipe.put_nowait(failed(error))
            continue
        try:
            result = perform(
                call, lambda share, text, at=index: pipe.put_nowait(Progressed(at, share, text))
            )
        except KeyboardInterrupt:
            os._exit(TERMINATED)  # what there was to put down is put down
        try:
            pipe.put_nowait(result)
        except Exception as error:  # noqa: BLE001 - what was read can't be pickled
            lost = failed(error)
            pipe.put_nowait(replace(lost, failure=f"can't be sent back: {lost.failure}"))
