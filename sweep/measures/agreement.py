"""Whether a program computes what the network does, before anybody believes its latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from flax import nnx

Floats = npt.NDArray[np.float32]

# How far logits may be from the Flax network's, as a share of the largest. Sums of floats in
# another order differ by about 1e-6.
FLOATS_AGREE = 1e-3
# How far an int8 program's may be from those of the same file by plain kernels. Roundings between
# layers differ by a step here and there, and add up over 28 of them.
INTEGERS_AGREE = 0.1


class OtherLogitsError(ValueError):
    """A program computes something else."""


def logits_of(module: nnx.Module, images: Floats) -> Floats:
    """Of a Flax network in evaluation, compiled: images f32[N,R,R,3] -> f32[N,classes]."""
    import jax
    from flax import nnx

    from sweep.host import xla

    graph, state = nnx.split(module)

    def forward(state: Any, images: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(images)

    compiled = jax.jit(forward, compiler_options=xla.options())
    return np.asarray(compiled(state, images), np.float32)


def agreed(logits: Floats, right: Floats, whose: str, most: float) -> float:
    """The largest difference as a share of the largest logit. Raises OtherLogitsError where it is
    more than `most`, or no number.
    """
    difference = float(np.abs(logits - right).max() / np.abs(right).max())
    if difference <= most:
        return difference
    raise OtherLogitsError(
        f"its logits are {difference:.2g} of the largest from {whose}, must be within {most:g}"
    )
