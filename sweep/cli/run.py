"""`python -m sweep run`: measures what is missing, then draws the report."""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sweep.cli.console import err, out, say, tell, write_json
from sweep.host.allocator import keep_freed_memory
from sweep.host.compile_cache import default_root, disable, enable
from sweep.host.failures import shortened
from sweep.host.files import CONTINUES, WriteError, not_through_links, why
from sweep.host.interrupts import Terminated, ended_by, ends_at_once, heard
from sweep.report.values.printable import visible
from sweep.settings.config import Settings, SettingsError, load, told_source
from sweep.settings.registry import UnknownPartError, look_in
from sweep.types import digest_of, listed

if TYPE_CHECKING:
    from sweep.host.machine import Machine
    from sweep.results.store import Store
    from sweep.running.plan import Plan
    from sweep.running.ray_engine import RayEngine
    from sweep.running.run import Outcome


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
            help="local: this machine; ray, or ray://HOST:PORT: a Ray cluster's (docs/cluster.md).",
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
    keep_freed_memory()
    changes = (*(set_ or ()), *_on(on), *_at(checkpoints))
    settings = load(config, name=name, changes=changes)
    if not dry_run:
        _writable(results / settings.name)
    look_in(config.parent)
    if no_compile_cache or dry_run:
        disable()
    elif without := enable(compile_cache or default_root()):
        say(without)
    with ends_at_once():
        from sweep.cli import json_answers
        from sweep.cli.progress import plan_table
        from sweep.host.machine import this_machine
        from sweep.results.store import Store

        machine = this_machine()
        store = Store(results / settings.name)
        engine = _cluster(settings, store, compile_cache=not no_compile_cache)
        machine = machine if engine is None else engine.machine
        plan = _plan(
            told_source(str(config), changes),
            settings,
            store,
            machine,
            again or (),
            only or (),
            engine,
        )
    if as_json:
        write_json(json_answers.plan(plan, store.path))
        return
    out.print(plan_table(plan, store.path))
    if dry_run:
        return
    try:
        outcome = _measured(plan, settings, store, machine, engine)
    except KeyboardInterrupt as end:  # before a measure's first step, or while the report is drawn
        _end(terminated=isinstance(end, Terminated))
    _tell(outcome, time.perf_counter() - began)


def _writable(folder: Path) -> None:
    """Raises WriteError where nothing can be put there: told at once, not after the plan."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        with TemporaryDirectory(prefix=".sweep-", dir=there):
            pass
    except OSError as error:
        kept = f". {CONTINUES}" if there == folder else ""
        raise WriteError(f"{folder}: can't be written: {why(error)}{kept}") from None


def _plan(
    source: str,
    settings: Settings,
    store: Store,
    machine: Machine,
    again: Sequence[str],
    only: Sequence[str],
    engine: RayEngine | None,
) -> Plan:
    """Raises SettingsError naming the source of the settings."""
    from sweep.running.plan import make_plan

    try:
        return make_plan(settings, store, machine, again=again, only=only, engine=engine)
    except (SettingsError, UnknownPartError) as error:
        raise SettingsError(f"{error}  ({source})") from None


def _on(engine: str | None) -> tuple[str, ...]:
    """What `--on` changes in the settings. Raises SettingsError."""
    if engine is None:
        return ()
    name, _, address = engine.partition(":")
    if name not in ("local", "ray") or (address and name == "local"):
        raise SettingsError(f"--on {engine}: must be local, ray or ray://HOST:PORT")
    # "ray://HOST:PORT" is Ray Client's, whose tasks can't stream; the same machine is meant.
    return f'run.engine="{name}"', f"run.address={json.dumps(address.removeprefix('//'))}"


def _at(place: str | None) -> tuple[str, ...]:
    return () if place is None else (f"run.checkpoints={json.dumps(place)}",)


def _cluster(settings: Settings, store: Store, *, compile_cache: bool) -> RayEngine | None:
    """The engine of the settings; None for this machine. Raises SettingsError where there is no
    such cluster, or none of its machines may have work.
    """
    if settings.run.engine == "local":
        return None
    from sweep.running.ray_engine import RayEngine, connect

    with out.status("asking the cluster's machines"):
        say(connect(settings.run.address))
        engine = RayEngine(
            run=digest_of([platform.node(), str(store.path.resolve())]),
            checkpoints=settings.run.checkpoints,
            compile_cache=compile_cache,
            kinds=settings.latency.nodes,
        )
    kept = "stay on their machine (--checkpoints PLACE: where all see it)"
    if settings.run.checkpoints:
        kept = f"are kept in {settings.run.checkpoints}: any machine goes on with them"
    for line in (*engine.refused, engine.members_in_words):
        say(line)
    say(f"trainings that are cut off {kept}")
    return engine


def _measured(
    plan: Plan, settings: Settings, store: Store, machine: Machine, engine: RayEngine | None
) -> Outcome:
    with ends_at_once():
        from sweep.cli.progress import ProgressBar
        from sweep.running.run import execute, look_first

    with heard(), out.status("looking at the data"):
        warnings = look_first(plan)
    with heard(), store.writing():
        _log_to(store.path)
        for warning in (*store.damages, *warnings):
            logging.getLogger(__name__).warning(warning)
            say(warning)
        with ProgressBar(plan, out) as bar:
            return execute(plan, settings, store, machine, bar, engine=engine)


def _tell(outcome: Outcome, seconds: float) -> None:
    """How the run ended, and where the report is. Exits where it did not come to its end, or points
    failed.
    """
    from sweep.cli.progress import duration

    for stage, took in outcome.stage_s.items():
        tell(f"{stage}: {duration(took)}")
    out.print(f"in all: {duration(seconds)}", highlight=False)
    tell(f"report: {outcome.report}")
    for line in outcome.cut_off:
        say(line)
    if outcome.interrupted:
        _end(terminated=outcome.terminated)
    if outcome.failures:
        for line in _by_reason(outcome.failures):
            say(f"failed: {line}")
        err.print("The same command tries again.", highlight=False)
        raise typer.Exit(1)


def _end(*, terminated: bool) -> NoReturn:
    word, status = ended_by(terminated)
    err.print(f"{word}. {CONTINUES}")
    raise typer.Exit(status)


def _by_reason(failures: Sequence[str]) -> list[str]:
    """ "accuracy 0.5-160: why" of every failure; those of one reason in one line."""
    labels: dict[str, list[str]] = {}
    for failure in failures:
        label, _, reason = failure.partition(": ")
        labels.setdefault(reason, []).append(label)
    return [f"{listed(each)}: {shortened(reason)}" for reason, each in labels.items()]


def _log_to(folder: Path) -> None:
    logging.raiseExceptions = False  # a full disk is told once, by the store
    path = folder / "run.log"
    try:
        file = _Log(path, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"{path}: can't be written: {why(error)}. {CONTINUES}") from None
    logging.basicConfig(
        handlers=[file],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,  # absl, which Grain imports, has put a handler of its own there
    )


class _Log(logging.FileHandler):
    """A file that is read in a terminal, in a folder that may be from somebody else."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=not_through_links)

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), keep="\n\t")
