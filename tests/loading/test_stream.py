"""Batches of decoded images: each image when it is due, whatever decodes them."""

import multiprocessing
import subprocess
import sys
from collections.abc import Generator
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.contracts import Dataset
from sweep.loading import stream
from sweep.loading.crops import CentralCrop, ResizedCrop, resized
from sweep.loading.images import BadImageError
from sweep.loading.in_memory import common_size, decoded
from sweep.loading.left_out import LeftOut
from sweep.loading.order import Epochs
from sweep.loading.stream import PADDING, Batch, evaluation_batches, training_batches
from sweep.loading.subset import some
from sweep.settings.registry import make_dataset
from sweep.testing import is_alive
from sweep.testing.engine import wait_for
from tests.support.commands import children_of, environment
from tests.support.image_files import InMemory, encoded, noise, plain, smooth, write_folder

WHOLE = CentralCrop(1.0)
BOX = ResizedCrop((0.25, 1.0), (0.75, 1.3333))
NO_IMAGE = b"words"


def numbered(count: int, *, bad: tuple[int, ...] = ()) -> InMemory:
    """Images that hold their own number in every pixel; those in `bad` can't be read."""
    return InMemory([NO_IMAGE if at in bad else plain(at % 256) for at in range(count)])


def trained(records, **changes) -> list[Batch]:
    options = {
        "crop": WHOLE, "side": 8, "batch_size": 4, "seed": 5, "start": 0, "steps": 6, "workers": 0,
    } | changes  # fmt: skip
    return list(training_batches(records, **options))


def evaluated(records, *, crop=WHOLE, batch_size=4, workers=0) -> list[Batch]:
    return list(evaluation_batches(records, crop, side=8, batch_size=batch_size, workers=workers))


def numbers(batch: Batch) -> list[int]:
    """Which images are in a batch, by their pixels."""
    assert (batch.images == batch.images[:, :1, :1, :1]).all()
    return batch.images[:, 0, 0, 0].tolist()


def alike(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(one, other)
        for pair in zip(first, second, strict=True)
        for one, other in zip(*pair, strict=True)
    )


# Order


@pytest.mark.parametrize("count", [2, 3])
def test_parts_of_a_batch_are_together_what_one_makes_and_share_no_image(count):
    # No two images, nor two boxes of one, are alike.
    records = InMemory([encoded(noise(16, 20, seed=at)) for at in range(26)])
    whole = trained(records, crop=BOX, batch_size=6, steps=8)
    parts = [
        trained(records, crop=BOX, batch_size=6, steps=8, part=(number, count))
        for number in range(count)
    ]
    for step, batch in enumerate(whole):
        own = [part[step] for part in parts]
        assert [len(each.labels) for each in own] == [6 // count] * count
        for name in ("images", "labels"):
            joined = np.concatenate([getattr(each, name) for each in own])
            assert np.array_equal(joined, getattr(batch, name))
    # An epoch has each image at most once over all parts.
    epoch = [label for part in parts for batch in part[:4] for label in batch.labels.tolist()]
    assert len(set(epoch)) == len(epoch) == 24


def test_an_epoch_has_every_image_once_less_its_last_short_batch():
    batches = trained(numbered(22), steps=15)  # 22 images in batches of 4: 5 of them, 2 left over
    for batch in batches:
        assert numbers(batch) == batch.labels.tolist()
        assert batch.images.shape == (4, 8, 8, 3)
        assert batch.bad.size == 0
    epochs = [np.concatenate([each.labels for each in batches[at : at + 5]]) for at in (0, 5, 10)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 20
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])
    # What is left over is another in each epoch.
    assert len({frozenset(epoch.tolist()) for epoch in epochs}) == 3


