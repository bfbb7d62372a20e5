"""One training on several devices: each has its share of every batch, and all of everything else.

Data parallel by `jax.sharding`. The step is the program of one device; XLA splits it along the
batch and adds up what is summed over it, gradients and the statistics of batch norm alike. So batch
norm is over the whole batch, random numbers are drawn for the whole batch, and what comes out
differs from one device's by the order of sums alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sweep.settings.config import AccuracySettings, SettingsError

BATCH = "batch"  # the axis of the mesh


@dataclass(frozen=True)
class Devices:
    """Those of one training, side by side."""

    mesh: Mesh

    @property
    def count(self) -> int:
        return self.mesh.size

    @property
    def of_hosts(self) -> bool:
        """Whether some of them are other processes', as `jax.distributed` has joined them."""
        return self.hosts > 1

    @property
    def hosts(self) -> int:
        return len({each.process_index for each in self.mesh.devices.flat})

    @property
    def told(self) -> str:
        """ "8 devices", "8 devices of 2 hosts"."""
        of_hosts = f" of {self.hosts} hosts" if self.of_hosts else ""
        return f"{self.count} devices{of_hosts}"

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

    def placed(self, tree: Any, sharding: NamedSharding) -> Any:
        """Arrays that every host has whole, as they are to lie. Of one host a compiled program does
        that itself.
        """
        if not self.of_hosts:
            return tree
        return jax.tree.map(partial(_placed, sharding), tree)

    def joined(self, rows: Any) -> Any:
        """One batch of the rows that each host has, in the hosts' order."""
        return jax.make_array_from_process_local_data(self.shared_out(), np.asarray(rows))

    def here(self, tree: Any) -> Any:
        """Of arrays that lie everywhere this host's own, on all its devices."""
        if not self.of_hosts:
            return tree
        own = [each for each in self.mesh.devices.flat if each.process_index == jax.process_index()]
        everywhere = _side_by_side(own).everywhere
        return jax.tree.map(
            lambda each: jax.make_array_from_single_device_arrays(
                each.shape, everywhere, [shard.data for shard in each.addressable_shards]
            ),
            tree,
        )

    def from_the_first(self, tree: Any) -> Any:
        """What the first host has of these arrays and numbers, on all of them."""
        if not self.of_hosts:
            return tree
        data = [key_data_of(leaf) for leaf in jax.tree.leaves(tree)]
        told = multihost_utils.broadcast_one_to_all(data)
        leaves = [_like(leaf, own) for leaf, own in zip(jax.tree.leaves(tree), told, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(tree), leaves)

    def in_turn(self, own: Sequence[Any], count: int, like: Any) -> Sequence[Any]:
        """Of so many arrays, of `like`'s shape and dtype, that the hosts have made in turn, all, in
        order. All hosts ask at once.
        """
        if not self.of_hosts:
            return own
        missing = -(-count // self.hosts) - len(own)
        told = multihost_utils.process_allgather(np.stack([*own, *[like] * missing]))
        return [told[number % self.hosts, number // self.hosts] for number in range(count)]

    def all_of(self, own: Iterable[int]) -> tuple[int, ...]:
        """The whole numbers that any host has, each once, in order. All hosts ask at once."""
        numbers = np.unique(np.fromiter(own, np.int64))
        if not self.of_hosts:
            return tuple(numbers.tolist())
        longest = int(multihost_utils.process_allgather(np.array(len(numbers))).max())
        padded = np.pad(numbers, (0, longest - len(numbers)), constant_values=-1)
        told = np.unique(multihost_utils.process_allgather(padded))
        return tuple(told[told >= 0].tolist())


def _placed(sharding: NamedSharding, array: Any) -> Any:
    if is_key(array):
        return jax.random.wrap_key_data(
            _placed(sharding, jax.random.key_data(array)), impl=jax.random.key_impl(array)
        )
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def is_key(leaf: Any) -> bool:
    """Whether it is JAX's random key, whose bits lie in another array."""
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def key_data_of(leaf: Any) -> Any:
    """A key's bits; anything else as it is."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def _like(leaf: Any, told: Any) -> Any:
    if is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(told), impl=jax.random.key_impl(leaf))
    return jnp.asarray(told) if isinstance(leaf, jax.Array) else type(leaf)(told)


def devices_behind(state: Any) -> Devices:
    """Those that a training has left these arrays on; one where it was none."""
    for leaf in jax.tree.leaves(state):
        sharding = getattr(leaf, "sharding", None)
        if isinstance(sharding, NamedSharding) and sharding.mesh.axis_names == (BATCH,):
            return Devices(cast("Mesh", sharding.mesh))
    return _side_by_side(jax.local_devices()[:1])


def is_first_host() -> bool:
    """Whether this process alone writes what its training comes to."""
    return jax.process_index() == 0


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
    """As many as `accuracy.devices` says, of each host the first; where that is 0, the most that
    share a batch out evenly. Raises SettingsError where there are fewer, they don't, or hosts have,
    or would have, unequal numbers of them.
    """
    check_batch(settings)
    asked, size = settings.devices, settings.batch_size
    of_host: dict[int, list[Any]] = {}
    for each in jax.devices():
        of_host.setdefault(each.process_index, []).append(each)
    hosts, numbers = len(of_host), {len(own) for own in of_host.values()}
    if len(numbers) > 1:
        told = " and ".join(map(str, sorted(numbers)))
        raise SettingsError(f"the hosts have {told} devices: must be as many on each")
    (most,) = numbers
    if asked > most * hosts:
        kind, each = jax.devices()[0].device_kind, " on each host" if hosts > 1 else ""
        raise SettingsError(
            f"accuracy.devices = {asked}: there are {most}{each} ({kind}); 0 takes all"
        )
    if asked % hosts or size % hosts:
        setting = f"devices = {asked}" if asked % hosts else f"batch_size = {size}"
        raise SettingsError(f"accuracy.{setting}: must be a multiple of {hosts}, the hosts")
    count = asked // hosts or next(n for n in range(most, 0, -1) if size % (n * hosts) == 0)
    return _side_by_side([each for own in of_host.values() for each in own[:count]])


def _side_by_side(devices: Sequence[Any]) -> Devices:
    # Auto: XLA finds out what lies where from the shardings of a step's arguments.
    axes = (AxisType.Auto,)
    return Devices(jax.make_mesh((len(devices),), (BATCH,), axes, devices=devices))
