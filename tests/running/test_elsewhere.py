"""What an engine that executes elsewhere says of itself is what is stored."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from sweep.contracts import Ended, Event
from sweep.results.load import load
from sweep.results.store import Store
from sweep.running.local import LocalEngine
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import parse
from tests.support.engines import MACHINE
from tests.support.runs import Watcher
from tests.support.toys import Perimeter

OTHER = replace(MACHINE, cpu="slide rule")
TEXT = """
measures = ["tests.support.toys:Perimeter"]
grid = {alpha = [0.5], resolution = [32]}
"""


class Upgraded(LocalEngine):
    """A machine on which somebody has installed another JAX."""

    def run(self, tasks: Any) -> Generator[Event, None, None]:
        for event in super().run(tasks):
            ended = isinstance(event, Ended)
            yield replace(event, versions={**event.versions, "jax": "99"}) if ended else event


def run(folder: Any, engine: LocalEngine):
    settings, store = parse(TEXT, source="test"), Store(folder)
    plan = make_plan(settings, store, MACHINE)
    return execute(plan, settings, store, MACHINE, Watcher(), engine=engine)


@pytest.mark.parametrize("bound", [True, False])
def test_a_reading_is_of_the_machine_that_executed_it(tmp_path, monkeypatch, bound):
    monkeypatch.setattr(Perimeter, "machine_bound", bound)
    run(tmp_path / "r", LocalEngine(OTHER))
    rows = pd.read_parquet(tmp_path / "r" / "readings.parquet")
    assert rows["machine_id"].tolist() == [OTHER.id if bound else ""]
    stored = load(tmp_path / "r").machine
    assert {each["id"]: each["cpu"] for each in [stored, *stored["earlier"]]} == {
        MACHINE.id: "abacus",
        OTHER.id: "slide rule",
    }


def test_other_versions_than_the_plan_is_for_are_no_reading(tmp_path, monkeypatch):
    assert run(tmp_path / "r", Upgraded(MACHINE)).failures == ()  # it depends on none
    monkeypatch.setattr(Perimeter, "versions", ("jax",))
    (failure,) = run(tmp_path / "s", Upgraded(MACHINE)).failures
    assert failure.startswith("perimeter 0.5-32: executed with jax 99, and the plan is for jax ")
