"""Where a training stands, kept in a file, so that a later process goes on from there.

One file a training: its arrays as safetensors, followed by a digest of all that. It is replaced
whole, and read only where it is whole, of the same training and of the same versions; any other is
told in the log and removed. Nothing in it is code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from sweep.host.files import not_through_links, opened_plain
from sweep.training.devices import is_key, key_data_of
from sweep.types import CurvePoint, Point

log = logging.getLogger(__name__)

FORMAT = 1
# What the bits of a training depend on beside its recipe.
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "grain")
# Writing takes at most this share of the time, on a disk as slow as may be.
MOST_TIME = 0.02
_DIGEST_BYTES = hashlib.sha256().digest_size
_Array = np.ndarray[Any, Any]
_Arrays = dict[str, _Array]


@dataclass
class Course:
    """Where a training stands. `losses` and `rights` are those of the steps since the last point
    of the curve, f32[k] each; `seconds` were spent before this process; `bad` are the images that
    could not be read.
    """

    state: Any
    step: int = 0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list)
    losses: list[Any] = field(default_factory=list)
    rights: list[Any] = field(default_factory=list)
    bad: Sequence[int] = ()


class Checkpoint:
    """The file of one training."""

    def __init__(self, path: Path, training: dict[str, Any], every_s: float) -> None:
        """training: JSON that changes with whatever makes the training another one.

        every_s: seconds between two writes, above 0.
        """
        self.path = path
        self.every_s = every_s
        about = {
            "format": FORMAT,
            "training": training,
            "platform": jax.default_backend(),
            "device": jax.devices()[0].device_kind,
            # Grain is in an extra: who has no images in files need not have it.
            "versions": {name: version(name) for name in PACKAGES if find_spec(name)},
        }
        self._about = json.loads(json.dumps(about))  # as it comes back
        self._last = time.monotonic()
        self._cost_s = 0.0
        self.went_on_at = 0  # the step that was read from the file

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        wait = max(self.every_s, self._cost_s / MOST_TIME)
        return time.monotonic() - self._last >= wait

    def write(self, course: Course) -> None:
        """Puts the course on disk, whole, in place of the last one; waits for its arrays.

        Where the disk won't take it the log is told, and training goes on with the last one.
        """
        blob = safetensors.numpy.save(_arrays(course, self._about))
        began = time.monotonic()
        try:
            self._replace(blob)
        except OSError as error:
            log.warning("%s: can't be written (%s)", self.path, error.strerror)
            _unlink(partial_of(self.path))
        self._last = time.monotonic()
        self._cost_s = self._last - began

    def _replace(self, blob: bytes) -> None:
        partial = partial_of(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb", opener=not_through_links) as file:
            file.write(blob)
            file.write(hashlib.sha256(blob).digest())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)

    def read(self, start: Course, point: Point) -> Course:
        """The course on disk or, where there is none to go on from, `start`, whose state tells how
        the arrays are shaped.
        """
        try:
            with opened_plain(self.path) as file:
                blob = file.read()
        except FileNotFoundError:
            return start
        except OSError as error:
            log.warning("%s: can't be read (%s): starting over", self.path, error.strerror)
            return start
        try:
            course = _course(blob, self._about, start, point)
        except (safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
            why = "no checkpoint of this training"
            log.warning("%s: %s (%s): removed, starting over", self.path, why, error)
            self.remove()
            return start
        self.went_on_at = course.step
        return course

    def remove(self) -> None:
        """Nothing is left to go on from."""
        remove(self.path)


def remove(path: Path) -> None:
    """The file of a training, and what a process that died has left of the next one."""
    _unlink(path)
    _unlink(partial_of(path))


def partial_of(path: Path) -> Path:
    """Where the next file grows. Of one name, so that no process that dies leaves one more."""
    return path.with_name(f".{path.name}.part")


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _arrays(course: Course, about: dict[str, Any]) -> _Arrays:
    leaves = jax.device_get([key_data_of(leaf) for leaf in jax.tree.leaves(course.state)])
    about = about | {"structure": _structure(course.state), "step": course.step}
    about |= {"seconds": course.seconds}
    curve = [astuple(each)[1 : 1 + _CURVE_COLUMNS] for each in course.curve]
    return {
        **{f"state.{index}": np.asarray(leaf, order="C") for index, leaf in enumerate(leaves)},
        "losses": _joined(course.losses),
        "rights": _joined(course.rights),
        "curve": np.array(curve, np.float64).reshape(len(curve), _CURVE_COLUMNS),
        "bad": np.array(sorted(course.bad), np.int64),
        "about": np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8),
    }


_CURVE_COLUMNS = 6  # fields of CurvePoint beside the point and the seed


def _course(blob: bytes, about: dict[str, Any], start: Course, point: Point) -> Course:
    """Raises SafetensorError, LookupError, TypeError or ValueError where it is no such file."""
    content, digest = blob[:-_DIGEST_BYTES], blob[-_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged")
    arrays = safetensors.numpy.load(content)
    told = json.loads(arrays["about"].tobytes())
    for name, ours in (about | {"structure": _structure(start.state)}).items():
        if told[name] != ours:
            raise ValueError(f"its {name} is not this one's")
    leaves, structure = jax.tree.flatten(start.state)
    loaded = [_leaf(arrays[f"state.{index}"], leaf) for index, leaf in enumerate(leaves)]
    return Course(
        state=jax.tree.unflatten(structure, loaded),
        step=int(told["step"]),
        seconds=float(told["seconds"]),
        curve=[CurvePoint(point, int(row[0]), *row[1:]) for row in arrays["curve"].tolist()],
        losses=[jnp.asarray(arrays["losses"])] if arrays["losses"].size else [],
        rights=[jnp.asarray(arrays["rights"])] if arrays["rights"].size else [],
        bad=tuple(arrays["bad"].tolist()),
    )


def _joined(parts: Sequence[Any]) -> _Array:
    return np.concatenate([np.zeros(0, np.float32), *jax.device_get(list(parts))])


def _structure(state: Any) -> list[Any]:
    """Path, shape and dtype of every array: what another version of the code would change."""
    return [
        [jax.tree_util.keystr(path), list(leaf.shape), str(leaf.dtype)]
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    ]


def _leaf(array: _Array, like: Any) -> Any:
    data = key_data_of(like)
    if (array.shape, array.dtype) != (data.shape, data.dtype):
        raise ValueError(f"{array.dtype}{list(array.shape)} where {like.dtype} was expected")
    loaded = jnp.array(array)  # a copy: a step writes into what it is given
    if is_key(like):
        return jax.random.wrap_key_data(loaded, impl=jax.random.key_impl(like))
    return loaded
