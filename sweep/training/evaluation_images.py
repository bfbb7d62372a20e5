"""Images to evaluate on, a batch at a time, which several hosts may share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from sweep.contracts import Records
from sweep.settings.config import AccuracySettings
from sweep.training.devices import Devices
from sweep.training.feeds import decoding_processes
from sweep.types import Images

if TYPE_CHECKING:
    from sweep.loading.left_out import LeftOut

# Pixels of a batch in evaluation: 500 images of 48 pixels a side.
EVALUATION_PIXELS = 500 * 48 * 48


class TestImages:
    """Batches to evaluate on, every image exactly once: (images f32 or u8[B,S,S,C], labels i32[B]),
    where a label of -1 is padding.
    """

    __test__ = False  # for pytest: this is no test

    def __init__(
        self, source: Images | Records, side: int, settings: AccuracySettings, batch: int = 0
    ) -> None:
        """source: images of that side in memory, or records to be decoded and cropped. batch: how
        many come at once, at most; 0: as many as `evaluated_at_once`.
        """
        self.side = side
        self.size = min(batch or evaluated_at_once(side), len(source.labels))
        self._source = source
        self._settings = settings
        self._left_out: LeftOut | None = None
        self._devices: Devices | None = None

    def over(self, devices: Devices) -> TestImages:
        """The same, but that of several hosts each has its batches in turn; `joined` has what all
        have made of them.
        """
        shared = copy(self)
        shared._devices = devices
        return shared

    def __len__(self) -> int:
        """How many there are, those that can't be read included."""
        return len(self._source.labels)

    @property
    def _part(self) -> tuple[int, int]:
        """(i, n): of n hosts, this is number i."""
        if self._devices is None or not self._devices.of_hosts:
            return 0, 1
        return jax.process_index(), self._devices.hosts

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Once through this host's."""
        if isinstance(self._source, Images):
            yield from _padded_batches(self._source, self.size, self._part)
            return
        from sweep.loading.crops import CentralCrop
        from sweep.loading.left_out import LeftOut
        from sweep.loading.stream import evaluation_batches

        settings, records = self._settings, self._source
        self._left_out = LeftOut(records, stop=settings.bad_images == "stop")
        for batch in evaluation_batches(
            records,
            CentralCrop(settings.test_crop),
            side=self.side,
            batch_size=self.size,
            workers=decoding_processes(settings),
            part=self._part,
        ):
            self._left_out.see(batch.bad)
            yield batch.images, batch.labels

    def joined(self, own: Sequence[Any], like: Any) -> Sequence[Any]:
        """Of the arrays, as `like` is, that each host has made of its batches, those of all, in
        order.
        """
        if self._devices is None:
            return own
        return self._devices.in_turn(own, -(-len(self) // self.size), like)

    def left_out(self) -> int:
        """How many could not be read, by any host."""
        bad = self._left_out.indices if self._left_out is not None else ()
        return len(bad if self._devices is None else self._devices.all_of(bad))


def evaluated_at_once(side: int) -> int:
    """Images of a batch in evaluation."""
    return max(1, EVALUATION_PIXELS // side**2)


def _padded_batches(images: Images, size: int, part: tuple[int, int]) -> Iterator[tuple[Any, Any]]:
    first, count = part
    for start in range(first * size, len(images), count * size):
        pixels, labels = images.images[start : start + size], images.labels[start : start + size]
        short = size - len(labels)
        yield (
            np.pad(pixels, ((0, short), (0, 0), (0, 0), (0, 0))),
            np.pad(labels, (0, short), constant_values=-1),
        )
