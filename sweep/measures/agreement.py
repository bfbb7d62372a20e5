"""Whether a program computes what the network does, before anybody believes its latency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# How far logits may be from the Flax network's, as a share of the largest. Sums of floats in
# another order differ by about 1e-6.
FLOATS_AGREE = 1e-3
# How far an int8 program's may be from those of the same file by plain kernels. Roundings between
# layers differ by a step here and there, and add up over 28 of them.
INTEGERS_AGREE = 0.1


class OtherLogitsError(ValueError):
    """A program computes something else."""


def agreed(logits: Floats, right: Floats, whose: str, most: float) -> float:
    """The largest difference as a share of the largest logit. Raises OtherLogitsError where it is
    more than `most`, or no number.
    """
    difference = float(np.abs(logits - right).max() / np.abs(right).max())
    if difference <= most:
        return difference
    raise OtherLogitsError(
        f"not timed: its logits are {difference:.2g} of the largest from {whose}, must be within "
        f"{most:g}"
    )
