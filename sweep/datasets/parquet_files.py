"""Parquet files as one table of encoded images, whose rows are read when asked for."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import accumulate
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sweep.datasets.in_files import Stored
from sweep.datasets.records import DatasetError, Indices
from sweep.loading.recent import Recent

# Encoded images that a process keeps. A table below it is read once, and shuffled as a whole; one
# above it is shuffled within windows of row groups that fill half of it.
KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class _Group:
    """A row group: the unit that Parquet is read by."""

    address: str
    number: int
    before: int  # rows of the file before it
    rows: int
    bytes: int  # of its images, encoded


@dataclass
class Table(Stored):
    """The files of one split. Made from footers and labels; images are read by `read`.

    labels: int[N] as stored. class_names: as the files themselves name them, or none.
    """

    image_column: str
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    fingerprint: str
    groups: tuple[_Group, ...]
    _recent: Recent[pa.Array] = field(default_factory=lambda: Recent(attrgetter("nbytes")))

    def __post_init__(self) -> None:
        self._starts = np.array([0, *accumulate(group.rows for group in self.groups)])

    def name(self, row: int) -> str:
        at = self._group_of(row)
        group = self.groups[at]
        return f"{group.address}, row {group.before + row - self._starts[at]}"

    def read(self, row: int) -> bytes:
        """The encoded image. Raises OSError where the row holds none."""
        at = self._group_of(row)
        value = self._images(at)[int(row - self._starts[at])].as_py()
        if value is None:
            raise OSError(f"the row has no bytes in its column {self.image_column!r}")
        return value

    def order(self, rows: Indices, rng: np.random.Generator) -> Indices:
        """The positions in `rows` in random order, but such that a window of row groups that a
        process can keep is read at a time.
        """
        windows = self._window_of_each_group(rng)[self._group_of(rows)]
        return np.lexsort((rng.random(len(rows)), windows))

    def _window_of_each_group(self, rng: np.random.Generator) -> Indices:
        total = sum(group.bytes for group in self.groups)
        size = KEPT_BYTES // 2 if total > KEPT_BYTES else total
        windows = np.empty(len(self.groups), np.int64)
        window = filled = 0
        for at in rng.permutation(len(self.groups)):
            if filled and filled + self.groups[at].bytes > size:
                window, filled = window + 1, 0
            windows[at] = window
            filled += self.groups[at].bytes
        return windows

    def _group_of(self, row: Any) -> Any:
        return np.searchsorted(self._starts, row, side="right") - 1

    def _images(self, at: int) -> pa.Array:
        """Images of a row group, binary[rows]."""

        def read() -> pa.Array:
            group = self.groups[at]
            with opened(group.address) as file:
                column = file.read_row_group(group.number, [f"{self.image_column}.bytes"]).column(0)
            return column.combine_chunks().field("bytes")

        return self._recent.get(int(at), read, KEPT_BYTES)


def read_table(addresses: Sequence[str], image_column: str, label_column: str) -> Table:
    """Footers and labels of the files. Empty names mean the only column that fits.

    Raises DatasetError where a file can't be read or has no such column.
    """
    groups: list[_Group] = []
    labels: list[npt.NDArray[np.int64]] = []
    digest, names = hashlib.sha256(), ()
    for address in addresses:
        with opened(address) as file:
            image = _image_column(file.schema_arrow, image_column, address)
            label = _label_column(file.schema_arrow, label_column, address)
            image_column, label_column = image, label
            labels.append(_labels(file, label, address))
            footer = file.metadata
            before = 0
            named = _named_classes(footer.metadata or {}, label)
            if names and named and names != named:
                raise DatasetError(
                    f"{address}: names its classes otherwise than {addresses[0]} and others"
                )
            names = names or named
            for number in range(footer.num_row_groups):
                chunks = footer.row_group(number).to_dict()["columns"]
                size = sum(
                    chunk["total_uncompressed_size"]
                    for chunk in chunks
                    if chunk["path_in_schema"] == f"{image}.bytes"
                )
                rows = footer.row_group(number).num_rows
                groups.append(_Group(address, number, before, rows, size))
                before += rows
                digest.update(json.dumps(chunks, default=str, sort_keys=True).encode())
    together = np.concatenate(labels)
    if not len(together):
        raise DatasetError(f"{addresses[0]}: has no rows")
    digest.update(together.tobytes() + image_column.encode())
    return Table(image_column, together, names, digest.hexdigest(), tuple(groups))


@contextlib.contextmanager
def opened(address: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file at a path or an fsspec address. Raises DatasetError."""
    try:
        with fsspec.open(address, "rb") as raw, pq.ParquetFile(raw) as file:
            yield file
    except ImportError as error:  # fsspec says which package an address needs
        raise DatasetError(f"{address}: {error}") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{address}: can't be read as Parquet: {error}") from None


def addresses_of(pattern: str) -> dict[str, str]:
    """Addresses of the .parquet files that a file, folder or pattern stands for, sorted; each with
    its path under that folder, or under what the pattern leaves open: empty for a file itself.

    Raises DatasetError where there is none.
    """
    try:
        system, path = fsspec.core.url_to_fs(pattern)
        above = path.rstrip("/") + "/"
        if system.isdir(path):
            files = system.find(path)
            paths = [each for each in files if fnmatch(PurePosixPath(each).name, "[!.]*.parquet")]
        elif system.exists(path):
            paths, above = [path], path
        else:
            paths = system.glob(path)
            above = re.split(r"[*?[]", path)[0].rpartition("/")[0] + "/"
    except (ImportError, OSError, ValueError) as error:
        raise DatasetError(f"{pattern}: {error}") from None
    if not paths:
        raise DatasetError(f"{pattern}: there is no such Parquet file, and no folder that has any")
    return {
        system.unstrip_protocol(each).removeprefix("file://"): each.removeprefix(above)
        for each in sorted(paths)
    }


def _image_column(schema: pa.Schema, wanted: str, address: str) -> str:
    fitting = [
        each.name
        for each in schema
        if pa.types.is_struct(each.type)
        and each.type.get_field_index("bytes") >= 0
        and each.type.field("bytes").type in (pa.binary(), pa.large_binary())
    ]
    return _chosen(wanted, fitting, schema, address, "image_column", "structs with `bytes`")


def _label_column(schema: pa.Schema, wanted: str, address: str) -> str:
    fitting = [each.name for each in schema if pa.types.is_integer(each.type)]
    if not wanted and "label" in fitting:
        wanted = "label"
    return _chosen(wanted, fitting, schema, address, "label_column", "integers")


def _chosen(
    wanted: str, fitting: list[str], schema: pa.Schema, address: str, setting: str, kind: str
) -> str:
    if wanted in fitting or (not wanted and len(fitting) == 1):
        return wanted or fitting[0]
    raise DatasetError(
        f"{address}: {setting} = {wanted!r} (evaluate: --{setting.replace('_', '-')}): must be one "
        f"of the columns that hold {kind}: "
        f"{', '.join(fitting) or 'there is none'} (of {', '.join(schema.names)})"
    )


def _labels(file: pq.ParquetFile, column: str, address: str) -> npt.NDArray[np.int64]:
    labels = file.read([column]).column(0)
    if labels.null_count:
        row = labels.is_null().index(True).as_py()
        raise DatasetError(f"{address}, row {row}: has no label in its column {column!r}")
    return labels.to_numpy(zero_copy_only=False)


def _named_classes(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...]:
    """Class names where the `datasets` library has left them in the file."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
        return tuple(map(str, names)) if isinstance(names, list) else ()
    except (KeyError, TypeError, ValueError):
        return ()
