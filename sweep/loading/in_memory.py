"""Images of one size in memory: decoded once, kept for the next network of the same process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np

from sweep.contracts import Records
from sweep.loading.crops import CentralCrop, shown
from sweep.loading.images import BadImageError, size_of
from sweep.loading.left_out import LeftOut
from sweep.loading.recent import Recent
from sweep.loading.stream import batches_in_order
from sweep.types import Images

_BATCH = 256


@dataclass(frozen=True)
class Decoded:
    """images u8[N,H,W,3], and how many more could not be read."""

    images: Images
    left_out: int


def decoded(
    records: Records, size: tuple[int, int], crop: CentralCrop | None, *, stop: bool, workers: int
) -> Decoded:
    """Every image at one size (height, width): its central crop, or as it is. Raises BadImageError
    where it is to stop at one that can't be read.
    """
    left_out = LeftOut(records, stop=stop)
    images = np.empty((len(records.labels), *size, 3), np.uint8)
    labels = np.empty(len(records.labels), np.int32)
    show = partial(shown, crop, size[0]) if crop else np.asarray
    done = 0
    for batch in batches_in_order(records, show, size, batch_size=_BATCH, workers=workers):
        left_out.see(batch.bad)
        real = batch.labels >= 0
        count = int(real.sum())
        images[done : done + count] = batch.images[real]
        labels[done : done + count] = batch.labels[real]
        done += count
    return Decoded(Images(images[:done], labels[:done]), len(left_out))


def common_size(records: Records, most_bytes: int) -> tuple[int, int] | None:
    """(height, width) that all images have, going by their headers; None where they differ, or
    where together they are more than `most_bytes` as u8[N,H,W,3].
    """
    sizes = _sizes(records)
    height, width = size = next(sizes, (0, 0))
    fits = 0 < len(records.labels) * height * width * 3 <= most_bytes
    return size if fits and all(each == size for each in sizes) else None


def _sizes(records: Records) -> Iterator[tuple[int, int]]:
    for index in range(len(records.labels)):
        with suppress(BadImageError, OSError):  # told by name when it is decoded
            data = records.read(index)
            yield size_of(data, "") if isinstance(data, bytes) else (len(data), len(data[0]))


# For the next network of this process.
DECODED: Recent[Decoded] = Recent(attrgetter("images.images.nbytes"))
