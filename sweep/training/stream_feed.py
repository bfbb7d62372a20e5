"""Images that Grain's processes decode and crop for every batch of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from sweep.contracts import Records
from sweep.loading.crops import CentralCrop, ResizedCrop
from sweep.loading.left_out import LeftOut
from sweep.loading.stream import training_batches
from sweep.settings.config import AccuracySettings
from sweep.training.augment import as_floats
from sweep.training.feeds import Call, decoding_processes, under_symmetry


class StreamFeed:
    """Images that are decoded and cropped for every batch."""

    def __init__(self, records: Records, side: int, settings: AccuracySettings) -> None:
        self.records = records
        self.side = side
        self.settings = settings
        self._left_out = LeftOut(records, stop=settings.bad_images == "stop")

    @property
    def images(self) -> jax.ShapeDtypeStruct:
        shape = (self.settings.batch_size, self.side, self.side, 3)
        return jax.ShapeDtypeStruct(shape, np.uint8)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.records.labels) // self.settings.batch_size

    @property
    def steps_per_call(self) -> int:
        """One: the next batch is decoded meanwhile."""
        return 1

    def calls(self, start: int, stop: int) -> Iterator[Call]:
        """A new batch in every call."""
        settings = self.settings
        crop = (
            ResizedCrop(settings.crop_area, settings.crop_aspect)
            if settings.crop == "resized"
            else CentralCrop(settings.test_crop)
        )
        indices = np.arange(settings.batch_size, dtype=np.int32)[None]
        for batch in training_batches(
            self.records,
            crop,
            side=self.side,
            batch_size=settings.batch_size,
            seed=settings.seed,
            start=start,
            steps=stop,
            workers=decoding_processes(settings),
        ):
            self._left_out.see(batch.bad)
            yield Call(batch.images, batch.labels, indices)

    def augmented(self, images: jax.Array, key: jax.Array) -> jax.Array:
        """They come cropped: a random symmetry is left to do."""
        return under_symmetry(as_floats(images), key, self.settings)

    def left_out(self) -> int:
        """Different images, over all epochs."""
        return len(self._left_out)

    def bad(self) -> tuple[int, ...]:
        return self._left_out.indices

    def take_over(self, bad: Sequence[int]) -> None:
        """Raises BadImageError where a run is not to go on without them."""
        self._left_out.see(bad)
