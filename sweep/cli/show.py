"""The commands that show what a run has left: report, show, compare and diff.

None imports JAX or PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sweep.cli.console import out, tell, write_json
from sweep.cli.options import AsJson, Folder, read_results
from sweep.host.files import WriteError
from sweep.settings.config import SettingsError
from sweep.types import listed

OUTSIDE = 1


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="A results folder; or up to six, side by side on one page (with --to).",
        ),
    ],
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Another run, whose accuracies can be chosen beside this one's: of separate "
            "trainings beside a shared one, say.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the page there and leave the folder as it is, which may be read-only.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw report.html again, from what is stored alone; and points.parquet and training.parquet
    where they are not as the readings are, which it says. Of several folders: their frontiers in
    one figure, their points side by side, and what may not be compared.
    """
    from sweep.cli import json_answers
    from sweep.report.content.beside import with_beside
    from sweep.report.content.build import view
    from sweep.report.page.page import write
    from sweep.results import derived
    from sweep.results.writing import DERIVED

    if to is not None and to.is_dir():
        raise SettingsError(f"--to {to}: is a folder; must be a file, such as {to / 'report.html'}")
    if len(folders) > 1:
        _side_by_side(folders, beside, to, as_json=as_json)
        return
    (folder,) = folders
    results = read_results(folder)
    with _elsewhere():
        renew = to is None and derived.renew(folder)
    renewed = [str(folder / name) for name in DERIVED] if renew else []
    if beside is not None:
        results = with_beside(results, read_results(beside))
    shown = view(results)
    page = to or folder / "report.html"
    with _elsewhere():
        write(shown, page)
    if as_json:
        write_json(json_answers.report(shown, page) | {"renewed": renewed})
    else:
        if renewed:
            tell(f"written anew, from the readings: {listed(renewed)}")
        tell(f"report: {page}")


def _side_by_side(
    folders: Sequence[Path], beside: Path | None, to: Path | None, *, as_json: bool
) -> None:
    from sweep.cli import json_answers
    from sweep.report.content.together import together
    from sweep.report.page.page import write

    if beside is not None:
        raise SettingsError("--beside: goes with one folder; several stand side by side already")
    if to is None:
        raise SettingsError("several folders: --to FILE says where their page is written")
    shown = together([read_results(each) for each in folders])
    with _elsewhere():
        write(shown, to)
    if as_json:
        write_json(json_answers.side_by_side(shown, to))
    else:
        for sentence in shown.cautions:
            tell(sentence)
        tell(f"report: {to}")


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Says what to do where a folder can't be written."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"{error}; --to FILE writes the page elsewhere") from None


def show(
    folder: Folder,
    long: Annotated[
        bool, typer.Option("--long", help="Every reading in place of every point: of all batches.")
    ] = False,
    columns: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Which, with commas between: latency,top-1; with --csv those of points.parquet. "
            "Default: what fits in the terminal.",
        ),
    ] = "",
    as_csv: Annotated[
        bool,
        typer.Option(
            "--csv", help="The columns of points.parquet (--long: readings.parquet), SI units."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every point with intervals and frontier marks, and what is missing and why."""
    if as_json and (as_csv or columns):
        raise SettingsError("--json: prints all there is; neither --csv nor --columns beside it")
    asked = [name.strip() for name in columns.split(",") if name.strip()]
    if as_csv:
        _write_csv(folder, long=long, columns=asked)
        return
    from sweep.cli import json_answers
    from sweep.report.content.build import view
    from sweep.report.content.readings_table import readings_table
    from sweep.report.terminal import answers

    results = read_results(folder)
    if long:
        if as_json:
            write_json(json_answers.readings(results))
        else:
            out.print(_of_columns(answers.readings, readings_table(results), asked))
        return
    shown = view(results)
    if as_json:
        write_json(json_answers.points(results, shown))
    else:
        out.print(_of_columns(answers.points, shown, asked))


def _of_columns(
    answer: Callable[[Any, Sequence[str]], Any], of: Any, columns: Sequence[str]
) -> Any:
    try:
        return answer(of, columns)
    except ValueError as error:
        raise SettingsError(f"--columns: {error}") from None


def _write_csv(folder: Path, *, long: bool, columns: Sequence[str]) -> None:
    """As RFC 4180 has it. Samples and names of files stand in their cells as JSON lists."""
    from sweep.cli.csv_answers import points, readings
    from sweep.results.load import load

    table = (readings if long else points)(load(folder))
    if unknown := [name for name in columns if name not in table]:
        raise SettingsError(f'--columns: "{unknown[0]}": must be one of {", ".join(table)}')
    text = table[columns or list(table)].to_csv(index=False, lineterminator="\r\n")
    if sys.stdout is not None:
        sys.stdout.write(text)


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
