"""Runs of small measures on a machine that is made up, in this process."""

from __future__ import annotations

from pathlib import Path

import jax

from sweep.results.store import Store
from sweep.running.plan import Plan, make_plan
from sweep.running.run import execute
from sweep.settings.config import Settings, parse
from tests.support.engines import MACHINE

__all__ = ["GRID", "MACHINE", "Watcher", "plan_of", "run", "trained"]

GRID = "[grid]\nalpha = [{alphas}]\nresolution = [64, 32]\n"


class Watcher:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, task) -> None:
        self.seen.append(task.label)

    def progressed(self, task, share, text) -> None:
        assert 0 <= share <= 1

    def finished(self, task, seconds, failure) -> None:
        self.seen[-1] += f" {failure}"


def run(folder: Path, measure: str, alphas: str = "0.5, 0.25", extra: str = ""):
    """One of the toys on four points: (the plan, the outcome, who watched)."""
    settings = parse(
        f'measures = ["tests.support.toys:{measure}"]\n' + GRID.format(alphas=alphas) + extra,
        source="test",
    )
    store = Store(folder)
    plan = make_plan(settings, store, MACHINE)
    watcher = Watcher()
    return plan, execute(plan, settings, store, MACHINE, watcher), watcher


def plan_of(folder: Path, text: str) -> tuple[Plan, Settings, Store]:
    """Of an experiment that is written out, in a results folder."""
    settings, store = parse(text, source="test"), Store(folder)
    return make_plan(settings, store, MACHINE), settings, store


def trained(folder: Path, text: str) -> Path:
    """The folder, once the experiment is run there without a failure."""
    plan, settings, store = plan_of(folder, text)
    with jax.numpy_dtype_promotion("standard"):
        assert execute(plan, settings, store, MACHINE, Watcher()).failures == ()
    return folder
