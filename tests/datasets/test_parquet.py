"""Images in Parquet files: every row is read right, whichever file, row group or process."""

import pickle
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.loading.images import BadImageError
from sweep.loading.reading import pixels_of
from sweep.settings.config import SettingsError
from tests.support.image_files import encoded, plain
from tests.support.parquet_files import IMAGE, parquet, table, write


def greys_of(records) -> list[int]:
    return [int(pixels_of(records, at)[0, 0, 0]) for at in range(len(records.labels))]


def refusal(**data) -> str:
    with pytest.raises(SettingsError) as caught:
        parquet(**data).records("validation")
    return str(caught.value)


@pytest.fixture
def files(tmp_path) -> Path:
    """Three files of ten rows in groups of 4, 4 and 2: greys 0..29 in training, 100.. after."""
    root = tmp_path / "data"
    for number in range(3):
        first = 10 * number
        write(
            root / f"train-{number:05}-of-00003.parquet",
            table(range(first, first + 10), [at % 3 for at in range(first, first + 10)]),
            row_group_size=4,
        )
    write(root / "validation-00000-of-00001.parquet", table(range(100, 107), [2] * 7))
    return root


def test_every_row_is_read_right_across_files_and_groups(files):
    records = parquet(path=files).records("train")
    assert greys_of(records) == list(range(30))
    assert records.labels.tolist() == [at % 3 for at in range(30)]
    assert records.labels.dtype == np.int32
    assert records.name(17) == str(files / "train-00001-of-00003.parquet") + ", row 7"
    # Backwards, and as another process gets them.
    other = pickle.loads(pickle.dumps(records))  # noqa: S301
    assert [int(pixels_of(other, at)[0, 0, 0]) for at in reversed(range(30))] == [
        *range(29, -1, -1)
    ]


def test_pickling_sends_no_images(files):
    records = parquet(path=files).records("train")
    before = len(pickle.dumps(records))
    greys_of(records)
    assert len(pickle.dumps(records)) == before


def test_files_are_given_as_folder_file_pattern_or_list(files):
    train = files / "train-00000-of-00003.parquet"
    assert greys_of(parquet(path=files).records("validation")) == list(range(100, 107))
    assert greys_of(parquet(validation=(str(train),)).records("validation")) == list(range(10))
    some_of_them = parquet(train=(f"{files}/train-0000[02]*",), validation=(str(train),))
    assert greys_of(some_of_them.records("train")) == [*range(10), *range(20, 30)]
    assert parquet(path=f"{files}/*.parquet").records("train").labels.size == 30


def test_a_folder_may_be_deep_and_have_odd_names(tmp_path):
    root = tmp_path / "a [b] * ü"
    write(root / "data" / "train.parquet", table([1, 2]))
    write(root / "data" / "test.parquet", table([3]))
    (root / "data" / "._test.parquet").write_bytes(b"a Mac has been here")
    (root / "README.md").write_text("not a table")
    dataset = parquet(path=root)
    assert greys_of(dataset.records("train")) == [1, 2]
    assert greys_of(dataset.records("validation")) == [3]
    assert greys_of(parquet(path=root / "data" / "test.parquet").records("validation")) == [3]


def test_folders_tell_the_split_where_files_do_not(tmp_path):
    """As Hugging Face's own conversion lays them out."""
    write(tmp_path / "train" / "0000.parquet", table([1, 2]))
    write(tmp_path / "validation" / "0000.parquet", table([3]))
    write(tmp_path / "test" / "0000.parquet", table([4]))
    assert greys_of(parquet(path=tmp_path).records("train")) == [1, 2]
    assert greys_of(parquet(path=tmp_path).records("validation")) == [3]
    write(tmp_path / "train" / "test.parquet", table([5]))
    assert greys_of(parquet(path=tmp_path / "train").records("validation")) == [5]


def test_names_above_the_folder_tell_nothing(tmp_path):
    root = tmp_path / "test" / "flowers"
    write(root / "latest.parquet", table([1]))
    write(root / "strain.parquet", table([2]))
    dataset = parquet(path=root)
    assert greys_of(dataset.records("validation")) == [1, 2]
    assert dataset.notes(trains=False) == (
        "no name tells a split: evaluated on all of latest.parquet and strain.parquet",
    )
    # A file that is named is meant, whatever its name.
    train = write(root / "train.parquet", table([3]))
    assert greys_of(parquet(path=train).records("validation")) == [3]
    assert "to evaluate on: must be named val or test; there is train" in refusal(
        path=write(tmp_path / "only" / "train.parquet", table([3])).parent
    )


def test_an_address_that_fsspec_knows():
    with fsspec.open("memory://set/test.parquet", "wb") as file:
        pq.write_table(table([5, 6, 7]), file)
    records = parquet(path="memory://set").records("validation")
    assert greys_of(records) == [5, 6, 7]
    assert records.name(2) == "memory:///set/test.parquet, row 2"


def test_a_share_is_split_off_and_both_are_complete(files):
    splits = [
        greys_of(parquet(path=files, validation_share=0.3, split_seed=1).records(split))
        for split in ("train", "validation")
    ]
    assert sorted(splits[0] + splits[1]) == [*range(30), *range(100, 107)]
    assert len(splits[1]) in (11, 12)
    assert parquet(path=files, validation_share=0.3).notes(trains=True) == (
        "validation_share is taken of all files alike: train (3, the first "
        "train-00000-of-00003.parquet) and validation (validation-00000-of-00001.parquet)",
    )


# Columns and classes


