"""Folders of schema 1 and 2, read as if this version had written them. A run on one writes it anew.

settings.toml, machine.json   what run.json has today
training.parquet              curves, which are readings today
journal                       of a run of schema 2 that was broken off: batches not in the
                              tables yet, each behind a frame of magic, generation, number,
                              lengths and checksums
"""

from __future__ import annotations

import hashlib
import struct
import tomllib
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from sweep.results import curves, run_file, schema
from sweep.results.parquet import (
    MISSING,
    UNREADABLE,
    DamagedError,
    TableFile,
    bytes_of,
    first_line,
    opened,
    without_holes,
)
from sweep.results.schema import READINGS, TRAINING_3
from sweep.results.soundness import Machine, StoredSettings, unsound
from sweep.settings.config import digest_of

SCHEMA = 2  # and below: what is read here
SETTINGS, MACHINE, TRAINING_FILE, JOURNAL = (
    "settings.toml", "machine.json", "training.parquet", "journal",
)  # fmt: skip
FILES = (SETTINGS, MACHINE, TRAINING_FILE, JOURNAL)
_BEGIN, _END = b"\xf5SWEEPJ1", b"\xf5ENDED\r\n"
_FRAME, _MAGIC = struct.Struct("<8sQQQQ16sI"), b"\xf5ENTRY\r\n"
_LARGEST = 1 << 30  # bytes of a batch, unpacked: more is none of ours


@dataclass
class Earlier:
    """What of such a folder stands elsewhere today. facts: settings and machines, for run.json;
    curves and batches: rows of READINGS that the table has not; wrong: by file.
    """

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    curves: pa.Table = field(default_factory=READINGS.empty_table)
    batches: list[pa.Table] = field(default_factory=list)
    wrong: dict[str, DamagedError] = field(default_factory=dict)

    def note(self, name: str, reason: str) -> None:
        """What is wrong with a file; the first thing counts."""
        self.wrong.setdefault(name, DamagedError(self.path / name, reason))


def read(path: Path, run: dict[str, Any] | None, table: TableFile | None) -> Earlier | None:
    """None for a folder of this version. Where a run of this version has begun to write one anew,
    run.json goes first, and then the table with all rows.
    """
    old_run = run is not None and run.get("schema", 1) <= SCHEMA
    old_table = table is not None and table.version <= SCHEMA
    if not old_run and not old_table:
        return None
    earlier = Earlier(path)
    if run is None or old_run:
        _read_facts(earlier, run or {})
    if old_table or table is None:
        _read_rows(earlier, table, run or {})
    return earlier


def _read_facts(earlier: Earlier, run: dict[str, Any]) -> None:
    """settings.toml and machine.json."""
    settings: dict[str, Any] = {}
    text = bytes_of(earlier.path / SETTINGS)
    try:
        if text is None or not any(text):
            missing = MISSING if text is None else "it is all zeros" if text else "it is empty"
            raise ValueError(missing)
        told = tomllib.loads(text.decode())
        if reason := unsound(told, StoredSettings):
            raise ValueError(reason)
        settings = told
        digests = run.get("settings_sha256")
        if isinstance(digests, list) and hashlib.sha256(text).hexdigest() not in digests[:1]:
            earlier.note(SETTINGS, "it is not as the last run wrote it")
    except (ValueError, RecursionError) as error:
        earlier.note(SETTINGS, first_line(error))
    file, machines = earlier.path / MACHINE, []
    text = bytes_of(file)
    try:
        told = run_file.parsed(file, text)
        machines = _machines(told)  # also of a file whose checksum is another
        run_file.json_object(file, text, sealed="schema" in run)
        if not machines or len(machines) != 1 + len(told.get("earlier", [])):
            earlier.note(MACHINE, "its facts are not those of the machine that it names")
        if run and run["machine_id"] not in {each["id"] for each in machines}:
            earlier.note(MACHINE, "the machine of the last run is not in it")
    except DamagedError as error:
        earlier.note(MACHINE, error.reason)
    earlier.facts = {"settings": settings, "machines": machines}


