"""points.parquet: one tidy row a point, with the primary reading of each metric."""

from dataclasses import replace

import pandas as pd
import pytest

from sweep.results.points import tidy, with_points
from tests.support import fake_results

KEY = ("separable", 1.0, 224)


def timed_at(*sizes: int) -> pd.DataFrame:
    """What is stored where the settings name these batch sizes, 8 of which takes 20 ms."""
    more = [
        fake_results.reading(KEY, "latency_s", 0.02, measure="latency", batch=8, samples=[0.02]),
        fake_results.reading(KEY, "energy_j", 3.0, title="Energy", unit="J", batch=8),
        fake_results.reading(KEY, "energy_j", 9.0, title="Energy", unit="J", variant="idle"),
    ]
    results = fake_results.results(points=[KEY], more=more)
    settings = results.settings | {"latency": {"batch_sizes": list(sizes)}}
    results = replace(results, settings=settings)
    assert {"latency_s", "latency_batch8_s"} <= set(with_points(results).points)
    return tidy(results)


@pytest.mark.parametrize(
    ("sizes", "latency_s"), [((8, 1), 0.02), ((1, 8), pytest.approx(0.012, rel=0.02))]
)
def test_the_settings_name_the_primary_batch_size(sizes, latency_s):
    points = timed_at(*sizes)
    assert not [name for name in points.columns if "batch" in str(name)]
    assert points["latency_s"].tolist() == [latency_s]
    assert points["latency_low_s"].isna().tolist() == [False]
    assert points["mult_adds"].tolist() == [568_740_352]
    assert points["on_front_latency"].tolist() == [True]


def test_a_metric_of_outside_has_its_primary_reading_too():
    assert timed_at(8, 1)["energy_j"].tolist() == [3.0]
    assert "energy_j" not in timed_at(1, 8)
