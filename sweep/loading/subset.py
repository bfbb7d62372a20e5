"""Some of a split's images, drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.contracts import Records


@dataclass(frozen=True)
class Subset:
    """The images at `indices`, each read when it is asked for. labels: i32[N], of their classes."""

    records: Any
    indices: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int32]

    def name(self, index: int) -> str:
        return self.records.name(int(self.indices[index]))

    def read(self, index: int) -> bytes | npt.NDArray[np.uint8]:
        return self.records.read(int(self.indices[index]))

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """As the whole split's, so that reading stays within its windows."""
        places = np.full(len(self.records.labels), -1)
        places[self.indices] = np.arange(len(self.indices))
        order = places[self.records.order(rng)]
        return order[order >= 0]


def some(records: Records, count: int, seed: int) -> Records:
    """`count` images drawn by `seed`, each as likely as another; all of them where count is 0 or
    there are no more.
    """
    if not 0 < count < len(records.labels):
        return records
    # Not by `order`, whose beginning may lie in a few row groups, perhaps of one class.
    drawn = np.random.default_rng(seed).permutation(len(records.labels))[:count]
    drawn.sort()
    return Subset(records, drawn, records.labels[drawn])
