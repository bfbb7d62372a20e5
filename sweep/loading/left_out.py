"""What becomes of images that can't be read."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sweep.contracts import Records
from sweep.loading.images import BadImageError
from sweep.loading.reading import why_bad

REMEDY = 'to go on without such images: accuracy.bad_images = "skip", or --skip-bad-images'
log = logging.getLogger(__name__)


class LeftOut:
    """Ends at the first bad image, or tells the log of each one, once, and counts them."""

    def __init__(self, records: Records, *, stop: bool) -> None:
        self._records = records
        self._stop = stop
        self._seen: set[int] = set()

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(sorted(self._seen))

    def see(self, bad: Iterable[int]) -> None:
        """Indices of images that could not be read. Raises BadImageError where it is to stop."""
        for index in map(int, bad):
            if index in self._seen:
                continue
            self._seen.add(index)
            error = why_bad(self._records, index)
            if self._stop:
                name, reason = error.args
                raise BadImageError(name, f"{reason} ({REMEDY})")
            log.warning("left out: %s", error)
