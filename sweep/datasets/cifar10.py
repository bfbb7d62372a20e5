"""CIFAR-10: the authors' binary archive, made into Parquet in the layout of Hugging Face.

The archive is six files of records of 3073 bytes: a label, then 32 x 32 values of red, of green
and of blue, row by row (https://www.cs.toronto.edu/~kriz/cifar.html). It is read in memory, by the
exact names of its members; nothing is ever unpacked to the disk, and nothing is a pickle.
"""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from sweep.datasets.fetch import FetchError, Source
from sweep.host.files import replace_file, strays

# The checksum, and 170,052,171 bytes: TensorFlow Datasets, url_checksums/cifar10.txt. The authors'
# page prints the MD5 of the same file, c32a1d4ab5d03f1284b67883e8d87530.
OFFICIAL = Source(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
NAMES = f"{FOLDER}/batches.meta.txt"
SPLITS = {
    "train": tuple(f"{FOLDER}/data_batch_{number}.bin" for number in range(1, 6)),
    "test": (f"{FOLDER}/test_batch.bin",),
}
MEMBERS = frozenset({NAMES, *SPLITS["train"], *SPLITS["test"]})

SIDE = 32
MOST_MEMBERS, MOST_BYTES = 100, 1 << 29  # of an archive; the official one has 8 of 184 MB
RECORD = 1 + 3 * SIDE * SIDE
CLASSES = 10
ROWS = 2500  # images of a row group: about 6 MB, so that a loader can shuffle groups
COLUMNS = [
    ("img", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ("label", pa.int64()),
]
ORIGIN = b"archive_sha256"  # key in the Parquet metadata: the archive that the images came from

Records = npt.NDArray[np.uint8]  # u8[N,RECORD]
Progress = Callable[[int, int], None]  # (images written, images in all)


def parquet_path(folder: Path, split: str) -> Path:
    """Where a split, "train" or "test", lies."""
    return folder / f"{split}-00000-of-00001.parquet"


def stored(folder: Path, sha256: str) -> dict[str, int] | None:
    """Images of each split, where both are there, whole, and of the archive with that checksum.

    None where one is missing or damaged (every page is read and its checksum compared). Raises
    FetchError where one is a sound Parquet file of something else, which must not be overwritten.
    """
    counts: dict[str, int] = {}
    for split in SPLITS:
        path = parquet_path(folder, split)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                if (file.schema_arrow.metadata or {}).get(ORIGIN) != sha256.encode():
                    raise FetchError(
                        f"{path}: not made from the archive with sha256 {sha256}; "
                        "choose another folder, or remove the file"
                    )
                counts[split] = sum(map(len, file.iter_batches(ROWS)))
        except (pa.ArrowException, OSError):
            continue
    return counts if len(counts) == len(SPLITS) else None


def convert(archive: Path, folder: Path, sha256: str, progress: Progress) -> dict[str, int]:
    """Writes the archive's images as Parquet into `folder`; returns the images of each split.

    Column `img`: struct of `bytes`, a PNG (lossless), and `path`, batch and number of the record;
    column `label`: int64. Class names stand in the schema's metadata as the `datasets` library
    writes them. A file appears under its name when it is whole. Raises FetchError where the archive
    is not CIFAR-10's, naming the member, before anything is written.
    """
    contents = _read(archive)
    metadata = _metadata(_class_names(archive, contents[NAMES]), sha256)
    schema = pa.schema(COLUMNS, metadata=metadata)
    batches = {
        split: {PurePosixPath(name).stem: _records(archive, name, contents[name]) for name in names}
        for split, names in SPLITS.items()
    }
    counts = {split: sum(map(len, own.values())) for split, own in batches.items()}
    done = 0

    def write(own: dict[str, Records], file: IO[bytes]) -> None:
        nonlocal done
        options: Any = {"compression": "zstd", "write_page_checksum": True}
        with pq.ParquetWriter(file, schema, **options) as writer:
            for group in _row_groups(own, schema):
                writer.write_table(group)
                done += len(group)
                progress(done, sum(counts.values()))

    try:
        for stray in strays(folder, "|".join(parquet_path(folder, each).name for each in SPLITS)):
            stray.unlink()
        for split, own in batches.items():
            replace_file(parquet_path(folder, split), partial(write, own))
    except OSError as error:
        raise FetchError(str(error)) from error
    return counts


def _read(archive: Path) -> dict[str, bytes]:
    """The members that CIFAR-10 consists of, in one pass: going back in a gzip file is slow."""
    contents: dict[str, bytes] = {}
    passed = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for number, member in enumerate(tar):
                passed += member.size
                if number >= MOST_MEMBERS or passed > MOST_BYTES:
                    raise FetchError(
                        f"{archive}: has more than {MOST_MEMBERS} members, or {MOST_BYTES:,} bytes"
                    )
                if member.name.startswith("/") or ".." in PurePosixPath(member.name).parts:
                    raise FetchError(
                        f'{archive}: member "{member.name}" leads out of the archive; refused'
                    )
                if member.name not in MEMBERS:
                    continue
                content = tar.extractfile(member) if member.isfile() else None
                if content is None or member.name in contents:
                    raise FetchError(f"{archive}: {member.name} must be one regular file")
                contents[member.name] = content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise FetchError(f"{archive}: not a readable .tar.gz: {error}") from error
    missing = sorted(MEMBERS - set(contents))
    if missing:
        raise FetchError(f"{archive}: lacks {', '.join(missing)}")
    return contents


def _class_names(archive: Path, text: bytes) -> tuple[str, ...]:
    lines = map(str.strip, text.decode("ascii", "replace").splitlines())
    names = tuple(filter(None, lines))
    if len(set(names)) != CLASSES or len(names) != CLASSES or not all(map(str.isascii, names)):
        raise FetchError(f"{archive}: {NAMES} must name {CLASSES} classes, a line each")
    return names


def _records(archive: Path, name: str, content: bytes) -> Records:
    if not content or len(content) % RECORD:
        raise FetchError(
            f"{archive}: {name} has {len(content)} bytes: must be records of {RECORD} bytes"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] >= CLASSES)
    if wrong.size:
        raise FetchError(
            f"{archive}: {name}, record {wrong[0]}: label = {records[wrong[0], 0]}: must be 0 to 9"
        )
    return records


def _row_groups(batches: dict[str, Records], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of at most ROWS images, in the archive's order."""
    for name, records in batches.items():
        for start in range(0, len(records), ROWS):
            part = records[start : start + ROWS]
            pixels = part[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
            images = [
                {"bytes": _png(image), "path": f"{name}_{number:05d}.png"}
                for number, image in enumerate(pixels, start)
            ]
            yield pa.table({"img": images, "label": part[:, 0].astype(np.int64)}, schema=schema)


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "png")
    return buffer.getvalue()


def _metadata(class_names: tuple[str, ...], sha256: str) -> dict[bytes, bytes]:
    features = {
        "img": {"_type": "Image"},
        "label": {"names": list(class_names), "_type": "ClassLabel"},
    }
    return {
        b"huggingface": json.dumps({"info": {"features": features}}).encode(),
        ORIGIN: sha256.encode(),
    }
