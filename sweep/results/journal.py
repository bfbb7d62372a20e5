"""The journal: batches that are on disk and not yet in the tables.

An append-only file `journal` in the results folder, there from a run's beginning to its end: where
run.json tells no end and there is none, it was lost. Its header names the generation of the tables
that it continues; each entry is a batch of readings and curves with what it replaces:

    header   8 bytes of magic, generation u64, CRC-32 of both u32
    entry    8 bytes of magic, generation u64, number u64, length u64, length unpacked u64,
             BLAKE2b-128 of the payload, CRC-32 of all these u32; then the payload
    end      8 bytes, behind the last entry; the next one is written over them
    payload  zstd of: length u32, JSON (identities, rows), length u64, readings, curves; the last
             two as Arrow streams, empty for no rows

All numbers are little-endian. An entry counts once it is whole; a file that was cut, also between
two entries, lacks its end. What is damaged in between is
stepped over: the next entry is found by its magic and its checksums. Applying entries twice gives
what applying them once does, since each replaces the rows of its own identities.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from sweep.host.files import replace_file
from sweep.results.batch import Batch
from sweep.results.parquet import UNREADABLE, DamagedError, Identity, first_line
from sweep.results.schema import READINGS, TRAINING

NAME = "journal"
_HEADER, _HEADER_MAGIC = struct.Struct("<8sQI"), b"\xf5SWEEPJ1"
_END = b"\xf5ENDED\r\n"
_FRAME, _FRAME_MAGIC = struct.Struct("<8sQQQQ16sI"), b"\xf5ENTRY\r\n"
_LARGEST = 1 << 30  # bytes of an entry, unpacked: more is no batch of ours


@dataclass(frozen=True)
class Entry:
    """A batch as it lies in a journal: its tables are made when they are asked for."""

    path: Path
    identities: tuple[Identity, ...]
    finished: tuple[Identity, ...]
    rows: int  # of readings and curves
    readings_stream: memoryview
    training_stream: memoryview

    def readings(self) -> pa.Table:
        """Raises ResultsError where the bytes are no such table."""
        return self._table(self.readings_stream, READINGS)

    def training(self) -> pa.Table:
        """Raises ResultsError where the bytes are no such table."""
        return self._table(self.training_stream, TRAINING)

    def _table(self, stream: memoryview, schema: pa.Schema) -> pa.Table:
        if not stream:
            return schema.empty_table()
        try:
            table = pa.ipc.open_stream(pa.py_buffer(stream)).read_all()
            table.validate(full=True)
        except UNREADABLE as error:
            raise DamagedError(self.path, first_line(error)) from None
        if table.schema != schema:
            raise DamagedError(self.path, "an entry has other columns")
        return table


@dataclass(frozen=True)
class Frame:
    """Where a whole entry's payload lies."""

    start: int
    end: int
    number: int
    unpacked: int


@dataclass(frozen=True)
class Journal:
    """What a journal's bytes hold.

    generation: that of the tables it continues; None where nothing is left that tells it. damage:
    (start, end) of bytes between whole entries, or before them, that are none. end: where the last
    whole entry ends. torn: what follows is not the end: an entry was being written, or the file was
    cut. lost: entries that the numbers say are missing.
    """

    path: Path
    data: bytes
    generation: int | None
    frames: tuple[Frame, ...] = ()
    damage: tuple[tuple[int, int], ...] = ()
    end: int = 0
    torn: bool = False
    lost: int = 0

    def entries(self) -> Iterator[Entry]:
        """One at a time, in order. Raises ResultsError where whole bytes are no batch."""
        for frame in self.frames:
            yield _entry(self.path, memoryview(self.data)[frame.start : frame.end], frame.unpacked)


def scan(path: Path, data: bytes) -> Journal:
    """Finds the whole entries of the journal at `path`, whose content is `data`."""
    frames: list[Frame] = []
    damage: list[tuple[int, int]] = []
    generation = _header(data)
    at = good = _HEADER.size if generation is not None else 0
    while at < len(data):
        found = _frame(data, at)
        if found is None:
            at = data.find(_FRAME_MAGIC, at + 1)
            if at < 0:
                break
            continue
        frame, of = found
        if at > good:
            damage.append((good, at))
        generation = of if generation is None else generation
        frames.append(frame)
        at = good = frame.end
    numbers = [frame.number for frame in frames]
    lost = numbers[-1] + 1 - len(set(numbers)) if numbers else 0
    torn = data[good:] != _END
    return Journal(path, data, generation, tuple(frames), tuple(damage), good, torn, lost)


def _header(data: bytes) -> int | None:
    if len(data) < _HEADER.size:
        return None
    magic, generation, checksum = _HEADER.unpack_from(data)
    if magic != _HEADER_MAGIC or checksum != zlib.crc32(data[: _HEADER.size - 4]):
        return None
    return generation


