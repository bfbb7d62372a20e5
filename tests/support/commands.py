"""The command line for tests: in this process where what is tested is what a command does and says;
in one of its own where that is the process itself, as its streams, signals, imports and status.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from sweep.cli.main import main
from sweep.host import allocator

ROOT = Path(__file__).parents[2]
# Runs of the first version: of the default experiment as it was then, and of CIFAR-10.
OF_FIRST_VERSION = {
    "default": ROOT / "tests" / "data" / "schema1", "cifar10": ROOT / "results" / "cifar10",
}  # fmt: skip
# Two points, each measure at its smallest.
QUICK = """
name = "quick"
measures = ["cost", "latency", "accuracy"]
[grid]
alpha = [0.25]
resolution = [64, 32]
base_resolution = 64
[cost]
fvcore = false
[latency]
runtimes = ["xla"]
processes = 1
rounds = 3
min_sample_s = 0.001
warmup_s = 0.05
[accuracy]
train_images = 64
test_images = 40
epochs = 1
batch_size = 32
"""

# The same of short networks, where what is asked is not of the paper's.
SHORT = QUICK.replace("\n[grid]", '\nfamily = "tests.support.short:Short"\n[grid]')


def environment(**variables: str) -> dict[str, str]:
    """That of a process in any folder, with others of its own."""
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | variables


def python(
    arguments: Sequence[str | Path], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A fresh Python, started in `folder`."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def sweep(*arguments: str | Path, folder: Path, **variables: str):
    """`python -m sweep` in a process of its own."""
    return python(["-m", "sweep", *arguments], folder, **variables)


def interruptible(
    arguments: Sequence[str | Path], folder: Path, **variables: str
) -> subprocess.Popen[str]:
    """The same while it goes on, and hears Ctrl-C: a shell starts its background jobs with that
    ignored, and children inherit it.
    """
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sweep.cli.main import main; main(sys.argv[1:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder, env=environment(**variables), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


class Command:
    """Runs a command in this process, which is afterwards as it was before.

    A call gives (exit status, standard output as a keyboard has it, standard error).
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        # What a command does to its process: its allocator, of which it is only said; its log;
        # where it finds parts.
        monkeypatch.setattr(allocator, "_state", allocator._state)
        for each in ("run", "evaluate"):
            monkeypatch.setattr(f"sweep.cli.{each}.keep_freed_memory", self._say_it_is_kept)
        monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
        monkeypatch.setattr(sys, "path", sys.path.copy())
        self._monkeypatch = monkeypatch

    def _say_it_is_kept(self) -> None:
        self._monkeypatch.setattr(allocator, "_state", allocator.KEPT)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before = dict(os.environ), root.handlers[:], root.level
        return self

    def __exit__(self, *_: object) -> None:
        variables, handlers, level = self._before
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)
        root = logging.getLogger()
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)

    def __call__(self, *arguments: str | Path, inside: Path | None = None) -> tuple[int, str, str]:
        """inside: the folder in which it is called."""
        with self._monkeypatch.context() as patch:
            if inside:
                patch.chdir(inside)
            with pytest.raises(SystemExit) as ended:
                main([str(each) for each in arguments])
        streams = self._capsys.readouterr()
        return int(ended.value.code or 0), typed(streams.out), streams.err


def typed(text: str) -> str:
    """The text as a keyboard has it: spaces, dashes and signs on the page are its own."""
    return text.translate({0xA0: " ", 0x2013: "-", 0x2212: "-", 0xD7: "x"})


def flat(text: str) -> str:
    """In one line, where the console has broken it."""
    return " ".join(text.split())


def children_of(pid: int, word: str) -> list[int]:
    """Processes that one has begun, in whichever thread, with this in their commands."""
    try:
        told = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children")]
        return [int(child) for child in " ".join(told).split() if word in _command(child)]
    except OSError:
        return []


def _command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
