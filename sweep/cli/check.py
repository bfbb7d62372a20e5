"""`python -m sweep check`: whether a results folder is whole. Imports no JAX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.console import out, tell, write_json
from sweep.cli.options import AsJson, Folder, check_folder
from sweep.types import ResultsError

if TYPE_CHECKING:
    from sweep.results.check import Check

DAMAGED = 1


def check(
    folder: Folder,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Keep what can be kept; damaged files go to DIR/damaged/."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a results folder, file by file; exits 1 where something is damaged."""
    from sweep.results.check import check as checked
    from sweep.results.repair import repair as repaired

    check_folder(folder)
    result = checked(folder)
    repairs = repaired(folder) if repair else ()
    if repairs:
        result = checked(folder)
    if as_json:
        write_json(
            {"folder": str(result.path), "whole": result.whole, "sealed": result.sealed}
            | {"repaired": repairs, "files": result.files}
        )
    else:
        for line in repairs:
            tell(line)
        _show(result, repaired=repair)
    if not result.whole:
        raise typer.Exit(DAMAGED)
    if not as_json and (count := _without_readings(folder)):
        tell(f"{count} points of the last run have no readings; the same run command measures them")


def _without_readings(folder: Path) -> int:
    """How many of the last run's points have none: lost to a repair, or not measured yet."""
    from sweep.results.load import load

    try:
        results = load(folder)
    except ResultsError:
        return 0  # such as one of another version: `show` says why
    key = ["family", "kind", "alpha", "resolution"]
    there = set(results.readings[key].itertuples(index=False, name=None))
    return len({tuple(point) for point in results.run["points"]} - there)


def _show(result: Check, *, repaired: bool) -> None:
    from sweep.report.terminal.rendering import rendered
    from sweep.report.values.tables import text_table

    rows = (
        (each.file, each.state.value, f"{each.says}; {each.left}" if each.left else each.says)
        for each in result.files
    )
    table = text_table("file", "state", "what", rows=rows)
    out.print(rendered(table))
    if result.whole and result.sealed:
        tell(f"{result.path}: whole")
    elif result.whole:
        tell(
            f"{result.path}: whole, as far as can be told: in files without a checksum a changed "
            "value does not show; the next run writes them with one"
        )
    elif repaired:
        tell(f"{result.path}: what is left to put right, the next run writes anew")
    else:
        tell(
            f"{result.path}: damaged; check --repair keeps what can be kept, and the next run "
            "measures what is lost"
        )
