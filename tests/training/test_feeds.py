"""Images in files as training and evaluation are fed with them, resident or streamed."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flax import nnx

from sweep.loading import in_memory
from sweep.loading.images import BadImageError, decode
from sweep.loading.recent import Recent
from sweep.settings.config import AccuracySettings, SettingsError
from sweep.training import evaluation_images
from sweep.training.augment import as_floats
from sweep.training.evaluation import evaluate
from sweep.training.evaluation_images import TestImages
from sweep.training.feeds import ResidentFeed, StreamFeed
from sweep.training.sources import ImageSource
from tests.support.image_files import encoded, noise, plain, write_folder

SIDE = 16


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    """Images that another test has held are of another folder."""
    monkeypatch.setattr(in_memory, "DECODED", Recent(in_memory.DECODED._nbytes))


def photographs(root: Path, *, sizes=((24, 24),), bad: tuple[str, ...] = ()) -> Path:
    """30 to train on and 11 to evaluate on, in three classes; files in `bad` are no images."""
    images = {}
    for split, count in (("train", 30), ("val", 11)):
        for at in range(count):
            height, width = sizes[at % len(sizes)]
            pixels = noise(height, width, seed=at + (1000 if split == "val" else 0))
            images[f"{split}/c{at % 3}/{at:02}.png"] = encoded(pixels)
    images |= dict.fromkeys(bad, b"no image")
    return write_folder(root, images)


def source(root: Path, **changes) -> ImageSource:
    options = {"batch_size": 4, "symmetry": "none"} | changes
    return ImageSource(AccuracySettings(dataset="imagefolder", data={"path": str(root)}, **options))


def pixels_and_labels(test: TestImages) -> tuple[np.ndarray, np.ndarray]:
    batches = list(test)
    labels = np.concatenate([labels for _, labels in batches])
    return np.concatenate([pixels for pixels, _ in batches])[labels >= 0], labels[labels >= 0]


def steps_of(feed, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(images, labels) of the first steps, as the compiled step takes them."""
    return [
        (np.asarray(call.images)[indices], np.asarray(call.labels)[indices])
        for call in feed.calls(0, count)
        for indices in call.indices
    ]


def test_resident_and_streamed_images_are_the_same(tmp_path):
    """The same pixels in the same order, in training and in evaluation, for the middle of images:
    where they are kept is no matter.
    """
    root = photographs(tmp_path, sizes=((24, 24), (30, 40)))
    resident, test = source(root).training(SIDE)
    streamed, other_test = source(root, cache_mb=0).training(SIDE)
    assert isinstance(resident, ResidentFeed)
    assert isinstance(streamed, StreamFeed)
    assert resident.steps_per_epoch == streamed.steps_per_epoch == 7
    pairs = zip(steps_of(resident, 16), steps_of(streamed, 16), strict=True)
    for ours, theirs in pairs:
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    for ours, theirs in zip(pixels_and_labels(test), pixels_and_labels(other_test), strict=True):
        assert np.array_equal(ours, theirs)
    assert len(test) == 11


def test_what_a_feed_says_of_its_images_is_so(tmp_path):
    root = photographs(tmp_path)
    for changes in ({}, {"crop": "resized"}, {"cache_mb": 0}, {"crop": "resized", "cache_mb": 0}):
        feed, _ = source(root, **changes).training(SIDE)
        (call,) = feed.calls(3, 4)
        assert call.images.shape == feed.images.shape
        assert call.images.dtype == feed.images.dtype == np.uint8
        assert call.indices.shape == (1, 4)
        batch = jnp.asarray(call.images)[call.indices[0]]
        seen = jax.jit(feed.augmented)(batch, jax.random.key(0))
        assert (seen.shape, seen.dtype) == ((4, SIDE, SIDE, 3), jnp.float32)
        assert float(jnp.abs(seen).max()) <= 1 + 1e-6


@pytest.mark.parametrize("cache_mb", [0, 1024])
def test_training_that_starts_again_at_a_step_goes_on_as_it_would_have(tmp_path, cache_mb):
    feed, _ = source(photographs(tmp_path), cache_mb=cache_mb).training(SIDE)
    whole, rest = list(feed.calls(0, 12)), list(feed.calls(9, 12))
    for one, other in zip(whole[9:], rest, strict=True):
        assert np.array_equal(one.indices, other.indices)
        assert np.array_equal(one.images, other.images)


