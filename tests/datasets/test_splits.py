"""Which split a name tells: the keywords and separators of Hugging Face's `datasets`."""

import pytest

from sweep.datasets.splits import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        # From the examples in the documentation of `datasets`, "Structure your repository".
        ("train.csv", "train"),
        ("my_train_file_00001.csv", "train"),
        ("data/train/bee.csv", "train"),
        ("data/validation/0.parquet", "validation"),
        ("my_dataset_dev.parquet", "validation"),
        ("test-file.parquet", "test"),
        ("data/test-00000-of-00001.parquet", "test"),
        ("a b eval c.parquet", "test"),
        ("flowers.valid.parquet", "validation"),
        ("val2017", "validation"),
        ("Training", "train"),
        ("TEST", "test"),
        ("größe_test", "test"),
        # The nearest to the file's own name.
        ("train/test.parquet", "test"),
        ("test/0000.parquet", "test"),
        # Not set off, or of two splits.
        ("latest.parquet", None),
        ("strain", None),
        ("contest", None),
        ("trainval", None),
        ("devil", None),
        ("evaluate", None),
        ("train_test.parquet", None),
        ("0000.parquet", None),
        ("", None),
    ],
)
def test_what_a_name_tells(name, split):
    assert split_of(name) == split
