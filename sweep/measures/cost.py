"""What a network costs whatever it runs on: mult-adds, parameters, bytes.

The mult-adds are counted three times, independently: in closed form from the layers' shapes, on
the traced program of the Flax network, and by fvcore on an equivalent PyTorch module. Convention
of all three, as in the paper: one multiply with its add counts once; bias, batch norm, ReLU and
pooling are left out; positions on the padding count.
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from sweep.contracts import LayerRow, Measure, Network
from sweep.host.extras import told
from sweep.host.memory import FLOAT_BYTES
from sweep.measures.traced import traced_mult_adds
from sweep.metrics import (
    FVCORE,
    LAYER_MULT_ADDS,
    LAYER_WEIGHTS,
    MULT_ADDS,
    PARAMS,
    PARAMS_WITH_STATISTICS,
    PEAK_ACTIVATION_BYTES,
    TRACED,
    WEIGHT_BYTES,
    WEIGHTS,
    XLA,
)
from sweep.settings.config import CostSettings
from sweep.types import Progress, Reading

# JAX remembers every program that it has traced, about 0.5 MB for a network: in a sweep of ten
# thousand points, 5 GB.
FORGET_EVERY = 50  # networks

XLA_NOTE = (
    "XLA counts flops, two for a multiply-add, halved here. It leaves out taps that fall on the "
    "padding, and adds element-wise work: batch norm, ReLU6, pooling."
)


class Cost(Measure):
    """Counts of the deployed network, per image."""

    name = "cost"
    machine_bound = False
    metrics = (
        MULT_ADDS,
        WEIGHTS,
        PARAMS,
        PARAMS_WITH_STATISTICS,
        WEIGHT_BYTES,
        PEAK_ACTIVATION_BYTES,
        TRACED,
        FVCORE,
        XLA,
        LAYER_MULT_ADDS,
        LAYER_WEIGHTS,
    )

    light = True

    def __init__(self, settings: CostSettings) -> None:
        self.settings = settings
        self._traced = 0

    def identity(self) -> dict[str, Any]:
        """The settings and who counts: installing an outside counter fills what it lacked."""
        counters = {"jax": jax.__version__}
        if self.settings.xla:
            counters["backend"] = jax.default_backend()
        if self.settings.fvcore:
            counters |= {name: _version(name) for name in ("fvcore", "torch")}
        return self.settings.model_dump(mode="json") | {"counters": counters}

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """About a second a point for fvcore's trace, half of one for JAX's."""
        return len(networks) * (0.5 + 1.0 * self.settings.fvcore)

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Reading]:
        """All metrics of one network; a count that is off or impossible carries its reason."""
        (network,) = networks
        point = network.point
        rows = network.layers()
        progress(0.0, "closed form")
        for metric, value in (
            (MULT_ADDS, sum(row.mult_adds for row in rows)),
            (WEIGHTS, sum(row.weights for row in rows)),
            (PARAMS, sum(row.trainable_params for row in rows)),
            (PARAMS_WITH_STATISTICS, sum(row.params_with_statistics for row in rows)),
            (WEIGHT_BYTES, FLOAT_BYTES * sum(row.weights for row in rows)),
            (PEAK_ACTIVATION_BYTES, FLOAT_BYTES * max(row.activations for row in rows)),
        ):
            yield Reading(metric, point, float(value))
        for row in rows:
            for metric, value in ((LAYER_MULT_ADDS, row.mult_adds), (LAYER_WEIGHTS, row.weights)):
                yield Reading(metric, point, float(value), layer=row.name, note=_shape(row))
        progress(0.1, "traced program")
        yield from self._of_the_program(network)
        progress(0.4, "fvcore")
        yield self._fvcore(network)

    def _of_the_program(self, network: Network) -> Iterator[Reading]:
        """The walk over the traced network, and XLA's own analysis of the same program."""
        self._traced += 1
        if self._traced % FORGET_EVERY == 0:
            jax.clear_caches()
        # Shapes alone: no weight is drawn, nothing is computed.
        graph, state = nnx.split(nnx.eval_shape(network.in_evaluation))
        side = network.point.resolution
        images = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)

        def forward(state: Any, images: jax.Array) -> jax.Array:
            return nnx.merge(graph, state)(images)

        counts = traced_mult_adds(
            forward, state, images, sum_of_products=network.family.sum_of_products
        )
        yield Reading(TRACED, network.point, float(counts.total()))
        if not self.settings.xla:
            yield Reading(XLA, network.point, None, reason="turned off: cost.xla = false")
            return
        analysis = jax.jit(forward).lower(state, images).cost_analysis()
        if not analysis or "flops" not in analysis:
            yield Reading(XLA, network.point, None, reason="this backend has no cost analysis")
            return
        yield Reading(XLA, network.point, float(round(analysis["flops"] / 2)), note=XLA_NOTE)

    def _fvcore(self, network: Network) -> Reading:
        if not self.settings.fvcore:
            return Reading(FVCORE, network.point, None, reason="turned off: cost.fvcore = false")
        try:
            twin = network.family.torch_twin(network.point, num_classes=network.num_classes)
            mult_adds = fvcore_mult_adds(twin, network.point.resolution)
        except ImportError as error:
            return Reading(FVCORE, network.point, None, reason=told(error) or str(error))
        return Reading(FVCORE, network.point, float(mult_adds))


def fvcore_mult_adds(module: Any, resolution: int) -> int:
    """fvcore's count of a torch module f32[1,3,R,R] -> ..: its convolution and linear operators.

    fvcore also counts pooling and batch norm, which are no mult-adds of the paper's.
    """
    with _quiet_torch():
        import torch
        from fvcore.nn import FlopCountAnalysis

        module.eval()
        analysis = FlopCountAnalysis(module, torch.zeros(1, 3, resolution, resolution))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        by_operator = analysis.by_operator()
    return int(by_operator.get("conv", 0)) + int(by_operator.get("linear", 0))


@contextlib.contextmanager
def _quiet_torch() -> Iterator[None]:
    """fvcore is built on torch.jit, which is deprecated: it warns at import and at each call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = logging.getLogger("fvcore")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _shape(row: LayerRow) -> str:
    """The row's shape as JSON, so that a report can rebuild the paper's Table 1 from readings."""
    return json.dumps(
        {
            "type": str(row.type),
            "stride": row.stride,
            "kernel": row.kernel,
            "channels_in": row.channels_in,
            "channels_out": row.channels_out,
            "size_in": row.size_in,
            "size_out": row.size_out,
        }
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
