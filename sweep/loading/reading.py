"""Records -> pixels, one by one: what a decoding process does."""

from __future__ import annotations

from sweep.contracts import Records
from sweep.loading.images import BadImageError, Pixels, decode


def pixels_of(records: Records, index: int) -> Pixels:
    """u8[H,W,3]. Raises BadImageError, naming the image, where it can't be had."""
    try:
        data = records.read(index)
    except OSError as error:
        raise BadImageError(records.name(index), f"can't be read: {error}") from None
    return decode(data, records.name(index)) if isinstance(data, bytes) else data


def why_bad(records: Records, index: int) -> BadImageError:
    """Read once more: a process that decodes sends back no more than the index."""
    try:
        pixels_of(records, index)
    except BadImageError as error:
        return error
    return BadImageError(records.name(index), "could not be read at first, then could")
