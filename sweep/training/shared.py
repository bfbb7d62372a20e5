"""One network trained so that the smaller ones inside it are trained too.

The sandwich rule of universally slimmable networks (arXiv 1903.05134), over widths and resolutions
as in MutualNet (arXiv 1909.12978): at each step the largest network on the largest images, the
smallest one on images of a random size, and some at random in between add their gradients, all on
the same images; then the optimiser makes one step. A smaller network has the first entries along
each axis of every parameter (`sweep.contracts.SharesWeights`); batch norm's statistics are each
network's own, and found afterwards (`sweep.training.calibration`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from sweep.contracts import Network
from sweep.host.machine import cores
from sweep.host.xla import with_fused_sums
from sweep.settings.config import AccuracySettings
from sweep.training.augment import resampled, three_channels
from sweep.training.devices import Devices
from sweep.training.feeds import Feed, ResidentFeed
from sweep.training.learner import Learner, Ready, State, gradients_of, learner_of, module_of
from sweep.types import Progress

# Steps draw their cells from a stream of their own: the seed's others draw weights and order.
_STREAM = 1


@dataclass(frozen=True)
class Cell:
    """A network on images of one side in pixels. feed: where they come from; its own may be larger,
    and are then made smaller on the device.
    """

    network: Network
    side: int
    feed: Feed


@dataclass(frozen=True)
class Sandwich:
    """Which cells there are, the largest first: it is trained at every step. smallest: of which one
    is; between: of which `count` are, or all where there are fewer.
    """

    largest: Cell
    smallest: Sequence[Cell]
    between: Sequence[Cell]
    count: int
    seed: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.largest, *self.smallest, *self.between)

    def drawn(self, step: int) -> tuple[int, ...]:
        """Indices into `cells` of those that the step trains: they follow from the seed and its
        number alone.
        """
        rng = np.random.default_rng((self.seed, _STREAM, step))
        first, second = 1, 1 + len(self.smallest)
        chosen = [0]
        if self.smallest:
            chosen.append(first + int(rng.integers(len(self.smallest))))
        count = min(self.count, len(self.between))
        chosen += (second + rng.permutation(len(self.between))[:count]).tolist()
        return tuple(chosen)


def first_entries(whole: Any, shapes: Any) -> Any:
    """A tree of arrays cut to the shapes of another tree, which has the same structure."""
    return jax.tree.map(lambda array, like: array[_box(like)], whole, shapes)


def _box(like: Any) -> tuple[slice, ...]:
    return tuple(slice(length) for length in like.shape)


@dataclass(frozen=True)
class Programs:
    """Compiled: the gradients of each of a sandwich's cells, in their order, and the optimiser's
    update. They hold for any seed. trace_s, compile_s: as of `Ready`.
    """

    gradients: Sequence[Any]
    update: Any
    trace_s: float
    compile_s: float


def make_ready(
    sandwich: Sandwich, classes: int, settings: AccuracySettings, programs: Programs
) -> Ready:
    """As `learner.make_ready`: what it returns is trained by `loop.train`, and ends as the largest
    network. Its curve is the largest network's, too. programs: `compiled` of the same sandwich,
    whatever its seed.
    """
    network, feed = sandwich.largest.network, sandwich.largest.feed
    learner, state = learner_of(network, feed, classes, settings)
    devices = learner.devices
    run_steps = _run_steps(sandwich, programs.gradients, programs.update, devices)
    # Images that stay are placed once for all networks; batches of them one by one.
    placing = feed.placing(devices) if feed.of_one_batch else lambda call: call
    times = programs.trace_s, programs.compile_s
    return Ready(network, feed, settings, learner, state, run_steps, placing, *times)


def compiled(
    sandwich: Sandwich, classes: int, settings: AccuracySettings, progress: Progress
) -> Programs:
    """A program for each cell, and one of the optimiser; each core compiles one at a time."""
    largest = sandwich.largest
    began, traced = time.perf_counter(), 0.0
    learner, state = learner_of(largest.network, largest.feed, classes, settings)
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), state)
    with ThreadPoolExecutor(max(1, len(cores()))) as pool:
        waiting = []
        for cell in sandwich.cells:
            before = time.perf_counter()
            lowered = _lowered(cell, learner, shapes, classes, first=cell is largest)
            traced += time.perf_counter() - before
            waiting.append(pool.submit(with_fused_sums, lowered))
        update = _update(learner).lower(shapes.params, shapes.moments, shapes.params)
        waiting.append(pool.submit(with_fused_sums, update))
        programs = []
        try:
            for number, future in enumerate(waiting):
                share = number / len(waiting)
                progress(share, f"compiling {number + 1} of {len(waiting)} programs")
                programs.append(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Programs(programs[:-1], programs[-1], traced, time.perf_counter() - began - traced)


def _lowered(
    cell: Cell, learner: Learner, shapes: State, classes: int, *, first: bool
) -> jax.stages.Lowered:
    """(params, random streams, gradients so far, images, labels, indices i32[B], key, step) ->
    (gradients with this cell's, random streams, (loss, right)). The first has no gradients so far;
    those of the others are donated.
    """
    settings, feed = learner.settings, cell.feed
    module = nnx.eval_shape(lambda: module_of(cell.network, cell.side, classes, settings))
    graph, own, statistics, _ = nnx.split(module, nnx.Param, nnx.BatchStat, ...)

    devices = learner.devices
    everywhere = devices.everywhere

    @partial(
        jax.jit,
        donate_argnums=() if first else 2,
        in_shardings=(*[everywhere] * 3, *feed.lying(devices, axis=0), None, None),
        out_shardings=everywhere,
    )
    def gradients(
        params: Any,
        rest: Any,
        total: Any,
        images: Any,
        labels: Any,
        batch: Any,
        key: Any,
        step: Any,
    ) -> Any:
        shown, answers = (devices.share(feed.picked(each, batch)) for each in (images, labels))
        seen = three_channels(feed.augmented(shown, jax.random.fold_in(key, step)))
        if cell.side != feed.side:
            seen = resampled(seen, _whole(seen), cell.side)
        # The batch's own take their place at once: see `learner.module_of`.
        unused = jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), statistics)
        cut = first_entries(learner.params.unpack(params), own)
        outcome, found = gradients_of(graph, cut, unused, rest, seen, answers, settings)
        loss, (_, after, right) = outcome
        if not first:
            whole = learner.params.unpack(total)
            found = jax.tree.map(lambda sum, own: sum.at[_box(own)].add(own), whole, found)
        return learner.params.pack(found), after, (loss, right)

    images = feed.images
    labels = jax.ShapeDtypeStruct(images.shape[:1], jnp.int32)
    batch = jax.ShapeDtypeStruct((settings.batch_size,), jnp.int32)
    total = None if first else shapes.params
    key = jax.random.key(0)
    return gradients.lower(shapes.params, shapes.rest, total, images, labels, batch, key, 0)


def _whole(images: jax.Array) -> jax.Array:
    """f32[N,4]: boxes that are all of each image."""
    count, height, width, _ = images.shape
    return jnp.broadcast_to(jnp.array([0.0, 0.0, height, width]), (count, 4))


def _update(learner: Learner) -> jax.stages.Wrapped:
    """(params, moments, gradients) -> (params, moments); the first two are donated."""

    @partial(jax.jit, donate_argnums=(0, 1), out_shardings=learner.devices.everywhere)
    def update(params: Any, moments: Any, gradients: Any) -> Any:
        updates, moved = learner.transformation.update(gradients, moments, params)
        return optax.apply_updates(params, updates), moved

    return update


def _run_steps(
    sandwich: Sandwich, gradients: Sequence[Any], update: Any, devices: Devices
) -> Callable[..., Any]:
    """As `Ready.run_steps`; losses and shares of right answers are the largest network's."""
    held: dict[int, Any] = {}
    for cell in sandwich.cells:
        if isinstance(cell.feed, ResidentFeed) and id(cell.feed) not in held:
            train = cell.feed.train
            arrays = jnp.asarray(train.images), jnp.asarray(train.labels)
            held[id(cell.feed)] = devices.placed(arrays, devices.everywhere)

    def run_steps(state: State, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        params, statistics, rest, moments = state
        outcomes = []
        for step, batch in enumerate(indices, start=done):
            total = None
            if held:
                batch = devices.placed(batch, devices.shared_out())  # noqa: PLW2901
            for index in sandwich.drawn(step):
                shown = held.get(id(sandwich.cells[index].feed), (images, labels))
                total, rest, outcome = gradients[index](
                    params, rest, total, *shown, batch, key, step
                )
                if index == 0:
                    outcomes.append(outcome)
            params, moments = update(params, moments, total)
        losses, rights = (jnp.stack(each) for each in zip(*outcomes, strict=True))
        return State(cast("Any", params), statistics, rest, moments), (losses, rights)

    return run_steps
