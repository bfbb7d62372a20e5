"""Counts: the walk over a traced program, and three counts at every point, by hand arithmetic."""

import sys

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures import cost
from sweep.measures.traced import traced_mult_adds
from sweep.settings.config import CostSettings
from sweep.types import Point

SCOPE = "sum_of_products"


def counted(function, *shapes) -> int:
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return traced_mult_adds(function, *arguments, sum_of_products=SCOPE).total()


def test_a_matrix_product_is_rows_by_columns_by_depth():
    assert counted(jnp.matmul, (5, 7), (7, 11)) == 5 * 7 * 11
    assert counted(jnp.matmul, (3, 5, 7), (3, 7, 11)) == 3 * 5 * 7 * 11


def test_a_convolution_counts_its_padding_as_the_paper_does():
    def conv(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    # Out 4x4 (7 halved, up) of 8 channels, each a sum over 3x3x5.
    assert counted(conv, (1, 7, 7, 5), (3, 3, 5, 8)) == 4 * 4 * 8 * 3 * 3 * 5


def test_only_products_inside_the_scope_count():
    def half_marked(x, y):
        with jax.named_scope(SCOPE):
            inside = x * y
        return inside * y

    assert counted(half_marked, (4, 6), (4, 6)) == 24


def test_loops_with_known_turns_are_multiplied_and_others_refused():
    def scanned(x, y):
        return lax.scan(lambda carry, _: (carry @ y, None), x, None, length=9)[0]

    def unknown(x, y):
        return lax.while_loop(lambda z: jnp.sum(z) < 1, lambda z: z @ y, x)

    assert counted(scanned, (2, 3), (3, 3)) == 9 * 2 * 3 * 3
    assert counted(jax.jit(scanned), (2, 3), (3, 3)) == 9 * 2 * 3 * 3
    with pytest.raises(ValueError, match="inside a `while`"):
        counted(unknown, (2, 3), (3, 3))


def test_the_three_counts_agree_exactly(exact):
    """Closed form = traced Flax program = fvcore on PyTorch = hand arithmetic, at all 18 points."""
    point = Point("mobilenet_v1", exact.kind, exact.alpha, exact.resolution / 224, exact.resolution)
    readings = {
        reading.metric.name: reading
        for reading in cost.Cost(CostSettings())(
            [Network(point, MobileNetV1Family())], lambda share, text: None
        )
    }
    assert readings["mult_adds"].value == exact.mult_adds
    assert readings["mult_adds_traced"].value == exact.mult_adds
    assert readings["weights"].value == exact.weights
    assert readings["params"].value == exact.trainable_params
    assert readings["params_with_statistics"].value == exact.params_with_bn_statistics
    assert readings["weight_bytes"].value == 4 * exact.weights
    # XLA leaves padding out and adds element-wise work: near, never equal, and it says why.
    assert readings["mult_adds_xla"].value != exact.mult_adds
    assert readings["mult_adds_xla"].value == pytest.approx(exact.mult_adds, rel=0.1)
    assert "padding" in readings["mult_adds_xla"].note
    pytest.importorskip("torch", reason="all but fvcore's count, which needs torch")
    assert readings["mult_adds_fvcore"].value == exact.mult_adds


@pytest.mark.parametrize("lowering", ["shifted", "grouped"])
def test_both_lowerings_are_counted_alike(lowering, exact_counts):
    family = MobileNetV1Family()
    network = Network(Point("mobilenet_v1", "separable", 0.25, 128 / 224, 128), family)
    from flax import nnx

    graph, state = nnx.split(nnx.eval_shape(lambda: network.in_evaluation(lowering=lowering)))
    counts = traced_mult_adds(
        lambda state, x: nnx.merge(graph, state)(x),
        state,
        jax.ShapeDtypeStruct((1, 128, 128, 3), jnp.float32),
        sum_of_products=family.sum_of_products,
    )
    assert counts.total() == exact_counts["separable", 0.25, 128].mult_adds
    by_layer = {}
    for scope, value in counts.items():
        by_layer[scope.split("/")[0]] = by_layer.get(scope.split("/")[0], 0) + value
    rows = network.layers()
    assert by_layer == {row.name: row.mult_adds for row in rows if row.mult_adds}


def test_peak_activations_by_hand():
    # 1.0-224: the largest sum is pointwise_1's, 112x112 of 32 in and 64 out, four bytes each.
    network = Network(Point("mobilenet_v1", "separable", 1.0, 1.0, 224), MobileNetV1Family())
    settings = CostSettings(fvcore=False, xla=False)
    readings = {r.metric.name: r for r in cost.Cost(settings)([network], lambda s, t: None)}
    assert readings["peak_activation_bytes"].value == 4 * 112 * 112 * (32 + 64)
    assert readings["mult_adds_fvcore"].reason == "turned off: cost.fvcore = false"
    assert readings["mult_adds_xla"].reason == "turned off: cost.xla = false"


def test_without_torch_fvcore_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "sweep.families.mobilenet_v1_torch", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    network = Network(Point("mobilenet_v1", "separable", 0.25, 128 / 224, 128), MobileNetV1Family())
    readings = {r.metric.name: r for r in cost.Cost(CostSettings())([network], lambda s, t: None)}
    assert readings["mult_adds_fvcore"].value is None
    assert "pip install 'mobilenet-sweep[torch]'" in readings["mult_adds_fvcore"].reason
    assert readings["mult_adds"].value == 13_570_048
