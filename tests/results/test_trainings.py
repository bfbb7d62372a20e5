"""Several trainings of a point: their mean, its interval, and how sure a frontier is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from sweep.metrics import LATENCY, TOP1
from sweep.results.points import derive
from sweep.results.trainings import trainings_of
from tests.support import fake_results

IMAGES = 200
KEYS = [("separable", 0.5, 128), ("separable", 0.25, 128)]


def hits(share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.arange(IMAGES) < share * IMAGES) * 1.0


def read(trained: Mapping[tuple[float, int | None], float]) -> Any:
    """Readings of which (alpha, seed) came to which share."""
    readings = fake_results.results(points=KEYS, without=[TOP1.name]).readings
    template = fake_results.results(points=KEYS).readings
    template = template.loc[template["metric"] == TOP1.name].to_dict("records")
    of_alpha = {row["alpha"]: row for row in template}
    rows = [
        of_alpha[alpha] | {"seed": seed, "value": share, "samples": hits(share, number)}
        for number, ((alpha, seed), share) in enumerate(trained.items())
    ]
    more = type(readings)(rows, columns=readings.columns)
    return type(readings)(readings.to_dict("records") + more.to_dict("records"))


SHARES: dict[tuple[float, int | None], float] = {
    (0.5, 0): 0.30,
    (0.25, 0): 0.20,
    (0.5, 1): 0.34,
    (0.25, 1): 0.22,
}


def test_a_point_s_accuracy_is_the_mean_of_its_trainings_with_students_interval():
    points: Any = derive(read(SHARES)).set_index("alpha")
    assert points["top1"].to_dict() == pytest.approx({0.5: 0.32, 0.25: 0.21})
    assert points["trainings"].to_dict() == {0.5: 2, 0.25: 2}
    # Pooled over the points: 2 * 0.02^2 + 2 * 0.01^2 over 2 degrees of freedom; the images' part
    # makes it wider, and can't make it narrower.
    half = t.ppf(0.975, 2) * np.sqrt(5e-4 / 2)
    assert (points["top1_high"] - points["top1_low"]).min() >= 2 * half - 1e-9


def test_one_more_training_of_a_point_counts_for_that_point_alone():
    points: Any = derive(read(SHARES | {(0.5, 2): 0.35})).set_index("alpha")
    assert points["top1"].to_dict() == pytest.approx({0.5: 0.33, 0.25: 0.21})
    assert points["trainings"].to_dict() == {0.5: 3, 0.25: 2}


def test_readings_at_several_batch_sizes_stay_apart():
    readings = read(SHARES)
    timed = readings.loc[readings["metric"] == LATENCY.name]
    at_8 = timed.assign(batch=8, value=timed["value"] * 6)
    both: Any = derive(type(readings)(readings.to_dict("records") + at_8.to_dict("records")))
    assert both["latency_batch8_s"].tolist() == pytest.approx((both["latency_s"] * 6).tolist())
    assert both["trainings"].tolist() == [2, 2]


def test_trained_once_no_share_of_a_frontier_is_known():
    points: Any = derive(read({key: share for key, share in SHARES.items() if key[1] == 0}))
    assert points["trainings"].tolist() == [1, 1]
    assert points["front_share_mult_adds"].isna().all()
    assert points["on_front_mult_adds"].all()


def test_a_frontier_share_is_of_the_points_that_have_that_cost():
    readings = read(SHARES)
    readings = readings.loc[(readings["metric"] != LATENCY.name) | (readings["alpha"] == 0.25)]
    shares: Any = derive(readings).set_index("alpha")["front_share_latency"]
    assert np.isnan(shares[0.5])
    assert shares[0.25] == 1.0


def test_networks_that_others_have_trained_are_off_by_their_images_alone():
    trained = trainings_of(read({(0.5, None): 0.30, (0.25, None): 0.20}), TOP1)
    assert trained is not None
    difference = trained.replicates.difference(0, 1)
    # Of independent hits: the two binomial variances, by the normal distribution.
    ends = np.array([0.30, 0.20])
    assert difference.half == pytest.approx(
        1.96 * np.sqrt((ends * (1 - ends)).sum() / IMAGES), rel=0.15
    )


def test_readings_of_earlier_versions_tell_nothing_of_single_images():
    assert trainings_of(fake_results.results().readings, TOP1) is None
