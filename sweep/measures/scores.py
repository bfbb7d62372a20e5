"""The readings of an evaluation, whichever way the network came by its weights."""

from __future__ import annotations

from collections.abc import Iterator

from sweep.training.evaluation import Score
from sweep.types import Better, Metric, Point, Reading

TOP1 = Metric("top1", "Top-1 accuracy", "1", Better.HIGHER)
TOP5 = Metric("top5", "Top-5 accuracy", "1", Better.HIGHER)
TEST_IMAGES = Metric("test_images", "Test images", "1", Better.NEITHER)
LEFT_OUT = Metric("left_out_images", "Images left out: they could not be read", "1", Better.NEITHER)


def score_readings(
    point: Point, score: Score, dataset: str, note: str, left_out: int
) -> Iterator[Reading]:
    """Shares of right answers, the number of test images, and how many images were left out, of
    those to train on and of those to evaluate on together.
    """
    variant = f"dataset={dataset}"
    for metric, right in ((TOP1, score.top1), (TOP5, score.top5)):
        if score.images:
            yield Reading(metric, point, right / score.images, variant=variant, note=note)
        else:
            reason = "none of the test images could be read"
            yield Reading(metric, point, None, variant=variant, reason=reason)
    for metric, count in ((TEST_IMAGES, score.images), (LEFT_OUT, left_out)):
        yield Reading(metric, point, float(count), variant=variant, note=note)
