"""A point that fails, whatever its measure does, is stored with its reason, shown, tried again, and
keeps no other from being measured.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep.contracts import Failed, Measure, Network
from sweep.host.failures import LONGEST, end_of, reason_of, shortened
from sweep.host.machine import this_machine
from sweep.report.content.build import view
from sweep.report.page.page import render
from sweep.results.load import load
from sweep.results.schema import conditions_of
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import parse
from sweep.types import Better, CurvePoint, Metric, Progress, Reading, ResultsError
from tests.support.runs import MACHINE, Watcher
from tests.support.toys import Perimeter, point

TEXT = """
measures = ["tests.host.test_failures:{measure}"]
[grid]
alpha = [0.5, 0.25]
resolution = [32]
"""


class Odd(Perimeter):
    """Does what it is told to at 0.5; elsewhere it reads as it should. It is told here, since
    its settings are TOML.
    """

    name = "odd"
    does: Callable[[Network], Iterator[Any]] | None = None

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        if networks[0].point.alpha == 0.5 and Odd.does is not None:
            yield from Odd.does(networks[0])
        else:
            yield from super().__call__(networks, progress)


def run(folder: Path, measure: str = "Odd", text: str = TEXT, machine: Any = MACHINE):
    settings = parse(text.format(measure=measure), source="test")
    store = Store(folder)
    watcher = Watcher()
    return execute(make_plan(settings, store, machine), settings, store, machine, watcher)


def records(rows: Any) -> list[dict[str, Any]]:
    return rows.to_dict("records")


def raises(error: BaseException) -> Callable[[Network], Iterator[Any]]:
    def do(network: Network) -> Iterator[Any]:
        yield Reading(Odd.metrics[0], network.point, 1.0)
        raise error

    return do


def gives(*items: Callable[[Network], Any]) -> Callable[[Network], Iterator[Any]]:
    def do(network: Network) -> Iterator[Any]:
        for item in items:
            yield item(network)

    return do


def reading(network: Network, **changes: Any) -> Reading:
    made = Reading(Odd.metrics[0], network.point, 1.0)
    for name, value in changes.items():
        object.__setattr__(made, name, value)  # past the checks of its own
    return made


class Speechless(Exception):  # noqa: N818 - a test's
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Panic(BaseException):
    pass


def exits(network: Network) -> Iterator[Any]:
    yield reading(network)
    sys.exit(3)


def exhausts(network: Network) -> Iterator[Any]:
    import jax.numpy as jnp

    jnp.ones(1 << 50, jnp.int8).block_until_ready()
    yield


ESCAPES = "\x1b[31mred\x1b[0m\x00\x07 <script>alert(1)</script>"
OTHER = Metric("other", "Other", "1", Better.LOWER)
ITEMS = {
    "a value that is NaN": (lambda n: Reading(Odd.metrics[0], n.point, float("nan")), "NaN; give"),
    "infinite": (lambda n: reading(n, value=float("inf")), "perimeter that is no finite number"),
    "a text": (lambda n: reading(n, value="4"), "perimeter that is no finite number"),
    "samples": (lambda n: reading(n, samples=(1.0, float("nan"))), "is no finite number"),
    "no samples": (lambda n: reading(n, samples=None), "samples of perimeter that are no tuple"),
    "another point": (
        lambda n: reading(n, point=point(0.75, 32)),
        "odd read another point, 0.75-32, than it was asked for",
    ),
    "its neighbour": (lambda n: reading(n, point=point(0.25, 32)), "another point, 0.25-32,"),
    "no point": (lambda n: reading(n, point=[]), "another point, list,"),
    "another metric": (lambda n: reading(n, metric=OTHER), "odd read other, which is none of its"),
    "no metric": (lambda n: reading(n, metric=None), "odd read NoneType, which is none of its"),
    "half a pair": (lambda n: reading(n, note="\udc80"), "a text with perimeter that can't be"),
    "no whole number": (lambda n: reading(n, batch=1.5), "with perimeter that is no whole number"),
    "no text": (lambda n: reading(n, variant=5), "a text with perimeter that can't be stored"),
    "a curve": (
        lambda n: CurvePoint(n.point, 1, 0.1, float("inf"), 0.5, 0.1, 1.0),
        "its curve that is no finite number",
    ),
    "a dictionary": (lambda n: {"perimeter": 4}, "odd gave a dict where readings are asked for"),
    "nothing": (lambda n: None, "odd gave a NoneType where readings are asked for"),
}
CASES = {
    "an error": (raises(RuntimeError("a stone")), "RuntimeError: a stone"),
    "a key": (raises(KeyError("stone")), "KeyError: 'stone'"),
    "control characters": (raises(ValueError(ESCAPES)), f"ValueError: {ESCAPES}"),
    "10 kB": (raises(ValueError("stone " * 1700)), "ValueError: stone stone"),
    "half a pair": (raises(ValueError("\udc80!")), r"ValueError: \udc80!"),
    "no words": (raises(Speechless()), "Speechless: its message can't be told: RuntimeError"),
    "an empty message": (raises(ResultsError()), "ResultsError"),
    "memory": (raises(MemoryError()), "out of memory (MemoryError)"),
    "the device's memory": (exhausts, "out of memory (JaxRuntimeError: RESOURCE_EXHAUSTED: Out"),
    "sys.exit": (exits, "the measure asked to end the process (SystemExit: 3)"),
    "a panic": (raises(Panic("at the disco")), "Panic: at the disco"),
    "no reading": (gives(), "odd gave no reading of this point"),
    "twice": (gives(reading, reading), "odd read perimeter twice"),
    "beside a good one": (gives(reading, lambda n: 5), "odd gave a int where readings are"),
} | {f"it gives {name}": (gives(item), told) for name, (item, told) in ITEMS.items()}


@pytest.fixture
def odd() -> Iterator[type[Odd]]:
    yield Odd
    Odd.does = None


@pytest.mark.parametrize("name", CASES)
def test_it_is_stored_with_its_reason_and_tried_again_and_the_others_are_there(tmp_path, odd, name):
    odd.does, told = CASES[name]
    outcome = run(tmp_path / "r")
    assert [failure.partition(": ")[0] for failure in outcome.failures] == ["odd 0.5-32"]
    rows = load(tmp_path / "r").readings
    (failed,) = records(rows[rows["alpha"] == 0.5])
    assert told in failed["reason"]
    assert failed["failed"]
    assert pd.isna(failed["value"])
    assert len(failed["reason"]) <= LONGEST
    assert rows.loc[rows["alpha"] == 0.25, "value"].tolist() == [128]
    odd.does = None
    assert run(tmp_path / "r").failures == ()
    rows = load(tmp_path / "r").readings
    assert sorted(rows["value"]) == [128, 128]


def test_the_page_shows_the_reason_and_runs_nothing_in_it(tmp_path, odd):
    odd.does = raises(ValueError(ESCAPES))
    run(tmp_path / "r")
    page = render(view(load(tmp_path / "r")))
    assert "ValueError: " in page
    assert "<script>alert(1)" not in page


@pytest.mark.parametrize("before", [600, 12_000])
def test_a_long_reason_is_stored_and_shortened_from_its_first_words_to_its_last_line(before):
    last = "KeyError: the very stone, of which no other line has told, at the end of the way"
    reason = reason_of(ValueError("a stone in\nthe way " * before + f"\n{last}"))
    assert len(reason) <= LONGEST
    line = shortened(reason)
    for each in (reason, line):
        assert each.startswith("ValueError: a stone in")
        assert " [..] " in each
        assert each.endswith(last)
    assert len(line) == 300
    assert "\n" not in line


def test_a_last_line_that_is_too_long_leaves_room_for_the_first():
    line = shortened("ValueError: first\n" + "x" * 400)
    assert len(line) == 300
    assert line.startswith("ValueError: first x")
    assert line.endswith("x" * 225)


def test_a_short_reason_stays_as_it_is():
    assert shortened("one\n  two\n") == "one two"
    assert shortened("x" * 300) == "x" * 300


def test_how_a_process_ended_is_told_in_words():
    assert end_of(3) == "the process ended with status 3"
    assert end_of(-11) == "the process was ended by SIGSEGV"
    assert "SIGKILL; the system does that where memory runs out" in end_of(-9)
    assert end_of(-200) == "the process was ended by signal 200"


def test_a_point_whose_identity_can_not_be_told_fails_alone(tmp_path):
    outcome = run(tmp_path / "r", "Unreadable")
    assert len(outcome.failures) == 1
    rows = load(tmp_path / "r").readings
    assert rows.loc[rows["alpha"] == 0.5, "reason"].tolist() == ["PermissionError: secret.h5"]
    assert rows.loc[rows["alpha"] == 0.25, "value"].tolist() == [128]


class Unreadable(Perimeter):
    """A file of each point's own, of which one can't be read; and no word on what it will do."""

    name = "unreadable"

    def identity_of(self, network: Network) -> dict[str, Any]:
        if network.point.alpha == 0.5:
            raise PermissionError("secret.h5")
        return {"file": 1}

    def describe(self, networks: Any) -> tuple[str, ...]:
        raise OSError("nothing to say")

    def estimate_s(self, networks: Any) -> float:
        raise ZeroDivisionError

    def bytes_of(self, networks: Any) -> int:
        raise ZeroDivisionError

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        self.identity_of(networks[0])
        yield from super().__call__(networks, progress)


def test_a_missing_checkpoint_is_its_points_reason(tmp_path):
    from tests.support.image_files import plain, write_folder

    write_folder(tmp_path / "images", {f"val/{name}/1.png": plain(9) for name in "ab"})
    text = f"""
    measures = ["accuracy"]
    [grid]
    alpha = [0.5]
    resolution = [32]
    [accuracy]
    source = "checkpoints"
    checkpoints = "{tmp_path}/{{{{alpha}}}}.h5"
    dataset = "imagefolder"
    [accuracy.data]
    path = "{tmp_path}/images"
    """
    outcome = run(tmp_path / "r", text=text)
    file = tmp_path / "0.5.h5"
    assert outcome.failures == (f"accuracy 0.5-32: {file}: there is no such checkpoint",)


def test_a_loss_that_is_nan_fails_its_point_and_leaves_nothing_unfinished(tmp_path):
    text = """
    measures = ["accuracy"]
    family = "tests.support.short:Short"
    [grid]
    alpha = [0.125]
    resolution = [128]
    [accuracy]
    dataset = "tests.support.toys:Unlit"
    train_images = 64
    test_images = 16
    epochs = 10
    batch_size = 16
    checkpoint_s = 1e-3
    """
    (told,) = run(tmp_path / "r", text=text).failures
    assert told == "accuracy 0.125-128: the loss is nan after 20 of 40 steps"
    assert not (tmp_path / "r" / "unfinished").exists()


class Together(Measure):
    """A joint measure of which one point fails, with a reading, and one without."""

    name = "together"
    machine_bound = True
    together = True
    metrics = (OTHER,)

    def identity(self) -> dict[str, Any]:
        return {}

    def __call__(self, networks: Any, progress: Progress) -> Iterator[Reading | Failed]:
        for network in networks:
            if network.point.resolution != 64:
                yield Reading(OTHER, network.point, 1.0, batch=1)
            if network.point.resolution == 32:
                yield Reading(OTHER, network.point, None, batch=8, reason="too large")
            if network.point.resolution != 128:
                yield Failed(network.point, "batch 8: too large")


def test_of_a_joint_measure_the_points_that_failed_are_tried_again_alone(tmp_path):
    text = TEXT.replace("[0.5, 0.25]", "[0.25]").replace("[32]", "[32, 64, 128]")
    outcome = run(tmp_path / "r", "Together", text)
    assert outcome.failures == (
        "together 0.25-32: batch 8: too large",
        "together 0.25-64: batch 8: too large",
    )
    rows = load(tmp_path / "r").readings
    shown = {
        side: [
            (conditions_of(row)["batch"], row["reason"] or row["value"])
            for row in records(rows[rows["resolution"] == side])
        ]
        for side in (32, 64, 128)
    }
    assert shown == {
        32: [(1, 1.0), (8, "too large")],
        64: [(None, "batch 8: too large")],
        128: [(1, 1.0)],
    }
    settings = parse(text.format(measure="Together"), source="test")
    plan = make_plan(settings, Store(tmp_path / "r"), MACHINE)
    assert [n.point.resolution for task in plan.tasks for n in task.networks] == [32, 64]


def test_the_log_has_the_trace(tmp_path, odd, caplog):
    odd.does = raises(RuntimeError("a stone"))
    with caplog.at_level(logging.INFO):
        run(tmp_path / "r", machine=replace(this_machine(), cores=1))
    assert "Traceback" in caplog.text
    assert "odd 0.5-32: RuntimeError: a stone in 0.0 s" in caplog.text
