"""The command line: a thin skin over the library. `python -m sweep --help` teaches it.

Each command imports what it needs: `--help` stays quick, and `run` can tell the allocator what to
do before a library has started threads (see `sweep.host.allocator`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from sweep.cli import report as report_commands
from sweep.cli.check import check
from sweep.cli.console import err, out, say, spell_out, tell, write_json
from sweep.cli.data import data_app
from sweep.cli.evaluate import evaluate
from sweep.cli.export import export
from sweep.cli.report import AsJson
from sweep.host.allocator import keep_freed_memory
from sweep.host.compile_cache import default_root, disable, enable
from sweep.host.extras import told
from sweep.host.failures import shortened
from sweep.host.files import CONTINUES, WriteError, not_through_links, why
from sweep.host.interrupts import INTERRUPTED, TERMINATED, Terminated, ends_at_once, heard
from sweep.report.values.printable import visible
from sweep.settings.config import GridSettings, SettingsError, load
from sweep.settings.registry import UnknownPartError, find, look_in
from sweep.types import ResultsError, listed

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The design space of MobileNetV1: computed, measured, compared with the paper.",
)
USAGE_ERROR = 2
# click's ClickException; some releases of Typer carry a click of their own.
_Mistake: Any = typer.BadParameter.__mro__[2]


@app.command()
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
            "--set", metavar="KEY=VALUE", help="Another value for a setting: accuracy.epochs=3."
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
    keep_freed_memory()
    settings = load(config, name=name, changes=set_ or ())
    look_in(config.parent)
    if no_compile_cache or dry_run:
        disable()
    elif without := enable(compile_cache or default_root()):
        say(without)
    with ends_at_once():
        from sweep.host.machine import this_machine

        machine = this_machine()
        from sweep.cli import json_answers
        from sweep.cli.progress import ProgressBar, duration, plan_table
        from sweep.results.store import Store
        from sweep.running.plan import make_plan
        from sweep.running.run import execute, look_first

        folder = results / settings.name
        store = Store(folder)
        try:
            plan = make_plan(settings, store, machine, again=again or (), only=only or ())
        except (SettingsError, UnknownPartError) as error:
            raise SettingsError(f"{error}  ({config})") from None
    if as_json:
        write_json(json_answers.plan(plan, folder))
        return
    out.print(plan_table(plan, folder))
    if dry_run:
        return
    with heard(), out.status("looking at the data"):
        found = look_first(plan)
    with heard(), store.writing():
        _log_to(folder)
        for line in found:
            logging.getLogger(__name__).warning(line)
            say(line)
        with ProgressBar(plan, out) as bar:
            outcome = execute(plan, settings, store, machine, bar)
    for stage, seconds in outcome.stage_s.items():
        tell(f"{stage}: {duration(seconds)}")
    out.print(f"in all: {duration(time.perf_counter() - began)}", highlight=False)
    tell(f"report: {outcome.report}")
    if outcome.interrupted:
        word, status = _ended_by(outcome.terminated)
        err.print(f"{word}. {CONTINUES}")
        raise typer.Exit(status)
    if outcome.failures:
        for line in _gathered(outcome.failures):
            say(f"failed: {line}")
        err.print("The same command tries again.", highlight=False)
        raise typer.Exit(1)


@app.command()
def layers(
    alpha: Annotated[float, typer.Option(help="Width multiplier, above 0.")] = 1.0,
    resolution: Annotated[int, typer.Option(help="Side of the input in pixels.")] = 224,
    kind: Annotated[str, typer.Option(help="separable, standard or shallow.")] = "separable",
    classes: Annotated[int, typer.Option(help="Outputs of the classifier.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """The layers of one network: shapes, mult-adds, weights, and the share of each layer type."""
    from sweep.cli import json_answers
    from sweep.report.terminal import answers
    from sweep.settings.grid import point_at

    family = find("family", "mobilenet_v1")()
    if kind not in family.kinds:
        raise SettingsError(f'--kind = "{kind}": must be one of {", ".join(family.kinds)}')
    point = point_at(GridSettings(), family.name, kind, alpha, resolution)
    try:
        rows = family.layers(point, num_classes=classes)
    except ValueError as error:
        raise SettingsError(f"--{error}") from None
    if as_json:
        write_json(json_answers.layers(rows))
    else:
        printed = (kind, alpha, resolution, classes) == ("separable", 1.0, 224, 1000)
        title = f"MobileNetV1 {point.label}"
        out.print(answers.layers(rows, title=title, beside_the_paper=printed))


for _name in ("report", "show", "compare", "pick", "diff"):
    app.command(name=_name)(getattr(report_commands, _name))
app.command(name="check")(check)
app.command(name="export")(export)
app.command(name="evaluate")(evaluate)
app.add_typer(data_app, name="data")


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line. A wrong input is one message on standard error and exit status 2."""
    spell_out()
    try:
        _run(arguments)
    except (SettingsError, ResultsError, UnknownPartError) as error:
        say(str(error))
        raise SystemExit(USAGE_ERROR) from None
    except ModuleNotFoundError as error:
        if not (lacking := told(error)):
            raise
        say(lacking)
        raise SystemExit(USAGE_ERROR) from None
    except KeyboardInterrupt as end:
        word, status = _ended_by(isinstance(end, Terminated))
        err.print(f"{word}.")
        raise SystemExit(status) from None
    except UnicodeEncodeError as error:
        say(
            f"{error.object}: can't name a file under this locale, which has {error.encoding} "
            "alone; set PYTHONUTF8=1, or a locale with UTF-8"
        )
        raise SystemExit(USAGE_ERROR) from None
    except OSError as error:
        named = error.filename is not None and error.strerror
        say(f"{error.filename}: {error.strerror}" if named else why(error))
        raise SystemExit(1) from None


def _run(arguments: list[str] | None) -> None:
    """Typer's own way to end, but that a mistake in the command line, which is quoted, is said as
    all others are.
    """
    try:
        status = app(args=arguments, prog_name="python -m sweep", standalone_mode=False)
    except typer.Abort as abort:
        ended = abort.__cause__
        raise ended if isinstance(ended, KeyboardInterrupt) else KeyboardInterrupt from None
    except _Mistake as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            context = getattr(error, "ctx", None)
            where = f"  ({context.command_path} --help)" if context else ""
            say(f"{error.format_message()}{where}")
        raise SystemExit(USAGE_ERROR) from None
    raise SystemExit(status or 0)


def _ended_by(terminated: bool) -> tuple[str, int]:
    return ("Terminated", TERMINATED) if terminated else ("Interrupted", INTERRUPTED)


def _gathered(failures: Sequence[str]) -> list[str]:
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
