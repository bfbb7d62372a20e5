"""One training on several devices: each has its share of every batch, and all of everything else.

Data parallel by `jax.sharding`. The step is the program of one device; XLA splits it along the
batch and adds up what is summed over it, gradients and the statistics of batch norm alike. So batch
norm is over the whole batch, random numbers are drawn for the whole batch, and what comes out
differs from one device's by the order of sums alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sweep.settings.config import AccuracySettings, SettingsError

if TYPE_CHECKING:
    from sweep.training.feeds import Feed

BATCH = "batch"  # the axis of the mesh


@dataclass(frozen=True)
class Devices:
    """Those of one training, side by side."""

    mesh: Mesh

    @property
    def count(self) -> int:
        return self.mesh.size

    @property
    def everywhere(self) -> NamedSharding:
        """All of an array on each device."""
        return NamedSharding(self.mesh, PartitionSpec())

    def shared_out(self, axis: int = 0) -> NamedSharding:
        """To each device its part along that axis."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, BATCH))

    def share(self, batch: jax.Array) -> jax.Array:
        """Inside a compiled program: the batch, shared out."""
        return jax.lax.with_sharding_constraint(batch, self.shared_out())

    def of_call(self, feed: Feed, axis: int) -> tuple[NamedSharding, NamedSharding, NamedSharding]:
        """Of images, labels and indices as the feed's calls have them. axis: of the indices, along
        which a batch lies.
        """
        if feed.of_one_batch:
            return self.shared_out(), self.shared_out(), self.everywhere
        return self.everywhere, self.everywhere, self.shared_out(axis)


def devices_behind(state: Any) -> Devices:
    """Those that a training has left these arrays on; one where it was none."""
    for leaf in jax.tree.leaves(state):
        sharding = getattr(leaf, "sharding", None)
        if isinstance(sharding, NamedSharding) and sharding.mesh.axis_names == (BATCH,):
            return Devices(cast("Mesh", sharding.mesh))
    return _side_by_side(jax.devices()[:1])


def check_batch(settings: AccuracySettings) -> None:
    """Raises SettingsError where the devices that are asked for would have unequal shares of a
    batch.
    """
    asked, size = settings.devices, settings.batch_size
    if asked and size % asked:
        raise SettingsError(
            f"accuracy.batch_size = {size}: must be a multiple of accuracy.devices = {asked}"
        )


def devices_of(settings: AccuracySettings) -> Devices:
    """The first so many as `accuracy.devices` says; where that is 0, the most that share a batch
    out evenly. Raises SettingsError where there are fewer, or they don't.
    """
    check_batch(settings)
    there, asked, size = jax.devices(), settings.devices, settings.batch_size
    if asked > len(there):
        raise SettingsError(
            f"accuracy.devices = {asked}: there are {len(there)} ({there[0].device_kind}); 0 takes "
            "all"
        )
    count = asked or next(each for each in range(len(there), 0, -1) if size % each == 0)
    return _side_by_side(there[:count])


def _side_by_side(devices: Sequence[Any]) -> Devices:
    # Auto: XLA finds out what lies where from the shardings of a step's arguments.
    axes = (AxisType.Auto,)
    return Devices(jax.make_mesh((len(devices),), (BATCH,), axes, devices=devices))
