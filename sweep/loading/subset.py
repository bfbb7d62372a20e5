"""Some of a split's images, drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweep.contracts import Records


@dataclass(frozen=True)
class Subset:
    """The records at `indices`."""

    records: Records
    indices: npt.NDArray[np.int64]

    @property
    def labels(self) -> npt.NDArray[np.int32]:
        """i32[n]."""
        return self.records.labels[self.indices]

    def name(self, index: int) -> str:
        """As the whole split names it."""
        return self.records.name(int(self.indices[index]))

    def read(self, index: int) -> bytes | npt.NDArray[np.uint8]:
        """As the whole split reads it."""
        return self.records.read(int(self.indices[index]))

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Any: what was drawn stands in the order that reads well, but few images need none."""
        return rng.permutation(len(self.indices))


def some(records: Records, count: int, seed: int) -> Records:
    """`count` images drawn by `seed`; all of them where count is 0 or there are no more."""
    if not 0 < count < len(records.labels):
        return records
    return Subset(records, np.sort(records.order(np.random.default_rng(seed))[:count]))
