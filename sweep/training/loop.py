"""Trains one network, step by step; the loss is fetched only now and then.

Same seed, same machine: bitwise the same weights.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from sweep.host.interrupts import heard, held_back
from sweep.training.checkpointing import Checkpoint, Course
from sweep.training.feeds import STEPS_OF_A_SCAN, Call
from sweep.training.learner import Ready, State, Waits
from sweep.training.recipe import schedule
from sweep.types import CurvePoint, Progress

log = logging.getLogger(__name__)

# Steps between two points of the curve, and two moves of the progress bar.
STEPS_PER_REPORT = STEPS_OF_A_SCAN
# A call that takes longer is awaited before the next is handed over. Two that wait for the device
# may hold their temporaries twice, gigabytes for a large network, and Ctrl-C has to wait for both.
SLOW_S = 0.1


class TrainingError(RuntimeError):
    """Training can't go on; the message says where it stopped and why."""


def train(
    ready: Ready, progress: Progress, checkpoint: Checkpoint | None = None
) -> Generator[CurvePoint, None, nnx.Module]:
    """Yields the curve as it grows; returns the trained module, in evaluation mode.

    checkpoint: where the training is written now and then, and when Ctrl-C or SIGTERM breaks it
    off. It goes on from there, and yields the curve from its beginning. Raises TrainingError where
    the loss or the weights are no longer finite; the next training then starts over.
    """
    steps = ready.settings.epochs * ready.feed.steps_per_epoch
    last = min(steps, ready.settings.max_steps or steps)
    course = _start(ready, checkpoint)
    yield from list(course.curve)
    if course.step:
        where = f"continued at step {course.step} of {last}"
        log.info("%s: %s", ready.network.point.label, where)
        progress(course.step / last, where)
    try:
        with heard() if checkpoint is not None else nullcontext():
            yield from _run(ready, course, last, checkpoint, progress)
    except TrainingError:
        if checkpoint is not None:
            checkpoint.remove()
        raise
    except (KeyboardInterrupt, GeneratorExit):
        if checkpoint is not None:
            with held_back():
                checkpoint.write(course)
        raise
    if ready.waits.told:
        log.info("%s: trained, %s", ready.network.point.label, ready.waits.told)
    trained = ready.learner.module(ready.learner.devices.here(course.state))
    trained.eval()
    return trained


def _start(ready: Ready, checkpoint: Checkpoint | None) -> Course:
    course = Course(ready.state)
    if checkpoint is not None:
        course = checkpoint.read(course, ready.network.point)
    ready.feed.take_over(course.bad)
    devices = ready.learner.devices
    course.step, course.state = devices.from_the_first((course.step, course.state))
    course.state = devices.placed(course.state, devices.everywhere)
    return course


def _run(
    ready: Ready, course: Course, last: int, checkpoint: Checkpoint | None, progress: Progress
) -> Generator[CurvePoint, None, None]:
    """Moves `course` on to step `last`. However it ends, `course` is then between two steps."""
    feed = ready.feed
    key = jax.random.key(ready.settings.seed)
    began, before = time.perf_counter(), course.seconds
    ready.waits.processes = feed.processes * ready.learner.devices.hosts
    call_s = SLOW_S  # what the last call took, as far as is known
    reported = partial(
        _reported, ready, course, last, schedule(ready.settings, feed.steps_per_epoch), progress
    )
    if _is_due(course, last):  # broken off between a step and its point of the curve
        yield from reported()
    for call in timed(ready.calls(course.step, last), ready.waits):
        with held_back():  # a step spends the state that it is given
            course.state, told = ready.run_steps(course.state, *call, key, course.step)
            losses, rights = ready.learner.devices.here(told)
            course.losses.append(losses)
            course.rights.append(rights)
            course.step += len(call.indices)
            course.bad = feed.bad()
            ready.waits.decoded += call.indices.size if feed.of_one_batch else 0
        if call_s >= SLOW_S:
            call_s = _wait_for(losses, call_s)
        course.seconds = before + time.perf_counter() - began
        ready.waits.all_s = time.perf_counter() - began
        if _is_due(course, last):
            jax.block_until_ready(losses)
            course.seconds = before + time.perf_counter() - began
            yield from reported()
        if checkpoint is not None and (
            checkpoint.due or (course.step == last and checkpoint.path.exists())
        ):
            with held_back():
                checkpoint.write(course)
    if not _all_finite(ready.learner.devices.here(course.state)):
        raise TrainingError(f"the weights are not finite after {last} steps")


def timed(calls: Iterator[Call], waits: Waits) -> Iterator[Call]:
    """The same calls; how long each was waited for adds up."""
    while True:
        began = time.perf_counter()
        call = next(calls, None)
        waits.images_s += time.perf_counter() - began
        if call is None:
            return
        yield call


def _is_due(course: Course, last: int) -> bool:
    """Whether a point of the curve is, which isn't there yet."""
    before = course.curve[-1].step if course.curve else 0
    at_one = course.step - before >= STEPS_PER_REPORT or course.step == last
    return at_one and bool(course.losses)


def _reported(
    ready: Ready, course: Course, last: int, rate: Callable[[int], Any], progress: Progress
) -> Generator[CurvePoint, None, None]:
    """The next point of the curve. Raises TrainingError where its loss is not finite."""
    point = CurvePoint(
        ready.network.point,
        step=course.step,
        epoch=course.step / ready.feed.steps_per_epoch,
        loss=float(jnp.mean(jnp.concatenate(course.losses))),
        accuracy=float(jnp.mean(jnp.concatenate(course.rights))),
        learning_rate=float(rate(course.step - 1)),
        seconds=course.seconds,
    )
    if not np.isfinite(point.loss):
        raise TrainingError(f"the loss is {point.loss} after {course.step} of {last} steps")
    with held_back():
        course.curve.append(point)
        course.losses, course.rights = [], []
    yield point
    progress(course.step / last, f"step {course.step} of {last}, loss {point.loss:.2f}")


def _wait_for(array: Any, expected_s: float) -> float:
    """Seconds until it is computed. In short sleeps: a wait inside XLA would not hear Ctrl-C."""
    began = time.perf_counter()
    if not array.is_ready():
        time.sleep(0.9 * expected_s)
    while not array.is_ready():
        time.sleep(0.005 * expected_s)
    return time.perf_counter() - began


def _all_finite(state: State) -> bool:
    return all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(state.params))
