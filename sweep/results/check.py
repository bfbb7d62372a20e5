"""Whether a results folder is whole, file by file, and what of it could be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sweep.results import contents, earlier, parts
from sweep.results.contents import READINGS_FILE, Contents
from sweep.results.curves import PLACE
from sweep.results.derived import checked
from sweep.results.earlier import TRAINING_FILE, Earlier
from sweep.results.identity import chosen, identities, identities_in
from sweep.results.parquet import CHANGED, MISSING, DamagedError, TableFile, bytes_of
from sweep.results.run_file import RUN
from sweep.results.soundness import contradicts
from sweep.results.writing import DERIVED, NETWORK, NETWORKS, strays_of
from sweep.types import ResultsError, listed

UNSEALED = "without a checksum"


class State(StrEnum):
    """How a file is. A stray is a dead writer's temporary."""

    OK = "ok"
    DAMAGED = "damaged"
    MISSING = "missing"
    STRAY = "stray"


@dataclass(frozen=True)
class FileCheck:
    """One file. says: what is in it, or what is wrong; left: what could be kept, in words."""

    file: str
    state: State
    says: str
    left: str = ""


@dataclass(frozen=True)
class Check:
    path: Path
    files: tuple[FileCheck, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged or missing."""
        return all(each.state in (State.OK, State.STRAY) for each in self.files)

    @property
    def sealed(self) -> bool:
        """Whether a changed value would show in every file."""
        return not any(UNSEALED in each.says for each in self.files)


def check(path: Path) -> Check:
    """Looks at every file, also while a run writes. Raises ResultsError where the folder has no
    results.
    """
    folder = contents.read(path)
    if folder.run is None and folder.table is None and not (folder.parts or folder.wrong):
        raise ResultsError(f"{path}: not a results folder (it has no run.json)")
    files = [_run(folder), *_table(folder), *_parts(folder), *_earlier(folder)]
    files += [*_derived(path, folder.earlier), *_networks(path)]
    strays = strays_of(path)
    left = "a writer that died has left it; the next run removes it"
    return Check(path, (*files, *(FileCheck(each.name, State.STRAY, left) for each in strays)))


def _wrong(folder: Contents, name: str, left: str) -> FileCheck:
    reason = folder.wrong[name].reason
    state = State.MISSING if reason == MISSING else State.DAMAGED
    return FileCheck(name, state, reason, left)


def _run(folder: Contents) -> FileCheck:
    left = "the next run writes it anew; no reading is lost"
    if RUN in folder.wrong:
        return _wrong(folder, RUN, left)
    if folder.run is None:
        return FileCheck(RUN, State.MISSING, MISSING, left)
    run = folder.run
    how = "ended early" if run.get("interrupted") else "finished"
    how = how if "finished" in run else "not at its end"
    old = "" if "schema" in run else f"; of an earlier version, {UNSEALED}"
    says = f"{len(run['points'])} points, {listed(list(run['measures']))}; {how}{old}"
    return FileCheck(RUN, State.OK, says)


def _table(folder: Contents) -> list[FileCheck]:
    """readings.parquet."""
    if READINGS_FILE in folder.wrong:
        return [_wrong(folder, READINGS_FILE, _kept(folder.table))]
    if folder.table is None:
        return []  # its rows are all in parts yet
    groups = list(folder.table.groups())
    if wrong := sum(contradictory(group).sum() for group in groups):
        reason = f"{wrong} rows have neither a value nor a reason, or both"
        left = f"{_amount(map(consistent, groups))} can be kept"
        return [FileCheck(READINGS_FILE, State.DAMAGED, reason, left)]
    sealed = "" if folder.table.version > 1 else f"; of an earlier version, {UNSEALED}"
    return [FileCheck(READINGS_FILE, State.OK, f"{_amount(groups)}{sealed}")]


def _kept(table: TableFile | None) -> str:
    amount = _amount(table.groups()) if table and table.whole else ""
    return f"{amount} can be kept" if amount else "nothing in it can be kept"


def _amount(tables: Iterable[pa.Table]) -> str:
    """ "1280 rows of 18 points"."""
    rows, points = 0, set()
    for table in tables:
        rows += table.num_rows
        points |= {identity[0] for identity in identities_in(table)}
    return f"{rows} rows of {len(points)} points"


def contradictory(readings: pa.Table) -> npt.NDArray[np.bool_]:
    """Which readings have neither a value nor a reason, or both."""
    value, reason = (readings.column(name).to_numpy() for name in ("value", "reason"))
    return contradicts(value, reason)


def consistent(readings: pa.Table) -> pa.Table:
    """The readings without batches that have such a one: they are measured again."""
    wrong = contradictory(readings)
    if not wrong.any():
        return readings
    begins, _ = identities(readings)
    ends = [*begins[1:], readings.num_rows]
    return chosen(
        readings, begins, [not wrong[at:to].any() for at, to in zip(begins, ends, strict=True)]
    )


_AGAIN = "the next run measures it again"


def _parts(folder: Contents) -> list[FileCheck]:
    files = [_wrong(folder, name, _AGAIN) for name in folder.wrong if name.startswith(parts.FOLDER)]
    if folder.parts and not folder.earlier:
        batches = "1 batch" if len(folder.parts) == 1 else f"{len(folder.parts)} batches"
        says = f"{batches} that the next run, or the one that writes now, puts into the table"
        files.append(FileCheck(parts.FOLDER, State.OK, says))
    return files


def _earlier(folder: Contents) -> list[FileCheck]:
    """The files that a folder of schema 1 or 2 has beside its table."""
    if folder.earlier is None:
        return []
    unsealed = "" if "schema" in (folder.run or {}) else f"; {UNSEALED}"
    says = {
        earlier.SETTINGS: "the last run's",
        earlier.MACHINE: "machines with facts as their ids say",
        earlier.TRAINING_FILE: f"{folder.earlier.curves.num_rows // len(PLACE)} curves",
        earlier.JOURNAL: f"{len(folder.earlier.batches)} batches that the next run puts into the "
        "table",
    }
    files = []
    for name, what in says.items():
        if name in folder.wrong:
            files.append(_wrong(folder, name, _LEFT[name]))
        elif (folder.path / name).exists():
            files.append(FileCheck(name, State.OK, f"of an earlier version: {what}{unsealed}"))
    return files


_ANEW = "the next run writes it anew"
_LEFT = {
    earlier.SETTINGS: _ANEW,
    earlier.MACHINE: _ANEW,
    earlier.TRAINING_FILE: "what is whole of its curves is kept",
    earlier.JOURNAL: "what is whole of its batches is kept",
}


def _derived(path: Path, earlier: Earlier | None) -> list[FileCheck]:
    """points.parquet and training.parquet; the latter is no derived table in earlier versions."""
    files = []
    for name in DERIVED:
        data = None if earlier and name == TRAINING_FILE else bytes_of(path / name)
        if data is None:
            continue
        try:
            rows = checked(path / name, data).parquet.metadata.num_rows
            files.append(FileCheck(name, State.OK, f"{rows} rows; derived"))
        except DamagedError as error:
            left = "derived: report, or the next run, makes it anew"
            files.append(FileCheck(name, State.DAMAGED, error.reason, left))
    return files


def _networks(path: Path) -> list[FileCheck]:
    """What was trained: names are of the content."""
    files, whole = [], 0
    for each in sorted((path / NETWORKS).glob("*")):
        if (told := NETWORK.fullmatch(each.name)) is None:
            continue
        data = bytes_of(each) or b""
        if hashlib.sha256(data).hexdigest().startswith(told["digest"]):
            whole += 1
        else:
            files.append(FileCheck(f"{NETWORKS}/{each.name}", State.DAMAGED, CHANGED, _TRAIN_AGAIN))
    if whole:
        files.append(FileCheck(NETWORKS, State.OK, f"{whole} file{'' if whole == 1 else 's'}"))
    return files


_TRAIN_AGAIN = "run --again accuracy trains it again"
