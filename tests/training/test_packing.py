"""Packing is a matter of form: what is packed and unpacked is what it was."""

import jax
import jax.numpy as jnp
import numpy as np

from sweep.training.packing import SMALL, Packing

# Leaves in the order of a tree: dictionary keys sorted.
TREE = {
    "a": jnp.arange(6.0).reshape(2, 3),
    "b": jnp.array([10.0, 11.0]),
    "c": jnp.ones((SMALL + 1,)),
    "d": jnp.array(7.0),
}
LABELS = ("stays", "decays", "decays", "stays")


def test_small_arrays_share_a_vector_by_label_and_large_ones_stay():
    packing = Packing(TREE, LABELS)
    packed = packing.pack(TREE)
    np.testing.assert_array_equal(packed.small["stays"], [0, 1, 2, 3, 4, 5, 7])
    np.testing.assert_array_equal(packed.small["decays"], [10, 11])
    assert [each.shape for each in packed.large] == [(SMALL + 1,)]
    # What says where weight decay applies has the same form.
    assert packing.labels == (("decays",), {"stays": "stays", "decays": "decays"})


def test_unpacked_it_is_what_it_was_and_so_are_gradients():
    packing = Packing(TREE, LABELS)
    again = packing.unpack(packing.pack(TREE))
    assert jax.tree.structure(again) == jax.tree.structure(TREE)
    for ours, theirs in zip(jax.tree.leaves(again), jax.tree.leaves(TREE), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours, theirs)


def test_a_tree_without_arrays_packs_to_nothing():
    packing = Packing({}, ())
    assert packing.unpack(packing.pack({})) == {}
