"""What every data set keeps."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar, Literal

import numpy as np

from sweep.contracts import Dataset
from sweep.testing.settings import SettingsContract
from sweep.types import Images, Splits

Split = Literal["train", "validation", "test"]
SOME = 8  # images that are looked at


class DatasetContract(SettingsContract):
    """Derive from it, and pytest runs these tests on your data set. splits: those that one with
    `records` has, "test" among them where it `holds_back` such images.
    """

    splits: ClassVar[tuple[Split, ...]] = ("train", "validation")

    def dataset(self, **settings: Any) -> Dataset:
        """Yours, a small one by default, but for the settings given."""
        raise NotImplementedError

    def part(self, **settings: Any) -> Dataset:
        return self.dataset(**settings)

    def test_it_is_a_data_set_and_names_its_classes(self) -> None:
        dataset = self.dataset()
        assert isinstance(dataset, Dataset)
        assert all(isinstance(each, str) for each in dataset.class_names)
        assert len(set(dataset.class_names)) == len(dataset.class_names) > 1
        assert dataset.base_resolution >= 1
        assert isinstance(dataset.class_order(), str)

    def test_what_it_notes_are_sentences(self) -> None:
        for trains in (True, False)[len(self.splits) == 1 :]:
            notes = self.dataset().notes(trains=trains)
            assert isinstance(notes, tuple)
            assert all(isinstance(each, str) and each for each in notes)

    def test_it_draws_as_many_images_as_asked_for_of_that_side_the_same_each_time(self) -> None:
        if self.dataset().in_files:
            return
        first, again, other = (self._drawn(seed) for seed in (3, 3, 4))
        assert first.train.images.shape[:3] == (2 * SOME, 16, 16)
        assert first.test.images.shape[:3] == (SOME, 16, 16)
        for images, same, others in (
            (first.train, again.train, other.train),
            (first.test, again.test, other.test),
        ):
            self._check_images(images)
            np.testing.assert_array_equal(images.images, same.images)
            np.testing.assert_array_equal(images.labels, same.labels)
            assert not np.array_equal(images.images, others.images)

    def test_what_it_holds_back_is_as_what_it_evaluates_on_and_other_images(self) -> None:
        dataset = self.dataset()
        assert isinstance(dataset.holds_back, bool)
        if dataset.in_files:
            assert dataset.holds_back == ("test" in self.splits)
        elif dataset.holds_back:
            first, again, other = (
                dataset.held_back(16, test=SOME, seed=seed) for seed in (3, 3, 4)
            )
            self._check_images(first)
            assert first.images.shape == self._drawn(3).test.images.shape
            np.testing.assert_array_equal(first.images, again.images)
            for others in (other, self._drawn(3).test):
                assert not np.array_equal(first.images, others.images)

    def test_it_hands_out_an_image_and_a_label_for_each_record(self) -> None:
        dataset = self.dataset()
        for split in self.splits if dataset.in_files else ():
            records = dataset.records(split)
            self._check_labels(records.labels)
            for index in range(min(SOME, len(records.labels))):
                assert isinstance(records.name(index), str)
                image = records.read(index)
                assert isinstance(image, bytes) or image.dtype == np.uint8
                assert isinstance(image, bytes) or image.shape[2:] == (3,)

    def test_an_epoch_of_its_records_has_each_once_in_the_order_of_the_seed(self) -> None:
        dataset = self.dataset()
        for split in self.splits if dataset.in_files else ():
            records = dataset.records(split)
            first, again = (records.order(np.random.default_rng(3)) for _ in range(2))
            assert sorted(first) == list(range(len(records.labels)))
            np.testing.assert_array_equal(first, again)

    def test_its_records_can_be_sent_to_a_process(self) -> None:
        dataset = self.dataset()
        for split in self.splits if dataset.in_files else ():
            records = dataset.records(split)
            copy = pickle.loads(pickle.dumps(records))  # noqa: S301
            assert copy.name(0) == records.name(0)
            np.testing.assert_array_equal(copy.read(0), records.read(0))

    def _drawn(self, seed: int) -> Splits:
        return self.dataset().load(16, train=2 * SOME, test=SOME, seed=seed)

    def _check_images(self, images: Images) -> None:
        assert images.images.dtype in (np.float32, np.uint8)
        assert images.images.shape[3] in (1, 3)
        assert len(images.labels) == len(images.images)
        self._check_labels(images.labels)

    def _check_labels(self, labels: Any) -> None:
        assert labels.dtype == np.int32
        assert labels.ndim == 1
        assert len(labels)
        assert 0 <= labels.min() <= labels.max() < len(self.dataset().class_names)
