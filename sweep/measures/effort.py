"""Seconds and bytes that training networks and evaluating them will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace

import jax

from sweep.contracts import LayerRow, Network
from sweep.host.memory import TRAINING_BASE, inference_bytes, training_bytes
from sweep.settings.config import AccuracySettings
from sweep.training.evaluation_images import evaluated_at_once
from sweep.training.feeds import decoding_processes
from sweep.training.recipe import MOMENTS
from sweep.training.sources import ImageSource
from sweep.training.speed import multiply_add_s
from sweep.types import Progress

# On one core of the reference run; for estimates alone.
COMPILE_S, IMAGE_S, TRAINED_MULT_ADD_S = 13.0, 1.2e-4, 1.1e-10
# Time of an image's mult-adds over that of as many in a large matrix product, in training (measured
# on two cores of Zen 4: 13.8 at 1.0-224, 18 at 0.25-128) and, roughly, in evaluation.
TRAINED, EVALUATED = 14.0, 2.0
# Of the time that training on an image takes, evaluating it; and compiling for it.
EVALUATED_SHARE, EVALUATION_COMPILED_S = 0.2, 1.5
# Of a step, that of the classifier alone takes about this: the way back is left out.
HEAD_SHARE = 1 / 3


def part_of(progress: Progress, low: float, high: float) -> Progress:
    """The progress of a part of a call: from the share `low` of it to `high`."""
    return lambda share, text: progress(low + (high - low) * share, text)


def shares(*seconds: float) -> tuple[float, ...]:
    """Where parts that take so long begin, of the whole, and 1 for the end of the last."""
    whole = sum(seconds) or 1.0
    return (*(sum(seconds[:place]) / whole for place in range(len(seconds))), 1.0)


def counted(progress: Progress, sets: Sequence[Sized]) -> Iterator[Callable[[int], None]]:
    """Of each of several sets of images: what is told how many of them are done."""
    whole, before = sum(map(len, sets)) or 1, 0
    for images in sets:

        def told(done: int, before: int = before) -> None:
            progress((before + done) / whole, f"evaluating, {before + done} of {whole} images")

        yield told
        before += len(images)


@dataclass(frozen=True)
class Effort:
    """Of networks that are trained each by itself, on images of one source."""

    settings: AccuracySettings
    source: ImageSource

    def rows(self, network: Network) -> Sequence[LayerRow]:
        """The network's layers as it is trained, at the data set's size."""
        point = replace(network.point, resolution=self.source.side(network.point))
        return network.family.layers(point, num_classes=len(self.source.dataset.class_names))

    def compile_s(self, network: Network) -> float:
        """0 but for the first replicate: the others train with its program."""
        return COMPILE_S if network.seed in (None, self.settings.seed) else 0.0

    def train_s(self, networks: Sequence[Network]) -> float:
        """A time per image of two parts, fitted to the reference run. Where images are decoded all
        the time, this machine's own speed counts: see `training.speed`.
        """
        settings = self.settings
        less = (1 - HEAD_SHARE) * settings.head_epochs if settings.start else 0
        seen = self.source.train_images * (settings.epochs - less)
        if settings.max_steps:
            seen = min(seen, settings.max_steps * settings.batch_size)
        mult_adds = [sum(row.mult_adds for row in self.rows(each)) for each in networks]
        if not self.source.streams:
            return seen * sum(IMAGE_S + TRAINED_MULT_ADD_S * each for each in mult_adds)
        return seen * sum(self._streamed_s(TRAINED * each) for each in mult_adds)

    def evaluate_s(self, network: Network) -> float:
        """Compiling, then each image once."""
        images = self.source.test_images + self.source.held_back_images
        mult_adds = sum(row.mult_adds for row in self.rows(network))
        if self.source.streams:
            return EVALUATION_COMPILED_S + images * self._streamed_s(EVALUATED * mult_adds)
        image_s = EVALUATED_SHARE * (IMAGE_S + TRAINED_MULT_ADD_S * mult_adds)
        return EVALUATION_COMPILED_S + images * image_s

    def _streamed_s(self, mult_adds: float) -> float:
        """An image's decoding and its mult-adds, which share the cores of a machine that has no
        other processor, and go on side by side elsewhere.
        """
        computing = mult_adds * multiply_add_s()
        decoding = self.source.decode_s / decoding_processes(self.settings)
        return computing + decoding if jax.default_backend() == "cpu" else max(computing, decoding)

    def bytes_of(self, network: Network) -> int:
        """The training, or its evaluation where that takes more."""
        side, rows = self.source.side(network.point), self.rows(network)
        training = training_bytes(
            rows,
            batch=self.settings.batch_size,
            moments=MOMENTS[self.settings.optimizer],
            images=self.source.bytes_held(side),
        )
        evaluation = TRAINING_BASE + inference_bytes(rows, batch=evaluated_at_once(side))
        return max(training, evaluation)
