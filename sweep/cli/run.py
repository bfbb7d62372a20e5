"""`python -m sweep run`: measures what is missing, then draws the report."""

from __future__ import annotations

import json
import os
import time
from math import inf
from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.console import say, tell, write_json
from sweep.cli.measuring import (
    carried_out,
    plan_as_json,
    planned,
    tell_outcome,
    tell_plan,
    writable,
)
from sweep.host.allocator import keep_freed_memory
from sweep.host.compile_cache import default_root, disable, enable
from sweep.settings.config import ExploreSettings, Settings, SettingsError, load, told_source
from sweep.settings.registry import look_in
from sweep.types import listed


def run(
    config: Annotated[Path, typer.Argument(help="The experiment.")] = Path("sweep.toml"),
    results: Annotated[Path, typer.Option(help="Folder that holds the results folders.")] = Path(
        "results"
    ),
    name: Annotated[
        str | None, typer.Option(help="Results folder; default: `name` in the file.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another value for a setting: accuracy.epochs=3, 'grid.alpha=[0.5, 0.25]'. May be "
            "given several times.",
        ),
    ] = None,
    again: Annotated[
        list[str] | None,
        typer.Option(metavar="MEASURE", help="Measure all points of it anew: latency."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="MEASURE", help="Measure nothing else now; the rest stays as it is."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE",
            help="local: this machine; ray, or ray://HOST:PORT: a Ray cluster's (docs/cluster.md); "
            "local://HOST:PORT: this machine, and where other --hosts find it.",
        ),
    ] = None,
    hosts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Machines that perform a training together, this one among them: the others "
            "`join` it, or are the cluster's (docs/cluster.md).",
            show_default=False,
        ),
    ] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="On a cluster: a folder that all machines share, or s3://.., in which trainings "
            "are written down; default: each on its own machine.",
        ),
    ] = None,
    explore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Find the most accurate network within a budget, latency_s=3ms or params=1M, "
            "by measuring few of the grid's, each where the ones before have told to look. May be "
            "given several times.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="With --explore: begin no other round after this time.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Print the plan with an estimate; do nothing.")
    ] = False,
    compile_cache: Annotated[
        Path | None,
        typer.Option(
            help="Keeps compiled programs for later sweeps of the same networks; default: "
            "mobilenet-sweep in your cache folder."
        ),
    ] = None,
    no_compile_cache: Annotated[
        bool, typer.Option("--no-compile-cache", help="Compile everything anew, keep nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --dry-run: print the plan as one JSON object.")
    ] = False,
) -> None:
    """Measure what is missing, then draw the report. Run it again to continue."""
    began = time.perf_counter()
    if as_json and not dry_run:
        raise SettingsError(
            "--json: goes together with --dry-run; a run's figures: show DIR --json"
        )
    if no_compile_cache and compile_cache is not None:
        raise SettingsError("--no-compile-cache: keeps nothing, so no --compile-cache beside it")
    changes = (*(set_ or ()), *_on(on), *_at(checkpoints))
    changes += () if hosts is None else (f"run.hosts={hosts}",)
    settings = load(config, name=name, changes=changes)
    if explore and (again or only):
        raise SettingsError("--explore: plans round by round: not with --again or --only")
    # What is to be measured anew is named: the settings' own exploration is another time's.
    explored = ExploreSettings() if again or only else _explored(settings, explore, minutes)
    if explored.budget and settings.run.hosts > 1:
        raise SettingsError("--explore: trains on one host; run.hosts must be 1")
    keep_freed_memory()
    if settings.run.hosts > 1:  # a process beside this one trains on the same accelerator
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    folder = results / settings.name
    if not dry_run:
        writable(folder)
    look_in(config.parent)
    if no_compile_cache or dry_run:
        disable()
    elif without := enable(compile_cache or default_root()):
        say(without)
    if explored.budget:
        source = told_source(str(config), changes)
        _explore(settings, folder, source, explored, dry_run=dry_run, as_json=as_json)
        return
    job = planned(
        settings,
        folder,
        told_source(str(config), changes),
        again or (),
        only or (),
        compile_cache=not no_compile_cache,
    )
    if as_json:
        write_json(plan_as_json(job))
        return
    tell_plan(job)
    if not dry_run:
        tell_outcome(carried_out(job), time.perf_counter() - began)


def _explored(
    settings: Settings, budget: list[str] | None, minutes: float | None
) -> ExploreSettings:
    """[explore], or what the options have in its place. Raises SettingsError for minutes alone."""
    asked = settings.explore
    if budget:
        asked = asked.model_copy(update={"budget": tuple(budget)})
    if minutes is None:
        return asked
    if not asked.budget:
        raise SettingsError("--minutes: goes together with --explore")
    if not minutes:
        raise SettingsError("--minutes: must be above 0")
    return asked.model_copy(update={"minutes": minutes})


def _explore(
    settings: Settings,
    folder: Path,
    source: str,
    asked: ExploreSettings,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Exits 1 where no network that was measured keeps the budget."""
    from sweep.cli.exploring import LATENCIES, ROUNDS, Exploration
    from sweep.cli.question import Question, answered, tell_answer
    from sweep.report.content.between import Steps

    until = time.perf_counter() + 60 * (asked.minutes or inf)
    exploration = Exploration(settings, folder, source, asked.budget, until)
    if dry_run:
        job = exploration.first()
        if as_json:
            write_json(plan_as_json(job))
            return
        tell_plan(job)
        tell(
            f"That is the first round of an exploration for {listed(asked.budget)}. At most "
            f"{len(ROUNDS)} more follow, of {LATENCIES} latencies in all."
        )
        return
    results = exploration.run()
    answer = answered(Question(more=asked.budget, steps=Steps()), results)
    tell_answer(answer, results)
    if answer.picked.best is None:
        raise typer.Exit(1)


def _on(engine: str | None) -> tuple[str, ...]:
    """What `--on` changes in the settings. Raises SettingsError."""
    if engine is None:
        return ()
    name, _, address = engine.partition(":")
    if name not in ("local", "ray"):
        raise SettingsError(
            f"--on {engine}: must be local, ray, ray://HOST:PORT or local://HOST:PORT"
        )
    # "ray://HOST:PORT" is Ray Client's, whose tasks can't stream; the same machine is meant.
    return f'run.engine="{name}"', f"run.address={json.dumps(address.removeprefix('//'))}"


def _at(place: str | None) -> tuple[str, ...]:
    return () if place is None else (f"run.checkpoints={json.dumps(place)}",)
