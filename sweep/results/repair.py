"""Keeps what can be kept of a damaged results folder, so that a run measures only what was lost."""

from __future__ import annotations

from pathlib import Path

from sweep.host.files import sync_folder
from sweep.results import contents, earlier, parts
from sweep.results.check import FileCheck, State, check, consistent
from sweep.results.contents import READINGS_FILE, Contents
from sweep.results.writing import KEPT, merge, put_aside, strays_of, taken

DAMAGED, MISSING = State.DAMAGED, State.MISSING


def repair(path: Path) -> tuple[str, ...]:
    """Puts right what can be, and says what it did. A damaged file is kept in `damaged/`.

    Safe to repeat. Raises BusyError where a run writes the folder, OSError where it can't be
    written.
    """
    lock = taken(path)
    try:
        folder = contents.read(path)
        wrong = [each for each in check(path).files if each.state in (DAMAGED, MISSING)]
        merged = [each for each in wrong if _is_merged(folder, each.file)]
        done = [
            f"{each.file}: moved to {put_aside(path, each.file, move=True)}"
            for each in wrong
            if each not in merged and each.state is DAMAGED
        ]
        if merged:
            done += _merge(folder, merged)
        for stray in [*strays_of(path)]:
            stray.unlink()
            done.append(f"{stray.name}: removed")
        sync_folder(path)
    finally:
        lock.release()
    return tuple(done)


def _is_merged(folder: Contents, file: str) -> bool:
    """Whether a new table puts right what is wrong with the file."""
    of_table = file == READINGS_FILE or file.startswith(parts.FOLDER)
    return of_table or bool(folder.earlier and file in earlier.FILES)


def _merge(folder: Contents, wrong: list[FileCheck]) -> list[str]:
    """Writes the table anew from what is whole in it, in parts, and in earlier versions' files."""
    done = []
    for each in wrong:
        if each.state is MISSING:
            done.append(f"{each.file}: made whole")
        elif each.file == READINGS_FILE:
            copy = put_aside(folder.path, each.file)
            done.append(f"{each.file}: a copy of it is in {copy}; {each.left}")
        else:  # merging removes it
            done.append(f"{each.file}: is in {KEPT}/ now; {each.left}")
    merge(folder, map(consistent, folder.readings()))
    return done
