"""What every engine keeps, as tests that a third party's inherits.

class TestMyEngine(EngineContract):
    make = "my_package:my_engine"   # called without arguments, here and in other processes
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from sweep.contracts import (
    Artefact,
    Call,
    Ended,
    Engine,
    Event,
    Failed,
    Family,
    Measure,
    Network,
    Progressed,
    Said,
    Started,
)
from sweep.types import Better, CurvePoint, Metric, Point, Progress, Reading

log = logging.getLogger(__name__)

SIDE = Metric("side", "Side of the input", "1", Better.NEITHER)
PATIENCE_S = 120.0


class Check(Measure):
    """Reads the side of the input, after it has done what it is told to."""

    name = "side"
    metrics = (SIDE,)
    threads = 1
    gives = ("file",)

    def __init__(self, does: str = "", folder: str = "", together: bool = False) -> None:
        """folder: where it may write."""
        self.does, self.folder, self.together = does, folder, together

    def identity(self) -> dict[str, Any]:
        return {}

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        progress(0.5, f"{os.getpid()}")
        match self.does:
            case "raise":
                raise RuntimeError("a stone in the way")
            case "exit":
                sys.exit(5)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "take memory":
                yield _endless()
            case "give what can't be passed on":
                yield lambda: 5
            case "say":
                log.info("it has %s", "begun")
            case "give a file":
                path = Path(self.folder) / "file.txt"
                path.write_text("from afar")
                yield Artefact(networks[0].point, "file", path)
            case _:
                self._with_others()
        for network in networks:
            if network.point.resolution == 40:
                yield Failed(network.point, "too wide")
            else:
                yield CurvePoint(network.point, 1, 1.0, 0.5, 0.5, 0.1, 1.0)
                yield Reading(SIDE, network.point, float(network.point.resolution))

    def _with_others(self) -> None:
        passed = Path(self.folder) / "passed"
        match self.does:
            case "wait":
                wait_for(passed.exists)
            case "pass":
                passed.touch()
            case "hang":
                self._hang()

    def _hang(self) -> None:
        """Until it is asked to end; puts something down then."""
        from sweep.host.interrupts import heard

        with heard():
            try:
                (Path(self.folder) / "hangs").touch()
                time.sleep(10 * PATIENCE_S)
            except KeyboardInterrupt:
                (Path(self.folder) / "put down").touch()
                raise


def _endless() -> bytes:
    """More than the process may have from here on."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + (64 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return bytes(1 << 40)


def call(does: str = "", folder: Path | str = "", *sides: int, together: bool = False) -> Call:
    """A call that needs no JAX."""
    points = [Point("none", "separable", 0.25, side / 224, side) for side in sides or (32,)]
    networks = tuple(Network(point, cast("Family", None)) for point in points)
    return Call(Check(does, str(folder), together), networks, bytes=1 << 20)


def drive(make: str, folder: str) -> None:
    """For a process of its own: a call that hangs, until somebody ends the driver."""
    with closing(made(make).run([call("hang", folder)])) as events:
        for event in events:
            if isinstance(event, Progressed):
                print(event.text, flush=True)  # noqa: T201 - to the test


def made(make: str) -> Engine:
    """By the name of a function: "package.module:function"."""
    module, _, name = make.partition(":")
    return getattr(import_module(module), name)()


