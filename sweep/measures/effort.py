"""Seconds and bytes that training networks and evaluating them will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax

from sweep.contracts import LayerRow, Network
from sweep.host.memory import TRAINING_BASE, inference_bytes, training_bytes
from sweep.settings.config import AccuracySettings
from sweep.training.feeds import decoding_processes, evaluated_at_once
from sweep.training.recipe import MOMENTS
from sweep.training.sources import ImageSource
from sweep.training.speed import multiply_add_s

# On one core of the reference run; for estimates alone.
COMPILE_S, IMAGE_S, TRAINED_MULT_ADD_S = 13.0, 1.2e-4, 1.1e-10
# Time of an image's mult-adds over that of as many in a large matrix product, in training (measured
# on two cores of Zen 4: 13.8 at 1.0-224, 18 at 0.25-128) and, roughly, in evaluation.
TRAINED, EVALUATED = 14.0, 2.0
# Of a step, that of the classifier alone takes about this: the way back is left out.
HEAD_SHARE = 1 / 3


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
        evaluated = self.source.test_images + self.source.held_back_images
        return sum(
            seen * self._streamed_s(TRAINED * each) + evaluated * self._streamed_s(EVALUATED * each)
            for each in mult_adds
        )

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