def _machines(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The machines whose ids are those of the facts beside them."""
    if unsound(told, Machine):
        return []
    first = {key: told[key] for key in told if key not in ("earlier", "sha256")}
    return [each for each in (first, *told.get("earlier", [])) if _is_machine(each)]


def _is_machine(told: dict[str, Any]) -> bool:
    return told.get("id") == digest_of({key: told[key] for key in told if key != "id"})


def _read_rows(earlier: Earlier, table: TableFile | None, run: dict[str, Any]) -> None:
    """training.parquet and the journal."""
    file = earlier.path / TRAINING_FILE
    data = bytes_of(file)
    if data is None:
        earlier.note(TRAINING_FILE, MISSING)
    else:
        try:
            training = _training(file, data)
            training.check()
            earlier.curves = _curves(training)
        except DamagedError as error:
            earlier.note(TRAINING_FILE, error.reason)
            with suppress(DamagedError):
                earlier.curves = _curves(_training(file, data).salvaged())
    data = bytes_of(earlier.path / JOURNAL)
    if data is not None:
        _read_journal(earlier, data, table.number("generation") if table else 0)
    elif "schema" in run and "finished" not in run:
        earlier.note(JOURNAL, MISSING)


def _training(path: Path, data: bytes) -> TableFile:
    file = opened(path, data)
    if file.parquet.schema_arrow != TRAINING_3:
        raise DamagedError(path, f"its columns are not those of schema {file.version}")
    return file


def _curves(training: TableFile) -> pa.Table:
    places = pa.concat_tables([TRAINING_3.empty_table(), *training.stored()])
    return curves.as_readings(without_holes(training.path, places))


def _read_journal(earlier: Earlier, data: bytes, generation: int) -> None:
    numbers: set[int] = set()
    batches: list[pa.Table] = []
    at, end, newest = 0, 0, 0
    while (at := data.find(_MAGIC, at)) >= 0:
        try:
            head = _FRAME.unpack_from(data, at)
            _, newest, number, length, unpacked, told, checksum = head
            start = at + _FRAME.size
            payload = data[start : start + length]
            if zlib.crc32(data[at : start - 4]) != checksum or _digest(payload) != told:
                raise ValueError("damaged")
            batches.append(_batch(payload, unpacked))
            numbers.add(number)
            at = end = start + length
        except (*UNREADABLE, struct.error, LookupError, TypeError, DamagedError):
            at += 1
    if lost := max(numbers, default=-1) + 1 - len(numbers):
        earlier.note(JOURNAL, f"{lost} of {lost + len(numbers)} batches in it are damaged")
    elif not data.startswith(_BEGIN):
        earlier.note(JOURNAL, "its beginning is damaged")
    elif data[end or 20 :] != _END:
        earlier.note(
            JOURNAL, "it lacks its end: a run was ended while it wrote a batch, or the file was cut"
        )
    if generation <= newest + 1:  # else the tables have had it long since
        earlier.batches = batches


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()


def _batch(payload: bytes, unpacked: int) -> pa.Table:
    """The payload is zstd of: a length u32 and JSON, a length u64 and readings, curves; these last
    as Arrow streams, empty for no rows.
    """
    if unpacked > _LARGEST:
        raise ValueError("too large")
    data = memoryview(pa.decompress(payload, unpacked, codec="zstd", asbytes=True))
    begin = 4 + struct.unpack_from("<I", data)[0] + 8
    middle = begin + struct.unpack_from("<Q", data, begin - 8)[0]
    tables = [READINGS.empty_table()]
    if middle > begin:
        tables.append(schema.upgraded(_stream(data[begin:middle])))
    if middle < len(data):
        tables.append(curves.as_readings(_stream(data[middle:])))
    return pa.concat_tables(tables)


def _stream(data: memoryview) -> pa.Table:
    table = pa.ipc.open_stream(pa.py_buffer(bytes(data))).read_all()
    table.validate(full=True)
    return table
