"""Which measure of accuracy the settings' source asks for."""

from __future__ import annotations

from sweep.contracts import Measure
from sweep.measures.accuracy import Accuracy
from sweep.measures.checkpoint_accuracy import CheckpointAccuracy
from sweep.measures.shared_accuracy import SharedAccuracy
from sweep.settings.config import AccuracySettings

SOURCES = {
    "train": Accuracy,
    "shared": SharedAccuracy,
    "checkpoints": CheckpointAccuracy,
    "keras": CheckpointAccuracy,
}


def accuracy(settings: AccuracySettings) -> Measure:
    """Raises SettingsError where the images don't fit the settings: now, not point by point."""
    measure = SOURCES[settings.source](settings)
    measure.source.check()
    return measure
