"""What is tried: where cases come from, and what must hold for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy

# Takes a case; True where the program takes it too, False where it is refused as it should be.
# Raises Fault, or whatever the program let through.
Check = Callable[[bytes], bool]


class Fault(AssertionError):  # noqa: N818 - what a case shows, not what went wrong with the test
    """The program did with a case what it must not."""


@dataclass(frozen=True)
class Target:
    """One kind of input. A case is bytes, such as a file's content.

    seeds: sound cases. cases: draws ones that are nearly sound. room: sets up what a check needs in
    an empty folder. raw: whether atheris changes the bytes themselves; else the choices behind
    `cases`. instruments: packages whose lines atheris watches.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    cases: Callable[[], SearchStrategy[bytes]]
    room: Callable[[Path], AbstractContextManager[Check]]
    raw: bool
    instruments: tuple[str, ...]


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Within it nothing may come to be in the folder, or vanish. Raises Fault."""
    before = _held(folder)
    yield
    if (after := _held(folder)) != before:
        changed = sorted(after ^ before)
        raise Fault(f"something is left behind, or gone: {', '.join(changed[:5])}")


def _held(folder: Path) -> set[str]:
    return {
        os.path.join(above, name)  # noqa: PTH118 - names may be no text that Path likes
        for above, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }
