"""A training step's gradient: by the loop itself, and in float64 by autodiff of the network."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from sweep.contracts import Network
from sweep.settings.config import AccuracySettings
from sweep.training.feeds import ResidentFeed
from sweep.training.learner import make_ready
from sweep.types import Images
from tests.support.short import Short
from tests.support.toys import point

NETWORK = Network(point(0.25), Short())
# One batch, seen whole: the first step's momentum is then its gradient.
ONE_BATCH = AccuracySettings(
    dataset="tests.support.toys:Brightness",
    train_images=32,
    test_images=72,
    epochs=12,
    batch_size=32,
    learning_rate=0.1,
    symmetry="none",
    dropout_rate=0.0,
    weight_decay=0.0,
)


def first_step(
    settings: AccuracySettings, images: Images, network: Network = NETWORK
) -> tuple[float, dict]:
    """The loss and the gradient in the loop's own step."""
    ready = make_ready(network, ResidentFeed(images, images.images.shape[1], settings), 8, settings)
    arrays = map(jnp.asarray, (images.images, images.labels))
    indices = np.arange(len(images.labels), dtype=np.int32)[None]
    state, (losses, _) = ready.run_steps(ready.state, *arrays, indices, jax.random.key(0), 0)
    momentum = optax.tree_utils.tree_get(state.moments, "trace")
    return float(losses[0]), _flat(ready.learner.params.unpack(momentum))


def in_float64(
    settings: AccuracySettings, images: Images, network: Network = NETWORK
) -> tuple[float, dict]:
    """The loss of the plain network and its gradient, by the grouped convolution's autodiff."""
    side = images.images.shape[1]
    with jax.enable_x64(True):
        plain = network.family.build(
            network.point, num_classes=8, resolution=side, seed=settings.seed, lowering="grouped",
            bn_momentum=0.0, dropout_rate=0.0, dtype="float32",
        )  # fmt: skip
        graph, params, rest = nnx.split(plain, nnx.Param, ...)
        wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
        pixels = jnp.asarray(np.tile(images.images, (1, 1, 1, 3)), jnp.float64)

        def loss_of(params):
            scores = jax.nn.log_softmax(nnx.merge(graph, params, rest, copy=True)(pixels))
            return -jnp.mean(scores[jnp.arange(len(pixels)), images.labels])

        loss, gradient = jax.jit(jax.value_and_grad(loss_of))(wide)
        assert loss.dtype == np.float64
        return float(loss), _flat(gradient)


def apart(found: dict, expected: dict) -> float:
    """The distance of two gradients over the length of one."""
    assert found.keys() == expected.keys()
    squares = [float(np.sum((found[path] - expected[path]) ** 2)) for path in expected]
    return math.sqrt(sum(squares) / sum(float(np.sum(each**2)) for each in expected.values()))


def _flat(params) -> dict[tuple, np.ndarray]:
    return {path: np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(params)}
