"""The commands that show what a run has left: report, show, compare and diff.

None imports JAX or PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.console import out, tell, write_json
from sweep.cli.options import AsJson, Folder, read_results

OUTSIDE = 1


def report(
    folder: Folder,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Another run, whose accuracies can be chosen beside this one's: of separate "
            "trainings beside a shared one, say.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw report.html again, from what is stored alone; and points.parquet and training.parquet
    where they are not as the readings are.
    """
    from sweep.cli import json_answers
    from sweep.report.content.beside import with_beside
    from sweep.report.content.build import view
    from sweep.report.page.page import write
    from sweep.results import derived

    results = read_results(folder)
    derived.renew(folder)
    if beside is not None:
        results = with_beside(results, read_results(beside))
    shown = view(results)
    page = folder / "report.html"
    write(shown, page)
    if as_json:
        write_json(json_answers.report(shown, page))
    else:
        tell(f"report: {page}")


def show(
    folder: Folder,
    long: Annotated[
        bool, typer.Option("--long", help="Every reading in place of every point: of all batches.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every point with intervals and frontier marks, and what is missing and why."""
    from sweep.cli import json_answers
    from sweep.report.content.build import view
    from sweep.report.content.readings_table import readings_table
    from sweep.report.terminal import answers
    from sweep.report.terminal.rendering import rendered

    results = read_results(folder)
    if long:
        if as_json:
            write_json(json_answers.readings(results))
        else:
            out.print(rendered(readings_table(results)))
        return
    shown = view(results)
    if as_json:
        write_json(json_answers.points(results, shown))
    else:
        out.print(answers.points(shown))


def compare(folder: Folder, as_json: AsJson = False) -> None:
    """The paper's tables beside this run; exits 1 where a cost is out of tolerance."""
    from sweep.cli import json_answers
    from sweep.report.content.build import view
    from sweep.report.terminal import answers

    shown = view(read_results(folder))
    if as_json:
        write_json(json_answers.comparison(shown))
    else:
        out.print(answers.comparison(shown))
    if shown.outside:
        raise typer.Exit(OUTSIDE)


def diff(
    before: Annotated[Path, typer.Argument(help="A results folder.", metavar="A")],
    after: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
    as_json: AsJson = False,
) -> None:
    """Two runs side by side: points gained, lost, and moved beyond their intervals."""
    from sweep.cli import json_answers
    from sweep.report.content.difference import difference
    from sweep.report.content.difference_words import cautions
    from sweep.report.terminal import answers

    differing = difference(read_results(before), read_results(after))
    if as_json:
        write_json(json_answers.difference(differing, cautions(differing)))
    else:
        out.print(answers.difference(differing))
