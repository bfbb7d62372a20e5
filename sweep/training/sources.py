"""A data set and the settings -> what training and evaluation are fed with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep.contracts import Dataset, Records
from sweep.datasets.records import DatasetError
from sweep.datasets.splits import Split
from sweep.host.files import is_there
from sweep.loading.recent import Recent
from sweep.loading.subset import Subset, some
from sweep.settings.config import AccuracySettings, SettingsError, digest_of
from sweep.settings.registry import make_dataset
from sweep.training import speed
from sweep.training.evaluation_images import TestImages
from sweep.training.feeds import Feed, ResidentFeed, StreamFeed, decoding_processes
from sweep.types import Images, Splits, listed

if TYPE_CHECKING:
    from sweep.types import Point

# Images that a source without an end is asked for where the settings name no number.
DRAWN_TRAIN, DRAWN_TEST = 10_000, 4_000
MEBIBYTE = 1 << 20
SPLITS: tuple[Split, ...] = ("train", "validation")
IMAGENET_CLASSES = 1000
MOST_NAMED = 3  # classes, in a note
READ_FOR_CONTENT = 20_000  # images, at most, that are told apart by it
LOOK_S = 30.0  # that a first look at a split takes at most
# Of drawn images that are kept for the next network of the same size: of the default's four sizes.
DRAWN_BYTES = 256 * MEBIBYTE


def _nbytes(drawn: Splits | Images) -> int:
    parts = (drawn,) if isinstance(drawn, Images) else (drawn.train, drawn.test)
    return sum(each.images.nbytes for each in parts)


def _texts(data: Any) -> Iterator[str]:
    """All texts in plain data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list | tuple):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _texts(each)


def _marks(records: Records, *, content: bool) -> Iterator[object]:
    """What tells each image from others: its content, else its name."""
    for index in range(len(records.labels)):
        if not content:
            yield str(Path(records.name(index)).resolve())
            continue
        try:
            data = records.read(index)
        except OSError:
            continue
        yield hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).digest()


