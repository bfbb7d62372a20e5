"""The process of the latency measure that makes what the others time: a file of each program, held
against the Flax network with the same weights.

It is told a job, and says of each program: {"event": "at", "index": ..} before it begins, then
{"event": "made", ..} or {"event": "failed", ..}.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep.contracts import Made, Network, Runtime
from sweep.host.allocator import keep_freed_memory
from sweep.host.failures import reason_of
from sweep.measures.agreement import FLOATS_AGREE, INTEGERS_AGREE, Floats, agreed, logits_of
from sweep.measures.timing_process import Say, serve
from sweep.measures.timing_worker import keep_to
from sweep.settings.registry import find
from sweep.types import Point

if TYPE_CHECKING:
    from flax import nnx

FLAX = "xla"  # the runtime that executes the Flax network itself
CALIBRATION_IMAGES = 8
CALIBRATION = 1  # of images, beside the seed


def main(told: Iterator[dict[str, Any]], say: Say) -> None:
    """The job's programs, one by one, those of one network side by side."""
    keep_freed_memory()
    job = next(told)
    keep_to(job["threads"])
    made: _Made | None = None
    for program in job["programs"]:
        say({"event": "at", "index": program["index"]})
        try:
            if made is None or made.of != (program["network"], program["batch"]):
                made = _Made(job["networks"][program["network"]], program, job["settings"])
            told_of_it = made.write(program)
        except Exception as error:  # noqa: BLE001 - one program's trouble, and no other's
            missing = isinstance(error, ModuleNotFoundError)  # of an extra
            say({"event": "failed", "index": program["index"], "reason": reason_of(error),
                 "missing": missing})  # fmt: skip
        else:
            say({"event": "made", "index": program["index"], **told_of_it})


class _Made:
    """One network at one batch size: its weights, its logits, and the files that are made of it."""

    def __init__(
        self, spec: dict[str, Any], program: dict[str, Any], settings: dict[str, Any]
    ) -> None:
        self.of = program["network"], program["batch"]
        family = find("family", spec["family"])()
        self._network = Network(Point(*spec["point"]), family, spec["num_classes"])
        self._batch, self._seed = program["batch"], settings["seed"]
        self._module = weighted(self._network, settings["lowering"], settings["seed"])
        self._accounts: dict[Path, Made | None] = {}  # None: the runtime keeps none
        self._logits: Floats | None = None

    def write(self, program: dict[str, Any]) -> dict[str, Any]:
        """Makes the file, unless another runtime that takes the same one has; opens and checks it.

        Raises ValueError where what it computes is not what the network does.
        """
        file, runtime = Path(program["file"]), find("runtime", program["runtime"])()
        if file not in self._accounts:
            self._accounts[file] = self._written(file, runtime, program["precision"])
        account = self._accounts[file]
        return {
            "seconds": account.seconds if account else None,
            "memory_bytes": account.memory_bytes if account else None,
            "file_bytes": None if account else file.stat().st_size,
            **self._checked(runtime, file, program["precision"]),
        }

    def _written(self, file: Path, runtime: Runtime, precision: str) -> Made | None:
        return runtime.make(
            self._network,
            self._module,
            file,
            batch=self._batch,
            precision=precision,
            images=map(self._images, range(CALIBRATION, CALIBRATION + CALIBRATION_IMAGES)),
        )

    def _checked(self, runtime: Runtime, file: Path, precision: str) -> dict[str, Any]:
        """How far what the program computes is from what is right, as a share of the largest logit,
        and from whose it was taken; neither where there is nothing to hold it against.
        """
        images = self._images()
        if runtime.name == FLAX:
            if precision == "float32":
                self._logits = runtime.open(file)(images)
            return {}
        if precision == "float32":
            right, whose, most = self._flax(), "the Flax network's", FLOATS_AGREE
        elif plain := runtime.reference(file):
            right, whose, most = plain(images), "its reference kernels'", INTEGERS_AGREE
        else:
            return {}
        difference = agreed(runtime.open(file)(images), right, whose, most)
        return {"difference": difference, "whose": whose}

    def _flax(self) -> Floats:
        """The logits of the Flax network, compiled by XLA."""
        if self._logits is None:
            self._logits = logits_of(self._module, self._images())
        return self._logits

    def _images(self, draw: int = 0) -> Floats:
        side = self._network.point.resolution
        rng = np.random.default_rng([self._seed, draw])
        return 2 * rng.random((self._batch, side, side, 3), np.float32) - 1


def weighted(network: Network, lowering: str, seed: int) -> nnx.Module:
    """The deployed network with weights drawn so that maps keep their size from layer to layer.

    Shapes first, then numbers: initialising thirty layers properly takes longer than timing them.
    """
    import jax
    from flax import nnx

    rng = np.random.default_rng(seed)
    graph, shapes = nnx.split(nnx.eval_shape(lambda: network.deployed(lowering=lowering or None)))
    return nnx.merge(graph, jax.tree.map(lambda leaf: _filled(rng, leaf), shapes))


def _filled(rng: np.random.Generator, leaf: Any) -> Any:
    """Normal numbers in the shape of a parameter (He et al. 2015); other state, such as random
    keys, as zeros.
    """
    import jax
    import jax.numpy as jnp

    if jnp.issubdtype(leaf.dtype, jnp.floating):
        inputs = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 0
        scale = np.float32(np.sqrt(2 / inputs) if inputs else 0.05)
        return jnp.asarray(scale * rng.standard_normal(leaf.shape, np.float32), leaf.dtype)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
    return jnp.zeros(leaf.shape, leaf.dtype)


if __name__ == "__main__":
    serve(main)
