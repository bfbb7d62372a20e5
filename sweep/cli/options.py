"""Arguments that several commands have, and the results folder that most of them read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.types import ResultsError

if TYPE_CHECKING:
    from sweep.results.load import Results

Folder = Annotated[Path, typer.Argument(help="A results folder, such as results/default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def check_folder(folder: Path) -> None:
    """Raises ResultsError where it is a file."""
    if os.path.isfile(folder):  # noqa: PTH113 - False for a name that no file can have
        raise ResultsError(f"{folder}: is a file; must be a results folder: results/default")


def read_results(folder: Path) -> Results:
    """A results folder with its points derived anew."""
    from sweep.results.load import load
    from sweep.results.points import with_points

    check_folder(folder)
    return with_points(load(folder))
