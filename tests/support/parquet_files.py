"""Tables of encoded images, written by the tests that read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.contracts import Dataset
from sweep.datasets.parquet import Parquet
from sweep.settings.registry import make_dataset
from tests.support.image_files import encoded, plain

IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def parquet(**data: Any) -> Parquet:
    """The data set of these settings."""
    dataset = make_dataset(
        "parquet",
        {key: str(value) if isinstance(value, Path) else value for key, value in data.items()},
    )
    assert isinstance(dataset, Parquet)
    assert isinstance(dataset, Dataset)
    return dataset


def table(
    greys: Iterable[int | None],
    labels: Sequence[int | None] | None = None,
    *,
    image: str = "image",
    label: str = "label",
    names: tuple[str, ...] = (),
    size: int = 16,
    **more: pa.Array,
) -> pa.Table:
    """A row for each grey: a PNG of it (None stands for no bytes)."""
    images = [
        {"bytes": None if grey is None else encoded(plain(grey, size, size)), "path": f"{grey}.png"}
        for grey in greys
    ]
    numbers = pa.array([0] * len(images) if labels is None else labels, pa.int64())
    made = pa.table({image: pa.array(images, IMAGE), label: numbers, **more})
    if names:
        # As the `datasets` library writes it.
        features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
        made = made.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    return made


def write(path: Path, content: pa.Table, **options: Any) -> Path:
    """A Parquet file; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path, **options)
    return path
