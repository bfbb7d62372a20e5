"""In which order training sees its images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


class Epochs:
    """Each epoch is one shuffle from the seed, less its last short batch.

    The place of an image follows from the seed and the step alone: training that starts again at
    a step goes on exactly as it would have.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        seed: int,
        shuffle: Callable[[np.random.Generator], Indices],
    ) -> None:
        """shuffle: a random order of 0..images-1, as `Records.order`."""
        self.steps_per_epoch = images // batch_size
        self.batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._epoch = -1
        self._rng = np.random.default_rng(seed)
        self._order: Indices = np.empty(0, np.int64)

    def step(self, number: int) -> Indices:
        """i64[B]: the images of a step, counted from 0 over all epochs."""
        epoch, within = divmod(number, self.steps_per_epoch)
        if epoch < self._epoch:
            self._epoch, self._rng = -1, np.random.default_rng(self._seed)
        while self._epoch < epoch:
            self._order = self._shuffle(self._rng)
            self._epoch += 1
        return self._order[within * self.batch_size :][: self.batch_size]