def _frame(data: bytes, at: int) -> tuple[Frame, int] | None:
    """The whole entry that begins at `at`, and its generation; None where there is none."""
    start = at + _FRAME.size
    if start > len(data):
        return None
    magic, generation, number, length, unpacked, digest, checksum = _FRAME.unpack_from(data, at)
    if magic != _FRAME_MAGIC or checksum != zlib.crc32(data[at : start - 4]):
        return None
    if start + length > len(data) or digest != _digest(memoryview(data)[start : start + length]):
        return None
    return Frame(start, start + length, number, unpacked), generation


def _digest(payload: bytes | memoryview) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()


def _entry(path: Path, payload: memoryview, unpacked: int) -> Entry:
    try:
        if unpacked > _LARGEST:
            raise ValueError("an entry is too large")
        data = memoryview(pa.decompress(payload, unpacked, codec="zstd", asbytes=True))
        (length,) = struct.unpack_from("<I", data)
        head = json.loads(bytes(data[4 : 4 + length]))
        begin = 4 + length + 8
        (readings,) = struct.unpack_from("<Q", data, begin - 8)
        return Entry(
            path,
            _identities(head["identities"]),
            _identities(head["finished"]),
            int(head["rows"]),
            data[begin : begin + readings],
            data[begin + readings :],
        )
    except (*UNREADABLE, struct.error, LookupError, TypeError, RecursionError) as error:
        raise DamagedError(path, first_line(error)) from None


def _identities(rows: list[list[str]]) -> tuple[Identity, ...]:
    return tuple((str(point), str(name), str(of), str(where)) for point, name, of, where in rows)


def _payload(batch: Batch) -> tuple[bytes, int]:
    """An entry's payload, and its length unpacked."""
    head = json.dumps(
        {"identities": batch.identities, "finished": batch.finished, "rows": batch.rows}
    ).encode()
    readings, training = _stream(batch.readings), _stream(batch.training)
    lengths = struct.pack("<I", len(head)), struct.pack("<Q", len(readings))
    payload = b"".join([lengths[0], head, lengths[1], readings, training])
    return pa.compress(payload, codec="zstd", asbytes=True), len(payload)


def _stream(table: pa.Table) -> bytes:
    if not table.num_rows:
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def begin(path: Path, generation: int) -> None:
    """A journal without an entry, in place of the one that is there."""
    body = struct.pack("<8sQ", _HEADER_MAGIC, generation)
    header = body + struct.pack("<I", zlib.crc32(body))
    replace_file(path, lambda file: file.write(header + _END))


class Writer:
    """Appends to the journal of one folder, whose lock the caller holds."""

    def __init__(self, path: Path, generation: int) -> None:
        """Makes the journal where there is none. Raises OSError where it can't."""
        self._path = path
        if not path.exists():
            begin(path, generation)
        found = scan(path, path.read_bytes())
        self._generation = generation
        self._end = found.end
        self._number = found.frames[-1].number + 1 if found.frames else 0
        self._handle = os.open(path, os.O_WRONLY)

    def append(self, batch: Batch) -> None:
        """The batch is on disk, whole, once this returns. Raises OSError where it can't be, and
        leaves what was there.
        """
        payload, unpacked = _payload(batch)
        head = struct.pack(
            "<8sQQQQ16s", _FRAME_MAGIC, self._generation, self._number, len(payload), unpacked,
            _digest(payload),
        )  # fmt: skip
        entry = head + struct.pack("<I", zlib.crc32(head)) + payload
        try:
            if os.fstat(self._handle).st_size != self._end + len(_END):
                os.ftruncate(self._handle, self._end)  # of an entry that was never finished
            _write_at(self._handle, entry + _END, self._end)
            _flush(self._handle)
        except BaseException:
            self._cut()
            raise
        self._end += len(entry)
        self._number += 1

    def in_place(self) -> bool:
        """Whether the file is still the one of its name."""
        try:
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _cut(self) -> None:
        with contextlib.suppress(OSError):  # tried again before the next; readers step over it
            _write_at(self._handle, _END, self._end)  # where there was room for it before
            os.ftruncate(self._handle, self._end + len(_END))

    def close(self) -> None:
        """Again does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _flush(handle: int) -> None:
    """To the disk itself; the times in the file's entry may wait, where the system has that."""
    getattr(os, "fdatasync", os.fsync)(handle)


def _write_at(handle: int, data: bytes, at: int) -> None:
    """All of the data, however little the system takes at a time."""
    left = memoryview(data)
    while left:
        written = os.pwrite(handle, left, at)
        left, at = left[written:], at + written