def test_another_seed_is_another_order():
    first, again, other = (
        np.concatenate([batch.labels for batch in trained(numbered(24), seed=seed)])
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("start", [1, 5, 6, 13])
def test_starting_at_a_step_gives_what_would_have_come_there(start):
    """Also in the middle of an epoch; random boxes included."""
    records = InMemory([encoded(plain(at, 20 + at, 30)) for at in range(22)])
    whole = trained(records, crop=BOX, steps=16)
    assert alike(trained(records, crop=BOX, start=start, steps=16), whole[start:])


def test_every_step_draws_boxes_of_its_own():
    image = smooth(64, 64)  # its rows and columns can be told apart
    batches = trained(InMemory([image] * 8), crop=BOX, batch_size=8, steps=6)
    seen = {image.tobytes() for batch in batches for image in batch.images}
    assert len(seen) == 48
    other = trained(InMemory([image] * 8), crop=BOX, batch_size=8, steps=6, seed=6)
    assert not seen & {image.tobytes() for batch in other for image in batch.images}


def test_nothing_is_left_to_do_at_the_last_step():
    assert trained(numbered(8), start=6, steps=6) == []


def test_epochs_can_be_asked_for_in_any_order():
    epochs = Epochs(10, 3, 7, lambda rng: rng.permutation(10))
    steps = [epochs.step(number).tolist() for number in range(9)]
    rng = np.random.default_rng(7)
    expected = [rng.permutation(10) for _ in range(3)]  # one shuffle after the other
    assert steps == [each[at : at + 3].tolist() for each in expected for at in (0, 3, 6)]
    assert [epochs.step(number).tolist() for number in reversed(range(9))] == steps[::-1]


def test_some_of_the_images_are_drawn_by_the_seed():
    records = numbered(30)
    subset = some(records, 12, seed=3)
    chosen = subset.labels.tolist()
    assert len(set(chosen)) == 12
    assert chosen == some(records, 12, seed=3).labels.tolist()
    assert chosen != some(records, 12, seed=4).labels.tolist()
    assert [numbers(batch) for batch in evaluated(subset, batch_size=12)] == [chosen]
    assert [subset.name(at) for at in range(12)] == [f"image {each}" for each in chosen]
    assert sorted(subset.order(np.random.default_rng(0))) == list(range(12))
    for all_of_them in (0, 30, 31):
        assert some(records, all_of_them, seed=0) is records


# Evaluation


@pytest.mark.parametrize("batch_size", [1, 7, 20, 23])
def test_evaluation_has_every_image_once_and_in_order(batch_size):
    batches = evaluated(numbered(20), batch_size=batch_size)
    assert {batch.images.shape for batch in batches} == {(batch_size, 8, 8, 3)}
    labels = np.concatenate([batch.labels for batch in batches])
    assert labels[:20].tolist() == list(range(20))
    assert labels.dtype == np.int32
    assert (labels[20:] == PADDING).all()
    assert len(labels) < 20 + batch_size
    assert [each for batch in batches for each in numbers(batch)][:20] == list(range(20))


def test_evaluation_sees_the_middle_of_the_image():
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    (batch,) = evaluated(InMemory([encoded(image)]), crop=CentralCrop(0.875), batch_size=1)
    assert np.array_equal(batch.images[0], resized(image, CentralCrop(0.875)(40, 56), 8))


# Bad images


def test_in_training_the_next_good_image_stands_in_for_a_bad_one():
    records = numbered(12, bad=(3, 4, 11))
    batches = trained(records, steps=3)
    seen = [each for batch in batches for each in numbers(batch)]
    assert all(numbers(batch) == batch.labels.tolist() for batch in batches)
    # 5 for itself and for 3 and 4; 0 for itself and for 11, after which the set begins again.
    assert sorted(seen) == sorted([*({*range(12)} - {3, 4, 11}), 5, 5, 0])
    assert {int(at) for batch in batches for at in batch.bad} == {3, 4, 11}


def test_in_evaluation_a_bad_image_counts_as_padding():
    batches = evaluated(numbered(10, bad=(0, 6)), batch_size=4)
    labels = [batch.labels.tolist() for batch in batches]
    assert labels == [[-1, 1, 2, 3], [4, 5, -1, 7], [8, 9, -1, -1]]
    assert [batch.bad.tolist() for batch in batches] == [[0], [6], []]


def test_training_on_nothing_but_bad_images_ends():
    with pytest.raises(BadImageError, match="no other image can be either"):
        trained(numbered(3, bad=(0, 1, 2)), batch_size=2)


def test_left_out_images_are_told_and_counted_once(caplog):
    left_out = LeftOut(numbered(5, bad=(1, 2)), stop=False)
    for bad in ([], [1], np.array([2, 1]), [1]):
        left_out.see(bad)
    assert len(left_out) == 2
    reason = "not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"
    assert [record.getMessage() for record in caplog.records] == [
        f"left out: image 1: {reason}",
        f"left out: image 2: {reason}",
    ]


def test_a_run_that_is_to_stop_stops_at_the_first_by_name():
    left_out = LeftOut(numbered(5, bad=(1, 2)), stop=True)
    left_out.see([])
    with pytest.raises(BadImageError, match=r"^image 2: not a JPEG, PNG, WebP"):
        left_out.see([2, 1])


# In memory


@pytest.mark.parametrize("hold", ["cropped", "uncropped"])
def test_held_images_are_the_good_ones_in_order(hold, caplog):
    def held(records, *, stop):
        if hold == "cropped":
            return decoded(records, (16, 16), WHOLE, stop=stop, workers=0)
        return decoded(records, (16, 16), None, stop=stop, workers=0)

    records = numbered(300, bad=(0, 7, 299))
    result = held(records, stop=False)
    good = [at for at in range(300) if at not in (0, 7, 299)]
    assert result.images.labels.tolist() == good
    assert result.images.images[:, 0, 0, 0].tolist() == [at % 256 for at in good]
    assert (result.left_out, len(caplog.records)) == (3, 3)
    assert held(numbered(5), stop=True).left_out == 0
    with pytest.raises(BadImageError, match=r"^image 0: "):
        held(records, stop=True)


def test_the_size_that_all_images_have_is_told_from_their_headers():
    same = [encoded(plain(0, 12, 20)), plain(0, 12, 20), NO_IMAGE, OSError("gone")]
    assert common_size(InMemory(same), 10**6) == (12, 20)
    # Four images of 720 bytes.
    assert common_size(InMemory(same), 4 * 720) == (12, 20)
    assert common_size(InMemory(same), 4 * 720 - 1) is None
    assert common_size(InMemory([*same, encoded(plain(0, 20, 12))]), 10**6) is None
    assert common_size(InMemory([NO_IMAGE]), 10**6) is None


# Processes


@pytest.fixture
def photos(tmp_path):
    """Records of 21 JPEGs of different sizes and a file that is no image."""
    rng = np.random.default_rng(0)
    images: dict[str, Any] = {
        f"c{at % 3}/{at:02}.jpg": encoded(
            rng.integers(0, 256, (20 + at, 24, 3), np.uint8), "JPEG", quality=90
        )
        for at in range(21)
    }
    images["c1/bad.jpg"] = b"not an image"
    root = write_folder(tmp_path / "photos", images)
    dataset = make_dataset("imagefolder", {"path": str(root)})
    assert isinstance(dataset, Dataset)
    return dataset.records("validation")


def test_two_processes_change_nothing_and_end_when_nobody_listens(photos, monkeypatch):
    alone = trained(photos, crop=BOX, steps=15)
    bad = {photos.name(int(at)).rpartition("/")[2] for batch in alone for at in batch.bad}
    assert bad == {"bad.jpg"}
    monkeypatch.setattr(stream, "FEW_IMAGES", 0)
    many = training_batches(
        photos, BOX, side=8, batch_size=4, seed=5, start=0, steps=1000, workers=2
    )
    assert isinstance(many, Generator)
    assert alike(list(islice(many, 15)), alone)
    assert len(multiprocessing.active_children()) == 2
    many.close()
    assert not multiprocessing.active_children()


def test_a_process_reads_parquet_as_this_one_does(photos, tmp_path, monkeypatch):
    count = len(photos.labels)
    images = [{"bytes": photos.read(at), "path": ""} for at in range(count)]
    table = pa.table({"image": images, "label": photos.labels})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=5)
    dataset = make_dataset("parquet", {"path": str(tmp_path / "x.parquet")})
    assert isinstance(dataset, Dataset)
    expected = evaluated(photos)
    monkeypatch.setattr(stream, "FEW_IMAGES", 0)
    assert alike(evaluated(dataset.records("validation"), workers=1), expected)


def test_what_ends_a_process_is_told_here(monkeypatch):
    monkeypatch.setattr(stream, "FEW_IMAGES", 0)
    with pytest.raises(
        BadImageError, match=r"^image \d: can't be read, and no other image can be either"
    ):
        trained(numbered(3, bad=(0, 1, 2)), batch_size=2, workers=1)


OF_A_FOLDER = """
import sys
from sweep.loading.crops import CentralCrop
from sweep.loading.stream import evaluation_batches
from tests.support.class_folders import folder

if __name__ == "__main__":
    records = folder(sys.argv[1]).records("train")
    batches = evaluation_batches(records, CentralCrop(1.0), side=8, batch_size=50, workers=1)
    next(batches)
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_what_decodes_ends_with_the_process_that_it_decodes_for(tmp_path):
    images = {f"train/cat/{number:03}.png": plain(1, 4, 4) for number in range(500)}
    root = write_folder(tmp_path / "images", images)
    script = tmp_path / "decodes.py"
    script.write_text(OF_A_FOLDER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(root)],
        env=environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Python's, of what the killed one had
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        (decoding,) = children_of(process.pid, "spawn_main")
        process.kill()
    wait_for(lambda: not is_alive(decoding))
