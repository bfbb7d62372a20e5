"""How images reach the device: all at once where they fit, else a batch at a time.

A feed hides the difference from training and evaluation. Images of one size that fit in
`cache_mb` are decoded once and stay on the device, which crops them itself; others are decoded and
cropped by Grain's processes for every batch. The libraries that decode are those of an extra: what
needs them is imported where images come in files.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.sharding import NamedSharding

from sweep.contracts import Records
from sweep.host.machine import cores
from sweep.loading.order import Epochs
from sweep.settings.config import AccuracySettings
from sweep.training.augment import as_floats, mirrored, random_boxes, resampled, turned_and_mirrored
from sweep.training.devices import Devices
from sweep.types import Images

if TYPE_CHECKING:
    pass

# Steps that one compiled call runs on a GPU or TPU, where a scan over them saves starting each. On
# a CPU it is one: XLA runs the body of a loop on one core, which makes a step many times slower.
STEPS_OF_A_SCAN = 20


class Call(NamedTuple):
    """What some steps of training are given: images u8 or f32[N,H,W,C] and labels i32[N], and which
    of them each step takes, i32[K,B].
    """

    images: Any
    labels: Any
    indices: npt.NDArray[np.int32]


Lying = tuple[NamedSharding, NamedSharding, NamedSharding]


@dataclass(frozen=True)
class ResidentFeed:
    """Images that stay on the device: f32[N,S,S,1 or 3], or u8[N,H,W,3] to be cropped there."""

    train: Images
    side: int
    settings: AccuracySettings
    unreadable: int = 0
    of_one_batch: ClassVar[bool] = False  # whether a call's images are those of its one step
    processes: ClassVar[int] = 0  # that decode for the calls

    def picked(self, images: jax.Array, batch: jax.Array) -> jax.Array:
        """Inside the step: of what a call is given, images or labels, those at i32[B]."""
        return images[batch]

    @property
    def images(self) -> jax.ShapeDtypeStruct:
        """Shape [N,H,W,C] and dtype of the images in each call."""
        return jax.ShapeDtypeStruct(self.train.images.shape, self.train.images.dtype)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return len(self.train) // self.settings.batch_size

    @property
    def steps_per_call(self) -> int:
        """Steps that one compiled call does: one on a CPU, many elsewhere."""
        return 1 if jax.default_backend() == "cpu" else STEPS_OF_A_SCAN

    def calls(self, start: int, stop: int) -> Iterator[Call]:
        """Steps start..stop-1, the same arrays in every call; the last may have fewer steps."""
        images, labels = jnp.asarray(self.train.images), jnp.asarray(self.train.labels)
        count = len(self.train)
        settings = self.settings
        epochs = Epochs(
            count, settings.batch_size, settings.seed, lambda rng: rng.permutation(count)
        )
        for first in range(start, stop, self.steps_per_call):
            steps = range(first, min(first + self.steps_per_call, stop))
            indices = np.stack([epochs.step(step) for step in steps])
            yield Call(images, labels, indices.astype(np.int32))

    def placing(self, devices: Devices) -> Callable[[Call], Call]:
        """Of each call what a step on these devices is given: of several hosts' all images on each
        device, where they stay, and of every batch each its part.
        """
        if not devices.of_hosts:
            return lambda call: call
        held: list[Any] = []  # the same in every call

        def placed(call: Call) -> Call:
            if not held:
                held.extend(devices.placed((call.images, call.labels), devices.everywhere))
            indices = devices.placed(call.indices, devices.shared_out(1))
            return Call(held[0], held[1], indices)

        return placed

    def lying(self, devices: Devices, axis: int) -> Lying:
        """Where images, labels and indices of a call lie; axis: of the indices, along which a batch
        does.
        """
        return devices.everywhere, devices.everywhere, devices.shared_out(axis)

    def augmented(self, images: jax.Array, key: jax.Array) -> jax.Array:
        """Inside the step: a batch of them as the network is to see it, f32[B,S,S,C]. A random box
        where the settings say so, then a random symmetry.
        """
        images = as_floats(images)
        if self.settings.crop == "resized":
            of_box, key = jax.random.split(key)
            count, height, width, _ = images.shape
            settings = self.settings
            boxes = random_boxes(
                of_box, count, height, width, settings.crop_area, settings.crop_aspect
            )
            images = resampled(images, boxes, self.side)
        return under_symmetry(images, key, self.settings)

    def left_out(self) -> int:
        """Told when they were decoded."""
        return self.unreadable

    def bad(self) -> tuple[int, ...]:
        """None: all are decoded before the first call."""
        return ()

    def take_over(self, bad: Sequence[int]) -> None:
        """Nothing to do."""


class StreamFeed:
    """Images that Grain's processes decode and crop for every batch."""

    steps_per_call = 1  # the next batch is decoded meanwhile
    of_one_batch: ClassVar[bool] = True

    def __init__(self, records: Records, side: int, settings: AccuracySettings) -> None:
        from sweep.loading.left_out import LeftOut

        self.records = records
        self.side = side
        self.settings = settings
        self._left_out = LeftOut(records, stop=settings.bad_images == "stop")

    @property
    def images(self) -> jax.ShapeDtypeStruct:
        """Shape [N,H,W,C] and dtype of the images in each call."""
        shape = (self.settings.batch_size, self.side, self.side, 3)
        return jax.ShapeDtypeStruct(shape, np.uint8)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return len(self.records.labels) // self.settings.batch_size

    @property
    def processes(self) -> int:
        """That decode for the calls, on each host."""
        return decoding_processes(self.settings)

    def calls(self, start: int, stop: int) -> Iterator[Call]:
        """Steps start..stop-1, a new batch in every call: of several hosts each makes its part."""
        from sweep.loading.crops import CentralCrop, ResizedCrop
        from sweep.loading.stream import training_batches

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
            workers=self.processes,
            part=(jax.process_index(), jax.process_count()),
        ):
            self._left_out.see(batch.bad)
            yield Call(batch.images, batch.labels, indices)

    def picked(self, images: jax.Array, batch: jax.Array) -> jax.Array:
        """Inside the step: all, as they came."""
        del batch
        return images

    def placing(self, devices: Devices) -> Callable[[Call], Call]:
        """As a `ResidentFeed`'s: each host has its part of the batch."""
        if not devices.of_hosts:
            return lambda call: call
        return lambda call: Call(
            devices.joined(call.images),
            devices.joined(call.labels),
            devices.placed(call.indices, devices.everywhere),
        )

    def lying(self, devices: Devices, axis: int) -> Lying:
        """As a `ResidentFeed`'s."""
        del axis
        return devices.shared_out(), devices.shared_out(), devices.everywhere

    def augmented(self, images: jax.Array, key: jax.Array) -> jax.Array:
        """Inside the step: they come cropped, a random symmetry is left to do."""
        return under_symmetry(as_floats(images), key, self.settings)

    def left_out(self) -> int:
        """How many different images could not be read so far, over all epochs, by this host."""
        return len(self._left_out)

    def bad(self) -> tuple[int, ...]:
        """Which they are."""
        return self._left_out.indices

    def take_over(self, bad: Sequence[int]) -> None:
        """Those that an earlier process found bad, before the calls that are left to do. Raises
        BadImageError where a run is not to go on without them.
        """
        self._left_out.see(bad)


Feed = ResidentFeed | StreamFeed


def decoding_processes(settings: AccuracySettings) -> int:
    """As many as the settings say, or one a core; none in a process that may not have children."""
    if multiprocessing.current_process().daemon:
        return 0
    return settings.workers or len(cores())


def under_symmetry(images: jax.Array, key: jax.Array, settings: AccuracySettings) -> jax.Array:
    """Each under a random symmetry of those that the settings name, f32[B,S,S,C] as they came."""
    match settings.symmetry:
        case "square":
            return turned_and_mirrored(images, key)
        case "mirror":
            return mirrored(images, key)
        case _:
            return images
