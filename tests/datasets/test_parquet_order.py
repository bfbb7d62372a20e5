"""In which order large Parquet files are read, and how much of them is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sweep.contracts import Dataset
from sweep.datasets import parquet_files
from sweep.datasets.in_files import Rows
from sweep.loading.subset import Subset, some
from sweep.settings.registry import make_dataset
from tests.support.image_files import encoded, noise


def write(path: Path, rows: int, *, group: int = 6) -> Path:
    """Row groups of so many images, about 3 KB each."""
    images = [{"bytes": encoded(noise(32, 32, seed=at)), "path": ""} for at in range(rows)]
    table = pa.table({"image": images, "label": [0] * rows})
    pq.write_table(table, path, row_group_size=group, compression="none")
    return path


def rows_of(path: Path) -> Any:
    dataset = make_dataset("parquet", {"path": str(path)})
    assert isinstance(dataset, Dataset)
    records = dataset.records("validation")
    assert isinstance(records, Rows)
    return records


def test_a_small_table_is_shuffled_as_a_whole(tmp_path):
    records = rows_of(write(tmp_path / "x.parquet", 30))
    order = records.order(np.random.default_rng(0))
    assert sorted(order) == list(range(30))
    assert not np.array_equal(order, records.order(np.random.default_rng(1)))
    assert np.array_equal(order, records.order(np.random.default_rng(0)))
    # Every place comes from every part of the table: over many shuffles its mean is the middle.
    rng = np.random.default_rng(2)
    means = np.mean([records.order(rng) for _ in range(500)], axis=0)
    assert np.abs(means - 14.5).max() < 2  # standard deviation 8.7 / sqrt(500) = 0.4


def test_a_large_table_is_shuffled_in_windows_that_can_be_kept(tmp_path, monkeypatch):
    path = write(tmp_path / "x.parquet", 60)
    records = rows_of(path)
    group = max(each.bytes for each in records.records.groups)
    allowed = 4 * group + 1000
    monkeypatch.setattr(parquet_files, "KEPT_BYTES", allowed)
    reads = []
    whole = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda self, number, columns: reads.append(number) or whole(self, number, columns),
    )
    order = records.order(np.random.default_rng(0))
    assert sorted(order) == list(range(60))
    for index in order:
        assert records.read(int(index)).startswith(b"\x89PNG")
        kept = sum(each.nbytes for each in records.records._recent._values.values())
        assert kept <= allowed
    # Each group is read once, though the rows of a window are mixed: two groups in each.
    assert sorted(reads) == list(range(10))
    changes = np.diff(order // 6) != 0
    assert changes.sum() > 20
    # Over the epochs, other groups come together.
    partners = {
        frozenset(records.order(np.random.default_rng(seed))[:12] // 6) for seed in range(20)
    }
    assert len(partners) > 10


def test_row_groups_of_very_different_sizes_are_each_read_once(tmp_path, monkeypatch):
    for number, rows in enumerate((1, 20, 3, 9, 2, 18, 5)):
        write(tmp_path / f"val-{number}.parquet", rows, group=rows)
    records = rows_of(tmp_path)
    total = sum(group.bytes for group in records.records.groups)
    monkeypatch.setattr(parquet_files, "KEPT_BYTES", total // 2)
    reads = []
    opened = parquet_files.opened
    monkeypatch.setattr(
        parquet_files, "opened", lambda address: reads.append(address) or opened(address)
    )
    for seed in range(5):
        reads.clear()
        records.records._recent._values.clear()
        for index in records.order(np.random.default_rng(seed)):
            records.read(int(index))
        assert len(reads) == 7


def test_some_of_a_large_table_is_read_in_windows_too(tmp_path, monkeypatch):
    path = write(tmp_path / "x.parquet", 60)
    records = rows_of(path)
    monkeypatch.setattr(parquet_files, "KEPT_BYTES", 4 * records.records.groups[0].bytes + 2000)
    subset = some(records, 30, seed=0)
    assert isinstance(subset, Subset)
    # Drawn from the whole table, not from the first windows of it.
    assert len({int(row) // 6 for row in subset.indices}) == 10
    order = subset.order(np.random.default_rng(1))
    assert sorted(order) == list(range(30))
    names = [int(subset.name(int(at)).rpartition(" ")[2]) // 6 for at in order]
    # A window holds two groups: at no time are more begun and not yet done.
    for place in range(30):
        assert len(set(names[: place + 1]) & set(names[place:])) <= 2
