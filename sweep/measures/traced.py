"""Mult-adds counted on the traced program of a network: what JAX was really asked to compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def traced_mult_adds(
    function: Callable[..., Any], *arguments: Any, sum_of_products: str
) -> Counter[str]:
    """Multiply-adds of each name scope of `function` at `arguments` (arrays or their shapes).

    Counted are matrix products, convolutions, and each `mul` inside a scope called
    `sum_of_products`, where a network writes a convolution as explicit sums. Everything else
    (batch norm, activations, pooling) is left out, as in the paper. Raises ValueError for loops
    whose number of turns is not in the program.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    counts: Counter[str] = Counter()
    for scope, mult_adds in _walk(closed.jaxpr, "", sum_of_products):
        counts[scope] += mult_adds
    return counts


def _walk(jaxpr: Jaxpr, outer: str, sum_of_products: str) -> Iterator[tuple[str, int]]:
    for equation in jaxpr.eqns:
        scope = "/".join(part for part in (outer, str(equation.source_info.name_stack)) if part)
        match equation.primitive.name:
            case "dot_general":
                yield scope, _dot(equation)
            case "conv_general_dilated":
                yield scope, _convolution(equation)
            case "mul" if sum_of_products in scope.split("/"):
                yield scope, prod(_shape(equation.outvars[0]))
            case "while" | "cond" as name:
                if any(list(_walk(inner, scope, sum_of_products)) for inner in _inner(equation)):
                    raise ValueError(f"mult-adds inside a `{name}` can't be counted by a walk")
            case name:
                turns = equation.params["length"] if name == "scan" else 1
                for inner in _inner(equation):
                    for inner_scope, mult_adds in _walk(inner, scope, sum_of_products):
                        yield inner_scope, turns * mult_adds


def _dot(equation: JaxprEqn) -> int:
    """Elements of the output, times the length of the contracted sum of each."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    return prod(_shape(equation.outvars[0])) * prod(left[axis] for axis in contracted)


def _convolution(equation: JaxprEqn) -> int:
    """Elements of the output, times the kernel's elements per output channel. Positions on the
    padding count, as in the paper.
    """
    kernel = _shape(equation.invars[1])
    output_channels = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    return prod(_shape(equation.outvars[0])) * prod(kernel) // output_channels


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(variable.aval.shape)


def _inner(equation: JaxprEqn) -> Iterator[Jaxpr]:
    """Programs inside an equation: of jit, scan, custom derivatives (the forward one)."""
    for value in equation.params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, ClosedJaxpr):
                yield each.jaxpr
            elif isinstance(each, Jaxpr):
                yield each