def test_columns_are_found_or_named(tmp_path):
    content = table([4], [1], image="photo", label="kind", other=pa.array([0]))
    path = write(tmp_path / "x.parquet", content)
    assert "label_column = ''" in refusal(path=path)
    records = parquet(path=path, label_column="kind").records("validation")
    assert (greys_of(records), records.labels.tolist()) == ([4], [1])
    named = parquet(path=path, image_column="photo", label_column="other").records("validation")
    assert named.labels.tolist() == [0]


def test_a_missing_column_lists_what_there_is(tmp_path):
    path = write(tmp_path / "x.parquet", table([1]))
    assert refusal(path=path, image_column="img") == (
        f"{path}: image_column = 'img' (evaluate: --image-column): must be one of "
        "the columns that hold structs with `bytes`: image (of image, label)"
    )
    said = "(evaluate: --label-column): must be one of the columns that hold integers: label"
    assert f"label_column = 'text' {said}" in refusal(path=path, label_column="text")
    write(path, pa.table({"image": [{"bytes": "words"}], "label": [1]}))
    assert "there is none (of image, label)" in refusal(path=path)


def test_classes_have_the_names_that_the_files_give_them(tmp_path):
    path = write(tmp_path / "x.parquet", table([1, 2], [1, 0], names=("ant", "bee", "cat")))
    assert parquet(path=path).class_names == ("ant", "bee", "cat")


def test_labels_without_names_are_numbers_up_to_the_largest_of_any_split(files):
    assert parquet(path=files).class_names == ("0", "1", "2")
    write(files / "validation-00000-of-00001.parquet", table([1], [4]))
    assert parquet(path=files).class_names == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0, 1, -1], "row 2: has label -1: must be in 0..1, one of the classes"),
        ([0, 2, 1], "row 1: has label 2: must be in 0..1, one of the classes"),
        ([0, None, 1], "row 1: has no label in its column 'label'"),
    ],
)
def test_a_label_that_is_none_is_refused_with_its_file_and_row(tmp_path, labels, reason):
    write(tmp_path / "val-0.parquet", table([1, 2], [0, 1], names=("a", "b")))
    path = write(tmp_path / "val-1.parquet", table([1, 2, 3], labels))
    assert refusal(path=tmp_path) == f"{path}, {reason}"


@pytest.mark.parametrize("label", [-1, 2**40])
def test_labels_that_number_no_classes_are_refused(tmp_path, label):
    path = write(tmp_path / "x.parquet", table([1], [label]))
    assert f"the largest label is {label}" in refusal(path=path)


# What can be wrong with the files


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "can't be read as Parquet"),
        (b"PAR1 and then nothing of the kind PAR1", "can't be read as Parquet"),
        (None, "there is no such Parquet file"),
    ],
)
def test_what_is_no_parquet_file_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    assert refusal(path=path).startswith(f"{path}: {words}")


def test_other_settings_that_lead_nowhere_are_refused(tmp_path):
    assert "and no folder that has any" in refusal(path=tmp_path)
    assert "give either path, or train and validation" in refusal()
    assert "nosuch" in refusal(path="nosuch://bucket/x.parquet")
    path = write(tmp_path / "x.parquet", table([1]))
    assert "validation = []: has no images to evaluate on" in refusal(train=(str(path),))


def test_a_table_without_rows_is_refused(tmp_path):
    path = write(tmp_path / "x.parquet", table([]))
    assert refusal(path=path) == f"{path}: has no rows"
    # Beside others it is no matter.
    write(tmp_path / "y.parquet", table([1]))
    assert greys_of(parquet(path=tmp_path).records("validation")) == [1]


def test_a_file_cut_short_is_refused(files):
    path = files / "validation-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(path=files).startswith(f"{path}: can't be read as Parquet")


def test_a_row_without_an_image_is_a_bad_image_by_name(tmp_path):
    path = write(tmp_path / "x.parquet", table([1, None, 3]))
    records = parquet(path=path).records("validation")
    assert pixels_of(records, 2)[0, 0, 0] == 3
    reason = "can't be read: the row has no bytes in its column 'image'"
    with pytest.raises(BadImageError, match=f"^{path}, row 1: {reason}"):
        pixels_of(records, 1)

    no_struct = pa.array([None, {"bytes": encoded(plain(7)), "path": ""}], IMAGE)
    write(path, pa.table({"image": no_struct, "label": [0, 0]}))
    records = parquet(path=path).records("validation")
    assert pixels_of(records, 1)[0, 0, 0] == 7
    with pytest.raises(BadImageError, match=f"row 0: {reason}"):
        pixels_of(records, 0)


def test_the_base_resolution_is_the_first_images_height_up_to_224(tmp_path):
    assert parquet(path=write(tmp_path / "a.parquet", table([1], size=24))).base_resolution == 24
    assert parquet(path=write(tmp_path / "b.parquet", table([1], size=300))).base_resolution == 224
    assert parquet(path=write(tmp_path / "c.parquet", table([None]))).base_resolution == 224


def test_identity_changes_with_content_columns_and_split_and_not_with_the_path(tmp_path):
    def identity(**data) -> str:
        return str(parquet(**data).identity())

    path = write(tmp_path / "x.parquet", table([1, 2], [0, 1], other=pa.array([1, 0])))
    first = identity(path=path)
    moved = path.rename(tmp_path / "y.parquet")
    assert identity(path=moved) == first
    changed = {
        first,
        identity(path=moved, label_column="other"),
        identity(path=moved, validation_share=0.5),
        identity(path=moved, validation_share=0.5, split_seed=1),
        identity(path=write(tmp_path / "z.parquet", table([1, 3], [0, 1]))),
        identity(path=write(tmp_path / "z.parquet", table([1, 2], [1, 0]))),
        identity(path=write(tmp_path / "z.parquet", table([1, 2], [0, 1], names=("a", "b")))),
    }
    assert len(changed) == 7
