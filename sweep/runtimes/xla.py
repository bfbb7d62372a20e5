"""XLA, JAX's compiler: the Flax network itself, compiled ahead of time with its weights inside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from sweep.contracts import Made, Network, Program, Runtime
from sweep.host import xla

EXECUTABLE, PORTABLE = "executable", "portable"


class XLA(Runtime):
    """Files of its own, for the moment: a program that this jaxlib has compiled for this processor,
    or, where the backend can't put one into a file, what is compiled as it is opened.
    """

    name = "xla"
    suffixes = (".xla",)
    # Flax traces the program, the others compile and call it.
    packages = ("jax", "jaxlib", "flax")
    precisions = ("float32", "bfloat16", "float16")
    pinned = True
    # What `mnv1_flax.deployment.compiler_options` and `open` decide on.
    made: ClassVar = {"dispatch": "synchronous", "fused_sums": False, "vectors": 512}

    def open(self, file: Path, *, threads: int = 0) -> Program:  # noqa: ARG002
        """threads: as many as the process has cores. XLA takes no other number."""
        # A call that has returned has given its temporary buffers back. Dispatched asynchronously,
        # it may still hold them while the next one asks for its own: twice the memory, at times.
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        try:
            head, _, content = file.read_bytes().partition(b"\n")
            told = json.loads(head)
            return _Program(_loaded(told, content), told)
        except Exception as error:  # noqa: BLE001 - every backend has an error of its own for it
            raise ValueError(f"{file}: XLA can't open it: {error}") from None

    def make(
        self,
        network: Network,
        module: nnx.Module,
        file: Path,
        *,
        batch: int,
        precision: str,
        images: Iterable[npt.NDArray[np.float32]],  # noqa: ARG002
    ) -> Made:
        """Compiled by the family's options for this point."""
        forward, shapes, weights = _traceable(network, module, batch, precision)
        own = network.family.compiler_options(
            network.point,
            num_classes=network.num_classes,
            batch=batch,
            platform=jax.default_backend(),
        )
        options = xla.options(own)
        lowered = jax.jit(forward).lower(shapes)
        began = time.perf_counter()
        compiled = lowered.compile(compiler_options=options)
        compile_s = time.perf_counter() - began
        told = {
            "shape": shapes.shape,
            "dtype": precision,
            "classes": network.num_classes,
            "options": options,
        }
        file.write_bytes(_kept(compiled, forward, shapes, told))
        return Made(compile_s, _memory_bytes(compiled, weights))


def _traceable(
    network: Network, module: nnx.Module, batch: int, precision: str
) -> tuple[Callable[[jax.Array], jax.Array], jax.ShapeDtypeStruct, int]:
    """The network as a function of images alone, their shape and dtype, bytes of its weights."""
    dtype, side = jnp.dtype(precision), network.point.resolution
    graph, state = nnx.split(module)
    state = jax.tree.map(lambda leaf: _cast(leaf, dtype), state)

    def forward(images: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(images)

    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(state) if hasattr(leaf, "nbytes"))
    return forward, jax.ShapeDtypeStruct((batch, side, side, 3), dtype), weights


def _cast(leaf: Any, dtype: Any) -> Any:
    return jnp.asarray(leaf, dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _kept(
    compiled: Any, forward: Callable[..., Any], shapes: jax.ShapeDtypeStruct, told: dict[str, Any]
) -> bytes:
    from jax.experimental.serialize_executable import serialize

    try:
        kind, content = EXECUTABLE, serialize(compiled)[0]
    except Exception:  # noqa: BLE001 - every backend has an error of its own for it
        kind, content = PORTABLE, bytes(jax.export.export(jax.jit(forward))(shapes).serialize())
    return json.dumps(told | {"kind": kind}).encode() + b"\n" + content


def _loaded(told: dict[str, Any], content: bytes) -> Any:
    if told["kind"] == EXECUTABLE:
        from jax.experimental.serialize_executable import deserialize_and_load

        arguments = jax.tree.structure(((0,), {}))  # of a call: the images, and nothing by name
        return deserialize_and_load(content, arguments, jax.tree.structure(0))
    called = jax.export.deserialize(bytearray(content)).call
    shapes = jax.ShapeDtypeStruct(tuple(told["shape"]), jnp.dtype(told["dtype"]))
    return jax.jit(called).lower(shapes).compile(compiler_options=told["options"])


class _Program(Program):
    def __init__(self, compiled: Any, told: dict[str, Any]) -> None:
        self._compiled, self._dtype = compiled, jnp.dtype(told["dtype"])
        self.batch, self.resolution, *_ = told["shape"]
        self.num_classes = told["classes"]
        self.about = {}
        self.kernels = jax.default_backend()

    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(self._compiled(self._given(images)), np.float32)

    def ready(self, images: npt.NDArray[np.float32]) -> Callable[[], object]:
        given, compiled = jax.block_until_ready(self._given(images)), self._compiled
        return lambda: jax.block_until_ready(compiled(given))

    def _given(self, images: npt.NDArray[np.float32]) -> jax.Array:
        # Converted by NumPy: nothing is compiled for it.
        return jax.device_put(images.astype(self._dtype))


def _memory_bytes(compiled: Any, weights: int) -> int | None:
    """Weights, and by the compiler's account input, output and temporaries, in bytes."""
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    return weights + int(
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        + analysis.temp_size_in_bytes
        - analysis.alias_size_in_bytes
    )
