"""The contracts for new parts: what a family, a data set and a measure have to be.

Importing this costs nothing: no JAX, no pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sweep.types import CurvePoint, Metric, Point, Progress, Reading, Splits

if TYPE_CHECKING:
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

    name: str
    kinds: tuple[str, ...]
    lowerings: tuple[str, ...]
    # Name scope under which every traced `mul` is the product of a multiply-add.
    sum_of_products: str

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
        """XLA options that the deployed network is faster with on JAX's `platform`; {} for none."""
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
class Network:
    """A point together with its family: what a measure is handed."""

    point: Point
    family: Family
    num_classes: int = 1000

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


class Dataset(Protocol):
    """A source of labelled images."""

    name: str
    class_names: tuple[str, ...]
    base_resolution: int

    def identity(self) -> dict[str, Any]:
        """Changes when the images would: part of what an accuracy depends on."""
        ...

    def load(self, resolution: int, *, train: int, test: int, seed: int) -> Splits:
        """`train` and `test` images of side `resolution`, the same for the same arguments."""
        ...


@runtime_checkable
class Measure(Protocol):
    """Reads something off one network.

    machine_bound: whether its readings hold only for the machine and versions they were taken on.
    identity: what else its readings depend on, beside the point: settings, data, seed.
    """

    name: str
    metrics: tuple[Metric, ...]
    machine_bound: bool

    def identity(self) -> dict[str, Any]: ...

    def __call__(self, network: Network, progress: Progress) -> Iterable[Reading | CurvePoint]: ...


@runtime_checkable
class JointMeasure(Protocol):
    """Reads something off all networks together, so that drift of the machine hits all alike."""

    name: str
    metrics: tuple[Metric, ...]
    machine_bound: bool

    def identity(self) -> dict[str, Any]: ...

    def measure_together(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterable[Reading]: ...


@runtime_checkable
class Preparing(Protocol):
    """A measure that can do part of its work ahead, while another of its points is measured."""

    def prepare(self, network: Network) -> None:
        """Called in a thread of its own; the point's call follows, or never comes."""
        ...


@runtime_checkable
class SideBySide(Protocol):
    """A measure whose points may be read at the same time, in processes of their own; it and its
    networks can be pickled.

    threads: the cores that one point's reading has to itself; 0 where it wants the whole machine.
    """

    @property
    def threads(self) -> int: ...


@runtime_checkable
class Estimating(Protocol):
    """A measure that can say beforehand how long it will take."""

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Seconds, roughly, on a machine like that of the committed reference run."""
        ...
