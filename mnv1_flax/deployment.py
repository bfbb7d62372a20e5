"""The network as one compiled program, its weights inside it.

What ships is a function of images alone: with the weights as constants a call hands over one array
in place of sixty, which a small network on a CPU feels.
"""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
from flax import nnx

from mnv1_flax.model import MobileNetV1

# What XLA's CPU backend leaves to the library YNNPACK. Sums never are, as they would be by default:
# jaxlib 0.10.2 miscalculates a product that is summed in the same fusion (JAX issue 39103).
_LIBRARY = "xla_cpu_experimental_ynn_fusion_type"
# On one thread matrix products are faster with Eigen than with YNNPACK, and on several below this
# many mult-adds a call: it shares out the small ones better. Measured in benchmarks/inference.py;
# see docs/performance.md.
_EIGEN_BELOW = 150_000_000
_EIGEN = {_LIBRARY: ""}
_YNNPACK = {_LIBRARY: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
# LLVM's default is 256 bits for every processor; one that has no vectors of 512 keeps its own.
_WIDE = {"xla_cpu_prefer_vector_width": "512"}


def compiler_options(
    mult_adds: int, platform: str, threads: int | None = None
) -> dict[str, bool | str]:
    """XLA's options for a deployed network of this size, in mult-adds of a call: those that it is
    right with, and of them the faster ones.

    platform: JAX's name ("cpu", "gpu", "tpu"). threads: that XLA will have; None for those of this
    process, which is what XLA takes. For `jax.stages.Lowered.compile`.
    """
    if platform != "cpu":
        return {}
    eigen = (threads or _threads()) == 1 or mult_adds < _EIGEN_BELOW
    return {**(_EIGEN if eigen else _YNNPACK), **_WIDE}


def _threads() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compiled(
    model: MobileNetV1, batch: int, dtype: jax.typing.DTypeLike = jnp.float32
) -> jax.stages.Compiled:
    """images f[batch,R,R,3] of `dtype` -> logits f[batch,num_classes], ahead of time for JAX's
    default platform. The model should be folded, or at least in evaluation mode.

    >>> program = compiled(model.folded(), batch=1)
    >>> logits = program(images)
    """
    graph, state = nnx.split(model)

    def forward(images: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(images)

    mult_adds = batch * sum(row.mult_adds for row in model.layers())
    images = jax.ShapeDtypeStruct((batch, model.resolution, model.resolution, 3), dtype)
    lowered = jax.jit(forward).lower(images)
    return lowered.compile(compiler_options=compiler_options(mult_adds, jax.default_backend()))
