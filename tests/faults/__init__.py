"""Harnesses that break things on purpose: what is lost, and how it shows to the user.

python -m tests.faults --times 100   # all of them; rewrites the table of docs/reliability.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass


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


# Name -> "module:function"; the function is (times: int, folder: Path) -> Row | list[Row].
HARNESSES: dict[str, str] = {
    "crash": "tests.faults.crash:harness",
    "disk": "tests.faults.disk:harness",
    "neighbours": "tests.faults.neighbours:harness",
}


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