@dataclass(frozen=True)
class ImageSource:
    """The data set that the settings name, with what they say of it."""

    settings: AccuracySettings
    _recent: Recent[Any] = field(default_factory=lambda: Recent(_nbytes), compare=False)

    @cached_property
    def dataset(self) -> Dataset:
        """Raises SettingsError or UnknownPartError where there is no such thing."""
        return make_dataset(self.settings.dataset, self.settings.data)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The data set's, which may take reading all of it: once is enough."""
        return self.dataset.identity()

    def check(self) -> None:
        """Raises SettingsError where the settings and the images don't fit."""
        try:
            self._check()
        except (DatasetError, OSError) as error:  # such as a path that is too long for one
            raise SettingsError(f"accuracy.data: {error}") from None

    def _check(self) -> None:
        if self.dataset.in_files:
            import sweep.loading.stream  # noqa: F401 - what is not installed is told at once

        settings, classes = self.settings, len(self.dataset.class_names)
        if self.title.lower() == "imagenet" and classes != IMAGENET_CLASSES:
            raise SettingsError(
                f'accuracy.title = "{self.title}": the data set has {classes} classes, not '
                f"{IMAGENET_CLASSES}: its accuracies would be set beside the paper's"
            )
        if settings.source in ("train", "shared") and settings.batch_size > self.train_images:
            raise self._too_few(self.train_images)

    def _too_few(self, images: int) -> SettingsError:
        return SettingsError(
            f"accuracy.batch_size = {self.settings.batch_size}: there are only {images} images to "
            "train on"
        )

    @property
    def title(self) -> str:
        """What the plan and the page call it; readings have the data set's own name."""
        return self.settings.title or self.dataset.name

    def side(self, point: Point) -> int:
        """Of the images that the point is trained and scored on, in pixels: as it is deployed where
        they come in files; rho times the base resolution where the settings name one, or the data
        set draws images of its own size.
        """
        if self.dataset.in_files and not self.settings.base_resolution:
            return point.resolution
        return round(point.rho * self.base_resolution)

    @property
    def base_resolution(self) -> int:
        """Side in pixels at rho = 1; of images in files, unless the settings say, their own."""
        return self.settings.base_resolution or self.dataset.base_resolution

    @cached_property
    def streams(self) -> bool:
        """Whether training images are decoded for every batch, going by the base resolution: one
        answer for all points, since it decides whether they can be trained side by side.
        """
        return self.streamed_at(self.base_resolution)

    def streamed_at(self, side: int) -> bool:
        """Whether those of that side in pixels are."""
        return self.dataset.in_files and not self._fits(side)

    @property
    def local_files(self) -> tuple[str, ...]:
        """Files and folders of this machine that the data set's own settings name."""
        return tuple(each for each in _texts(self.settings.data) if each and is_there(Path(each)))

    @property
    def train_images(self) -> int:
        if self.dataset.in_files:
            return len(self._records("train").labels)
        return self.settings.train_images or DRAWN_TRAIN

    @property
    def test_images(self) -> int:
        if self.dataset.in_files:
            return len(self._records("validation").labels)
        return self.settings.test_images or DRAWN_TEST

    @cached_property
    def holds_back(self) -> bool:
        """Whether networks are scored on images, too, that nothing is chosen by."""
        return self.settings.held_back and self.dataset.holds_back

    @property
    def held_back_images(self) -> int:
        if not self.holds_back:
            return 0
        return len(self._records("test").labels) if self.dataset.in_files else self.test_images

    @property
    def said_held_back(self) -> str:
        """At the end of a sentence about the images: ", 4,000 held back"; empty where none are."""
        return f", {self.held_back_images:,} held back" if self.holds_back else ""

    @property
    def draws_test_images(self) -> bool:
        """Whether the seed tells which images are evaluated on."""
        if not self.dataset.in_files:
            return True
        return self.test_images < len(self.dataset.records("validation").labels)

    @cached_property
    def decode_s(self) -> float:
        """Seconds that a process takes to make a training image, timed on a few."""
        return speed.decode_s(self._records("train"), self.base_resolution)

    def enlarged(self, sides: Sequence[int]) -> tuple[str, ...]:
        """A sentence where images are shown larger than they are, by the middle one of a few.
        sides: in pixels, that they are shown at.
        """
        if not self.dataset.in_files:
            return ()
        own = speed.shorter_side(self._records("validation"))
        larger = [str(side) for side in sides if side > own > 0]
        if not larger:
            return ()
        return (
            f"the images' shorter side is {own} px: at {listed(larger)} px they are enlarged, and "
            "show no more",
        )

    @cached_property
    def never_learned(self) -> tuple[str, ...]:
        """Classes that there are images of to evaluate on, but none to train on."""
        if not self.dataset.in_files:
            return ()
        seen, asked = (set(self._records(split).labels.tolist()) for split in SPLITS)
        names = self.dataset.class_names
        return tuple(names[label] for label in sorted(asked - seen))

    @property
    def told_classes(self) -> tuple[str, ...]:
        """What to know of the classes where others have trained the network: the order that they
        are taken in, where the user has not said it, and which of them there are no images of.
        """
        names, order = self.dataset.class_names, self.dataset.class_order()
        told = [f"order of the classes: {order} ({listed(names, MOST_NAMED)})"] if order else []
        return (*told, *self.told_absent)

    @cached_property
    def told_absent(self) -> tuple[str, ...]:
        """Which classes there are no images of to evaluate on."""
        if not self.dataset.in_files:
            return ()
        names, seen = self.dataset.class_names, set(self._records("validation").labels.tolist())
        if not (absent := [name for label, name in enumerate(names) if label not in seen]):
            return ()
        share = f"{len(absent)} of the {len(names)} classes"
        return (f"no image of {share} ({listed(absent, MOST_NAMED)})",)

    def learned_by(self, trained: ImageSource) -> int:
        """How many of the images to evaluate on another source trains on, whatever folder they lie
        in: by their content, or by their names where reading them all would take long; 0 where
        either draws its images.
        """
        if not (self.dataset.in_files and trained.dataset.in_files):
            return 0
        asked, seen = self._records("validation"), trained._records("train")
        few = len(asked.labels) + len(seen.labels) <= READ_FOR_CONTENT
        known = set(_marks(seen, content=few))
        return sum(mark in known for mark in _marks(asked, content=few))

    def look(self, *, trains: bool, most_s: float = LOOK_S) -> tuple[str, ...]:
        """Decodes what is going to be read, before anything is measured; returns what to tell.
        trains: whether that is the images to train on, too.

        Raises SettingsError naming images that can't be read, where these are to stop a run.
        """
        if not self.dataset.in_files:
            return ()
        from sweep.loading.first_look import look_at

        workers = decoding_processes(self.settings)
        splits = list(SPLITS if trains else SPLITS[1:])
        if self.holds_back:
            splits.append("test")
        looks = [look_at(self._records(each), most_s=most_s, workers=workers) for each in splits]
        bad, named = (
            sum(each.bad for each in looks),
            [name for each in looks for name in each.named],
        )
        told = []
        if bad:
            more = [f"and {bad - len(named)} more"] if bad > len(named) else []
            which = "; ".join([*named, *more])
            if self.settings.bad_images == "stop":
                raise SettingsError(
                    f'accuracy.data: {which} (to go on without such: accuracy.bad_images = "skip")'
                )
            told.append(f"{bad} of the images can't be read, and left out: {which}")
        seen, images = sum(each.seen for each in looks), sum(each.images for each in looks)
        if seen < images:
            told.append(
                f"looked at {seen:,} of {images:,} images beforehand; the others are when their "
                "turn comes"
            )
        return tuple(told)

    def bytes_held(self, side: int) -> int:
        """Of the images that stay in memory: here and on the device."""
        if not self.dataset.in_files:
            # Of one colour or three, the data set doesn't say; in float32.
            images = self.train_images + self.test_images + self.held_back_images
            return 2 * images * side * side * 3 * 4
        if not self._fits(side):
            return 0
        size = self._common_size if self.settings.crop == "resized" else None
        height, width = size or (side, side)
        return 2 * self.train_images * height * width * 3

    def training(
        self, side: int, recipe: AccuracySettings | None = None
    ) -> tuple[Feed, TestImages]:
        """recipe: whose seed puts the images in order; None for the settings', whose seed draws
        them where they are drawn: replicates are trained on the same.

        Raises SettingsError where there are fewer images than a batch has, BadImageError where an
        image can't be read and is not to be left out.
        """
        recipe = recipe or self.settings
        if self.dataset.in_files:
            feed = self._feed(side, recipe)
            test = self.evaluation(side)
        else:
            splits = self._drawn(side)
            feed = ResidentFeed(splits.train, side, recipe)
            test = TestImages(splits.test, side, self.settings)
        if not feed.steps_per_epoch:
            raise self._too_few(self.train_images - feed.left_out())
        return feed, test

    def evaluation(self, side: int) -> TestImages:
        """The images to evaluate on alone."""
        images = self._records("validation") if self.dataset.in_files else self._drawn(side).test
        return TestImages(images, side, self.settings)

    def held_back(self, side: int) -> TestImages | None:
        """Those that nothing is chosen by; None where there are none, or they are not asked for."""
        if not self.holds_back:
            return None
        if self.dataset.in_files:
            return TestImages(self._records("test"), side, self.settings)
        settings = self.settings

        def make() -> Images:
            return self.dataset.held_back(side, test=self.test_images, seed=settings.seed)

        images = self._recent.get(("held back", side), make, DRAWN_BYTES)
        return TestImages(images, side, settings)

    def shared_training(self, sides: Sequence[int], recipe: AccuracySettings) -> dict[int, Feed]:
        """By their side in pixels, what one training on images of several sides is fed with: the
        same images at each. Those that are streamed come at the largest side, for all. recipe and
        errors: as in `training`.
        """
        largest = max(sides)
        first, _ = self.training(largest, recipe)
        if isinstance(first, StreamFeed):
            return dict.fromkeys(sides, first)
        return {
            each: first if each == largest else self.training(each, recipe)[0] for each in sides
        }

    def calibration(self, side: int, images: int, batch: int, split: Split = "train") -> TestImages:
        """So many of the images to train on, or all where there are fewer, as they are shown in
        evaluation, in a random order, and in whole batches where they make one. split: of images in
        files, which; raises DatasetError where it has none.
        """
        seed = self.settings.seed
        if self.dataset.in_files:
            picked = some(self._records(split), images, seed)
            order = picked.order(np.random.default_rng(seed))
            count = _in_batches(len(order), batch)
            order = order[:count]
            shown = Subset(picked, order, picked.labels[order])
        else:
            train = self._drawn(side).train
            count = _in_batches(min(images, len(train)), batch)
            order = np.random.default_rng(seed).permutation(len(train))[:count]
            shown = Images(train.images[order], train.labels[order])
        return TestImages(shown, side, self.settings, batch)

    def _drawn(self, side: int) -> Splits:
        def make() -> Splits:
            return self.dataset.load(
                side, train=self.train_images, test=self.test_images, seed=self.settings.seed
            )

        return self._recent.get(side, make, DRAWN_BYTES)

    def _records(self, split: Split) -> Records:
        settings, dataset = self.settings, self.dataset
        count = settings.train_images if split == "train" else settings.test_images
        return some(dataset.records(split), count, settings.seed)

    @cached_property
    def _common_size(self) -> tuple[int, int] | None:
        from sweep.loading.in_memory import common_size

        return common_size(self._records("train"), self.settings.cache_mb * MEBIBYTE)

    def _fits(self, side: int) -> bool:
        """Whether the training images can stay on the device: for random boxes as they are, which
        takes one size, else cropped.
        """
        if self.settings.crop == "resized":
            return self._common_size is not None
        return (
            len(self._records("train").labels) * side * side * 3
            <= self.settings.cache_mb * MEBIBYTE
        )

    def _feed(self, side: int, recipe: AccuracySettings) -> Feed:
        from sweep.loading.crops import CentralCrop
        from sweep.loading.in_memory import DECODED, Decoded, decoded

        records = self._records("train")
        if not self._fits(side):
            return StreamFeed(records, side, recipe)
        settings, stop = self.settings, self.settings.bad_images == "stop"
        size = self._common_size if settings.crop == "resized" else None

        def make() -> Decoded:
            crop, workers = CentralCrop(settings.test_crop), decoding_processes(settings)
            if size is not None:
                return decoded(records, size, None, stop=stop, workers=workers)
            return decoded(records, (side, side), crop, stop=stop, workers=workers)

        form = [stop, *size] if size else [stop, side, settings.test_crop]
        key = digest_of([self.identity, settings.train_images, settings.seed, form])
        held = DECODED.get(key, make, 2 * settings.cache_mb * MEBIBYTE)
        return ResidentFeed(held.images, side, recipe, held.left_out)


def _in_batches(images: int, batch: int) -> int:
    """As many of them as fill whole batches; all where they don't fill one."""
    return images - images % batch if images > batch else images
