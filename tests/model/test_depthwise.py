"""The depthwise convolution against hand arithmetic, plain loops, and XLA's own convolution."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import lax

from mnv1_flax.convolution import full_conv, pointwise_conv
from mnv1_flax.depthwise import Lowering, default_lowering, depthwise_conv

# Compiled as a whole: run one operation at a time, the same test takes ten times as long.
depthwise = jax.jit(depthwise_conv, static_argnames=("stride", "lowering"))

LOWERINGS = [Lowering.SHIFTED, Lowering.GROUPED]
STRIDES = [1, 2]
SIZES = [(6, 6), (7, 7), (5, 8), (2, 3), (1, 1)]

# A 5x5 image of three channels, zeros around it, and one 3x3 filter for each channel. A filter is
# laid on the image as it stands (a cross-correlation, as in every network library): the number in
# its upper left corner meets the upper left neighbour.
#
# Channel 0: the pixels are v = 1..25 row by row; the filter is v + 2 * right + 100 * below. Inside:
# v + 2 (v + 1) + 100 (v + 5) = 103 v + 502, as 605 for v = 1. The last column has nothing to its
# right: v + 100 (v + 5), as 5 + 1000. The last row has nothing below: 3 v + 2. The corner: 25.
ALL_25 = [
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10],
    [11, 12, 13, 14, 15],
    [16, 17, 18, 19, 20],
    [21, 22, 23, 24, 25],
]
RIGHT_AND_BELOW = [[0, 0, 0], [0, 1, 2], [0, 100, 0]]
CHANNEL_0 = [
    [605, 708, 811, 914, 1005],
    [1120, 1223, 1326, 1429, 1510],
    [1635, 1738, 1841, 1944, 2015],
    [2150, 2253, 2356, 2459, 2520],
    [65, 68, 71, 74, 25],
]
# Channel 1: the pixels are v = 10 * row + column; the filter is upper left - lower right. Inside:
# (v - 11) - (v + 11) = -22. The first row and column have no upper left: -(v + 11). The last row
# and column have no lower right: v - 11. The two corners between have neither: 0.
ROW_AND_COLUMN = [
    [11, 12, 13, 14, 15],
    [21, 22, 23, 24, 25],
    [31, 32, 33, 34, 35],
    [41, 42, 43, 44, 45],
    [51, 52, 53, 54, 55],
]
UPPER_LEFT_LESS_LOWER_RIGHT = [[1, 0, 0], [0, 0, 0], [0, 0, -1]]
CHANNEL_1 = [
    [-22, -23, -24, -25, 0],
    [-32, -22, -22, -22, 14],
    [-42, -22, -22, -22, 24],
    [-52, -22, -22, -22, 34],
    [0, 41, 42, 43, 44],
]
# Channel 2: a single 1 and a single 10. Each leaves the filter behind, turned by half a turn and
# centred on itself: the pixel up and left of the 1 sees it lower right, under the 9. The 10 stands
# at the right edge, so that the third column of its turned filter (70, 40, 10) falls outside.
TWO_DOTS = [
    [0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 10],
    [0, 0, 0, 0, 0],
]
ONE_TO_NINE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
CHANNEL_2 = [
    [9, 8, 7, 0, 0],
    [6, 5, 4, 0, 0],
    [3, 2, 1, 90, 80],
    [0, 0, 0, 60, 50],
    [0, 0, 0, 30, 20],
]


def stacked(*channels: list[list[int]]) -> jax.Array:
    return jnp.stack([jnp.asarray(channel, jnp.float32) for channel in channels], axis=-1)


IMAGE = (ALL_25, ROW_AND_COLUMN, TWO_DOTS)
FILTERS = (RIGHT_AND_BELOW, UPPER_LEFT_LESS_LOWER_RIGHT, ONE_TO_NINE)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_5x5x3_with_three_filters_by_hand(lowering):
    found = depthwise(stacked(*IMAGE)[None], stacked(*FILTERS), stride=1, lowering=lowering)
    assert found.shape == (1, 5, 5, 3)
    np.testing.assert_array_equal(found[0], stacked(CHANNEL_0, CHANNEL_1, CHANNEL_2))


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_stride_2_on_an_odd_side_by_hand(lowering):
    # Side 5: out 3, one zero on either side, so the filter stands on rows and columns 1, 3, 5:
    # of the results above every second one.
    found = depthwise(stacked(*IMAGE)[None], stacked(*FILTERS), stride=2, lowering=lowering)
    assert found.shape == (1, 3, 3, 3)
    np.testing.assert_array_equal(
        found[0, ..., 0], [[605, 811, 1005], [1635, 1841, 2015], [65, 71, 25]]
    )
    np.testing.assert_array_equal(found[0, ..., 1], [[-22, -24, 0], [-42, -22, 24], [0, 42, 44]])
    np.testing.assert_array_equal(found[0, ..., 2], [[9, 7, 0], [3, 1, 80], [0, 0, 20]])


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_stride_2_on_an_even_side_by_hand(lowering):
    # Side 4: out 2, a single zero, and that at the end (TensorFlow's SAME): the filter stands on
    # rows and columns 2 and 4. Symmetric padding would put it on 1 and 3.
    image = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
    found = depthwise(stacked(image)[None], stacked(RIGHT_AND_BELOW), stride=2, lowering=lowering)
    # On 6: 6 + 2 * 7 + 100 * 10. On 8: 8 + 100 * 12. On 14: 14 + 2 * 15. On 16: 16.
    np.testing.assert_array_equal(found[0, ..., 0], [[1020, 1208], [44, 16]])


def test_3x3x3_with_two_1x1_filters_by_hand():
    # Channels: v = 1..9 row by row, 10 * column, 100 * row. Filter A = (1, 2, 3): the first pixel
    # is 1 + 2 * 10 + 3 * 100 = 321, one column on adds 1 + 20, one row on 3 + 300. Filter
    # B = (2, -1, 1): 2 - 10 + 100 = 92, one column on adds 2 - 10, one row on 6 + 100.
    image = stacked(
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[10, 20, 30], [10, 20, 30], [10, 20, 30]],
        [[100, 100, 100], [200, 200, 200], [300, 300, 300]],
    )
    found = pointwise_conv(image[None], jnp.array([[1.0, 2.0], [2.0, -1.0], [3.0, 1.0]]))
    assert found.shape == (1, 3, 3, 2)
    by_a = [[321, 342, 363], [624, 645, 666], [927, 948, 969]]
    by_b = [[92, 84, 76], [198, 190, 182], [304, 296, 288]]
    np.testing.assert_array_equal(found[0], stacked(by_a, by_b))


def by_plain_loops(
    images: npt.NDArray[np.float32], kernel: npt.NDArray[np.float32], stride: int
) -> npt.NDArray[np.float64]:
    """Depthwise convolution as TensorFlow's documentation of SAME describes it, in float64."""
    batch, height, width, channels = images.shape
    rows, columns = -(-height // stride), -(-width // stride)
    top = max((rows - 1) * stride + 3 - height, 0) // 2
    left = max((columns - 1) * stride + 3 - width, 0) // 2
    out = np.zeros((batch, rows, columns, channels))
    for y, x, dy, dx in np.ndindex(rows, columns, 3, 3):
        from_y, from_x = y * stride + dy - top, x * stride + dx - left
        if 0 <= from_y < height and 0 <= from_x < width:
            out[:, y, x] += images[:, from_y, from_x].astype(np.float64) * kernel[dy, dx]
    return out


def random_images_and_kernel(
    height: int, width: int, channels: int, batch: int = 2, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((batch, height, width, channels))
    return images, rng.standard_normal((3, 3, channels))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_agrees_with_plain_loops(lowering, stride, size):
    images, kernel = (a.astype(np.float32) for a in random_images_and_kernel(*size, channels=3))
    found = depthwise(jnp.asarray(images), jnp.asarray(kernel), stride=stride, lowering=lowering)
    np.testing.assert_allclose(found, by_plain_loops(images, kernel, stride), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stride", STRIDES)
def test_lowerings_agree(stride, size):
    images, kernel = (
        jnp.asarray(a, jnp.float32) for a in random_images_and_kernel(*size, channels=5)
    )
    shifted = depthwise(images, kernel, stride=stride, lowering="shifted")
    grouped = depthwise(images, kernel, stride=stride, lowering="grouped")
    np.testing.assert_allclose(shifted, grouped, rtol=0, atol=1e-5)


def xla_conv(images: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    return lax.conv_general_dilated(
        images, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize("size", SIZES[:3], ids=str)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_depthwise_then_pointwise_is_a_convolution_with_their_outer_product(lowering, stride, size):
    # The paper's factorisation, backwards: K[dy, dx, m, n] = D[dy, dx, m] * P[m, n].
    images, filters = (
        jnp.asarray(a, jnp.float32) for a in random_images_and_kernel(*size, channels=4)
    )
    mixing = jnp.asarray(np.random.default_rng(1).standard_normal((4, 6)), jnp.float32)
    separable = pointwise_conv(depthwise(images, filters, stride=stride, lowering=lowering), mixing)
    standard = xla_conv(images, jnp.einsum("yxm,mn->yxmn", filters, mixing), stride)
    np.testing.assert_allclose(separable, standard, rtol=0, atol=1e-4)


@partial(jax.jit, static_argnums=0)
def values_and_gradients(
    convolutions: tuple[Callable[[jax.Array, jax.Array], jax.Array], ...],
    images: jax.Array,
    kernel: jax.Array,
    weight: jax.Array,
) -> list[tuple[jax.Array, ...]]:
    """Of each convolution: its output, and both gradients of the output's sum under `weight`."""

    def of(convolution: Callable[[jax.Array, jax.Array], jax.Array]) -> tuple[jax.Array, ...]:
        value, transpose = jax.vjp(convolution, images, kernel)
        return value, *transpose(weight)

    return [of(convolution) for convolution in convolutions]


# Up to 4 channels the network's full convolution is a product over patches, above it is XLA's.
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
@pytest.mark.parametrize("stride", STRIDES)
def test_full_convolution_and_its_gradients_are_xlas(stride, channels):
    rng = np.random.default_rng(2)
    shapes = (2, 7, 6, channels), (3, 3, channels, 6), (2, -(-7 // stride), 6 // stride, 6)
    arrays = [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]
    both = partial(full_conv, stride=stride), partial(xla_conv, stride=stride)
    for ours, theirs in zip(*values_and_gradients(both, *arrays), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def assert_gradients_agree(
    images: npt.NDArray[np.float64],
    kernel: npt.NDArray[np.float64],
    stride: int,
    dtype: type,
    tolerance: float,
) -> None:
    """Both gradients of the shifted lowering against autodiff of the grouped one, relative to the
    largest element.
    """
    rows, columns = (-(-side // stride) for side in images.shape[1:3])
    shape = (len(images), rows, columns, images.shape[-1])
    weight = np.random.default_rng(3).standard_normal(shape)
    both = tuple(partial(depthwise_conv, stride=stride, lowering=way) for way in LOWERINGS)
    arrays = (jnp.asarray(each, dtype) for each in (images, kernel, weight))
    (_, *shifted), (_, *grouped) = values_and_gradients(both, *arrays)
    for ours, autodiff in zip(shifted, grouped, strict=True):
        assert ours.dtype == autodiff.dtype == dtype
        largest = float(np.max(np.abs(autodiff)))
        np.testing.assert_allclose(ours, autodiff, rtol=0, atol=tolerance * largest)


SHAPES = st.fixed_dictionaries(
    {
        "height": st.integers(1, 9),
        "width": st.integers(1, 9),
        "channels": st.integers(1, 4),
        "batch": st.integers(1, 3),
        "seed": st.integers(0, 2**16),
    }
)


@settings(max_examples=10)
@given(SHAPES, st.sampled_from(STRIDES))
@example({"height": 1, "width": 2, "channels": 1, "batch": 1, "seed": 0}, 2)
@example({"height": 6, "width": 5, "channels": 2, "batch": 2, "seed": 0}, 2)
@example({"height": 5, "width": 8, "channels": 2, "batch": 2, "seed": 0}, 1)
def test_gradients_agree_in_float64(shape, stride):
    with jax.enable_x64(True):
        assert_gradients_agree(*random_images_and_kernel(**shape), stride, np.float64, 1e-9)


@settings(max_examples=5)
@given(SHAPES, st.sampled_from(STRIDES))
@example({"height": 6, "width": 7, "channels": 2, "batch": 2, "seed": 0}, 2)
def test_gradients_agree_in_float32(shape, stride):
    assert_gradients_agree(*random_images_and_kernel(**shape), stride, np.float32, 1e-4)


def test_default_lowering_follows_the_platform():
    assert default_lowering("cpu") is Lowering.SHIFTED
    assert default_lowering("gpu") is Lowering.GROUPED
    assert default_lowering("tpu") is Lowering.GROUPED
    assert default_lowering() is default_lowering(jax.default_backend())


@pytest.mark.parametrize(
    ("kernel", "stride", "lowering", "message"),
    [
        (
            (3, 3, 2),
            1,
            "shifted",
            r"kernel \(3, 3, 2\): must be \(3, 3, 4\) for images \(1, 5, 5, 4\)",
        ),
        ((5, 5, 4), 1, "grouped", r"kernel \(5, 5, 4\): must be \(3, 3, 4\)"),
        ((3, 3, 4), 3, "shifted", r"stride = 3: must be 1 or 2"),
        ((3, 3, 4), 1, "winograd", r"lowering = 'winograd': must be one of shifted, grouped"),
    ],
)
def test_errors_name_the_value_and_what_is_allowed(kernel, stride, lowering, message):
    with pytest.raises(ValueError, match=message):
        depthwise_conv(jnp.zeros((1, 5, 5, 4)), jnp.zeros(kernel), stride=stride, lowering=lowering)
