"""`python -m sweep init`: writes the default experiment, commented, for a folder that has none."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.console import tell
from sweep.settings.config import SettingsError


def init(
    file: Annotated[
        Path, typer.Argument(help="The file to write. One that is there stays as it is.")
    ] = Path("sweep.toml"),
) -> None:
    """Write sweep.toml, the default experiment, to begin with.

    Then **run --dry-run** tells how long it takes here, and **run** does it. Change the grid, the
    data or the training in the file, or for one run with **run --set accuracy.epochs=1**.
    """
    text = files("sweep.cli").joinpath("sweep.toml").read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise SettingsError(
            f"{file}: is there already, and stays as it is; another name: init FILE"
        ) from None
    named = "" if file == Path("sweep.toml") else f" {shlex.quote(str(file))}"
    tell(f"{file}: written. Next: python -m sweep run{named} --dry-run")
