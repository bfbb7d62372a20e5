"""Harnesses that break things on purpose: what is lost, and how it shows to the user.

python -m tests.faults --times 100   # all of them; rewrites the table of docs/reliability.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.fuzz import TARGETS


@dataclass(frozen=True)
class Row:
    """A row of the table.

    lost: how often something that was reported finished was gone or changed without a word, or the
    sweep could not go on from there. shows: what the user sees. What stands in backticks there is
    what the program says, ".." for what differs from time to time, and was found by the harness in
    each case (see `says`).
    """

    fault: str
    tried: int
    lost: int
    shows: str


# Name -> "module:function" or "module:function:argument"; the function is
# (times: int, folder: Path, *arguments) -> Iterator[Row].
HARNESSES: dict[str, str] = {
    "crash": "tests.faults.crash:harness",
    "training": "tests.faults.training:harness",
    "training-shared": "tests.faults.training:shared",
    "cluster": "tests.faults.cluster:harness",
    "hosts": "tests.faults.hosts:harness",
    "disk": "tests.faults.disk:harness",
    "neighbours": "tests.faults.neighbours:harness",
    "failures": "tests.faults.failures:harness",
    **{f"fuzz-{name}": f"tests.faults.input:fuzzed:{name}" for name in TARGETS},
    "hostile": "tests.faults.input:hostile",
}


def rows_of(name: str, times: int, folder: Path) -> Iterator[Row]:
    """What one harness finds; `folder` is an empty one for it to work in."""
    module, function, *arguments = HARNESSES[name].split(":")
    yield from getattr(import_module(module), function)(times, folder, *arguments)


def row(fault: str, tried: int, lost: Sequence[str], shows: str) -> Row:
    """A row; what was lost goes to standard error."""
    for each in lost:
        print(f"{fault}: {each}", file=sys.stderr)  # noqa: T201
    return Row(fault, tried, len(lost), shows)


def says(shows: str, text: str) -> bool:
    """Whether `text` has in it, in any order, all that `shows` has in backticks, or `shows` itself
    where it has none; ".." stands for anything.
    """
    flat = " ".join(text.split())
    return all(
        re.search(".*".join(re.escape(part) for part in quoted.split("..")), flat)
        for quoted in re.findall("`([^`]+)`", shows) or [shows]
    )
