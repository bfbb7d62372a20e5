"""Batches of decoded and cropped images, from processes of Grain's.

A process makes whole batches, each from its number alone: what comes out does not depend on how
many processes there are, and starting at step k gives what would have come there.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import cv2
import grain
import numpy as np
import numpy.typing as npt
from absl import flags

from sweep.contracts import Records
from sweep.host.interrupts import end_with_parent, spawning
from sweep.loading.crops import CentralCrop, Crop, shown
from sweep.loading.images import BadImageError, Pixels
from sweep.loading.order import Epochs
from sweep.loading.reading import pixels_of

# Batches that a process may be ahead by.
AHEAD = 2
# Up to this many images it takes longer to start a process than to decode.
FEW_IMAGES = 400
PADDING = -1


class Batch(NamedTuple):
    """images u8[B,H,W,3]; labels i32[B], PADDING where there is no image; bad i64[b], the indices
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
    part: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """The batches of steps start..steps-1, shuffled and cropped by `seed`.

    An image that can't be read is replaced by the next one that can, and reported in `bad`.
    workers: decoding processes; 0 decodes in this one. part: (i, n), of each batch the i-th of n
    parts alone, which together are what one would have made.
    """
    epochs = Epochs(len(records.labels), batch_size, seed, records.order)
    number, count = part
    rows = range(batch_size * number // count, batch_size * (number + 1) // count)
    make = partial(_training_batch, records, crop, side, seed, epochs, rows)
    return _run(make, range(start, steps), (steps - start) * len(rows), workers)


def evaluation_batches(
    records: Records,
    crop: CentralCrop,
    *,
    side: int,
    batch_size: int,
    workers: int,
    part: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Every image once, cropped; see `batches_in_order`."""
    show = partial(shown, crop, side)
    return batches_in_order(
        records, show, (side, side), batch_size=batch_size, workers=workers, part=part
    )


def batches_in_order(
    records: Records,
    show: Callable[[Pixels], Pixels],
    size: tuple[int, int],
    *,
    batch_size: int,
    workers: int,
    part: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Every image once, in order, as `show` makes u8[*size,3] of its pixels; the last batch is
    filled up with padding. An image that can't be read counts as padding, reported in `bad`.
    part: (i, n), of n processes that take the batches in turn those of the i-th alone.
    """
    images, (first, count) = len(records.labels), part
    make = partial(_batch_in_order, records, show, size, batch_size)
    return _run(make, range(first, -(-images // batch_size), count), images // count, workers)


def _training_batch(
    records: Records, crop: Crop, side: int, seed: int, epochs: Epochs, rows: range, number: int
) -> Batch:
    indices = epochs.step(number)[rows.start : rows.stop].copy()
    images = np.empty((len(indices), side, side, 3), np.uint8)
    bad: list[int] = []
    for at, (row, wanted) in enumerate(zip(rows, indices.tolist(), strict=True)):
        indices[at], pixels = _next_good(records, wanted, bad)
        # A stream of each image's own: whoever makes which part of a batch, it is the same.
        images[at] = shown(crop, side, pixels, np.random.default_rng((seed, number, row)))
    return Batch(images, records.labels[indices], np.array(bad, np.int64))


def _batch_in_order(
    records: Records,
    show: Callable[[Pixels], Pixels],
    size: tuple[int, int],
    batch_size: int,
    number: int,
) -> Batch:
    images = np.zeros((batch_size, *size, 3), np.uint8)
    labels = np.full(batch_size, PADDING, np.int32)
    bad: list[int] = []
    first = number * batch_size
    for index in range(first, min(first + batch_size, len(records.labels))):
        try:
            images[index - first] = show(pixels_of(records, index))
            labels[index - first] = records.labels[index]
        except BadImageError:
            bad.append(index)
    return Batch(images, labels, np.array(bad, np.int64))


# Arrays would go from process to process through shared memory, of which a container has 64 MB
# unless told otherwise, and which Python reports as leaked when it ends too soon. Bytes through
# pipes cost 0.3 ms of processor time an image of 224 px, a sixth of what decoding takes.
def _packed(batch: Batch) -> tuple[Any, ...]:
    return batch.images.shape, *(array.tobytes() for array in batch)


def _unpacked(packed: tuple[Any, ...]) -> Batch:
    shape, images, labels, bad = packed
    return Batch(
        np.frombuffer(images, np.uint8).reshape(shape),
        np.frombuffer(labels, np.int32),
        np.frombuffer(bad, np.int64),
    )


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


def _run(
    make: Callable[[int], Batch], numbers: range, images: int, workers: int
) -> Iterator[Batch]:
    if not numbers:
        return
    if images <= FEW_IMAGES:
        workers = 0
    batches = grain.MapDataset.source(numbers).map(make).map(_packed)
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
        with spawning():  # the processes start with the first batch
            first = list(islice(iterator, 1))
        for packed in chain(first, iterator):
            yield _unpacked(packed)
    finally:
        iterator.close()


def _begin_process(index: int, count: int) -> None:
    del index, count
    end_with_parent()  # one that is killed can't end them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes share the cores out among them
