"""Accuracies training by training: what a point's mean and its interval are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.maths.replicates import Replicates
from sweep.types import CONDITIONS, Metric

_BESIDE_SEED = tuple(name for name in CONDITIONS if name != "seed")
OURS = "accuracy"  # the measure whose networks have no seed where others have trained them

Key = tuple[Any, ...]  # family, kind, alpha, resolution


@dataclass(frozen=True)
class Trainings:
    """What each training of a point came to on the same test images. places: where each point
    stands in `replicates`.
    """

    places: dict[Key, int]
    replicates: Replicates


def key_of(row: Any) -> Key:
    """The point that a row is of, by what it is stored under."""
    return row["family"], row["kind"], row["alpha"], row["resolution"]


def trainings_of(readings: pd.DataFrame, metric: Metric) -> Trainings | None:
    """The trainings of all points that were counted on the images that most were: of each, those of
    the measure that was read last. None where no reading tells what single images came to, as
    those of earlier versions don't.
    """
    read = readings.loc[
        (readings["metric"] == metric.name)
        & (readings["dataset"] != "")
        & readings["value"].notna()
    ]
    rows = [row for row in read.to_dict("records") if len(row["samples"])]
    if not rows:
        return None
    images = Counter(map(_images, rows)).most_common(1)[0][0]
    last = {key_of(row): row["measure"] for row in rows}
    rows = [row for row in rows if _images(row) == images and row["measure"] == last[key_of(row)]]
    places = {key: place for place, key in enumerate(dict.fromkeys(map(key_of, rows)))}
    seeds = {seed: place for place, seed in enumerate(sorted({_seed(row) for row in rows}))}
    values = np.full((len(places), len(seeds)), np.nan)
    right = np.zeros((*values.shape, images[1]), bool)
    for row in rows:
        at = places[key_of(row)], seeds[_seed(row)]
        values[at], right[at] = row["value"], np.asarray(row["samples"]) > 0
    fixed = all(row["measure"] == OURS and pd.isna(row["seed"]) for row in rows)
    return Trainings(places, Replicates(values, right, fixed))


def mean_over_seeds(group: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Readings of one point, those that differ in their seed alone as one: with the mean of the
    values that there are.
    """
    of_metric: dict[str, list[dict[str, Any]]] = {}
    for reading in group:
        alike = str([reading[name] for name in ("measure", "metric", *_BESIDE_SEED)])
        of_metric.setdefault(alike, []).append(reading)
    merged = []
    for replicates in of_metric.values():
        read = [each for each in replicates if not pd.isna(each["value"])]
        first = (read or replicates)[0]
        if len(read) > 1 and len({_seed(each) for each in read}) == len(read):
            first = first | {"value": float(np.mean([each["value"] for each in read]))}
        merged.append(first)
    return merged


def _images(row: dict[str, Any]) -> tuple[str, int]:
    return row["dataset"], len(row["samples"])


def _seed(row: dict[str, Any]) -> int:
    return -1 if pd.isna(row["seed"]) else int(row["seed"])
