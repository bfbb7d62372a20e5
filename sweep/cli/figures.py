"""`python -m sweep figures`: the report's figures as files for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sweep.cli.console import tell
from sweep.cli.options import Folder, read_results
from sweep.settings.config import SettingsError
from sweep.types import ResultsError


def figures(
    folder: Folder,
    to: Annotated[Path, typer.Option("--to", help="Folder for the figures; made if absent.")],
    format_: Annotated[
        Literal["svg", "png"] | None, typer.Option("--format", help="Default: both.")
    ] = None,
    width: Annotated[
        int, typer.Option(min=320, max=4000, help="Pixels, 96 to the inch; the height follows.")
    ] = 640,
    scale: Annotated[
        float, typer.Option(min=0.5, max=10, help="A PNG's pixels for each of these.")
    ] = 2.0,
) -> None:
    """The report's figures for a paper, as SVG and PNG. Needs kaleido and a Chromium or Chrome."""
    from sweep.report.content.build import view
    from sweep.report.print.export import ExportError
    from sweep.report.print.export import export as write

    if to.exists() and not to.is_dir():
        raise SettingsError(f"--to {to}: is a file; must be a folder, which is made if absent")
    shown = view(read_results(folder))
    formats = ("svg", "png") if format_ is None else (format_,)
    try:
        files = write(shown, to, formats, width=width, scale=scale)
    except ExportError as error:
        raise SettingsError(str(error)) from None
    if not files:
        reasons = dict.fromkeys(figure.absent for figure in shown.figures)
        raise ResultsError(f"{folder}: no figure to export. {' '.join(reasons)}")
    for file in files:
        tell(str(file))
