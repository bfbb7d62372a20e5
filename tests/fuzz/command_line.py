"""The command line: every option of every command, with values that people and scripts give it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.fuzz.command import USAGE_ERROR, command, judge
from tests.fuzz.mutations import texts
from tests.fuzz.settings import WHOLE
from tests.fuzz.surroundings import furnish, stand_ins
from tests.fuzz.target import Check, Target, unchanged

FOLDER, OTHER = "results/fake", "results/other"
# What each option, or argument, might sensibly be given.
SENSIBLE: dict[str, tuple[str, ...]] = {
    "config": ("sweep.toml",),
    "--results": ("results", ".", "new", "sweep.toml"),
    "--name": ("x", "fake"),
    "--set": ("accuracy.epochs=3", "grid.alpha=[1.0, 0.5]", "name=y", "custom.a.b=1", "a.b.c=2"),
    "--compile-cache": ("cache",),
    "--alpha": ("1.0", "0.25", "1e-9", "4", "1e300", "inf", "nan", "-1"),
    "--resolution": ("224", "1", "0", "-5", "9999999", "10000000000000000000"),
    "--kind": ("separable", "standard", "shallow"),
    "--classes": ("1000", "1", "0", "9223372036854775808", "classes.txt"),
    "--max-latency": ("5ms", "800us", "0.01s", "5", "1e300s", "1e-300s", "µs"),
    "--max-params": ("2M", "150k", "1e999", "M"),
    "--max-mult-adds": ("150M", "569e6"),
    "--max-memory": ("20MB", "20MiB", "1B"),
    "--batch": ("1", "8", "0", "-1"),
    "--accuracy": ("measured", "tfslim", "paper"),
    "--to": ("out", "sweep.toml", "sweep.toml/x", "results"),
    "--format": ("svg", "png"),
    "--width": ("640", "320", "0", "99999"),
    "--scale": ("2", "0.5", "nan", "inf"),
    "--checkpoint": ("x.tflite", "images", "sweep.toml", "nothing.h5", "results/fake"),
    "--data": ("images", "images.npz", "results/fake", "classes.txt", "."),
    "--crop": ("0.875", "1", "0", "nan"),
    "--images": ("0", "1", "-1", "99999999999"),
    "--workers": ("0", "1", "-1", "100000"),
    "--url": ("http://127.0.0.1:9/x", "ftp://x", "file:///etc/passwd", "http://[::1"),
    "--sha256": ("0" * 64, "0" * 63),
}
FOLDERS = (
    FOLDER,
    OTHER,
    "results",
    "images",
    "nothing",
    "sweep.toml",
    "/dev/null",
    "/proc/self/fd",
)
Words = tuple[str, ...]


def command_line() -> Target:
    """The target."""
    return Target("command-line", seeds, cases, room, raw=False, instruments=("sweep",))


def seeds() -> list[bytes]:
    """A sound call of each command that reads what a run has left."""
    calls = [
        ["run", "sweep.toml", "--dry-run"],
        ["layers", "--json"],
        *([name, FOLDER] for name in ("report", "show", "compare", "figures")),
        ["pick", FOLDER, "--max-latency", "5ms"],
        ["diff", FOLDER, OTHER],
        ["evaluate", "--checkpoint", "x.tflite", "--data", "images"],
    ]
    calls[5] += ["--to", "out"]
    return [_case(call) for call in calls]


def _case(call: list[str]) -> bytes:
    return json.dumps(call).encode()


def cases() -> st.SearchStrategy[bytes]:
    """A command with some of its options, in any order, once or more often."""
    return st.sampled_from(_commands()).flatmap(_call).map(_case)


@cache
def _commands() -> list[tuple[Words, tuple[Any, ...]]]:
    """(words that name a command, its parameters) of all there are, also those to come."""
    import typer.main

    from sweep.cli.main import app

    found: list[tuple[Words, tuple[Any, ...]]] = []
    waiting: list[tuple[Words, Any]] = [((), typer.main.get_command(app))]
    while waiting:
        words, each = waiting.pop()
        if inner := getattr(each, "commands", None):
            waiting += [((*words, name), below) for name, below in inner.items()]
        else:
            found.append((words, tuple(each.params)))
    return sorted(found, key=lambda each: each[0])


@st.composite
def _call(draw: st.DrawFn, command: tuple[Words, tuple[Any, ...]]) -> list[str]:
    words, parameters = command
    call: list[str] = []
    for each in parameters:
        times = draw(st.sampled_from([0, 0, 0, 1, 1] if not each.required else [1] * 12 + [0, 2]))
        for _ in range(times):
            call += draw(_given(each))
    if draw(st.integers(0, 9)) == 0:
        call.append(draw(texts()))
    return [*words, *call]


def _given(parameter: Any) -> st.SearchStrategy[list[str]]:
    """One parameter with a value, as words."""
    flags = [name for name in parameter.opts if name.startswith("--")]
    if not flags:
        return (_values(parameter.name, FOLDERS)).map(lambda value: [value])
    if parameter.is_flag:
        return st.sampled_from([[each] for each in (*flags, *parameter.secondary_opts)])
    return _values(flags[0], ("x",)).map(lambda value: [flags[0], value])


def _values(name: str, otherwise: Words) -> st.SearchStrategy[str]:
    sensible = st.sampled_from(SENSIBLE.get(name, otherwise))
    strange = texts().filter(lambda text: "\0" not in text)  # the system takes no such argument
    return st.one_of(*[sensible] * 6, strange)


@contextmanager
def room(folder: Path) -> Iterator[Check]:
    """Results, images, a checkpoint and an experiment; nothing slow or outside is done."""
    from tests.fuzz.results import write_sound
    from tests.fuzz.tflite import floats

    furnish(folder)
    (folder / "sweep.toml").write_bytes(WHOLE)
    (folder / "x.tflite").write_bytes(floats().seeds()[0])
    write_sound(folder / FOLDER)
    write_sound(folder / OTHER)

    def check(case: bytes) -> bool:
        call = [str(each) for each in json.loads(case)]
        before = set(folder.rglob("*"))
        with _kept_if_refused(folder) as ended:
            ended.append(command(call))
        for path in sorted(set(folder.rglob("*")) - before, reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        return judge(ended[0])

    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        stand_ins(patch)
        _nothing_is_done(patch, folder)
        yield check


@contextmanager
def _kept_if_refused(folder: Path) -> Iterator[list[Any]]:
    """Where the command that is appended ended with status 2, nothing may have changed."""
    ended: list[Any] = []
    held = unchanged(folder)
    held.__enter__()
    yield ended
    if ended[0].status == USAGE_ERROR:
        held.__exit__(None, None, None)


def _nothing_is_done(patch: pytest.MonkeyPatch, folder: Path) -> None:
    import sweep.datasets.fetch
    import sweep.report.print.export
    import sweep.running.evaluate
    import sweep.running.run
    from sweep.datasets.fetch import FetchError
    from sweep.measures.checkpoint_accuracy import Evaluated
    from sweep.training.evaluation import Score

    def execute(plan: Any, settings: Any, store: Any, *others: Any) -> Any:
        return sweep.running.run.Outcome({"cost": 1.0}, (), False, store.path / "report.html")

    def fetch(source: Any, target: Path, progress: Any) -> None:
        raise FetchError(f"{source.url}: can't be reached")

    patch.setattr(sweep.running.run, "execute", execute)
    patch.setattr(sweep.datasets.fetch, "fetch", fetch)
    found = Evaluated(Score(np.arange(4) < 1, np.ones(4, bool)), left_out=0, notes=(), classes=9)
    patch.setattr(sweep.running.evaluate, "evaluated", lambda *_: found)
    patch.setattr(
        sweep.report.print.export,
        "_draw",
        lambda files, *_: [file.write_bytes(b"x") for file in files],
    )
    patch.setattr(Path, "mkdir", _only_within(folder, Path.mkdir))
    patch.setenv("HOME", str(folder))
    for name in ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME"):
        patch.setenv(name, str(folder / "cache"))


def _only_within(folder: Path, mkdir: Callable[..., None]) -> Callable[..., None]:
    def within(self: Path, *arguments: Any, **named: Any) -> None:
        if not Path(os.path.realpath(self)).is_relative_to(os.path.realpath(folder)):
            raise PermissionError(13, "a fuzzer makes no folder there", str(self))
        mkdir(self, *arguments, **named)

    return within
