"""Programs that are compiled so that what they compute is right.

XLA's CPU backend hands products, and sums together with what makes their summands, to a library.
jaxlib 0.10.2 miscalculates a matrix product that is summed in the same such fusion (JAX issue
39103). Options decide what is fused, program by program, whatever XLA_FLAGS say: sums are fused in
the training step alone, which is a third faster with them, and only where every fusion of the
finished program has a form that is known to be right. See docs/decisions/0013.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np

log = logging.getLogger(__name__)

Options = dict[str, bool | str]

_FUSED = "xla_cpu_experimental_ynn_fusion_type"
_KIND = '"kind":"__ynn_fusion"'
# Forms of a fusion that are held against exact sums of integers on either side of the library's
# tiles (tests/host/test_xla.py): a product or a convolution alone, or a sum of products of whole
# arrays.
_ALONE = ({"dot"}, {"convolution"})
_SUMS = {"reduce", "multiply"}
_RESHAPED = {"parameter", "constant", "bitcast"}
_MOST_AXES = 4  # of an array in a fusion; from seven on the library has been seen to crash

# JAX issue 39103: rows of three numbers through the unit matrix, squared and summed. The library
# takes 32,768 of them at a time, on any processor.
_ROWS = 32_769
# Side, side and channels of the maps whose sums are tried, 33,020 positions in all.
_MAPS = (2, 130, 127, 8)


def options(own: Mapping[str, bool | str] | None = None) -> Options:
    """For `jax.jit` and `Lowered.compile` on JAX's default backend: no sum is fused on a CPU,
    unless `own`, which come on top, say so.
    """
    safe = {_FUSED: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
    return (safe if jax.default_backend() == "cpu" else {}) | dict(own or {})


def with_fused_sums(lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """As XLA's defaults have it, where that is known to be right; else by `options`."""
    if jax.default_backend() != "cpu":
        return lowered.compile()
    if sums_are_right():
        compiled = lowered.compile()
        unknown = unknown_fusions(compiled.as_text() or "")
        if not unknown:
            return compiled
        log.info("compiled without fused sums: %s in one fusion", "; ".join(unknown))
    return lowered.compile(compiler_options=options())


def unknown_fusions(text: str) -> tuple[str, ...]:
    """The library's fusions in a compiled program's text that have none of the known forms, by
    their operations: "dot, multiply, reduce".
    """
    fusions = list(_fusions(text))
    unknown = {", ".join(sorted(used)) for used, axes in fusions if not _is_known(used, axes)}
    if len(fusions) != text.count(_KIND):
        unknown.add("what this version of XLA writes in another way")
    return tuple(sorted(unknown))


def _is_known(operations: set[str], axes: int) -> bool:
    used = operations - _RESHAPED
    return axes <= _MOST_AXES and (used in _ALONE or ("reduce" in used and used <= _SUMS))


def _fusions(text: str) -> Iterator[tuple[set[str], int]]:
    """Of each fusion: its operations, and the most axes of an array in it."""
    bodies = dict(re.findall(r"^%?([\w.\-]+) \(.*\{\n((?:  .*\n)*)", text, re.MULTILINE))
    for line in text.splitlines():
        called = re.search(r"calls=%?([\w.\-]+)", line) if _KIND in line else None
        body = bodies.get(called[1], "") if called else ""
        rows = re.findall(r" = \w+\[([\d,]*)\]\S* ([\w\-]+)\(", body)
        if rows and len(rows) == body.count("\n"):
            yield {name for _, name in rows}, max(len(s.split(",")) for s, _ in rows)


@functools.cache
def sums_are_right() -> bool:
    """Whether sums as the training step takes them come out exactly on this machine."""
    maps, other = (_integers(_MAPS, seed) for seed in (0, 1))

    @jax.jit
    def sums(maps: jax.Array, other: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(jnp.sum(each, (0, 1, 2)) for each in (maps, maps * maps, maps * other))

    wide, wide_other = maps.astype(np.int64), other.astype(np.int64)
    right = [each.sum((0, 1, 2)) for each in (wide, wide * wide, wide * wide_other)]
    computed = sums(maps, other)
    return all(np.array_equal(*each) for each in zip(computed, right, strict=True))


def _integers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """f32 of -3 .. 3: every sum of their products is exact in float32."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


@functools.cache
def summed_product() -> tuple[float, float]:
    """(what XLA's defaults give, what is right) of the product summed in one fusion."""
    rows = np.zeros((_ROWS, 3), np.float32)
    rows[:, 0] = np.arange(_ROWS)

    @jax.jit
    def squares(rows: jax.Array) -> jax.Array:
        return jax.vmap(lambda row: jnp.sum((jnp.eye(3) @ row) ** 2))(rows)

    return float(squares(rows)[-1]), float((_ROWS - 1) ** 2)


def cautions() -> tuple[str, ...]:
    """Sentences on what this jaxlib gets wrong on this machine, and what is done about it; none
    where known answers come out right.
    """
    if jax.default_backend() != "cpu":
        return ()
    jaxlib, told = f"jaxlib {version('jaxlib')}", []
    computed, right = summed_product()
    if computed != right:
        told.append(
            f"no program here holds what {jaxlib} miscalculates, a product summed in the same loop "
            f"(JAX issue 39103; {computed:,.0f} in place of {right:,.0f}): no figure is touched"
        )
    if not sums_are_right():
        told.append(
            f"{jaxlib} miscalculates fused sums on this machine: training is compiled without "
            "them, and takes about half as long again"
        )
    return tuple(told)
