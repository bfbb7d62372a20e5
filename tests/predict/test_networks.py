"""Networks between the points, against the network that is built from its own rows."""

import dataclasses
import json

import numpy as np
import pytest

import mnv1_flax
from sweep.predict.networks import chain
from tests.support.reference import REFERENCE

ROWS = REFERENCE.points.to_dict(orient="records")


def of(kind):
    return [row for row in ROWS if row["kind"] == kind]


@pytest.mark.parametrize("kind", ["separable", "standard", "shallow"])
def test_counts_are_those_of_the_network_at_any_alpha_and_resolution(kind):
    found, drawn = chain(REFERENCE.readings, of(kind)), np.random.default_rng(0)
    for _ in range(100):
        alpha, resolution = int(drawn.integers(1, 97)) / 64, int(drawn.integers(8, 321))
        rows = mnv1_flax.layers(kind, alpha=alpha, resolution=resolution)
        counts = found.at(alpha, resolution)
        assert counts.mult_adds == sum(row.mult_adds for row in rows)
        assert counts.params == sum(row.trainable_params for row in rows)
        assert counts.moved == sum(row.activations for row in rows)
        assert counts.weights == sum(row.weights for row in rows)
        ones = [row for row in rows if row.name.startswith("pointwise")]
        if kind != "standard":
            assert counts.pointwise == sum(row.mult_adds for row in ones)


def test_the_full_network_is_found_behind_a_thin_one():
    thin = [row for row in of("separable") if row["alpha"] == 0.25]
    whole, part = (chain(REFERENCE.readings, rows) for rows in (of("separable"), thin))
    assert part == dataclasses.replace(whole, layers=part.layers)
    assert part.at(0.75, 192) == whole.at(0.75, 192)


def test_channels_that_are_no_multiple_of_8_are_marked():
    # 32, 64, 128 .. channels: 0.75 of them are multiples of 8, 0.7 of 32 is 22.
    found = chain(REFERENCE.readings, of("separable"))
    assert [found.at(alpha, 128).uneven for alpha in (1.0, 0.75, 0.7)] == [False, False, True]


def test_another_way_to_be_thinned_is_told():
    rows = [dict(row) for row in of("separable")]
    rows[3]["params"] += 8
    with pytest.raises(ValueError, match=r"not thinned as the paper's .* 4,231,984 params"):
        chain(REFERENCE.readings, rows)


def test_layers_of_other_types_and_none_at_all_are_told():
    readings = REFERENCE.readings.copy()
    readings["note"] = readings["note"].map(_pooled_by_the_maximum)
    with pytest.raises(ValueError, match="no formula"):
        chain(readings, of("separable"))
    with pytest.raises(ValueError, match="no point has stored layers"):
        chain(REFERENCE.readings.iloc[:0], of("separable"))


def _pooled_by_the_maximum(note):
    if '"Avg Pool"' not in str(note):
        return note
    return json.dumps(json.loads(note) | {"type": "Max Pool"})