def test_a_random_box_of_everything_is_the_image_itself(tmp_path):
    everything = {"crop": "resized", "crop_area": (1.0, 1.0), "crop_aspect": (1.0, 1.0)}
    root = photographs(tmp_path, sizes=((SIDE, SIDE),))
    feed, _ = source(root, **everything).training(SIDE)
    images = jnp.asarray(next(iter(feed.calls(0, 1))).images)[:4]
    seen = feed.augmented(images, jax.random.key(0))
    np.testing.assert_allclose(seen, as_floats(images), atol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "changes", "streams"),
    [
        ([(24, 24)], {}, False),
        ([(24, 24)], {"crop": "resized"}, False),
        ([(24, 24), (24, 30)], {}, False),  # cropped, they are of one size
        ([(24, 24), (24, 30)], {"crop": "resized"}, True),
        ([(24, 24)], {"cache_mb": 0}, True),
        ([(24, 24)], {"crop": "resized", "cache_mb": 0}, True),
        # 30 images of 256 * 256 * 3 bytes are 5.6 MiB.
        ([(24, 24)], {"base_resolution": 256, "cache_mb": 5}, True),
        ([(24, 24)], {"base_resolution": 256, "cache_mb": 6}, False),
    ],
)
def test_images_stay_on_the_device_where_they_fit(tmp_path, sizes, changes, streams):
    made = source(photographs(tmp_path, sizes=sizes), **changes)
    assert made.streams == streams
    feed, _ = made.training(made.base_resolution)
    assert isinstance(feed, StreamFeed if streams else ResidentFeed)


def test_as_many_images_as_the_settings_say_and_the_same_for_the_same_seed(tmp_path):
    root = photographs(tmp_path)

    def chosen(**changes) -> tuple[set[bytes], set[bytes]]:
        feed, test = source(root, train_images=8, test_images=5, **changes).training(SIDE)
        assert feed.steps_per_epoch == 2
        assert len(test) == 5
        seen = np.concatenate([images for images, _ in steps_of(feed, 2)])
        return {each.tobytes() for each in seen}, {
            each.tobytes() for each in pixels_and_labels(test)[0]
        }

    first = chosen(seed=1)
    assert [len(each) for each in first] == [8, 5]
    assert chosen(seed=1) == chosen(seed=1, cache_mb=0) == first
    other = chosen(seed=2)
    assert other[0] != first[0]
    assert other[1] != first[1]
    counts = source(root, train_images=8, test_images=5)
    assert (counts.train_images, counts.test_images) == (8, 5)
    every = source(root, train_images=1000, test_images=1000)
    assert (every.train_images, every.test_images) == (30, 11)


def test_a_batch_larger_than_the_set_is_refused_in_words(tmp_path):
    root = photographs(tmp_path)
    for cache_mb in (0, 1024):
        with pytest.raises(SettingsError) as caught:
            source(root, batch_size=31, cache_mb=cache_mb).training(SIDE)
        assert str(caught.value) == (
            "accuracy.batch_size = 31: there are only 30 images to train on"
        )


# Bad images

BAD = ("train/c0/00.png", "train/c2/a text.jpg", "val/c1/01.png")
WAYS = pytest.mark.parametrize(
    "way", [{}, {"cache_mb": 0}, {"crop": "resized"}, {"crop": "resized", "cache_mb": 0}]
)


@WAYS
@pytest.mark.parametrize("bad", BAD)
def test_a_run_stops_at_a_bad_image_and_names_it(tmp_path, way, bad):
    root = photographs(tmp_path, bad=(bad,))
    with pytest.raises(BadImageError) as caught:  # noqa: PT012 - it may come early or late
        feed, test = source(root, **way).training(SIDE)
        list(feed.calls(0, 14))
        list(test)
    why, _, remedy = str(caught.value).partition(" (")
    assert why == f"{root / bad}: not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"
    assert 'accuracy.bad_images = "skip"' in remedy


