"""A network and its optimiser as one compiled step, ready for the first.

A compiled call takes the indices of its batches, picks and augments the images, and updates
donated buffers in place. Where training begins with a network that is trained already there are
two such steps: one that moves the classifier alone, then one that moves all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from sweep.contracts import Network
from sweep.host.xla import with_fused_sums
from sweep.settings.config import AccuracySettings
from sweep.training.augment import three_channels
from sweep.training.devices import Devices, devices_of
from sweep.training.evaluation import ranks
from sweep.training.feeds import Call, Feed
from sweep.training.packing import Packed, Packing
from sweep.training.recipe import cross_entropy, optimizer, schedule, schedules
from sweep.training.start import begun

WORTH_TELLING = 0.01  # of a training's time


@dataclass
class Waits:
    """Seconds of a training, in this process: for images, and in all; how many images came decoded
    for it, and by how many processes, on all hosts.
    """

    images_s: float = 0.0
    all_s: float = 0.0
    decoded: int = 0
    processes: int = 0

    @property
    def told(self) -> str:
        """ "412 images/s by 2 processes, waiting for images 12% of it"; of images that stay on the
        device the wait, where it is worth telling.
        """
        share = self.images_s / self.all_s if self.all_s else 0.0
        waiting = f"waiting for images {share:.0%} of it"
        if not self.decoded:
            return waiting if share >= WORTH_TELLING else ""
        rate = self.decoded / self.all_s
        return f"{rate:,.0f} images/s by {self.processes or 'no'} processes, {waiting}"


@dataclass(frozen=True)
class Ready:
    """A network compiled and waiting for its first step. `state` is spent by training; placing: of
    a call of the feed, what the step is given; trace_s and compile_s are the seconds that its step
    took from Python to StableHLO, and from there.
    """

    network: Network
    feed: Feed
    settings: AccuracySettings
    learner: Learner
    state: State
    run_steps: Callable[..., Any]
    placing: Callable[[Call], Call]
    trace_s: float
    compile_s: float
    waits: Waits = field(default_factory=Waits)

    def calls(self, start: int, stop: int) -> Iterator[Call]:
        """The feed's for steps start..stop-1, of which none has steps of both phases."""
        turn = min(self.learner.head.steps, stop) if self.learner.head else start
        if start < turn:
            yield from map(self.placing, self.feed.calls(start, turn))
        if max(start, turn) < stop:
            yield from map(self.placing, self.feed.calls(max(start, turn), stop))

    def left_out(self) -> int:
        """Images that could not be read, by any host. All hosts ask at once."""
        bad = self.learner.devices.all_of(self.feed.bad())
        return max(len(bad), self.feed.left_out())


class State(NamedTuple):
    """What a step changes. Running statistics are packed as the parameters are; `rest` is the
    state of random streams.
    """

    params: Packed
    statistics: Packed
    rest: Any
    moments: Any


class Head(NamedTuple):
    """The first phase of a training that begins with a trained network, in which batch norm goes by
    the running statistics. moves: whether an array of the packed parameters is the classifier's.
    """

    graph: nnx.GraphDef[Any]
    steps: int
    moves: Packed
    transformation: optax.GradientTransformation


@dataclass(frozen=True)
class Learner:
    """The network's fixed part, and how its arrays are packed. head: None where it begins with
    random weights.
    """

    graph: nnx.GraphDef[Any]
    params: Packing
    statistics: Packing
    transformation: optax.GradientTransformation
    settings: AccuracySettings
    devices: Devices
    head: Head | None = None

    def module(self, state: State) -> nnx.Module:
        params = self.params.unpack(state.params)
        return nnx.merge(self.graph, params, self.statistics.unpack(state.statistics), state.rest)


