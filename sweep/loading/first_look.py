"""Images looked at before anything is measured on them: which can't be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from sweep.contracts import Records
from sweep.loading.images import Pixels
from sweep.loading.reading import why_bad
from sweep.loading.stream import batches_in_order
from sweep.loading.subset import Subset

_BATCH = 64  # images that a process looks at in one go
MOST_NAMED = 3


@dataclass(frozen=True)
class Looked:
    """Of `images`, `seen` were decoded and `bad` could not be; the first of these are named, each
    in a sentence that says why.
    """

    images: int
    seen: int
    bad: int = 0
    named: tuple[str, ...] = ()


def look_at(
    records: Records, *, most_s: float, workers: int, now: Callable[[], float] = time.monotonic
) -> Looked:
    """Decodes all images, in an order that is quick to read; after `most_s` seconds no more."""
    images = len(records.labels)
    with suppress(OSError, IndexError):
        if not isinstance(records.read(0), bytes):
            return Looked(images, images)  # pixels, which can't be bad
    until = now() + most_s
    order = records.order(np.random.default_rng(0))
    drawn = Subset(records, order, records.labels[order])
    seen, bad = 0, []
    for batch in batches_in_order(drawn, _no_part, (0, 0), batch_size=_BATCH, workers=workers):
        seen += _BATCH
        bad += drawn.indices[batch.bad].tolist()
        if now() > until:
            break
    named = tuple(str(why_bad(records, index)) for index in sorted(bad)[:MOST_NAMED])
    return Looked(images, min(seen, images), len(bad), named)


def _no_part(pixels: Pixels) -> Pixels:
    return pixels[:0, :0]