@WAYS
def test_a_run_may_go_on_without_bad_images_and_counts_each_once(tmp_path, way, caplog):
    root = photographs(tmp_path, bad=BAD)
    feed, test = source(root, bad_images="skip", **way).training(SIDE)
    for images, labels in steps_of(feed, 21):  # three epochs
        assert images.shape[0] == len(labels) == 4
        assert set(labels.tolist()) <= {0, 1, 2}
        # No batch holds memory that nothing was decoded into.
        assert all(len(np.unique(image)) > 50 for image in images)
    _, labels = pixels_and_labels(test)
    assert len(labels) == 10
    assert np.bincount(labels).tolist() == [4, 3, 3]
    assert feed.left_out() == 2
    assert test.left_out() == 1
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert sorted(told) == sorted(
        f"left out: {root / name}: not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"
        for name in BAD
    )


# Evaluation


class Reader(nnx.Module):
    """Tells the class that is written in the image's grey, 20 levels a class."""

    def __call__(self, images: jax.Array) -> jax.Array:
        levels = jnp.round((images[:, 0, 0, 0] + 1) * 127.5).astype(jnp.int32)
        return jax.nn.one_hot(levels // 20, 10)


@pytest.mark.parametrize("batch", [1, 7, 23, 24, 26])
def test_every_file_is_scored_exactly_once_whatever_the_batch(tmp_path, batch, monkeypatch):
    """Of 24 images every third shows the class it lies in, the others the next one."""
    images: dict[str, np.ndarray] = {}
    for at in range(24):
        label = at % 8
        images[f"c{label}/{at}.png"] = plain(20 * (label if at % 3 == 0 else label + 1) + 3)
    root = write_folder(tmp_path, images)
    monkeypatch.setattr(evaluation_images, "EVALUATION_PIXELS", batch * SIDE**2)
    test = source(root).evaluation(SIDE)
    assert {len(labels) for _, labels in test} == {min(batch, 24)}
    score = evaluate(Reader(), test)
    assert (score.images, score.top1) == (24, 8)
    (root / "c0" / "0.png").write_bytes(b"")  # it showed its class
    test = source(root, bad_images="skip").evaluation(SIDE)
    score = evaluate(Reader(), test)
    assert (score.images, score.top1, test.left_out()) == (23, 7, 1)


def test_a_network_is_evaluated_on_the_images_that_its_training_was():
    drawn = ImageSource(AccuracySettings(dataset="tests.support.toys:Brightness"))
    (pixels, labels), *_ = drawn.evaluation(SIDE)
    (same_pixels, same_labels), *_ = drawn.training(SIDE)[1]
    assert np.array_equal(pixels, same_pixels)
    assert np.array_equal(labels, same_labels)


def as_numpy(path: Path, files: list[Path], labels: list[int]) -> None:
    images = np.stack([decode(file.read_bytes(), file.name) for file in files])
    np.savez(path.with_suffix(".npz"), images=images, labels=labels)


def as_parquet(path: Path, files: list[Path], labels: list[int]) -> None:
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    pq.write_table(pa.table({"image": images, "label": labels}), path.with_suffix(".parquet"))


@pytest.mark.parametrize(("dataset", "write"), [("numpy", as_numpy), ("parquet", as_parquet)])
def test_the_same_images_in_another_form_feed_alike(tmp_path, dataset, write):
    root = photographs(tmp_path / "folder")
    for split in ("train", "val"):
        files = sorted((root / split).glob("*/*.png"))
        write(tmp_path / split, files, [int(file.parent.name[1]) for file in files])
    settings = AccuracySettings(
        dataset=dataset, data={"path": str(tmp_path)}, batch_size=4, symmetry="none"
    )
    feed, test = ImageSource(settings).training(SIDE)
    expected_feed, expected_test = source(root).training(SIDE)
    for ours, theirs in zip(pixels_and_labels(test), pixels_and_labels(expected_test), strict=True):
        assert np.array_equal(ours, theirs)
    assert isinstance(feed, ResidentFeed)
    assert isinstance(expected_feed, ResidentFeed)
    assert np.array_equal(feed.train.images, expected_feed.train.images)
    assert np.array_equal(feed.train.labels, expected_feed.train.labels)
