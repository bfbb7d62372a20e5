"""Calls that two hosts perform together: both are processes of this machine, joined by Gloo."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from sweep.contracts import Ended, Event, Said, Started
from sweep.running.hosts import KEY, PORT, Address, Door, address_of, free_port, hello, knock
from sweep.testing import call
from sweep.testing.engine import wait_for
from sweep.types import Reading, SettingsError
from tests.support.hosts import SECRET, joined, of_two, together

HERE = platform.node()
KEEPALIVE = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)


@dataclass
class Seen:
    """Of calls performed one after the other by one engine, with one host more than it takes."""

    ends: dict[str, Ended]
    said: list[str]
    starts: int
    put_down: bool
    codes: list[int]
    told: list[str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder, does = tmp_path_factory.mktemp("hosts"), ("", "raise", "die", "leave")
    calls = [*(together(each, folder) for each in does), call("", folder)]
    engine = of_two()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, SECRET)
        engine.open()
    with joined(engine.address, count=2) as hosts:
        with closing(engine):
            with closing(engine.run(calls)) as running:
                events: list[Event] = list(running)
            with closing(engine.run([together("hang", folder)])) as running:
                next(event for event in running if isinstance(event, Started))
                next(running)  # the call is under way
                wait_for((folder / "first hangs").exists)
                wait_for((folder / "other hangs").exists)
            put_down = (folder / "put down").exists()
        texts = [each.communicate(timeout=60) for each in hosts]
        codes = [each.returncode for each in hosts]
    ends = [event for event in events if isinstance(event, Ended)]
    return Seen(
        dict(zip((*does, "alone"), ends, strict=True)),
        [event.text for event in events if isinstance(event, Said)],
        sum(isinstance(event, Started) for event in events),
        put_down,
        codes,
        [out + error for out, error in texts],
    )


def value(end: Ended) -> Any:
    (reading,) = (each for each in end.readings if isinstance(each, Reading))
    return reading.value


def test_a_call_is_performed_by_both_and_the_first_ones_readings_count(seen: Seen):
    assert value(seen.ends[""]) == 1 + 2
    (reading,) = seen.ends[""].readings
    assert isinstance(reading, Reading)
    assert len(reading.samples) == 2


def test_what_goes_wrong_on_one_is_the_reason_with_its_name(seen: Seen):
    raised, died = seen.ends["raise"], seen.ends["die"]
    assert raised.failure == f"on {HERE}: RuntimeError: a stone in the way"
    assert "a stone in the way" in raised.trace
    assert died.failure.startswith(f"on {HERE}: the process was ended by SIGKILL")


def test_a_call_that_loses_a_host_is_begun_again_with_another(seen: Seen):
    assert seen.ends["leave"].failure == ""
    assert value(seen.ends["leave"]) == 1 + 2
    assert seen.said.count(f"host {HERE} has joined") == 2
    assert f"host {HERE} is gone; begun again when another has joined" in seen.said


def test_a_call_that_spans_no_hosts_is_this_machines(seen: Seen):
    assert value(seen.ends["alone"]) == 32
    assert seen.starts == len(seen.ends)


def test_the_first_puts_down_how_far_it_is_and_the_hosts_end_with_the_run(seen: Seen):
    assert seen.put_down
    assert sorted(seen.codes) == [-9, 0]  # one has left in the middle of a call
    assert any("the run is over" in each for each in seen.told)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setenv(KEY, SECRET)
    with closing(Door(Address("127.0.0.1", free_port()))) as it:
        yield it


def test_a_host_with_the_key_comes_in(door: Door):
    with knock(door.address, SECRET):
        wait_for(lambda: door.next_host() is not None)
    assert door.command == f"python -m sweep join {door.address}"


def test_a_machine_that_is_gone_without_a_word_is_found_out_in_half_a_minute(door: Door):
    ours: list[Any] = []
    with knock(door.address, SECRET) as theirs:
        wait_for(lambda: bool(ours.append(door.next_host()) or ours[-1]))
        for each in (theirs, ours[-1].connection):
            with socket.socket(fileno=os.dup(each.fileno())) as it:
                asks = [it.getsockopt(socket.IPPROTO_TCP, name) for name in KEEPALIVE]
                assert it.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert asks[0] + asks[1] * asks[2] <= 30
                assert it.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 30_000


def test_a_host_with_another_key_stays_outside(door: Door):
    with pytest.raises(SettingsError, match=f"its run has another key than this {KEY}"):
        knock(door.address, "open barley")
    wait_for(lambda: bool(door.turned_away))
    assert door.next_host() is None


class Bomb:
    """Makes a file of whoever unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled_of_whoever_has_no_key(door: Door, tmp_path: Path):
    with Client((door.address.host, door.address.port)) as stranger:
        with suppress(OSError):  # it has hung up
            for _ in range(3):  # in place of the answer to the challenge, and of what follows it
                stranger.send(Bomb(tmp_path / "went off"))
        wait_for(lambda: bool(door.turned_away))
    assert list(tmp_path.iterdir()) == []
    assert door.next_host() is None


def test_one_with_another_version_is_refused_by_name(door: Door, monkeypatch: pytest.MonkeyPatch):
    other = replace(hello(), source="0", told="9.9, abc")
    monkeypatch.setattr("sweep.running.hosts.hello", lambda: other)
    with pytest.raises(SettingsError, match=r"it has another version of .* \(9.9, abc\)"):
        knock(door.address, SECRET)
    wait_for(lambda: bool(door.turned_away))
    assert door.turned_away[0].startswith(f"{HERE} may not join: it has another version")
    older = hello().versions | {"jax": "0.1"}
    assert replace(hello(), source=other.source, versions=older).differs_from(other) == (
        "it has jax 0.1, other versions than here"
    )


def test_a_key_is_made_up_and_told_where_none_is_given(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(KEY, raising=False)
    with closing(Door(Address("here", free_port()))) as door:
        assert door.command == f"{KEY}={door.key} python -m sweep join {door.address}"
        assert len(door.key) >= 16


def test_a_port_that_is_taken_is_told(door: Door):
    with pytest.raises(SettingsError, match=f"port {door.address.port}: Address already in use"):
        Door(door.address)


def test_an_address_is_a_host_and_a_port():
    assert str(address_of("")) == f"{HERE}:{PORT}"
    assert address_of("10.0.0.1") == Address("10.0.0.1", PORT)
    assert address_of(":99") == Address(HERE, 99)
    assert address_of("[::1]:99") == Address("::1", 99)
    for wrong in ("a:b", "a:0", "a:70000"):
        with pytest.raises(SettingsError, match="must be HOST:PORT"):
            address_of(wrong)


def test_a_call_of_some_cores_can_not_span_hosts(tmp_path: Path):
    spanning = together("", tmp_path).measure
    spanning.threads = 1
    with pytest.raises(SettingsError, match=r"side\.threads = 1: must be 0 on several hosts"):
        of_two().at_once(spanning)
