"""Digests of what tables and settings say, whatever bytes they are stored as."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...


def digest(table: pa.Table) -> str:
    """SHA-256, in hex, of the columns' names and types and of all values, in order.

    Independent of chunks, encodings and what lies under an empty cell.
    """
    whole = hashlib.sha256()
    for field, column in zip(table.schema, table.columns, strict=True):
        whole.update(f"{field.name}\0{_name(field.type)}\0{table.num_rows}\0".encode())
        _feed(whole, one_array(column))
    return whole.hexdigest()


def _name(kind: pa.DataType) -> str:
    """A type's name; Parquet and Arrow call the items of a list by different ones."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list of {_name(kind.value_type)}"
    return str(kind)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _feed(whole: _Hash, array: pa.Array) -> None:
    """The values of one column: which are there, and what they are."""
    whole.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    kind = array.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        whole.update(array.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_boolean(kind):
        whole.update(array.fill_null(False).to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = array.cast(pa.large_string()).fill_null("")
        whole.update(_call("binary_length", texts).to_numpy(zero_copy_only=False).tobytes())
        whole.update("".join(texts.to_pylist()).encode())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = _call("list_value_length", array).fill_null(0)
        whole.update(lengths.cast(pa.int64()).to_numpy(zero_copy_only=False).tobytes())
        _feed(whole, array.flatten())
    else:
        whole.update(json.dumps(array.to_pylist(), default=repr).encode())


def _call(function: str, array: pa.Array) -> pa.Array:
    return pc.call_function(function, [array])


def text_digest(text: bytes) -> str:
    """SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(text).hexdigest()


def data_digest(data: dict[str, Any]) -> str:
    """SHA-256, in hex, of what a JSON object says, its own "sha256" aside."""
    rest = {key: value for key, value in data.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
