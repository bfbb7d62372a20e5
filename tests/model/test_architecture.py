"""The closed form against numbers from outside: hand arithmetic and the paper's tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv1_flax import architecture
from mnv1_flax.architecture import Kind, LayerType

# Table 1 as the paper prints it: type and stride, filter shape, input size.
TABLE_1 = """
Conv / s2       3x3x3x32      224x224x3
Conv dw / s1    3x3x32 dw     112x112x32
Conv / s1       1x1x32x64     112x112x32
Conv dw / s2    3x3x64 dw     112x112x64
Conv / s1       1x1x64x128    56x56x64
Conv dw / s1    3x3x128 dw    56x56x128
Conv / s1       1x1x128x128   56x56x128
Conv dw / s2    3x3x128 dw    56x56x128
Conv / s1       1x1x128x256   28x28x128
Conv dw / s1    3x3x256 dw    28x28x256
Conv / s1       1x1x256x256   28x28x256
Conv dw / s2    3x3x256 dw    28x28x256
Conv / s1       1x1x256x512   14x14x256
Conv dw / s1    3x3x512 dw    14x14x512
Conv / s1       1x1x512x512   14x14x512
Conv dw / s1    3x3x512 dw    14x14x512
Conv / s1       1x1x512x512   14x14x512
Conv dw / s1    3x3x512 dw    14x14x512
Conv / s1       1x1x512x512   14x14x512
Conv dw / s1    3x3x512 dw    14x14x512
Conv / s1       1x1x512x512   14x14x512
Conv dw / s1    3x3x512 dw    14x14x512
Conv / s1       1x1x512x512   14x14x512
Conv dw / s2    3x3x512 dw    14x14x512
Conv / s1       1x1x512x1024  7x7x512
Conv dw / s2    3x3x1024 dw   7x7x1024
Conv / s1       1x1x1024x1024 7x7x1024
Avg Pool / s1   Pool 7x7      7x7x1024
FC / s1         1024x1000     1x1x1024
""".strip().splitlines()
LAST_DEPTHWISE = 25  # the one row printed with stride 2 where 7x7 in, 7x7 out needs stride 1


def as_printed(row: architecture.Layer) -> tuple[str, str, str]:
    k, m, n, size = row.kernel, row.channels_in, row.channels_out, row.size_in
    words, filters = {
        LayerType.FULL: ("Conv", f"{k}x{k}x{m}x{n}"),
        LayerType.POINTWISE: ("Conv", f"{k}x{k}x{m}x{n}"),
        LayerType.DEPTHWISE: ("Conv dw", f"{k}x{k}x{m} dw"),
        LayerType.POOL: ("Avg Pool", f"Pool {k}x{k}"),
        LayerType.CLASSIFIER: ("FC", f"{m}x{n}"),
    }[row.type]
    return f"{words} / s{row.stride}", filters, f"{size}x{size}x{m}"


def columns(line: str) -> tuple[str, str, str]:
    return line[:16].strip(), line[16:30].strip(), line[30:].strip()


def test_counts_equal_hand_arithmetic(exact):
    rows = architecture.layers(exact.kind, exact.alpha, exact.resolution, exact.classes)
    assert sum(row.mult_adds for row in rows) == exact.mult_adds
    assert sum(row.weights for row in rows) == exact.weights
    assert sum(row.trainable_params for row in rows) == exact.trainable_params
    assert sum(row.params_with_statistics for row in rows) == exact.params_with_bn_statistics


def test_layers_are_the_papers_table_1():
    rows = [as_printed(row) for row in architecture.layers("separable", 1.0, 224)]
    printed = [columns(line) for line in TABLE_1]
    kind, *shapes = printed[LAST_DEPTHWISE]
    assert kind == "Conv dw / s2"
    printed[LAST_DEPTHWISE] = ("Conv dw / s1", shapes[0], shapes[1])
    assert rows == printed


@pytest.mark.parametrize(
    ("layer_type", "mult_adds_percent", "weights_percent"),
    [  # Howard et al. 2017, Table 2
        ("Conv 1x1", 94.86, 74.59),
        ("Conv DW 3x3", 3.06, 1.06),
        # Printed 1.19 with the digits swapped: only with 1.91 the four shares add to 100.
        ("Conv 3x3", 1.91, 0.02),
        ("Fully Connected", 0.18, 24.33),
    ],
)
def test_shares_are_the_papers_table_2(layer_type, mult_adds_percent, weights_percent):
    rows = architecture.layers("separable", 1.0, 224)
    chosen = [row for row in rows if row.type == layer_type]

    def percent(count: str) -> float:
        return 100 * sum(getattr(r, count) for r in chosen) / sum(getattr(r, count) for r in rows)

    assert percent("mult_adds") == pytest.approx(mult_adds_percent, abs=0.01)
    assert percent("weights") == pytest.approx(weights_percent, abs=0.01)


def test_shallow_network_lacks_five_blocks_of_512():
    full = [as_printed(row) for row in architecture.layers("separable", 1.0, 224)]
    shallow = [as_printed(row) for row in architecture.layers("shallow", 1.0, 224)]
    block = [columns(TABLE_1[13]), columns(TABLE_1[14])]
    assert full[13:23] == block * 5
    assert shallow == full[:13] + full[23:]


def test_peak_activations_of_the_full_network():
    # The first pointwise layer: 112 * 112 pixels with 32 channels in and 64 out. Next is the
    # second depthwise layer: 112 * 112 * 64 + 56 * 56 * 64 = 1,003,520.
    rows = architecture.layers("separable", 1.0, 224)
    assert max(row.activations for row in rows) == 1_204_224


@pytest.mark.parametrize(
    ("resolution", "halvings"),
    [
        (33, [17, 9, 5, 3, 2]),
        (97, [49, 25, 13, 7, 4]),
        (225, [113, 57, 29, 15, 8]),
        (1, [1, 1, 1, 1, 1]),
    ],
)
def test_odd_sides_are_halved_rounding_up(resolution, halvings):
    rows = architecture.layers("separable", 1.0, resolution)
    assert [row.size_out for row in rows if row.stride == 2] == halvings


@pytest.mark.parametrize("kind", list(Kind))
def test_the_smallest_alpha_leaves_one_channel_everywhere(kind):
    *convolutions, _, classifier = architecture.layers(kind, 1e-9, 32, 10)
    assert {row.channels_out for row in convolutions} == {1}
    assert (classifier.channels_in, classifier.channels_out) == (1, 10)


@given(st.floats(1e-6, 4.0))
def test_widths_are_rounded_down_but_never_0(alpha):
    for row in architecture.layers("separable", alpha, 32)[:-2]:
        assert row.channels_in >= 1
        assert row.channels_out >= 1
    assert architecture.layers("separable", alpha, 32)[-1].channels_in == max(1, int(alpha * 1024))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("separable", 0.0, 224, 10), r"alpha = 0.0: must be a finite number above 0"),
        (("separable", -0.5, 224, 10), r"alpha = -0.5: must be a finite number above 0"),
        (("separable", float("nan"), 224, 10), r"alpha = nan: must be a finite number above 0"),
        (("separable", float("inf"), 224, 10), r"alpha = inf: must be a finite number above 0"),
        (("separable", 1.0, 0, 10), r"resolution = 0: must be at least 1"),
        (("separable", 1.0, 224, 0), r"num_classes = 0: must be at least 1"),
        (("deep", 1.0, 224, 10), r"kind = 'deep': must be one of separable, standard, shallow"),
    ],
)
def test_errors_name_the_value_and_what_is_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        architecture.layers(*arguments)
