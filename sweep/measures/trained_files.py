"""Networks that others have trained, where a measure evaluates them or a training begins.

They are told by one text: "keras" for Keras's ImageNet checkpoints, or a path in which {alpha},
{resolution} and {kind} stand for the point's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sweep.contracts import LoadsCheckpoints, Network, Trained
from sweep.host.files import is_there
from sweep.types import Point, alpha_text, listed

KERAS = "keras"
MOST_NAMED = 3  # missing files, in the plan


class MissingCheckpointError(FileNotFoundError):
    """There is no checkpoint for this point."""


def path_of(where: str, point: Point) -> Path:
    """The point's file."""
    for field, value in (
        ("{alpha}", alpha_text(point.alpha)),
        ("{resolution}", str(point.resolution)),
        ("{kind}", point.kind),
    ):
        where = where.replace(field, value)
    return Path(where)


def there(where: str, networks: Sequence[Network]) -> tuple[str, ...]:
    """The points' files that are on this machine."""
    if where in ("", KERAS):
        return ()
    paths = dict.fromkeys(path_of(where, each.point) for each in networks)
    return tuple(str(path) for path in paths if is_there(path))


def missing(where: str, networks: Sequence[Network]) -> list[str]:
    """The points' files that are not."""
    if where in ("", KERAS):
        return []
    paths = dict.fromkeys(path_of(where, each.point) for each in networks)
    return [str(path) for path in paths if not is_there(path)]


def origin(where: str, point: Point) -> str:
    """What the point's network is read from, in words."""
    return "Keras's ImageNet checkpoint" if where == KERAS else str(path_of(where, point))


def content(where: str, point: Point) -> str | None:
    """SHA-256 of the point's file, None where there is none; of Keras's their name."""
    if where == KERAS:
        return KERAS
    path = path_of(where, point)
    if not is_there(path) or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(where: str, network: Network, resolution: int) -> Trained:
    """The point's network, for images of that side. Raises MissingCheckpointError, TypeError where
    the family reads none, ValueError where the file is of another network.
    """
    family = network.family
    if not isinstance(family, LoadsCheckpoints):
        raise TypeError(f"family {family.name} can't load checkpoints")
    if where == KERAS:
        return family.from_keras(network.point)
    path = path_of(where, network.point)
    if not is_there(path):
        raise MissingCheckpointError(f"{path}: there is no such checkpoint")
    return family.load_checkpoint(path, alpha=network.point.alpha, resolution=resolution)


def how_many(where: str, networks: Sequence[Network]) -> str:
    """How many of the points' files are there, and which are not."""
    if where == KERAS:
        return "Keras's ImageNet checkpoints, from its cache or fetched"
    count, lacking = (
        len({path_of(where, each.point) for each in networks}),
        missing(where, networks),
    )
    there = f"{count - len(lacking)} of {count} checkpoints are there"
    return there + (f"; missing: {listed(lacking, MOST_NAMED)}" if lacking else "")
