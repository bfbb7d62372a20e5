"""Whether a results folder is whole, file by file, and what of it could be kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sweep.host.files import strays
from sweep.results import journal
from sweep.results.digests import digest
from sweep.results.journal import Journal
from sweep.results.load import (
    PAUSE_S,
    POINTS,
    machines_in,
    points_of,
    run_of,
    settings_differ,
    settings_of,
)
from sweep.results.parquet import MISSING, UNREADABLE, DamagedError, chosen, identities
from sweep.results.snapshot import (
    MACHINE,
    REPLACED,
    RUN,
    SETTINGS,
    TABLES,
    Snapshot,
    damage_of,
    journal_expected,
    journal_of,
    json_of,
    snapshot,
    table_of,
)
from sweep.results.soundness import contradicts
from sweep.settings.config import digest_of
from sweep.types import ResultsError, listed

UNSEALED = "without a checksum"


class State(StrEnum):
    """How a file is. A torn journal ends within a batch; a stray is a dead writer's temporary."""

    OK = "ok"
    DAMAGED = "damaged"
    MISSING = "missing"
    TORN = "torn"
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
    """A results folder, file by file."""

    path: Path
    files: tuple[FileCheck, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged, missing or torn."""
        return all(each.state in (State.OK, State.STRAY) for each in self.files)

    @property
    def sealed(self) -> bool:
        """Whether a changed value would show in every file."""
        return not any(UNSEALED in each.says for each in self.files)


def check(path: Path) -> Check:
    """Looks at every file, also while a run writes. Raises ResultsError where the folder has no
    results.
    """
    found = _check(path)
    if not found.whole:
        time.sleep(PAUSE_S)  # what a run was writing just then is whole now
        found = _check(path)
    return found


def _check(path: Path) -> Check:
    found = snapshot(path)
    if not found.contents:
        raise ResultsError(f"{path}: not a results folder (it has no run.json)")
    try:
        run, _ = run_of(found)
    except DamagedError:
        run = {}
    read = journal_of(found)
    files = [
        _each(RUN, lambda: _run(found), "the next run writes it anew; no reading is lost"),
        _each(SETTINGS, lambda: _settings(found, run), "the next run writes it anew"),
        _each(MACHINE, lambda: _machine(found, run), "the next run writes it anew"),
        *(_table(found, name, read) for name in TABLES),
        *_journal(found, read),
        *_points(path),
        *(
            FileCheck(each.name, State.STRAY, "a writer that died has left it; the next run "
                      "removes it")
            for each in strays(path, REPLACED)
        ),
    ]  # fmt: skip
    return Check(path, tuple(files))


def _each(name: str, look: Callable[[], str], left: str) -> FileCheck:
    try:
        return FileCheck(name, State.OK, look())
    except DamagedError as error:
        return _damaged(name, error, left)


def _damaged(name: str, error: DamagedError, left: str) -> FileCheck:
    state = State.MISSING if error.reason == MISSING else State.DAMAGED
    return FileCheck(name, state, error.reason, left)


def _run(found: Snapshot) -> str:
    """What run.json covers. Raises DamagedError."""
    run, _ = run_of(found)
    how = "ended early" if run.get("interrupted") else "finished"
    how = how if "finished" in run else "not at its end"
    return f"{len(run['points'])} points, {listed(list(run['measures']))}; {how}{_old(run)}"


def _old(told: dict[str, Any]) -> str:
    return "" if "schema" in told else f"; of an earlier version, {UNSEALED}"


def _settings(found: Snapshot, run: dict[str, Any]) -> str:
    """Raises DamagedError where settings.toml is not the last run's."""
    settings_of(found)
    if reason := settings_differ(found.contents[SETTINGS], run):
        raise DamagedError(found.path / SETTINGS, f"it {reason}")
    return "the last run's" if "settings_sha256" in run else f"readable; {UNSEALED}"


def _machine(found: Snapshot, run: dict[str, Any]) -> str:
    """Raises DamagedError where a machine's facts are not those that its id was made from."""
    path = found.path / MACHINE
    told = json_of(found, MACHINE, sealed="schema" in run)
    machines = machines_in(path, told)
    if wrong := [each["id"] for each in machines if not is_machine(each)]:
        raise DamagedError(path, f"its facts are not those of machine {listed(wrong)}")
    if run and run.get("machine_id") not in {each["id"] for each in machines}:
        raise DamagedError(path, "the machine of the last run is not in it")
    count = len(machines)
    return f"{count} machine{'s' if count > 1 else ''}, with facts as their ids say"


def is_machine(told: dict[str, Any]) -> bool:
    """Whether the id is that of the facts beside it."""
    facts = {key: value for key, value in told.items() if key != "id"}
    return told["id"] == digest_of(facts)


def _table(found: Snapshot, name: str, read: Journal | None) -> FileCheck:
    """Checksums of the file and its pages, columns, and the digest of each row group."""
    generation = read.generation if read else None
    try:
        file = table_of(found, name, generation)
        if file is None:
            return FileCheck(name, State.MISSING, MISSING, "the next run begins it")
        groups = list(file.groups())
        told = _told_groups(file.parquet)
        if file.sealed and [digest(group) for group in groups] != [sha for _, sha in told]:
            raise DamagedError(found.path / name, "its rows are not those that were written")
        table = pa.concat_tables([TABLES[name].empty_table(), *groups])
        if wrong := contradictory(table).sum():
            reason = f"{wrong} rows have neither a value nor a reason, or both"
            left = _left([consistent(table)])
            return FileCheck(name, State.DAMAGED, reason, left)
    except DamagedError as error:
        return _damaged(name, error, _left(salvaged(found, name)))
    sealed = "" if file.sealed else f"; of an earlier version, {UNSEALED}"
    return FileCheck(name, State.OK, f"{_amount([table])}{sealed}")


def contradictory(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Which readings have neither a value nor a reason, or both."""
    if "reason" not in table.column_names:
        return np.zeros(table.num_rows, bool)
    return contradicts(table.column("value").to_numpy(), table.column("reason").to_numpy())


def consistent(table: pa.Table) -> pa.Table:
    """The table without batches that have such a reading: they are measured again."""
    wrong = contradictory(table)
    begins, _ = identities(table)
    ends = [*begins[1:], table.num_rows]
    return chosen(
        table, begins, [not wrong[at:to].any() for at, to in zip(begins, ends, strict=True)]
    )


def salvaged(found: Snapshot, name: str) -> list[pa.Table]:
    """The row groups of a table, however damaged, whose content has the digest that its footer
    tells; they hold whole batches of points.
    """
    if not found.contents.get(name):
        return []
    try:
        data = pa.BufferReader(found.contents[name])
        parquet = pq.ParquetFile(data, page_checksum_verification=True)
        told = _told_groups(parquet)
        if parquet.schema_arrow != TABLES[name]:
            return []
    except UNREADABLE:
        return []
    groups = []
    for index, (rows, sha256) in enumerate(told[: parquet.num_row_groups]):
        try:
            group = parquet.read_row_group(index, use_threads=False)
            if group.num_rows == rows and digest(group) == sha256:
                groups.append(group)
        except UNREADABLE:
            continue
    return groups


def _told_groups(parquet: pq.ParquetFile) -> list[tuple[int, str]]:
    """(rows, digest) of each row group, as the footer tells; none where it doesn't."""
    try:
        told = json.loads((parquet.metadata.metadata or {}).get(b"sweep_groups", b"[]"))
        return [(int(each["rows"]), str(each["sha256"])) for each in told]
    except (*UNREADABLE, LookupError, TypeError, RecursionError):
        return []


def _left(tables: Iterable[pa.Table]) -> str:
    amount = _amount(list(tables))
    return "nothing in it can be kept" if amount.startswith("0 ") else f"{amount} can be kept"


def _amount(tables: list[pa.Table]) -> str:
    """ "1280 rows of 18 points"."""
    rows = sum(table.num_rows for table in tables)
    points = {identity[0] for table in tables for identity in identities(table)[1]}
    return f"{rows} rows of {len(points)} points"


def _journal(found: Snapshot, read: Journal | None) -> list[FileCheck]:
    if read is None and journal_expected(found):
        left = "batches since the tables were written are lost; the next run measures them again"
        return [FileCheck(journal.NAME, State.MISSING, MISSING, left)]
    if read is None:
        return []
    count = len(read.frames)
    left = f"{count} of its batches are whole and are kept"
    try:
        for entry in read.entries():
            entry.readings()
            entry.training()
    except DamagedError as error:
        return [FileCheck(journal.NAME, State.DAMAGED, error.reason, left)]
    if read.damage or read.lost or read.generation is None:
        return [FileCheck(journal.NAME, State.DAMAGED, damage_of(read), left)]
    if read.torn:
        says = "it lacks its end: a run was ended while it wrote a batch, or the file was cut"
        return [FileCheck(journal.NAME, State.TORN, says, left)]
    says = f"{count} batches that the next run, or the one that writes now, puts into the tables"
    return [FileCheck(journal.NAME, State.OK, says)]


def _points(path: Path) -> list[FileCheck]:
    try:
        found = points_of(path)
    except DamagedError as error:
        left = "derived: report, or the next run, makes it anew"
        return [FileCheck(POINTS, State.DAMAGED, error.reason, left)]
    if found is None:
        return []
    return [FileCheck(POINTS, State.OK, f"{found[0].num_rows} points; derived")]
