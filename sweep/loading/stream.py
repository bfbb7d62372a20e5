"""Batches of decoded and cropped images, from processes of Grain's.

A process makes whole batches, each from its number alone: what comes out does not depend on how
many processes there are, and starting at step k gives what would have come there.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import cv2
import grain
import numpy as np
import numpy.typing as npt
from absl import flags

from sweep.contracts import Records
from sweep.host.interrupts import held_back
from sweep.loading.images import BadImageError, Pixels
from sweep.loading.order import Epochs
from sweep.loading.reading import CentralCrop, Crop, pixels_of

# Batches that a process may be ahead by.
AHEAD = 2
# Up to this many images it takes longer to start a process than to decode.
FEW_IMAGES = 400
PADDING = -1


class Batch(NamedTuple):
    """images u8[B,S,S,3]; labels i32[B], PADDING where there is no image; bad i64[b], the indices
    of images that could not be read.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    bad: npt.NDArray[np.int64]


def training_batches(
    records: Records,
    crop: Crop,
    *,
    side: int,
    batch_size: int,
    seed: int,
    start: int,
    steps: int,
    workers: int,
) -> Iterator[Batch]:
    """The batches of steps start..steps-1, shuffled and cropped by `seed`.

    An image that can't be read is replaced by the next one that can, and reported in `bad`.
    workers: decoding processes; 0 decodes in this one.
    """
    epochs = Epochs(len(records.labels), batch_size, seed, records.order)
    make = _TrainingBatch(records, crop, side, seed, epochs)
    images = (steps - start) * batch_size
    yield from _run(grain.MapDataset.range(start, steps).map(make), images, workers)


def evaluation_batches(
    records: Records, crop: CentralCrop, *, side: int, batch_size: int, workers: int
) -> Iterator[Batch]:
    """Every image once, in order; the last batch is filled up with padding.

    An image that can't be read counts as padding and is reported in `bad`.
    """
    images = len(records.labels)
    make = _EvaluationBatch(records, crop, side, batch_size)
    batches = -(-images // batch_size)
    yield from _run(grain.MapDataset.range(batches).map(make), images, workers)


def bad_among(
    records: Records, order: npt.NDArray[np.int64], *, batch_size: int, workers: int
) -> Iterator[list[int]]:
    """Decodes the images at `order`; of each batch the indices of those that can't be read."""
    make = _Look(records, order, batch_size)
    batches = grain.MapDataset.range(-(-len(order) // batch_size)).map(make)
    for batch in _run(batches, len(order), workers):
        yield batch.bad.tolist()


# Arrays would go from process to process through shared memory, of which a container has 64 MB
# unless told otherwise, and which Python reports as leaked when it ends too soon. Bytes through
# pipes cost 0.3 ms of processor time an image of 224 px, a sixth of what decoding takes.
_Packed = tuple[int, bytes, bytes, bytes]


def _packed(batch: Batch) -> _Packed:
    side = batch.images.shape[1]
    return side, batch.images.tobytes(), batch.labels.tobytes(), batch.bad.tobytes()


def _unpacked(packed: _Packed) -> Batch:
    side, images, labels, bad = packed
    return Batch(
        np.frombuffer(images, np.uint8).reshape(-1, side, side, 3),
        np.frombuffer(labels, np.int32),
        np.frombuffer(bad, np.int64),
    )


@dataclass(frozen=True)
class _TrainingBatch:
    records: Records
    crop: Crop
    side: int
    seed: int
    epochs: Epochs

    def __call__(self, number: int) -> _Packed:
        rng = np.random.default_rng((self.seed, number))
        indices = self.epochs.step(number).copy()
        images = np.empty((len(indices), self.side, self.side, 3), np.uint8)
        bad: list[int] = []
        for at, wanted in enumerate(indices):
            index, pixels = _next_good(self.records, int(wanted), bad)
            indices[at] = index
            box = self.crop(pixels.shape[0], pixels.shape[1], rng)
            images[at] = self.crop.resize(pixels, box, self.side)
        return _packed(Batch(images, self.records.labels[indices], np.array(bad, np.int64)))


@dataclass(frozen=True)
class _EvaluationBatch:
    records: Records
    crop: CentralCrop
    side: int
    batch_size: int

    def __call__(self, number: int) -> _Packed:
        images = np.zeros((self.batch_size, self.side, self.side, 3), np.uint8)
        labels = np.full(self.batch_size, PADDING, np.int32)
        bad: list[int] = []
        first = number * self.batch_size
        for index in range(first, min(first + self.batch_size, len(self.records.labels))):
            try:
                pixels = pixels_of(self.records, index)
            except BadImageError:
                bad.append(index)
                continue
            box = self.crop(pixels.shape[0], pixels.shape[1])
            images[index - first] = self.crop.resize(pixels, box, self.side)
            labels[index - first] = self.records.labels[index]
        return _packed(Batch(images, labels, np.array(bad, np.int64)))


@dataclass(frozen=True)
class _Look:
    records: Records
    order: npt.NDArray[np.int64]
    batch_size: int

    def __call__(self, number: int) -> _Packed:
        first = number * self.batch_size
        bad: list[int] = []
        for index in self.order[first : first + self.batch_size].tolist():
            try:
                pixels_of(self.records, index)
            except BadImageError:
                bad.append(index)
        none = np.empty((0, 1, 1, 3), np.uint8)
        return _packed(Batch(none, np.empty(0, np.int32), np.array(bad, np.int64)))


def _next_good(records: Records, index: int, bad: list[int]) -> tuple[int, Pixels]:
    """The image at `index`, or the first after it that can be read; those before it go to `bad`.

    Raises BadImageError where none can be.
    """
    count = len(records.labels)
    for step in range(count):
        at = (index + step) % count
        try:
            return at, pixels_of(records, at)
        except BadImageError:
            bad.append(at)
    raise BadImageError(records.name(index), "can't be read, and no other image can be either")


def _run(batches: grain.MapDataset[_Packed], images: int, workers: int) -> Iterator[Batch]:
    if images <= FEW_IMAGES:
        workers = 0
    # One thread of reading a process: decoding holds the cores anyway.
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=AHEAD)
    stream = batches.to_iter_dataset(options)
    if workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # Grain's processes read absl's flags
        stream = stream.mp_prefetch(
            grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=AHEAD),
            worker_init_fn=_begin_process,
        )
    iterator = iter(stream)
    try:
        with held_back():  # the processes start with the first batch
            first = list(islice(iterator, 1))
        for packed in chain(first, iterator):
            yield _unpacked(packed)
    finally:
        iterator.close()


def _begin_process(index: int, count: int) -> None:
    del index, count
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes share the cores out among them
