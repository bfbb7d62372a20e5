"""A smaller network cut out of a larger one, with statistics of batch norm that are its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from flax import nnx

from sweep.contracts import Network
from sweep.host.xla import with_fused_sums
from sweep.settings.config import AccuracySettings
from sweep.training.augment import as_floats, three_channels
from sweep.training.learner import module_of
from sweep.training.shared import first_entries


def sub_network(
    whole: nnx.Module, network: Network, side: int, classes: int, settings: AccuracySettings
) -> nnx.Module:
    """The network with the first entries of each parameter of `whole`, in training; its statistics
    are to be `calibrated`.
    """
    shapes = nnx.eval_shape(lambda: module_of(network, side, classes, settings))
    graph, own, statistics, _ = nnx.split(shapes, nnx.Param, nnx.BatchStat, ...)
    _, params, _, rest = nnx.split(whole, nnx.Param, nnx.BatchStat, ...)
    none = jax.tree.map(lambda like: np.zeros(like.shape, like.dtype), statistics)
    return nnx.merge(graph, first_entries(params, own), none, rest, copy=True)


def calibrated(module: nnx.Module, batches: Iterable[tuple[Any, Any]]) -> None:
    """Gives the network the mean over `batches` of each batch's own statistics, and puts it in
    evaluation.

    module: in training, of `module_of`, which hands out each batch's own. batches: of one shape,
    (images u8 or f32[B,S,S,C], labels i32[B]); a label of -1 is no image, and another image of the
    batch takes its place. Raises ValueError where there is no image at all.
    """
    graph, state = nnx.split(module)

    @jax.jit
    def of_batch(state: Any, images: jax.Array) -> Any:
        copy = nnx.merge(graph, state)
        copy(three_channels(as_floats(images)))
        return nnx.state(copy, nnx.BatchStat)

    compiled, sums, count = None, None, 0
    for pixels, labels in batches:
        good = np.flatnonzero(np.asarray(labels) >= 0)
        if not len(good):
            continue
        shown = np.asarray(pixels)[np.resize(good, len(labels))]
        compiled = compiled or with_fused_sums(of_batch.lower(state, shown))
        found = jax.tree.map(lambda each: np.asarray(each, np.float64), compiled(state, shown))
        sums = found if sums is None else jax.tree.map(np.add, sums, found)
        count += 1
    if sums is None:
        raise ValueError("none of the images to calibrate batch norm on could be read")
    nnx.update(module, jax.tree.map(lambda each: np.asarray(each / count, np.float32), sums))
    module.eval()
