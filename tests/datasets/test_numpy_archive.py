"""NumPy archives: shapes and labels that are taken, and words for those that are not."""

from pathlib import Path

import numpy as np
import pytest

from sweep.datasets.numpy_archive import NumpyArchive
from sweep.loading.reading import pixels_of
from sweep.settings.config import SettingsError
from sweep.settings.registry import make_dataset
from tests.support.image_files import noise


def archive(path: Path, **data) -> NumpyArchive:
    dataset = make_dataset("numpy", {"path": str(path), **data})
    assert isinstance(dataset, NumpyArchive)
    return dataset


def save(path: Path, **arrays) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def photos(count: int, seed: int = 0) -> np.ndarray:
    return np.stack([noise(10, 12, seed=seed + number) for number in range(count)])


def refusal(path: Path, **data) -> str:
    with pytest.raises(SettingsError) as caught:
        archive(path, **data).records("validation")
    return str(caught.value)


def test_colour_and_grey_of_either_shape_are_taken(tmp_path):
    colour, labels = photos(4), np.array([0, 2, 1, 2])
    grey = colour[..., 0]
    repeated = np.repeat(grey[..., None], 3, axis=-1)
    for name, images, expected in (
        ("colour", colour, colour),
        ("grey", grey, repeated),
        ("channel", grey[..., None], repeated),
    ):
        path = save(tmp_path / f"{name}.npz", images=images, labels=labels)
        records = archive(path).records("validation")
        found = [pixels_of(records, at) for at in range(4)]
        assert np.array_equal(found, expected)
        assert records.labels.tolist() == [0, 2, 1, 2]
        assert records.name(2) == f"{path}, row 2"
        assert archive(path).base_resolution == 10


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_labels_are_whole_numbers_in_one_column_at_most(tmp_path, dtype, shape):
    labels = np.array([0, 1, 4], dtype).reshape(shape)
    dataset = archive(save(tmp_path / "x.npz", images=photos(3), labels=labels))
    records = dataset.records("validation")
    assert records.labels.tolist() == [0, 1, 4]
    assert records.labels.dtype == np.int32
    assert dataset.class_names == ("0", "1", "2", "3", "4")


def test_other_keys_can_be_named(tmp_path):
    path = save(tmp_path / "x.npz", x=photos(2), y=np.array([1, 0]), z=np.zeros(3))
    found = archive(path, image_key="x", label_key="y").records("validation")
    assert found.labels.tolist() == [1, 0]
    assert refusal(path, image_key="x").startswith(
        f"{path}: has no array 'labels', but x, y, z: give image_key and label_key"
    )


@pytest.mark.parametrize(
    ("images", "labels", "splits"),
    [
        ("x_{}", "y_{}", ("train", "test")),  # Keras's mnist.npz
        ("{}_images", "{}_labels", ("train", "val", "test")),  # MedMNIST
    ],
)
def test_one_file_may_have_arrays_of_each_split(tmp_path, images, labels, splits):
    arrays = {}
    for at, split in enumerate(splits):
        arrays[images.format(split)] = photos(3, seed=10 * at)
        arrays[labels.format(split)] = np.array([[at % 2], [0], [1]], np.uint8)
    path = save(tmp_path / "x.npz", **arrays)
    dataset = archive(path)
    first = splits[1]  # evaluated on: validation before test
    assert np.array_equal(pixels_of(dataset.records("validation"), 2), noise(10, 12, seed=12))
    assert dataset.records("train").labels.tolist() == [0, 0, 1]
    assert dataset.records("validation").labels.tolist() == [1, 0, 1]
    assert dataset.holds_back == ("val" in splits)
    assert any(images.format(first) in note for note in dataset.notes(trains=True))
    chosen = archive(path, split="test")
    assert chosen.records("validation").labels.tolist() == [(len(splits) - 1) % 2, 0, 1]
    assert not chosen.holds_back
    if "val" not in splits:
        assert "split = 'validation': there is train" in refusal(path, split="validation")
        assert chosen.identity() == dataset.identity()


def test_two_files_are_the_two_splits(tmp_path):
    save(tmp_path / "train.npz", images=photos(5), labels=np.array([0, 0, 1, 1, 0]))
    save(tmp_path / "val.npz", images=photos(2, seed=50), labels=np.array([2, 0]))
    dataset = archive(tmp_path)
    assert dataset.class_names == ("0", "1", "2")
    train, validation = dataset.records("train"), dataset.records("validation")
    assert train.labels.tolist() == [0, 0, 1, 1, 0]
    assert np.array_equal(pixels_of(validation, 1), noise(10, 12, seed=51))
    (tmp_path / "train.npz").unlink()
    with pytest.raises(SettingsError, match=r"to train on: .*; there is validation \(val\.npz\)"):
        archive(tmp_path).records("train")