class EngineContract:
    """Derive from it, and pytest runs these tests on your engine."""

    make: str

    def events(self, *calls: Call) -> list[Event]:
        with closing(made(self.make).run(calls)) as events:
            return list(events)

    def ended(self, *calls: Call) -> list[Ended]:
        """Of each call in turn."""
        ends = [event for event in self.events(*calls) if isinstance(event, Ended)]
        assert sorted(end.index for end in ends) == list(range(len(calls)))
        return sorted(ends, key=lambda end: end.index)

    def test_a_call_starts_tells_how_far_it_is_and_ends(self) -> None:
        events = self.events(call("say"), call())
        for index in (0, 1):
            own = [event for event in events if event.index == index]
            assert isinstance(own[0], Started)
            assert isinstance(own[-1], Ended)
            assert [event.share for event in own if isinstance(event, Progressed)] == [0.5]
        said = [event for event in events if isinstance(event, Said)]
        assert said == [Said(0, "it has begun", logging.INFO)]

    def test_readings_come_with_their_curve_and_with_where_they_were_taken(self) -> None:
        (end,) = self.ended(call("", "", 48))
        curve, reading = end.readings
        assert isinstance(curve, CurvePoint)
        assert isinstance(reading, Reading)
        assert (reading.value, reading.point.resolution) == (48.0, 48)
        assert end.seconds > 0
        assert len(end.machine.id) == 12
        assert set(end.versions) >= {"python", "jax"}
        assert (end.failure, end.trace, end.artefacts) == ("", "", ())

    def test_one_that_fails_or_dies_is_told_and_the_others_go_on(self) -> None:
        does = ("raise", "exit", "die", "give what can't be passed on", "take memory", "")
        ends = self.ended(*(call(each) for each in does))
        failures = [end.failure for end in ends]
        assert failures[0] == "RuntimeError: a stone in the way"
        assert "a stone in the way" in ends[0].trace
        assert failures[1] == "the measure asked to end the process (SystemExit: 5)"
        assert "SIGKILL" in failures[2]
        assert failures[3].startswith("can't be sent back: ")
        assert failures[4].startswith("out of memory (")
        assert failures[5] == ""
        assert all(bool(end.readings) != bool(end.failure) for end in ends)

    def test_one_that_can_not_be_sent_fails_alone(self) -> None:
        bad = call()
        bad.measure.never = lambda: 5  # type: ignore[attr-defined]
        first, second = self.ended(bad, call())
        assert "can't be sent" in first.failure
        assert second.failure == ""

    def test_results_come_as_soon_as_they_are_there(self, tmp_path: Path) -> None:
        several = made(self.make).at_once(Check()) > 1
        calls = [call("wait" if several else "", tmp_path), call("pass", tmp_path)]
        ends = [event for event in self.events(*calls) if isinstance(event, Ended)]
        assert [end.failure for end in ends] == ["", ""]
        assert [end.index for end in ends] == ([1, 0] if several else [0, 1])

    def test_an_artefact_is_a_file_here_and_no_reading(self, tmp_path: Path) -> None:
        (end,) = self.ended(call("give a file", tmp_path))
        (artefact,) = end.artefacts
        assert (artefact.kind, artefact.point.resolution) == ("file", 32)
        assert artefact.path.read_text() == "from afar"
        assert not any(isinstance(item, Artefact) for item in end.readings)

    def test_a_joint_call_reads_all_its_networks_in_one_process(self, tmp_path: Path) -> None:
        (end,) = self.ended(call("give a file", tmp_path, 32, 40, 48, together=True))
        readings = [item for item in end.readings if isinstance(item, Reading)]
        assert [reading.value for reading in readings] == [32.0, 48.0]
        assert [item.reason for item in end.readings if isinstance(item, Failed)] == ["too wide"]
        assert len(end.artefacts) == 1
        assert sum(isinstance(item, CurvePoint) for item in end.readings) == 2

    def test_closing_ends_what_is_under_way_and_lets_it_put_something_down(
        self, tmp_path: Path
    ) -> None:
        with closing(
            made(self.make).run([call("hang", tmp_path), call("hang", tmp_path)])
        ) as events:
            pid = next(int(event.text) for event in events if isinstance(event, Progressed))
            wait_for((tmp_path / "hangs").exists)
        assert (tmp_path / "put down").exists()
        wait_for(lambda: not is_alive(pid))

    def test_ctrl_c_ends_a_driver_and_what_it_has_under_way(self, tmp_path: Path) -> None:
        with self.driver(tmp_path) as (driver, pid):
            driver.send_signal(signal.SIGINT)
            driver.wait(PATIENCE_S)
            assert (tmp_path / "put down").exists()
            wait_for(lambda: not is_alive(pid))

    def test_nothing_outlives_a_driver_that_is_killed(self, tmp_path: Path) -> None:
        with self.driver(tmp_path) as (driver, pid):
            driver.kill()
            driver.wait(PATIENCE_S)
            wait_for(lambda: not is_alive(pid))

    @contextmanager
    def driver(self, folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """A process with an engine at work, and the one that executes its call."""
        code = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"from sweep.testing.engine import drive; drive({self.make!r}, {str(folder)!r})"
        )
        driver = subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            with cast("IO[str]", driver.stdout) as lines:
                pid = int(lines.readline())
            wait_for((folder / "hangs").exists)
            yield driver, pid
        finally:
            driver.kill()
            driver.wait()


def wait_for(what: Callable[[], bool]) -> None:
    """Until it is so. Raises TimeoutError."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Running, and not only waiting for somebody to ask how it ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