def make_ready(
    network: Network,
    feed: Feed,
    classes: int,
    settings: AccuracySettings,
    trained: nnx.Module | None = None,
) -> Ready:
    """Draws the weights and compiles the step: all that can be done while another network trains.

    Grey images are repeated over the network's three channels. trained: what it begins with, where
    `settings.start` is given; raises as `begun` does.
    """
    learner, state = learner_of(network, feed, classes, settings, trained)
    head, placing = learner.head, feed.placing(learner.devices)
    if head is None or head.steps in (0, settings.epochs * feed.steps_per_epoch):
        phase = head if head and head.steps else None
        run_steps, trace_s, compile_s = _compiled(learner, feed, state, phase)
        return Ready(
            network, feed, settings, learner, state, run_steps, placing, trace_s, compile_s
        )
    first, *times = _compiled(learner, feed, state, head)
    then, *more = _compiled(learner, feed, state, None)

    def run_steps(state: State, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        if done < head.steps:
            return first(state, images, labels, indices, key, done)
        if done == head.steps:  # what the optimiser has gathered was the classifier's
            state = state._replace(moments=learner.transformation.init(cast("Any", state.params)))
        return then(state, images, labels, indices, key, done)

    trace_s, compile_s = (sum(each) for each in zip(times, more, strict=True))
    return Ready(network, feed, settings, learner, state, run_steps, placing, trace_s, compile_s)


def _compiled(
    learner: Learner, feed: Feed, state: State, head: Head | None
) -> tuple[Callable[..., Any], float, float]:
    """(the step, seconds to trace it, seconds to compile it)."""
    jitted = _steps(learner, feed, head)
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), state)
    labels = jax.ShapeDtypeStruct(feed.images.shape[:1], jnp.int32)
    size = learner.settings.batch_size
    batches = jax.ShapeDtypeStruct((feed.steps_per_call, size), jnp.int32)
    began = time.perf_counter()
    lowered = jitted.lower(shapes, feed.images, labels, batches, jax.random.key(0), 0)
    traced = time.perf_counter()
    compiled = with_fused_sums(lowered)
    times = traced - began, time.perf_counter() - traced

    def run_steps(state: Any, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        # The last call may be shorter, and is then compiled when it comes.
        run = compiled if indices.shape == batches.shape else jitted
        return run(state, images, labels, indices, key, done)

    return run_steps, *times


def learner_of(
    network: Network,
    feed: Feed,
    classes: int,
    settings: AccuracySettings,
    trained: nnx.Module | None = None,
) -> tuple[Learner, State]:
    """The network with its weights drawn, or those of `trained`, and its optimiser, before the
    first step.
    """
    if trained is None:
        module, classifier = module_of(network, feed.side, classes, settings), frozenset()
    else:
        module, classifier = begun(network, trained, feed, classes, settings)
    graph, params, statistics, rest = nnx.split(module, nnx.Param, nnx.BatchStat, ...)
    decays = jax.tree.leaves(
        jax.tree.map(
            network.family.decays, params, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
        )
    )
    labels = [
        ("decays" if decaying else "stays") + (", head" if path in classifier else "")
        for decaying, (path, _) in zip(decays, nnx.to_flat_state(params), strict=True)
    ]
    packing = Packing(params, labels)
    of_statistics = Packing(statistics, ["statistic"] * len(jax.tree.leaves(statistics)))
    mask = jax.tree.map(lambda label: label.startswith("decays"), packing.labels)
    rate, head = schedule(settings, feed.steps_per_epoch), None
    if trained is not None:
        of_head, rate = schedules(settings, feed.steps_per_epoch)
        moves = jax.tree.map(lambda label: label.endswith("head"), packing.labels)
        steps = settings.head_epochs * feed.steps_per_epoch
        # Conventional in Flax: a module that has no such attribute goes by none.
        module.set_attributes(use_running_average=True, raise_if_not_found=False)
        head = Head(nnx.graphdef(module), steps, moves, optimizer(settings, of_head, mask))
    transformation = optimizer(settings, rate, mask)
    devices = devices_of(settings)
    learner = Learner(graph, packing, of_statistics, transformation, settings, devices, head)
    packed = packing.pack(params)
    state = State(packed, of_statistics.pack(statistics), rest, transformation.init(packed))
    return learner, state


def module_of(network: Network, side: int, classes: int, settings: AccuracySettings) -> nnx.Module:
    """The network with its weights drawn, in training, for images of that side."""
    module = network.family.build(
        network.point,
        num_classes=classes,
        resolution=side,
        seed=settings.seed,
        lowering=settings.lowering or None,
        # 0: the network hands out each batch's own statistics, and a step averages all at once.
        bn_momentum=0.0,
        dropout_rate=settings.dropout_rate,
        dtype=settings.dtype,
    )
    module.train()
    return module


def _steps(learner: Learner, feed: Feed, head: Head | None) -> jax.stages.Wrapped:
    """(state, images, labels, indices i32[K,B], key, steps done) -> (state, (losses, rights)).

    state is donated; losses and rights are f32[K], rights as shares of a batch.
    """

    devices = learner.devices
    shared = feed.lying(devices, axis=1)

    @partial(
        jax.jit,
        donate_argnums=0,
        in_shardings=(devices.everywhere, *shared, None, None),
        out_shardings=devices.everywhere,
    )
    def run_steps(
        state: State,
        images: jax.Array,
        labels: jax.Array,
        indices: jax.Array,
        key: jax.Array,
        done: jax.Array,
    ) -> Any:
        def one(carry: State, numbered: tuple[jax.Array, jax.Array]) -> Any:
            number, batch = numbered
            own_key = jax.random.fold_in(key, number)
            own, answers = (devices.share(feed.picked(each, batch)) for each in (images, labels))
            seen = three_channels(feed.augmented(own, own_key))
            return _step(learner, carry, seen, answers, head)

        if indices.shape[0] == 1:
            state, outcome = one(state, (done, indices[0]))
            return state, jax.tree.map(lambda each: each[None], outcome)
        numbers = done + jnp.arange(indices.shape[0])
        return jax.lax.scan(one, state, (numbers, indices))

    return run_steps


def _step(
    learner: Learner, state: State, images: jax.Array, labels: jax.Array, head: Head | None
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """One batch: the state after it, its loss, and the share of right answers in it. head: of the
    phase that moves the classifier alone.
    """
    params = learner.params.unpack(state.params)
    statistics = learner.statistics.unpack(state.statistics)
    graph = learner.graph if head is None else head.graph
    outcome, gradients = gradients_of(
        graph, params, statistics, state.rest, images, labels, learner.settings
    )
    loss, (of_batch, rest, right) = outcome
    if head is not None:
        return _moved_head(learner, state, head, gradients)._replace(rest=rest), (loss, right)
    updates, moments = learner.transformation.update(
        learner.params.pack(gradients), state.moments, state.params
    )
    keep = learner.settings.bn_momentum
    moved = jax.tree.map(
        lambda old, new: keep * old + (1 - keep) * new,
        state.statistics,
        learner.statistics.pack(of_batch),
    )
    updated = optax.apply_updates(state.params, updates)
    return State(cast("Packed", updated), moved, rest, moments), (loss, right)


def _moved_head(learner: Learner, state: State, head: Head, gradients: Any) -> State:
    """With the classifier moved. Of the other gradients zeros are left, so that XLA computes none:
    nothing goes back through the layers before it.
    """

    def of_head(moved: Any, other: Any) -> Any:
        return jax.tree.map(lambda moves, *pair: pair[not moves], head.moves, moved, other)

    gradients = learner.params.pack(gradients)
    gradients = of_head(gradients, jax.tree.map(jnp.zeros_like, gradients))
    updates, moments = head.transformation.update(gradients, state.moments, state.params)
    updated = optax.apply_updates(state.params, updates)
    return state._replace(params=of_head(updated, state.params), moments=moments)


def gradients_of(
    graph: nnx.GraphDef[Any],
    params: Any,
    statistics: Any,
    rest: Any,
    images: jax.Array,
    labels: jax.Array,
    settings: AccuracySettings,
) -> tuple[tuple[jax.Array, tuple[Any, Any, jax.Array]], Any]:
    """((loss, (the batch's statistics, the streams after it, the share of right answers)), the
    gradient of the loss by the parameters) of one batch: images f32[B,S,S,3], labels i32[B].
    """

    def loss_of(params: Any) -> tuple[jax.Array, tuple[Any, Any, jax.Array]]:
        module = nnx.merge(graph, params, statistics, rest, copy=True)
        logits = module(images)
        targets = optax.smooth_labels(
            jax.nn.one_hot(labels, logits.shape[-1]), settings.label_smoothing
        )
        loss = jnp.mean(cross_entropy(logits, targets))
        right = jnp.mean(ranks(logits, labels) < 1, dtype=jnp.float32)
        _, _, of_batch, after = nnx.split(module, nnx.Param, nnx.BatchStat, ...)
        return loss, (of_batch, after, right)

    return jax.value_and_grad(loss_of, has_aux=True)(params)
