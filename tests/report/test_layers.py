"""The paper's Table 1 from a run's readings."""

import dataclasses

import pytest

from sweep.paper.layers import layers_of
from sweep.report.content.layers import NO_LAYERS, layers_table
from tests.support import fake_results


def total(rows, column):
    return sum(float(row[column].value) for row in rows)


def table(results):
    """The first point's: 1.0-224."""
    layers = layers_of(results.readings)
    return layers_table("1.0-224", layers.get(("mobilenet_v1", "separable", 1.0, 224), ()))


def test_the_layers_are_the_papers_table_1(results):
    rows = [[cell.value for cell in row] for row in table(results).rows]
    # Table 1 by hand: the stem's 3.3.3.32 = 864 weights at 112 x 112 places, and so on.
    assert rows[0][:7] == [
        "conv_0", "Conv 3x3", 2, "3\u00d73\u00d73\u00d732", "224\u00d7224\u00d73",
        "112\u00d7112\u00d732", 10_838_016,
    ]  # fmt: skip
    assert rows[0][8] == 864
    assert rows[1][:6] == [
        "depthwise_1", "Conv DW 3x3", 1, "3\u00d73\u00d732 dw", "112\u00d7112\u00d732",
        "112\u00d7112\u00d732",
    ]  # fmt: skip
    assert rows[-3][:4] == ["pool", "Avg Pool", 1, "Pool 7\u00d77"]
    assert rows[-2][3:7] == [
        "1024\u00d71000",
        "1\u00d71\u00d71024",
        "1\u00d71\u00d71000",
        1_024_000,
    ]
    assert rows[-1][0] == "total"
    assert rows[-1][6:] == [568_740_352, 1.0, 4_209_088, 1.0]
    # 28 layers, counting depthwise and pointwise apart (section 3.2), the pool and the total.
    assert len(rows) == 28 + 2
    assert total(table(results).rows[:-1], 7) == pytest.approx(1)


def test_shares_by_type_are_table_2s(results):
    # Table 2 prints 94.86 % of the mult-adds and 74.59 % of the weights in the 1x1 convolutions.
    rows = table(results).rows
    pointwise = [row for row in rows if str(row[1].value).startswith("Conv 1x1")]
    assert total(pointwise, 7) == pytest.approx(0.9486, abs=1e-4)
    assert total(pointwise, 9) == pytest.approx(0.7459, abs=1e-4)


def test_layers_that_are_not_there_leave_a_reason(results):
    without = fake_results.results(without=("layer_mult_adds", "layer_weights"))
    assert table(without).rows == ()
    assert table(without).caption == NO_LAYERS
    last = table(fake_results.results(without=("layer_weights",))).rows[-1]
    assert last[6].value == 568_740_352
    assert last[8].reason == "not every layer has a count"
    strange = results.readings.assign(note="<script>")
    first = table(dataclasses.replace(results, readings=strange)).rows[0]
    assert first[3].reason == "its shape was not stored"
    assert first[6].value == 10_838_016
