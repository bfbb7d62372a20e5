"""A model family: its networks, and what a measure is handed of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sweep.types import Deployment, Point

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from flax import nnx


class LayerRow(Protocol):
    """One layer in closed form; sizes are sides of square maps in pixels."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def stride(self) -> int: ...
    @property
    def kernel(self) -> int: ...
    @property
    def channels_in(self) -> int: ...
    @property
    def channels_out(self) -> int: ...
    @property
    def size_in(self) -> int: ...
    @property
    def size_out(self) -> int: ...
    @property
    def mult_adds(self) -> int: ...
    @property
    def weights(self) -> int: ...
    @property
    def trainable_params(self) -> int: ...
    @property
    def params_with_statistics(self) -> int: ...
    @property
    def activations(self) -> int: ...


class Family(Protocol):
    """A model family: the only part that knows the networks' own package."""

    @property
    def name(self) -> str: ...
    @property
    def kinds(self) -> tuple[str, ...]: ...
    @property
    def lowerings(self) -> tuple[str, ...]: ...
    @property
    def sum_of_products(self) -> str:
        """Name scope under which every traced `mul` is the product of a multiply-add."""
        ...

    def layers(self, point: Point, *, num_classes: int) -> Sequence[LayerRow]:
        """The point's layers in closed form, in order of execution."""
        ...

    def build(
        self,
        point: Point,
        *,
        num_classes: int,
        resolution: int,
        seed: int,
        lowering: str | None,
        bn_momentum: float,
        dropout_rate: float,
        dtype: str,
    ) -> nnx.Module:
        """The network with random weights: f32[N,resolution,resolution,3] -> f32[N,num_classes].

        `resolution` may differ from the point's: a proxy trains at its own. lowering None is the
        family's choice for the platform. bn_momentum: weight of
        the old running statistic in training; 0 leaves the batch's own. dtype: of the maps and of
        what convolutions multiply; parameters are float32.
        """
        ...

    def deploy(self, module: nnx.Module) -> nnx.Module:
        """The same network as it would ship: in evaluation, batch norm folded."""
        ...

    def compiler_options(
        self, point: Point, *, num_classes: int, batch: int, platform: str
    ) -> dict[str, bool | str]:
        """XLA options that the deployed network is faster with on JAX's `platform`; {} for none.
        They come on top of those that it is right with: see `sweep.host.xla`.
        """
        ...

    def decays(self, variable: nnx.Variable[Any]) -> bool:
        """Whether weight decay applies to this parameter."""
        ...

    def torch_twin(self, point: Point, *, num_classes: int) -> Any:
        """An equivalent torch.nn.Module, f32[N,3,R,R] -> f32[N,num_classes].

        Raises ImportError, saying what to install, where torch is missing.
        """
        ...


@dataclass(frozen=True)
class Trained:
    """A network that somebody has trained, in evaluation: f32[N,R,R,3] in [-1, 1] ->
    f32[N,num_classes]. notes: what a user should know of how it was read. classes: names in the
    order of the outputs, where the file has them. Where another runtime executes its file, module
    is a function of NumPy's arrays, and alpha is None if the file tells none.
    """

    module: Any
    alpha: float | None
    resolution: int
    num_classes: int
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@runtime_checkable
class LoadsCheckpoints(Protocol):
    """A family that can read trained networks from files."""

    def load_checkpoint(
        self,
        path: Path,
        *,
        alpha: float | None,
        resolution: int | None,
        input_range: tuple[float, float] | None = None,
    ) -> Trained:
        """alpha, resolution, and the range of the images that it was trained on: None where the
        file is to say. Raises ValueError, naming the file, where it can't be read or is of another
        network.
        """
        ...

    def from_keras(self, point: Point) -> Trained:
        """The ImageNet checkpoint that Keras has in its cache or fetches.

        Raises ImportError where there is no Keras, ValueError where it has none for this point,
        OSError where it can't be fetched.
        """
        ...


