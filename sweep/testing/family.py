"""What every model family keeps: that its rows in closed form are its network."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from sweep.contracts import Family, Network
from sweep.types import Point

CLASSES = 5
FIELDS = (
    "stride", "kernel", "channels_in", "channels_out", "size_in", "size_out", "mult_adds",
    "weights", "trainable_params", "params_with_statistics", "activations",
)  # fmt: skip


class FamilyContract:
    """Derive from it, and pytest runs these tests on your family. side: of the input of the
    networks that are built; within: what two ways to compute one output may differ by.
    """

    side: ClassVar[int] = 32
    within: ClassVar[float] = 1e-4

    def family(self) -> Family:
        """Yours."""
        raise NotImplementedError

    def points(self) -> Sequence[Point]:
        """A small one of each kind."""
        family = self.family()
        size = (0.25, self.side / 224, self.side)
        return [Point(family.name, kind, *size) for kind in family.kinds]

    def test_it_says_what_it_is(self) -> None:
        family = self.family()
        assert family.name
        assert family.kinds
        for names in (family.kinds, family.lowerings):
            assert isinstance(names, tuple)
            assert all(isinstance(each, str) and each for each in names)

    def test_it_can_be_sent_to_a_process(self) -> None:
        copy = pickle.loads(pickle.dumps(self.family()))  # noqa: S301
        assert copy.name == self.family().name

    def test_its_layers_have_names_of_their_own_and_counts(self) -> None:
        for network in self._networks():
            rows = network.layers()
            names = [row.name for row in rows]
            assert len(set(names)) == len(names) > 0
            for row in rows:
                counts = [getattr(row, field) for field in FIELDS]
                assert all(isinstance(each, int) and each >= 0 for each in counts), row.name
            assert rows[-1].channels_out == CLASSES

    def test_its_network_gives_an_output_a_class_the_same_deployed_and_lowered(self) -> None:
        for network in self._networks():
            outputs = self._outputs(network.in_evaluation())
            assert outputs.shape == (2, CLASSES)
            assert np.isfinite(outputs).all()
            others = [network.in_evaluation(lowering=each) for each in network.family.lowerings]
            for other in (network.deployed(), *others):
                np.testing.assert_allclose(self._outputs(other), outputs, rtol=0, atol=self.within)

    def test_its_rows_count_the_mult_adds_of_the_program(self) -> None:
        from flax import nnx

        from sweep.measures.traced import traced_mult_adds

        for network in self._networks():
            graph, state = nnx.split(network.in_evaluation())
            counted = traced_mult_adds(
                lambda state, images, graph=graph: nnx.merge(graph, state)(images),
                state,
                np.zeros((1, self.side, self.side, 3), np.float32),
                sum_of_products=network.family.sum_of_products,
            )
            assert counted.total() == sum(row.mult_adds for row in network.layers())

    def test_its_rows_count_the_parameters_of_the_network(self) -> None:
        from flax import nnx

        for network in self._networks():
            module, rows = network.in_evaluation(), network.layers()
            parameters = _size(nnx.state(module, nnx.Param))
            with_statistics = parameters + _size(nnx.state(module, nnx.BatchStat))
            assert parameters == sum(row.trainable_params for row in rows)
            assert with_statistics == sum(row.params_with_statistics for row in rows)

    def test_compiler_options_and_decay_are_said_of_every_network(self) -> None:
        from flax import nnx

        for network in self._networks():
            family = network.family
            options = family.compiler_options(
                network.point, num_classes=CLASSES, batch=1, platform="cpu"
            )
            assert all(isinstance(value, bool | str) for value in options.values())
            state = nnx.state(network.in_evaluation(), nnx.Param)
            for variable in _variables(state):
                assert family.decays(variable) in (True, False)

    def test_its_torch_twin_has_its_parameters(self) -> None:
        for network in self._networks():
            try:
                twin = network.family.torch_twin(network.point, num_classes=CLASSES)
            except ImportError:  # torch is not here, or there is no twin
                continue
            parameters = sum(each.numel() for each in twin.parameters())
            assert parameters == sum(row.trainable_params for row in network.layers())

    def _networks(self) -> Iterator[Network]:
        for point in self.points():
            yield Network(point, self.family(), CLASSES)

    def _outputs(self, module: Any) -> Any:
        import jax
        from flax import nnx

        graph, state = nnx.split(module)
        images = np.random.default_rng(0).uniform(-1, 1, (2, self.side, self.side, 3))
        return np.asarray(
            jax.jit(lambda state, images: nnx.merge(graph, state)(images))(
                state, images.astype(np.float32)
            )
        )


def _size(state: Any) -> int:
    import jax

    return sum(prod(leaf.shape) for leaf in jax.tree.leaves(state))


def _variables(state: Any) -> list[Any]:
    import jax
    from flax import nnx

    return jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