def test_archives_that_could_all_be_meant_are_refused(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / f"{name}.npz", images=photos(1), labels=np.array([0]))
    assert "a.npz and b.npz could all be the validation split: give the one" in refusal(tmp_path)
    assert "a.npz and b.npz could all be the train split" in refusal(tmp_path, validation_share=0.5)


ONE = np.zeros((2, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (ONE.astype(np.float32), [0, 1], "images are float32[2, 4, 4, 3]: must be uint8[N,H,W]"),
        (ONE.astype(np.int64), [0, 1], "images are int64[2, 4, 4, 3]: must be uint8[N,H,W]"),
        (ONE[..., :2], [0, 1], "images are uint8[2, 4, 4, 2]: must be"),
        (ONE[:, :0], [0, 1], "images are uint8[2, 0, 4, 3]: must be"),
        (ONE[0, 0], [0, 1], "images are uint8[4, 3]: must be"),
        (ONE, [0, 1, 2], "labels are int64[3]: must be a whole number for each of 2 images"),
        (ONE, [[0, 1]], "labels are int64[1, 2]: must be a whole number"),
        (ONE, [0.0, 1.0], "labels are float64[2]: must be a whole number"),
        (ONE, ["cat", "dog"], "labels are <U3[2]: must be a whole number"),
        (ONE, 3, "labels are int64[]: must be a whole number"),
        (ONE[:0], [], "must be a whole number for each of 0 images, and at least one"),
        (ONE, [0, -1], "row 1: has label -1: must be in 0..0, one of the classes"),
        (ONE, [-1, -1], "the largest label is -1"),
        (ONE, [0, 10**9], "the largest label is 1000000000"),
        (np.array([ONE[0], None], object), [0, 1], "Object arrays cannot be loaded"),
        (ONE, np.array([0, "x"], object), "Object arrays cannot be loaded"),
    ],
)
def test_other_arrays_are_refused_in_words(tmp_path, images, labels, words):
    path = save(tmp_path / "x.npz", images=images, labels=np.asarray(labels))
    reason = refusal(path)
    assert reason.startswith(str(path))
    assert words in reason


def test_labels_beyond_the_list_are_refused_with_their_row(tmp_path):
    (tmp_path / "list.txt").write_text("ant\nbee\n")
    path = save(tmp_path / "x.npz", images=ONE, labels=np.array([0, 2]))
    assert refusal(path, classes=str(tmp_path / "list.txt")) == (
        f"{path}, row 1: has label 2: must be in 0..1, one of the classes"
    )


def test_what_is_no_archive_is_refused_by_name(tmp_path):
    path = tmp_path / "x.npz"
    for content in (b"", b"words", b"PK\x03\x04 not really"):
        path.write_bytes(content)
        assert refusal(path).startswith(f"{path}: can't be read as .npz: ")
    np.save(tmp_path / "y.npy", ONE)
    path = tmp_path / "y.npy"
    assert refusal(path) == f"{path}: holds one array: must be an .npz of images, labels"
    with pytest.raises(SettingsError, match="there is no such file or folder"):
        archive(tmp_path / "nowhere.npz")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").endswith(
        "empty': has no images to evaluate on: must be named val or test"
    )
    with pytest.raises(SettingsError, match="has no images to evaluate on"):
        _ = archive(tmp_path / "empty").class_names


def test_a_damaged_archive_is_refused_by_name(tmp_path):
    """Cut short, or overwritten somewhere: both the checksum and the unpacking may find it out."""
    path = save(tmp_path / "x.npz", images=photos(500) // 64, labels=np.zeros(500, int))
    whole = path.read_bytes()
    places = range(100, len(whole) - 400, len(whole) // 40)
    cut = [whole[:at] for at in places]
    changed = [
        whole[:at] + bytes([fill]) * 64 + whole[at + 64 :] for at in places for fill in (0, 255)
    ]
    for content in cut + changed:
        path.write_bytes(content)
        assert refusal(path).startswith(f"{path}: can't be read as .npz: ")


def test_identity_changes_with_content_classes_and_split(tmp_path):
    labels = np.arange(8) % 2

    def saved(name: str, **arrays) -> Path:
        return save(tmp_path / name, **{"images": photos(8), "labels": labels} | arrays)

    def identity(path: Path, **data) -> str:
        return str(archive(path, **data).identity())

    first = identity(saved("a.npz"))
    assert identity(saved("b.npz")) == first
    (tmp_path / "list.txt").write_text("ant\nbee\ncat\n")
    changed = {
        first,
        identity(saved("c.npz", images=photos(8, seed=9))),
        identity(saved("d.npz", labels=1 - labels)),
        identity(tmp_path / "a.npz", classes=str(tmp_path / "list.txt")),
        identity(tmp_path / "a.npz", validation_share=0.5),
        identity(tmp_path / "a.npz", validation_share=0.5, split_seed=1),
    }
    assert len(changed) == 6
