"""Shapes of a network's input, told from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CHANNELS = 3


def image_layout(shape: Sequence[object], file: Path) -> tuple[bool, int, int]:
    """(whether channels come first, side in pixels, images of a call or 0 for any) of an input
    [N,3,R,R] or [N,R,R,3], in which N may have no number. Raises ValueError of any other.
    """
    sizes = [each if isinstance(each, int) and each > 0 else 0 for each in shape]
    match sizes:
        case [batch, channels, side, other] if channels == CHANNELS and side == other and side:
            return True, side, batch
        case [batch, side, other, channels] if channels == CHANNELS and side == other and side:
            return False, side, batch
    raise ValueError(f"{file}: takes {list(shape)}, must take square images of three channels")
