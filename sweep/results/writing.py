"""What a writer does to a folder that it has to itself: the store of a run, and repair."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from sweep.host.files import FolderLock, replace_file, strays, sync_folder
from sweep.results import earlier, parts, run_file
from sweep.results.contents import READINGS_FILE, Contents
from sweep.results.identity import apart, contiguous
from sweep.results.parquet import bytes_of, write_table
from sweep.results.run_file import RUN
from sweep.results.schema import READINGS
from sweep.types import ResultsError

NETWORKS = "networks"
# A file in it: its kind, the start of its content's SHA-256, and what others know it by.
NETWORK = re.compile(r"(?P<kind>[\w-]+)-(?P<digest>[0-9a-f]{32})(?:\.\w+)?", re.ASCII)

DERIVED = ("points.parquet", "training.parquet")
KEPT = "damaged"  # the folder, inside the results folder, that damaged files go to


class BusyError(ResultsError):
    """Another process writes the folder; the message says which."""


def taken(path: Path) -> FolderLock:
    """The right to write the folder. Raises BusyError, OSError."""
    try:
        return FolderLock(path)
    except BlockingIOError:
        told: Any = {}
        with contextlib.suppress(ResultsError):
            told = run_file.parsed(path / RUN, bytes_of(path / RUN)).get("writer")
    who = "another process"
    if isinstance(told, dict) and {"pid", "host", "since"} <= told.keys():
        who = f"process {told['pid']} on {told['host']} since {told['since']}"
    raise BusyError(
        f"{path}: is being written by {who}: wait until it has ended; report, show and all that "
        "only read are free to look"
    )


def merge(folder: Contents, rows: Iterable[pa.Table] | None = None) -> str:
    """Writes the table anew with all readings, and then removes the parts; returns its SHA-256.

    Whatever it is ended at, a reader finds all of them: run.json names the table before and after
    until it is replaced, and only then do parts go, which the new table passes over.
    """
    path = folder.path
    if folder.run is not None and "finished" not in folder.run:
        (path / parts.FOLDER).mkdir(exist_ok=True)  # earlier versions had none, or it vanished
    if folder.run is not None and folder.earlier:
        folder = replace(folder, run=folder.run | {"anew": True})  # its old files can go then
    rows = folder.readings() if rows is None else rows
    if folder.earlier:  # its curves lay apart from the readings beside them
        rows = apart(contiguous(pa.concat_tables([READINGS.empty_table(), *rows])))
    written: list[str] = []

    def write(file: IO[bytes]) -> None:
        merged = str(folder.last)
        written.append(write_table(file, rows, READINGS, folder.rows, merged=merged))
        name_table(folder, [*written, *folder.whole_table])

    replace_file(path / READINGS_FILE, write)
    name_table(folder, written)
    clear(folder)
    return written[0]


def name_table(folder: Contents, digests: Sequence[str | None]) -> None:
    """Has run.json say which table is whole."""
    if folder.run is not None:
        run_file.write(folder.path, folder.run | {"table": digests})


def clear(folder: Contents) -> None:
    """Removes what the table has: parts, and files of earlier versions. Damaged ones are kept
    aside.
    """
    path = folder.path
    numbered = parts.numbered(path) or ()
    names = [f"{parts.FOLDER}/{name}" for number, name in numbered if number <= folder.last]
    if folder.run and folder.run.get("anew"):
        damaged = [name for name in earlier.FILES if name in folder.wrong]
        gone = (earlier.JOURNAL, earlier.SETTINGS, earlier.MACHINE, *damaged)
        names += [name for name in dict.fromkeys(gone) if (path / name).exists()]
    for name in names:
        if name in folder.wrong:
            put_aside(path, name, move=True)
        else:
            (path / name).unlink()
    sync_folder(path)


def strays_of(path: Path) -> Iterator[Path]:
    """The temporaries of dead writers."""
    files = "|".join(map(re.escape, (RUN, READINGS_FILE, *DERIVED, *earlier.FILES, "report.html")))
    yield from strays(path, files)
    yield from strays(path / parts.FOLDER, parts.NAME.pattern)
    yield from strays(path / NETWORKS, NETWORK.pattern)


def put_aside(path: Path, name: str, *, move: bool = False) -> str:
    """Puts a file into damaged/, under a name that is free; says which."""
    folder = path / KEPT
    folder.mkdir(exist_ok=True)
    to, count = folder / Path(name).name, 1
    while to.exists():
        count += 1
        to = folder / f"{Path(name).name}.{count}"
    if move:
        (path / name).rename(to)
    else:
        shutil.copy2(path / name, to)
    return f"{KEPT}/{to.name}"
