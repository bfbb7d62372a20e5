"""What the benchmarks share. What they measure, no test asserts."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import harness, processes
from benchmarks.harness import Arena, Contender, figure, geometric_mean, publish, table
from benchmarks.roofline import Limits, arithmetic_limit_s, layer_limit_s
from mnv1_flax import layers

COUNTED: list[int] = []
ROOT = Path(__file__).parents[1]


def counting(start: int, *, by: int = 1) -> Callable[[], int]:
    """A contender: what it gives is how it was made."""
    return lambda: start + by


def missing(start: int) -> Callable[[], int]:
    raise ImportError("not here")


def test_contenders_are_timed_in_processes_of_their_own_and_the_missing_left_out(capsys):
    contenders = [
        Contender("one", "tests.test_benchmarks:counting"),
        Contender("ten", "tests.test_benchmarks:counting", {"by": 10}),
        Contender("none", "tests.test_benchmarks:missing"),
    ]
    with Arena(contenders, rounds=3, min_sample_s=1e-4) as arena:
        seconds = arena.race(start=5)
        assert arena.results == {"one": 6, "ten": 15}
        assert set(seconds) == {"one", "ten"}
        assert all(0 < each < 0.1 for each in seconds.values())
        arena.race(start=7)
        assert arena.results == {"one": 8, "ten": 17}
        assert {name: len(each) for name, each in arena.samples.items()} == {"one": 3, "ten": 3}
    assert "none: left out, not here" in capsys.readouterr().err


def where() -> Callable[[], list[int]]:
    """A contender that tells which cores it may run on."""
    return lambda: sorted(os.sched_getaffinity(0))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are Linux's to give")
def test_one_a_core_each_has_a_core_of_its_own():
    core = min(os.sched_getaffinity(0))
    with Arena([Contender("one", "tests.test_benchmarks:where")], rounds=1, cores=[core]) as arena:
        arena.race()
        assert arena.results == {"one": [core]}


def test_side_by_side_rates_add_up(monkeypatch):
    class Worker:
        def __init__(self, core: int) -> None:
            self.core = core

        def ask(self, *jobs: dict) -> dict:
            return {"seconds": {0: 3.0, 1: 6.0}[self.core]}

    monkeypatch.setattr(processes, "WorkerProcess", Worker)
    # A call in 3 s and one in 6 s: three in 6 s, one in 2.
    assert processes.SideBySide([0, 1]).ask({"calls": 1}) == {"seconds": pytest.approx(2.0)}


def with_a_child() -> Callable[[], list[int]]:
    """A contender with a process of its own, as one that decodes images has them."""
    child = subprocess.Popen(["sleep", "600"])
    return lambda: [os.getpid(), child.pid]


KILLED = """
import json, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
from benchmarks.harness import Arena, Contender
with Arena([Contender("one", "tests.test_benchmarks:with_a_child")], rounds=1) as arena:
    arena.race()
    print(json.dumps(arena.results["one"]), flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_benchmark_that_is_killed_leaves_no_stopped_process(number):
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with parent:
        assert parent.stdout is not None
        left = json.loads(parent.stdout.readline())
        assert all(map(runs, left))
        parent.send_signal(number)
        parent.wait(60)
    until = time.monotonic() + 60
    while any(map(runs, left)) and time.monotonic() < until:
        time.sleep(0.05)
    still = [pid for pid in left if runs(pid)]
    for pid in still:
        os.kill(pid, signal.SIGKILL)
    assert still == []


def runs(pid: int) -> bool:
    """Whether there is such a process, stopped or not, that is not dead and only not buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_a_table_by_hand():
    assert table(("point", "ms"), [("1.0-224", 9.5)]) == "\n".join(
        ["| point | ms |", "| --- | ---: |", "| 1.0-224 | 9.5 |"]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (12.34, "12.3"), (4567.8, "4568")],
)
def test_figures_have_three_digits_that_count(value, text):
    assert figure(value) == text


def test_the_geometric_mean_by_hand():
    assert geometric_mean([1, 4]) == pytest.approx(2)
    assert geometric_mean([0.5, 2, 1]) == pytest.approx(1)


def test_a_section_replaces_its_own_and_keeps_the_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    arguments = argparse.Namespace(quick=False, print=False)
    publish("First", "old", arguments)
    publish("Second", "kept", arguments)
    publish("First", "new", arguments)
    publish("Third", "a quick look", argparse.Namespace(quick=True, print=False))
    (path,) = tmp_path.glob("*.md")
    text = path.read_text(encoding="utf-8")
    assert path.stem == harness.machine_name()
    assert text.startswith(f"# {harness.machine_words()}\n\njax ")
    assert (
        text.partition("\n\n")[2].partition("\n\n")[2] == "## First\n\nnew\n\n## Second\n\nkept\n"
    )
    assert "a quick look" in capsys.readouterr().out


def test_limits_by_hand():
    # 14x14x512, depthwise: 9 * 512 * 196 = 903,168 mult-adds; 2 * 100,352 elements and 4,608
    # weights of four bytes, 821,248 bytes: memory is the limit at 1 flop a second for a byte.
    (row,) = (row for row in layers("separable", 1.0, 224) if row.name == "depthwise_8")
    assert layer_limit_s(row, 1, Limits(flops=1e12, bytes=1e9)) == pytest.approx(821_248e-9)
    assert layer_limit_s(row, 1, Limits(flops=1e9, bytes=1e12)) == pytest.approx(1_806_336e-9)
    assert arithmetic_limit_s([row], 2, Limits(flops=1e9, bytes=1)) == pytest.approx(3_612_672e-9)
