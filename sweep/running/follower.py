"""A host that has joined another's run: it performs its part of calls until the run is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_any

from sweep.contracts import Progressed
from sweep.host.machine import cores
from sweep.running.calls import Packed, Result
from sweep.running.hosts import Address, GoneError, knock
from sweep.running.surroundings import Surroundings, lacking
from sweep.running.worker import PARTING_S, Worker
from sweep.types import listed

KNOCK_S = 1.0  # between two knocks where nobody answers yet


def follow(address: Address, key: str, tell: Callable[[str], None]) -> None:
    """Joins the run there, as soon as somebody answers, and serves it to its end. tell: of what
    goes on, sentences.

    Raises SettingsError where this host may not join, GoneError where the run has ended without a
    word.
    """
    connection = _let_in(address, key, tell)
    tell(f"joined the run at {address}")
    worker = Worker(cores(), daemon=False)  # it has processes of its own, which decode
    try:
        _serve(connection, worker, tell)
    except (EOFError, OSError):
        raise GoneError(f"the run at {address} has ended without a word") from None
    finally:
        worker.end()
        connection.close()


def _let_in(address: Address, key: str, tell: Callable[[str], None]) -> Connection:
    told = False
    while True:
        try:
            return knock(address, key)
        except (OSError, EOFError):  # it is not there yet, nor is its machine
            if not told:
                tell(f"waiting for a run at {address}")
            told = True
            time.sleep(KNOCK_S)


def _serve(connection: Connection, worker: Worker, tell: Callable[[str], None]) -> None:
    """Until the run says that it is over. Raises EOFError or OSError where it is gone."""
    while True:
        sources = [connection, worker.connection] if worker.busy else [connection]
        if wait_for_any(sources)[0] is not connection:
            event = worker.next_event()
            if isinstance(event, Result):
                tell(event.failure or "done")
                event = Result(failure=event.failure, trace=event.trace)
            if not isinstance(event, Progressed):
                connection.send(event)
            continue
        match connection.recv():
            case str():
                tell("the run is over")
                return
            case None:
                if not worker.busy:
                    worker.part()
                    worker.wait(PARTING_S)
                worker.end()
                worker.busy = False
                connection.send(None)
            case (int() as index, Packed() as call, Surroundings() as around, tuple() as files):
                if refused := _begun(worker, index, call, around, files):
                    connection.send(refused)
                tell("begins its part of a call")


def _begun(
    worker: Worker, index: int, call: Packed, around: Surroundings, files: tuple[str, ...]
) -> Result | None:
    """None where the call is under way."""
    if missing := lacking(around, files):
        return Result(failure=f"it has no {listed(missing, 3)}")
    around.settle()
    return worker.begin(index, call, 0)
