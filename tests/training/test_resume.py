"""A training that is broken off goes on from its checkpoint, to the same weights bit by bit."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.contracts import Network
from sweep.measures import accuracy
from sweep.measures.accuracy import Accuracy
from sweep.settings.config import AccuracySettings
from sweep.training import checkpointing
from sweep.training.checkpointing import Checkpoint, Course, partial_of
from sweep.training.feeds import Feed, ResidentFeed, StreamFeed
from sweep.training.learner import Ready, make_ready
from sweep.training.loop import STEPS_PER_REPORT, TrainingError, train
from sweep.types import CurvePoint, Reading
from tests.support.image_files import write_folder
from tests.support.short import Short
from tests.support.stripes import folder
from tests.support.stripes import settings as of_files
from tests.support.toys import Brightness, point, quiet

pytestmark = pytest.mark.usefixtures("as_users_run_it")
NETWORK = Network(point(0.125, 128), Short())
STEPS = 48  # the curve has points at 20, 40 and 48
RECIPE = AccuracySettings(
    dataset="tests.support.toys:Brightness",
    train_images=64,
    test_images=16,
    keep=False,
    epochs=12,
    batch_size=16,
    learning_rate=0.02,
    dropout_rate=0.1,  # whose random numbers have to go on where they were, too
)
NEVER = 1e9


@cache
def compiled(optimizer: str) -> Ready:
    """Ready once, for many trainings: each is given a copy of the start."""
    recipe = RECIPE.model_copy(update={"optimizer": optimizer})
    splits = Brightness().load(14, train=64, test=16, seed=0)
    return make_ready(NETWORK, ResidentFeed(splits.train, 14, recipe), 8, recipe)


def fresh(ready: Ready) -> Ready:
    return replace(ready, state=jax.tree.map(lambda leaf: leaf.copy(), ready.state))


def checkpoint(path: Path, every_s: float = NEVER, **training: Any) -> Checkpoint:
    return Checkpoint(path / "unfinished" / "training.ckpt", {"recipe": 1} | training, every_s)


def trained(
    ready: Ready, file: Checkpoint | None = None
) -> tuple[bytes, list[tuple[Any, ...]], float]:
    """(the weights' bytes, the curve without its seconds, the last of these)."""
    steps = train(ready, quiet, file)
    curve: list[CurvePoint] = []
    while True:
        try:
            curve.append(next(steps))
        except StopIteration as ended:
            leaves = jax.tree.leaves(nnx.state(ended.value, (nnx.Param, nnx.BatchStat)))
            told = [astuple(each)[1:-2] for each in curve]
            assert [each.seconds for each in curve] == sorted(each.seconds for each in curve)
            return b"".join(np.asarray(leaf).tobytes() for leaf in leaves), told, curve[-1].seconds


@cache
def whole(optimizer: str) -> tuple[bytes, list[tuple[Any, ...]]]:
    """Of a training that nobody broke off."""
    return trained(fresh(compiled(optimizer)))[:2]


def broken(ready: Ready, file: Checkpoint, step: int) -> None:
    """Trains, and presses Ctrl-C before that step."""

    def run_steps(state: Any, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        if done == step:
            raise KeyboardInterrupt
        return ready.run_steps(state, images, labels, indices, key, done)

    with pytest.raises(KeyboardInterrupt):
        trained(replace(fresh(ready), run_steps=run_steps), file)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop"])
@settings(max_examples=8)
@given(steps=st.sets(st.integers(0, STEPS - 1), min_size=1, max_size=4))
def test_broken_at_any_steps_it_ends_at_the_same_weights_and_curve(
    optimizer, steps, tmp_path_factory
):
    path = tmp_path_factory.mktemp("resume")
    ready = compiled(optimizer)
    for step in sorted(steps):
        broken(ready, checkpoint(path), step)
    last = checkpoint(path)
    assert trained(fresh(ready), last)[:2] == whole(optimizer)
    assert last.went_on_at == max(steps)


def test_broken_between_a_step_and_its_point_of_the_curve_none_is_lost(tmp_path, monkeypatch):
    """Where a run waits for the loss, which is most of the time that a small network takes."""
    ready, waits = compiled("sgd"), jax.block_until_ready

    def interrupted(array: Any) -> Any:
        monkeypatch.setattr(jax, "block_until_ready", waits)
        raise KeyboardInterrupt

    for _ in range(2):
        monkeypatch.setattr(jax, "block_until_ready", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(fresh(ready), checkpoint(tmp_path))
    last = checkpoint(tmp_path)
    assert trained(fresh(ready), last)[:2] == whole("sgd")
    assert last.went_on_at == 2 * STEPS_PER_REPORT


def test_the_weights_differ_where_the_order_of_steps_does(tmp_path):
    # What the tests above can see: two steps changed about end at other weights.
    ready = compiled("sgd")
    calls = list(ready.feed.calls(0, STEPS))
    calls[3], calls[4] = calls[4], calls[3]

    class Swapped(ResidentFeed):
        def calls(self, start: int, stop: int) -> Iterator[Any]:
            return iter(calls[start:stop])

    feed = Swapped(ready.feed.train, 14, ready.settings)  # type: ignore[attr-defined]
    assert trained(replace(fresh(ready), feed=feed))[0] != whole("sgd")[0]


def test_it_goes_on_from_every_checkpoint_that_was_written_on_the_way(tmp_path, monkeypatch):
    """As after SIGKILL: nothing could be done at the end."""
    monkeypatch.setattr(checkpointing, "MOST_TIME", 1e9)
    ready, seen = compiled("adamw"), {}
    file = checkpoint(tmp_path, every_s=1e-9)
    for each in train(fresh(ready), quiet, file):
        seen[each.step] = file.path.read_bytes() if file.path.exists() else b""
    assert len({content for content in seen.values() if content}) >= 2
    for content in seen.values():
        if content:
            file.path.write_bytes(content)
            partial_of(file.path).write_bytes(content[:1000])  # and the next one half written
            again = checkpoint(tmp_path)
            assert trained(fresh(ready), again)[:2] == whole("adamw")
            assert again.went_on_at > 0


def test_the_seconds_of_a_curve_go_on_too(tmp_path):
    ready = compiled("sgd")
    broken(ready, checkpoint(tmp_path), 47)
    course = checkpoint(tmp_path).read(Course(ready.state), NETWORK.point)
    assert trained(fresh(ready), checkpoint(tmp_path))[2] > course.seconds > 0


def flipped(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def sealed(arrays: dict[str, Any]) -> bytes:
    """Whole by its digest, whoever made it."""
    blob = safetensors.numpy.save(arrays)
    return blob + hashlib.sha256(blob).digest()


def altered(content: bytes, **told: Any) -> bytes:
    arrays = dict(safetensors.numpy.load(content[:-32]))
    about = json.loads(arrays["about"].tobytes()) | told
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    return sealed(arrays)


def without(name: str) -> Callable[[bytes], bytes]:
    def remove(content: bytes) -> bytes:
        arrays = dict(safetensors.numpy.load(content[:-32]))
        return sealed({key: array for key, array in arrays.items() if key != name})

    return remove


def misshapen(content: bytes) -> bytes:
    arrays = dict(safetensors.numpy.load(content[:-32]))
    return sealed(arrays | {"state.0": arrays["state.0"].ravel()[:-1].copy()})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: b"", "damaged"),
        (lambda content: content[:-1], "damaged"),
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: bytes(len(content)), "damaged"),
        (flipped, "damaged"),
        (lambda content: content + b"x", "damaged"),
        (lambda content: altered(content, versions={"jax": "0.0.1"}), "its versions is not this"),
        (lambda content: altered(content, training={"recipe": 2}), "its training is not this"),
        (lambda content: altered(content, platform="gpu"), "its platform is not this"),
        (lambda content: altered(content, format=99), "its format is not this"),
        (lambda content: altered(content, step="soon"), "no checkpoint of this training"),
        (lambda content: sealed({}), "no checkpoint of this training"),
        (without("state.3"), "no checkpoint of this training"),
        (misshapen, "no checkpoint of this training"),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_told_removed_and_not_used(
    tmp_path, caplog, change, told
):
    ready, file = compiled("sgd"), checkpoint(tmp_path)
    broken(ready, file, 10)
    file.path.write_bytes(change(file.path.read_bytes()))
    again = checkpoint(tmp_path)
    with caplog.at_level(logging.WARNING):
        start = Course(ready.state)
        assert again.read(start, NETWORK.point) is start
    (said,) = caplog.messages
    assert str(file.path) in said
    assert told in said
    assert list(file.path.parent.iterdir()) == []


@pytest.mark.parametrize(("kind", "told"), [("pipe", "it is no file"), ("link", "it is a link")])
def test_what_only_looks_like_a_checkpoint_is_not_waited_for_or_followed(
    tmp_path, caplog, kind, told
):
    ready, file = compiled("sgd"), checkpoint(tmp_path)
    broken(ready, file, 10)
    elsewhere = file.path.rename(tmp_path / "elsewhere")
    os.mkfifo(file.path) if kind == "pipe" else file.path.symlink_to(elsewhere)
    with caplog.at_level(logging.WARNING):
        start = Course(ready.state)
        assert checkpoint(tmp_path).read(start, NETWORK.point) is start
    assert told in caplog.text


def test_a_disk_that_takes_no_checkpoint_stops_no_training(tmp_path, caplog):
    (tmp_path / "unfinished").write_text("a file where the folder should be")
    file = checkpoint(tmp_path, every_s=1e-9)
    with caplog.at_level(logging.WARNING):
        assert trained(fresh(compiled("sgd")), file)[:2] == whole("sgd")
    assert "can't be written" in caplog.text


def test_what_is_no_longer_finite_is_told_and_the_next_training_starts_over(tmp_path):
    ready = compiled("sgd")
    broken(ready, checkpoint(tmp_path), 25)

    def explode(state: Any, images: Any, labels: Any, indices: Any, key: Any, done: int) -> Any:
        state, outcome = ready.run_steps(state, images, labels, indices, key, done)
        if done == STEPS - 1:  # too late for the loss to show it
            state = jax.tree.map(
                lambda leaf: leaf * np.float32("nan") if leaf.dtype == np.float32 else leaf, state
            )
        return state, outcome

    with pytest.raises(TrainingError, match="the weights are not finite after 48 steps"):
        trained(replace(fresh(ready), run_steps=explode), checkpoint(tmp_path))
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_streamed_it_goes_on_too_and_remembers_the_images_that_it_could_not_read(tmp_path):
    path = folder(tmp_path / "images", wider_by=8)
    write_folder(path, {"train/low/bad.jpg": b"", "train/high/bad.png": b"x"})
    recipe = of_files(path, bad_images="skip", cache_mb=0, crop="resized", epochs=5)

    def feed() -> StreamFeed:
        """One that has met no image yet."""
        made, _ = Accuracy(recipe).source.training(32)
        assert isinstance(made, StreamFeed)
        return made

    ready = make_ready(NETWORK, feed(), 3, recipe)
    first, second, last = (replace(fresh(ready), feed=feed()) for _ in range(3))
    expected = trained(first)[:2]
    assert first.feed.left_out() == 2
    # An epoch has four steps: by step 15 both bad images have been met.
    broken(second, checkpoint(tmp_path), 15)
    assert trained(last, checkpoint(tmp_path))[:2] == expected
    assert last.feed.left_out() == 2


def test_a_measure_goes_on_says_so_and_forgets(tmp_path, monkeypatch):
    def make_ready(
        network: Network, feed: Feed, classes: int, recipe: AccuracySettings, trained: None
    ) -> Ready:
        """Without compiling it again: all trainings here are one program."""
        assert trained is None
        return replace(fresh(compiled("sgd")), network=network, feed=feed, settings=recipe)

    monkeypatch.setattr(accuracy, "make_ready", make_ready)
    never = Accuracy(RECIPE.model_copy(update={"checkpoint_s": 0.0}))
    never.keep_in(tmp_path / "unfinished")
    unbroken = list(never([NETWORK], quiet))
    assert not (tmp_path / "unfinished").exists()
    measure = Accuracy(RECIPE)
    measure.keep_in(tmp_path / "unfinished")
    reading = measure([NETWORK], quiet)
    next(reading)
    reading.close()  # type: ignore[attr-defined] - it is a generator
    (file,) = (tmp_path / "unfinished").iterdir()
    again = Accuracy(RECIPE)
    again.keep_in(tmp_path / "unfinished")
    told: list[str] = []
    items = list(again([NETWORK], lambda share, text: told.append(text)))
    assert f"continued at step 20 of {STEPS}" in told
    assert values(items) == values(unbroken)
    notes = [item.note for item in items if isinstance(item, Reading)]
    assert notes[0].endswith("; broken off, continued at step 20")
    # Another point, and another recipe's training of the same point, are left alone.
    again.forget(replace(NETWORK, point=point(0.25, 128)))
    other = Accuracy(RECIPE.model_copy(update={"learning_rate": 0.03}))
    other.keep_in(tmp_path / "unfinished")
    other.forget(NETWORK)
    assert file.exists()
    again.forget(NETWORK)
    assert not file.exists()


def values(items: list[Any]) -> list[Any]:
    return [
        astuple(item)[1:-2] if isinstance(item, CurvePoint) else (item.metric.name, item.value)
        for item in items
    ]


def test_how_often_it_is_kept_makes_no_other_reading():
    often = RECIPE.model_copy(update={"checkpoint_s": 1.0})
    assert Accuracy(often).identity() == Accuracy(RECIPE).identity()
