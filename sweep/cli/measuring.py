"""A plan, carried out in front of whoever has asked for it: progress, what failed, how it ended."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from sweep.cli.console import err, out, say, tell
from sweep.host.failures import shortened
from sweep.host.files import CONTINUES, WriteError, not_through_links, why
from sweep.host.interrupts import Terminated, ended_by, ends_at_once, heard
from sweep.report.values.printable import visible
from sweep.settings.config import Settings, SettingsError
from sweep.settings.registry import UnknownPartError
from sweep.types import digest_of, listed

if TYPE_CHECKING:
    from sweep.host.machine import Machine
    from sweep.results.store import Store
    from sweep.running.hosts_engine import HostsEngine
    from sweep.running.plan import Plan
    from sweep.running.ray_engine import RayEngine
    from sweep.running.run import Outcome
    from sweep.running.surroundings import Surroundings


@dataclass(frozen=True)
class Job:
    """What is to be measured, where and by what."""

    plan: Plan
    settings: Settings
    store: Store
    machine: Machine
    engine: RayEngine | HostsEngine | None


def planned(
    settings: Settings,
    folder: Path,
    source: str,
    again: Sequence[str] = (),
    only: Sequence[str] = (),
    *,
    compile_cache: bool = True,
) -> Job:
    """What is missing in a results folder. source: of the settings, for messages. Raises
    SettingsError.
    """
    with ends_at_once():
        from sweep.host.machine import this_machine
        from sweep.results.store import Store

        machine, store = this_machine(), Store(folder)
        engine = _engine(settings, store, machine, compile_cache=compile_cache)
        machine = machine if engine is None else engine.machine
        plan = _plan(source, settings, store, machine, again, only, engine)
    return Job(plan, settings, store, machine, engine)


def plan_as_json(job: Job) -> dict[str, Any]:
    from sweep.cli import json_answers

    return json_answers.plan(job.plan, job.store.path)


def tell_plan(job: Job) -> None:
    """The plan as a table, with its estimate."""
    from sweep.cli.progress import plan_table

    out.print(plan_table(job.plan, job.store.path))


def carried_out(job: Job) -> Outcome:
    """Measures it, and draws the report. Ctrl-C before the first step, or while the report is
    drawn, exits.
    """
    try:
        with _with_others(job):
            return _measured(job)
    except KeyboardInterrupt as end:
        _end(terminated=isinstance(end, Terminated))


@contextmanager
def _with_others(job: Job) -> Iterator[None]:
    """Within it other hosts may join, where there are calls that are performed by several."""
    from sweep.running.hosts_engine import HostsEngine

    engine = job.engine
    spanning = any(task.measure.spans_hosts and not task.refusal for task in job.plan.tasks)
    if not isinstance(engine, HostsEngine) or not spanning:
        yield
        return
    others = "the other host" if engine.hosts == 2 else f"each of the {engine.hosts - 1} others"
    with closing(engine):
        tell(f"on {others}: {engine.open()}")
        yield


def writable(folder: Path) -> None:
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
    engine: RayEngine | HostsEngine | None,
) -> Plan:
    """Raises SettingsError naming the source of the settings."""
    from sweep.running.plan import make_plan

    try:
        return make_plan(settings, store, machine, again=again, only=only, engine=engine)
    except (SettingsError, UnknownPartError) as error:
        raise SettingsError(f"{error}  ({source})") from None


def _engine(
    settings: Settings, store: Store, machine: Machine, *, compile_cache: bool
) -> RayEngine | HostsEngine | None:
    """The engine of the settings; None for this machine. Raises SettingsError where it can't be."""
    run = settings.run
    if run.engine == "local" and run.hosts == 1:
        return None
    from sweep.running.surroundings import surroundings_here

    named = digest_of([platform.node(), str(store.path.resolve())])
    around = surroundings_here(compile_cache=compile_cache, run=named, checkpoints=run.checkpoints)
    if run.engine == "ray":
        return _cluster(settings, around)
    from sweep.running.hosts import address_of
    from sweep.running.hosts_engine import HostsEngine

    return HostsEngine(
        machine, hosts=run.hosts, address=address_of(run.address), surroundings=around
    )


def _cluster(settings: Settings, around: Surroundings) -> RayEngine:
    """Raises SettingsError where there is no such cluster, or nobody in it may have work."""
    from sweep.running.ray_engine import RayEngine, connect

    with out.status("asking the cluster's machines"):
        say(connect(settings.run.address))
        engine = RayEngine(around, kinds=settings.latency.nodes, hosts=settings.run.hosts)
    kept = "stay on their machine (--checkpoints PLACE: where all see it)"
    if settings.run.checkpoints:
        kept = f"are kept in {settings.run.checkpoints}: any machine goes on with them"
    for line in (*engine.refused, engine.members_in_words):
        say(line)
    say(f"trainings that are cut off {kept}")
    return engine


def _measured(job: Job) -> Outcome:
    plan, store = job.plan, job.store
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
            return execute(plan, job.settings, store, job.machine, bar, engine=job.engine)


def tell_outcome(outcome: Outcome, seconds: float) -> None:
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
