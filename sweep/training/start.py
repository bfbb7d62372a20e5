"""A network that is trained already, given a new classifier for other classes.

Which parameters are the classifier's is told by what depends on the number of classes; everything
else is copied, path by path, and has to be there in the same shape.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from sweep.contracts import Network, TunesTrained
from sweep.settings.config import AccuracySettings
from sweep.training.augment import three_channels
from sweep.training.feeds import Feed
from sweep.types import listed

_Path = tuple[Any, ...]
MOST_NAMED = 3  # of what differs


def begun(
    network: Network, trained: nnx.Module, feed: Feed, classes: int, settings: AccuracySettings
) -> tuple[nnx.Module, frozenset[_Path]]:
    """(the network, in training, whose classifier is drawn anew and whose other weights and running
    statistics are those of `trained`; the paths of the classifier's parameters).

    Raises TypeError where the family can't, ValueError where `trained` is another network.
    """
    family = network.family
    if not isinstance(family, TunesTrained):
        raise TypeError(f"family {family.name} has no build_like: it begins with random weights")
    trained = family.trainable(trained, _some(feed))
    build = partial(
        family.build_like,
        trained,
        network.point,
        resolution=feed.side,
        seed=settings.seed,
        lowering=settings.lowering or None,
        bn_momentum=0.0,
        dropout_rate=settings.dropout_rate,
        dtype=settings.dtype,
    )
    few, more = (_arrays(nnx.eval_shape(partial(build, num_classes=count))) for count in (1, 2))
    classifier = frozenset(path for path in few if few[path].shape != more[path].shape)
    module = build(num_classes=classes)
    module.train()
    copied = _copied(_arrays(module), _arrays(trained), classifier, network.point.label)
    nnx.update(module, nnx.from_flat_state(copied))
    return module, classifier


def _some(feed: Feed) -> jax.Array:
    """The first batch, as the network is going to see it: f32[B,S,S,3]."""
    call = next(iter(feed.calls(0, 1)))
    images = jnp.asarray(call.images)[call.indices[0]]
    return three_channels(feed.augmented(images, jax.random.key(0)))


def _arrays(module: nnx.Module) -> dict[_Path, Any]:
    """Path -> variable of every parameter and running statistic."""
    return dict(nnx.to_flat_state(nnx.state(module, (nnx.Param, nnx.BatchStat))))


def _copied(
    ours: dict[_Path, Any], theirs: dict[_Path, Any], classifier: frozenset[_Path], label: str
) -> list[tuple[_Path, Any]]:
    """Ours with the values of theirs, but for the classifier."""
    differ = [
        f"{'/'.join(map(str, path))}: {_shape(theirs, path)}, must be {_shape(ours, path)}"
        for path in sorted({*ours, *theirs} - classifier, key=str)
        if _shape(ours, path) != _shape(theirs, path)
    ]
    if differ:
        raise ValueError(
            f"the trained network is not that of {label}: {listed(differ, MOST_NAMED)}"
        )
    # A copy: a step of training writes over what it is given.
    return [
        (path, variable.replace(jnp.array(theirs[path].get_value(), jnp.float32)))
        for path, variable in ours.items()
        if path not in classifier
    ]


def _shape(arrays: dict[_Path, Any], path: _Path) -> str:
    return str(list(arrays[path].shape)) if path in arrays else "none"
