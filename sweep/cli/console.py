"""Where the commands write: results to standard output, messages to standard error."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from sweep.report.values.printable import visible
from sweep.types import Progress

# Without a terminal rich would fold tables at 80 columns, also in a file.
_narrow = sys.stdout is not None and sys.stdout.isatty()  # None: closed, as by >&-
out = Console(width=None if _narrow or "COLUMNS" in os.environ else 120)
err = Console(stderr=True)


# What stands in texts of ours and is not in every locale's encoding.
_SPELT = {
    "\u00a0": " ", "\u202f": " ", "\u2013": "-", "\u2212": "-", "\u00b1": "~", "×": "x", "·": ".",
    "²": "^2", "µ": "u", "\u03bc": "u", "α": "alpha", "ρ": "rho",
}  # fmt: skip


def spell_out() -> None:
    """From now on, what the encoding of standard output hasn't is written in characters that all
    have, in place of an error.
    """
    codecs.register_error("sweep.spelt", _spelt)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="sweep.spelt")


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    spelt = (_SPELT.get(each) or each.encode("ascii", "backslashreplace").decode() for each in text)
    return "".join(spelt), error.end


def say(message: str) -> None:
    """A message on standard error; it may quote names from files, so nothing in it is obeyed."""
    err.print(visible(message, keep="\n"), markup=False, highlight=False, soft_wrap=True)


def tell(text: str) -> None:
    """The same on standard output."""
    out.print(visible(text, keep="\n"), markup=False, highlight=False, soft_wrap=True)


def write_json(data: dict[str, Any]) -> None:
    """One JSON object and nothing else, so that a program can read it. Absent numbers are null."""
    from sweep.report.values.plain_data import plain_data

    if sys.stdout is not None:
        sys.stdout.write(json.dumps(plain_data(data), indent=2, allow_nan=False) + "\n")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere; it goes when it is done."""
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TimeRemainingColumn(compact=True),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("loading", total=1.0)
        yield lambda share, text: bar.update(task, completed=share, description=text)
