"""The readings of an evaluation, whichever way the network came by its weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sweep.metrics import (
    CLASSES,
    HELD_BACK,
    HELD_BACK_IMAGES,
    LEFT_OUT,
    TEST_IMAGES,
    TOP1,
    TOP5,
    TRAINED,
)
from sweep.training.evaluation import Score
from sweep.types import Point, Reading

METRICS = (TOP1, TOP5, TEST_IMAGES, CLASSES, LEFT_OUT, TRAINED, HELD_BACK, HELD_BACK_IMAGES)

FIVE = 5


def score_readings(
    point: Point,
    score: Score,
    classes: int,
    side: int,
    note: str,
    left_out: int,
    *,
    dataset: str,
    precision: str,
    seed: int | None = None,
    held_back: Score | None = None,
) -> Iterator[Reading]:
    """Shares of right answers, whose samples are 1 for an image that is right and 0 for another, in
    the order of the images; the number of test images and of classes, how many images were left
    out, of those to train on and of those to evaluate on together, and the side in pixels that the
    network was trained and evaluated at. dataset: its own name, not what the page calls it; seed:
    of the training, where this run has trained it. held_back: of the same network on the images
    that nothing is chosen by, where there are such.
    """
    read = partial(Reading, dataset=dataset, precision=precision, seed=seed)
    shares = [(TOP1, score, 1, score.first), (TOP5, score, FIVE, score.within)]
    counts = [
        (TEST_IMAGES, score.images),
        (CLASSES, classes),
        (LEFT_OUT, left_out),
        (TRAINED, side),
    ]
    if held_back is not None:
        shares.append((HELD_BACK, held_back, 1, held_back.first))
        counts.append((HELD_BACK_IMAGES, held_back.images))
    for metric, counted, guesses, right in shares:
        if reason := no_share(counted, classes, guesses):
            yield read(metric, point, None, reason=reason)
        else:
            value = int(right.sum()) / counted.images
            yield read(metric, point, value, note=note, samples=tuple(right.astype(float).tolist()))
    for metric, count in counts:
        yield read(metric, point, float(count), note=note)


def no_share(score: Score, classes: int, guesses: int) -> str:
    """Why a share of answers that are right within so many guesses would say nothing; empty where
    it does say something.
    """
    if not score.images:
        return "none of the test images could be read"
    if score.not_finite:
        return (
            f"the network's outputs are not finite (NaN or infinite) for {score.not_finite} of "
            f"{score.images} images"
        )
    if classes <= guesses:
        number = {1: "one guess is", FIVE: "five guesses are"}[guesses]
        return f"with {classes} class{'es' * (classes > 1)} {number} always right"
    return ""
