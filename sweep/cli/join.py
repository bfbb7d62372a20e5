"""`python -m sweep join`: this machine performs its part of another's trainings."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sweep.cli.console import say, tell
from sweep.host.allocator import keep_freed_memory
from sweep.host.interrupts import heard
from sweep.settings.config import SettingsError


def join(
    address: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="Where the run is, as it tells.")
    ],
) -> None:
    """Perform this machine's part of another's trainings: of `run --hosts N`.

    The run tells what to type here, with its key in SWEEP_KEY. It needs no settings and writes
    nothing; the images must lie under the same path as there. It ends with the run.
    """
    from sweep.running.follower import follow
    from sweep.running.hosts import KEY, GoneError, address_of

    if not (key := os.environ.get(KEY, "")):
        raise SettingsError(f"{KEY} is not set: the run told it, or was given it")
    keep_freed_memory()
    try:
        with heard():
            follow(address_of(address), key, tell)
    except GoneError as error:
        say(f"{error}; join the next one with the same command")
        raise typer.Exit(1) from None
