"""Digests of what tables and JSON say, whatever bytes they are stored as."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def digest(table: pa.Table) -> str:
    """SHA-256, in hex, of the columns' names and types and of all values, in order.

    Independent of chunks, encodings and what lies under an empty cell. Files keep it: it stays as
    it is.
    """
    whole = hashlib.sha256()
    for field, column in zip(table.schema, table.columns, strict=True):
        whole.update(f"{field.name}\0{_name(field.type)}\0{table.num_rows}\0".encode())
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], field.type)
        for piece in _bytes(array):
            whole.update(piece)
    return whole.hexdigest()


def _name(kind: pa.DataType) -> str:
    """A type's name; Parquet and Arrow call the items of a list by different ones."""
    return f"list of {_name(kind.value_type)}" if _is_list(kind) else str(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _bytes(array: pa.Array) -> list[bytes | memoryview]:
    """Which values of one column are there, and what they are."""
    there = np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes()
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = array.cast(pa.large_string()).fill_null("")
        _, offsets, data = texts.buffers()
        ends = np.frombuffer(offsets, np.int64)[texts.offset :][: len(texts) + 1]
        return [there, np.diff(ends).tobytes(), memoryview(data or b"")[ends[0] : ends[-1]]]
    if _is_list(kind):
        lengths = pc.call_function("list_value_length", [array]).fill_null(0)
        return [there, _numbers(lengths.cast(pa.int64())), *_bytes(array.flatten())]
    if pa.types.is_primitive(kind):
        return [there, _numbers(array.fill_null(pa.scalar(0).cast(kind)))]
    return [there, json.dumps(array.to_pylist(), default=repr).encode()]


def _numbers(array: pa.Array) -> bytes:
    return array.to_numpy(zero_copy_only=False).tobytes()


def data_digest(data: dict[str, Any]) -> str:
    """SHA-256, in hex, of what a JSON object says, its own "sha256" aside."""
    rest = {key: value for key, value in data.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