@runtime_checkable
class SavesCheckpoints(Protocol):
    """A family whose trained networks can be kept."""

    def save_checkpoint(self, module: nnx.Module, path: Path, *, classes: Sequence[str]) -> None:
        """Writes the network, as it is in training or evaluation, into the new file `path`, which
        ends in .safetensors. classes: names in the order of its outputs. Raises OSError where it
        can't be written.
        """
        ...


@runtime_checkable
class SharesWeights(Protocol):
    """A family whose smaller networks can be cut out of larger ones: one training for all."""

    def shares_weights(self, point: Point, larger: Point) -> bool:
        """Whether the network of `point` has, parameter by parameter, as many axes as that of
        `larger`, and no more entries along any: with the first ones of each it is what is asked
        for. A point shares them with itself, and at any resolution.
        """
        ...


@runtime_checkable
class TunesTrained(LoadsCheckpoints, Protocol):
    """A family whose trained networks can be trained further, on other classes."""

    def trainable(self, module: nnx.Module, images: Any) -> nnx.Module:
        """The same network, as it was trained: where its batch norm is folded into the kernels,
        with one that computes the same, settled on images f32[N,R,R,3] in [-1, 1].
        """
        ...

    def build_like(
        self,
        module: nnx.Module,
        point: Point,
        *,
        num_classes: int,
        resolution: int,
        seed: int,
        lowering: str | None,
        bn_momentum: float,
        dropout_rate: float,
        dtype: str,
    ) -> nnx.Module:
        """What `build` gives, and what belongs to the weights of `module` as it is there, such as
        padding and epsilon: with the same weights it computes the same.
        """
        ...


@dataclass(frozen=True)
class Network:
    """A point together with its family: what a measure is handed.

    artefacts: files that other measures have made of this point, by their kind: of each kind that
    the measure `needs`, where there is one. seed: which of its replicates is asked for, where the
    measure has `seeds`. deployment: what is to execute it, where the measure has `deployments`.
    """

    point: Point
    family: Family
    num_classes: int = 1000
    artefacts: Mapping[str, Path] = field(default_factory=dict, compare=False)
    seed: int | None = None
    deployment: Deployment | None = None

    @property
    def label(self) -> str:
        """The point's, which replicate, and what executes it: "0.5-160, seed 1"."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return self.point.label + seed + (f", {self.deployment.label}" if self.deployment else "")

    def layers(self) -> Sequence[LayerRow]:
        """The deployed network's layers in closed form."""
        return self.family.layers(self.point, num_classes=self.num_classes)

    def deployed(self, *, seed: int = 0, lowering: str | None = None) -> nnx.Module:
        """The network as it would ship, with random weights."""
        return self.family.deploy(self.in_evaluation(seed=seed, lowering=lowering))

    def in_evaluation(self, *, seed: int = 0, lowering: str | None = None) -> nnx.Module:
        """The network with its batch norm in place, using the running statistics."""
        module = self.family.build(
            self.point,
            num_classes=self.num_classes,
            resolution=self.point.resolution,
            seed=seed,
            lowering=lowering,
            bn_momentum=0.99,
            dropout_rate=0.0,
            dtype="float32",
        )
        module.eval()
        return module


@runtime_checkable
class Exports(Protocol):
    """A family whose networks can be written as files that other runtimes execute."""

    def export(
        self,
        module: nnx.Module,
        path: Path,
        *,
        classes: Sequence[str],
        int8: Iterable[npt.NDArray[np.float32]] | None,
        batch: int = 1,
    ) -> None:
        """Writes a new file in the format of its suffix. classes: names in the order of the
        outputs, or none. int8: images f32[batch,R,R,3] in [-1, 1] by which activations are
        quantised; None writes float32. batch: images of a call.

        Raises ValueError, naming the file, where it can't be so.
        """
        ...
