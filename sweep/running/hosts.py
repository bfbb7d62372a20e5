"""Other hosts that join this machine's run: where they knock, and what is held of each.

What goes over the connection is pickled, from the driver's process to others' and back: each side
proves first, by HMAC, that it has the run's key. It is not encrypted, and neither is what JAX sends
from host to host: this is for a network that one trusts.
"""

from __future__ import annotations

import os
import platform
import secrets
import socket
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import (
    Client,
    Connection,
    Listener,
    answer_challenge,
    deliver_challenge,
)
from typing import Any

from sweep.host.machine import PACKAGES, versions_of
from sweep.running.calls import Packed
from sweep.running.provenance import commit, source_digest
from sweep.running.surroundings import Surroundings
from sweep.types import SettingsError

PORT = 8476
KEY = "SWEEP_KEY"  # the environment's
OVER = "over"  # what a run says when it needs a host no more


class GoneError(RuntimeError):
    """A host's connection has ended."""


@dataclass(frozen=True)
class Hello:
    """What a host tells of itself. source: the digest of its code; told: its version, in words."""

    name: str
    source: str
    told: str
    versions: dict[str, str]

    def differs_from(self, other: Hello) -> str:
        """Why the two can't perform one call together; empty where they can."""
        if self.source != other.source:
            return (
                f"it has another version of mobilenet-sweep ({self.told}) than this one "
                f"({other.told})"
            )
        own = other.versions
        others = [f"{name} {it}" for name, it in self.versions.items() if own.get(name) != it]
        return f"it has {', '.join(others)}, other versions than here" if others else ""


def hello() -> Hello:
    """This process's."""
    told = f"{versions_of(['mobilenet-sweep'])['mobilenet-sweep']}, {commit()}"
    return Hello(platform.node(), source_digest(), told, versions_of(PACKAGES))


@dataclass(frozen=True)
class Address:
    """Of the driver, as the others find it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def address_of(text: str) -> Address:
    """HOST:PORT, or one of both; empty: this machine's name. Raises SettingsError."""
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise SettingsError(f"{text}: must be HOST:PORT, with a port of 1 to 65535")
    return Address(host.strip("[]") or platform.node(), int(port or PORT))


class Remote:
    """A host that has joined, in form as a `Worker`: what its own says comes through here."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection, self.name = connection, name
        self.gone = False

    def begin(
        self, index: int, call: Packed, surroundings: Surroundings, files: tuple[str, ...]
    ) -> None:
        """files: of the driver's machine, that it must have. Raises GoneError."""
        self._send((index, call, surroundings, files))

    def next_event(self) -> Any:
        """Waits for it. Raises GoneError."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            raise self._is_gone() from None

    def end_process(self) -> None:
        """That of the call under way; the host stays. Raises GoneError."""
        self._send(None)
        while self.next_event() is not None:
            """What it had said before."""

    def part(self) -> None:
        """The run needs it no more."""
        with suppress(GoneError):
            self._send(OVER)
        self.connection.close()

    def _send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except OSError:
            raise self._is_gone() from None

    def _is_gone(self) -> GoneError:
        self.gone = True
        return GoneError(self.name)


class Door:
    """Where hosts knock, from now on until it is closed. Those that may join wait inside."""

    def __init__(self, address: Address) -> None:
        """Raises SettingsError where the port is taken."""
        self.address = address
        self._own = hello()
        self._given = os.environ.get(KEY, "")
        self.key = self._given or secrets.token_hex(8)
        self._inside: deque[Remote] = deque()
        self.turned_away: deque[str] = deque()  # sentences
        try:
            self._listener = Listener(("", address.port))
        except OSError as error:
            raise SettingsError(f"port {address.port}: {error.strerror}; run.address") from None
        threading.Thread(target=self._open, daemon=True, name="door").start()

    @property
    def command(self) -> str:
        """What is typed on each other host."""
        key = "" if self._given else f"{KEY}={self.key} "
        return f"{key}python -m sweep join {self.address}"

    def next_host(self) -> Remote | None:
        """None where nobody waits."""
        return self._inside.popleft() if self._inside else None

    def close(self) -> None:
        """Those inside part, too."""
        self._listener.close()
        while (host := self.next_host()) is not None:
            host.part()

    def _open(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return  # closed
            # One that says nothing keeps no other waiting.
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        try:
            deliver_challenge(connection, self.key.encode())
            answer_challenge(connection, self.key.encode())
            theirs = connection.recv()
            why = theirs.differs_from(self._own)
            connection.send(why)
        except AuthenticationError:
            self.turned_away.append("a host with another key was turned away")
        except (EOFError, OSError):
            return  # it has gone again
        else:
            if not why:
                self._inside.append(Remote(watched(connection), theirs.name))
                return
            self.turned_away.append(f"{theirs.name} may not join: {why}")
        connection.close()


def knock(address: Address, key: str) -> Connection:
    """The connection to a run that has let this host in. Raises ConnectionError where nobody
    listens, SettingsError where it may not join.
    """
    try:
        connection = Client((address.host, address.port), authkey=key.encode())
    except AuthenticationError:
        raise SettingsError(
            f"{address}: its run has another key than this {KEY}; it has told its own"
        ) from None
    except socket.gaierror as error:
        raise SettingsError(f"{address}: {error.strerror}") from None
    connection.send(hello())
    if why := connection.recv():
        raise SettingsError(f"{address}: this host may not join: {why}")
    return watched(connection)


# Seconds of silence before the system asks whether the other side is there, between two questions,
# how many it asks; and milliseconds that something sent may go unanswered.
_WATCH = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}


def watched(connection: Connection) -> Connection:
    """The same; where the other machine is gone without a word, reading from it raises OSError
    within half a minute.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _WATCH.items():
            if hasattr(socket, name):  # they are Linux's
                own.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]
