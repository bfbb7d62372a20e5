"""The command line: a thin skin over the library. `python -m sweep --help` teaches it.

Each command imports what it needs: `--help` stays quick, and `run` can tell the allocator what to
do before a library has started threads (see `sweep.allocator`).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sweep.allocator import keep_freed_memory
from sweep.compile_cache import default_root, enable
from sweep.config import GridSettings, SettingsError, load
from sweep.data_command import data_app
from sweep.evaluate_command import evaluate
from sweep.interrupts import INTERRUPTED, ends_at_once
from sweep.registry import UnknownPartError, find
from sweep.types import ResultsError

if TYPE_CHECKING:
    from sweep.store import Results

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The design space of MobileNetV1: computed, measured, compared with the paper.",
)
app.add_typer(data_app, name="data")
app.command(name="evaluate")(evaluate)
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
err = Console(stderr=True)

Folder = Annotated[Path, typer.Argument(help="A results folder, such as results/default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

USAGE_ERROR = 2


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
) -> None:
    """Measure what is missing, then draw the report. Run it again to continue."""
    began = time.perf_counter()
    keep_freed_memory()
    if not no_compile_cache:
        enable(compile_cache or default_root())
    settings = load(config, name=name, changes=set_ or ())
    with ends_at_once():
        from sweep.machine import this_machine
        from sweep.plan import make_plan
        from sweep.progress import ProgressBar, duration, plan_table
        from sweep.run import execute
        from sweep.store import Store

        folder = results / settings.name
        store = Store(folder)
        machine = this_machine()
        try:
            plan = make_plan(settings, store, machine)
        except (SettingsError, UnknownPartError) as error:
            raise SettingsError(f"{error}  ({config})") from None
    out.print(plan_table(plan, folder))
    if dry_run:
        return
    _log_to(folder)
    with ProgressBar(plan, out) as bar:
        outcome = execute(plan, settings, store, machine, bar)
    for stage, seconds in outcome.stage_s.items():
        out.print(f"{stage}: {duration(seconds)}", highlight=False)
    out.print(f"in all: {duration(time.perf_counter() - began)}", highlight=False)
    out.print(f"report: {outcome.report}", highlight=False, soft_wrap=True)
    if outcome.interrupted:
        err.print("Interrupted. What was finished is kept; the same command continues.")
        raise typer.Exit(INTERRUPTED)
    if outcome.failures:
        count = len(outcome.failures)
        err.print(
            f"{count} failed, for the reason given above and in the report. The same command tries "
            "again.",
            highlight=False,
        )
        raise typer.Exit(1)


@app.command()
def report(folder: Folder) -> None:
    """Draw report.html again, from what is stored alone."""
    from sweep.report.page import write
    from sweep.report.view import view

    results = _results(folder)
    page = folder / "report.html"
    write(view(results), page)
    out.print(f"report: {page}", highlight=False, soft_wrap=True)


@app.command()
def compare(folder: Folder, as_json: AsJson = False) -> None:
    """The paper's Tables 3 to 10 beside this run; exits 1 where a cost is out of tolerance."""
    from sweep.report import plain
    from sweep.report.terminal import compare_tables
    from sweep.report.view import view

    shown = view(_results(folder))
    if as_json:
        sys.stdout.write(json.dumps(plain.comparison(shown), indent=2) + "\n")
    else:
        out.print(compare_tables(shown))
    if shown.outside:
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
    from sweep.grid import point_at
    from sweep.report import plain
    from sweep.report.terminal import layers_table

    family = find("family", "mobilenet_v1")()
    if kind not in family.kinds:
        raise SettingsError(f'--kind = "{kind}": must be one of {", ".join(family.kinds)}')
    point = point_at(GridSettings(), family.name, kind, alpha, resolution)
    try:
        rows = family.layers(point, num_classes=classes)
    except ValueError as error:
        raise SettingsError(f"--{error}") from None
    if as_json:
        sys.stdout.write(json.dumps(plain.layers(rows), indent=2) + "\n")
    else:
        printed = (kind, alpha, resolution, classes) == ("separable", 1.0, 224, 1000)
        out.print(layers_table(rows, title=f"MobileNetV1 {point.label}", paper_shares=printed))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line. A wrong input is one message on standard error and exit status 2."""
    try:
        app(args=arguments, prog_name="python -m sweep")
    except (SettingsError, ResultsError, UnknownPartError) as error:
        err.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(USAGE_ERROR) from None
    except KeyboardInterrupt:
        err.print("Interrupted.")
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        err.print(f"{error}", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


def _results(folder: Path) -> Results:
    """A results folder with its points derived anew: the readings are the truth."""
    from sweep.points import derive
    from sweep.store import load as load_results

    results = load_results(folder)
    return replace(results, points=derive(results.readings))


def _log_to(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=folder / "run.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,  # absl, which Grain imports, has put a handler of its own there
    )


if __name__ == "__main__":
    main()
