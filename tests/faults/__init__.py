"""Harnesses that break things on purpose: what is lost, and how it shows to the user.

    python -m tests.faults --times 100   # all of them; rewrites the table of docs/reliability.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A row of the table.

    lost: how often something that was reported finished was gone or changed without a word.
    shows: what the user sees, with ".." for what differs from time to time; checked by the harness
    (see `says`).
    """

    fault: str
    tried: int
    lost: int
    shows: str


# Name -> "module:function"; the function is (times: int, folder: Path) -> Row | list[Row].
HARNESSES: dict[str, str] = {}


def says(shows: str, text: str) -> bool:
    """Whether `text` has in it what `shows` says, ".." standing for anything."""
    pattern = ".*".join(re.escape(part) for part in shows.split(".."))
    return re.search(pattern, " ".join(text.split()), re.DOTALL) is not None
