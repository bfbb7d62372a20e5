"""The words that all rooms share: points, metrics, readings, and the contracts for new parts.

Importing this costs nothing: no JAX, no pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from flax import nnx


class ResultsError(ValueError):
    """A results folder can't be read; the message names the file and why."""


@dataclass(frozen=True, order=True)
class Point:
    """One network of the design space.

    alpha is the width multiplier; resolution the side of the deployed network's input in pixels;
    rho = resolution / base resolution, the resolution multiplier.
    """

    family: str
    kind: str
    alpha: float
    rho: float
    resolution: int

    @property
    def label(self) -> str:
        """Short name as in the paper: "1.0-224"; the kind in front where it is not the default."""
        size = f"{alpha_text(self.alpha)}-{self.resolution}"
        return size if self.kind == "separable" else f"{self.kind} {size}"

    @property
    def key(self) -> str:
        """Unique text, stable over time: what a stored reading belongs to."""
        return f"{self.family}/{self.kind}/{self.alpha!r}/{self.resolution}"


def alpha_text(alpha: float) -> str:
    """A width multiplier as the paper writes it: "1.0", "0.75"."""
    text = f"{alpha:g}"
    return text if set(text) & set(".e") else f"{text}.0"


class Better(StrEnum):
    """Which way a metric improves."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class Metric:
    """What a reading is of. The report takes the title, unit and direction of an axis from here.

    unit is SI ("s", "B") or "1" for counts and shares; pretty units are the report's business.
    """

    name: str
    title: str
    unit: str
    better: Better


@dataclass(frozen=True)
class Reading:
    """One metric of one point. Either `value` is there, or `reason` says why it is not.

    variant tells apart readings of the same metric ("batch=8", "layer=depthwise_3"). samples are
    the raw measurements behind `value`, in the order taken. note is free text beside a value.
    """

    metric: Metric
    point: Point
    value: float | None
    variant: str = ""
    samples: tuple[float, ...] = ()
    reason: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.reason):
            raise ValueError(
                f"{self.metric.name} of {self.point.label}: needs a value or a reason, not both"
            )
        if self.value is not None and isnan(self.value):
            raise ValueError(
                f"{self.metric.name} of {self.point.label}: NaN; give a reason instead"
            )


@dataclass(frozen=True)
class CurvePoint:
    """Where a training stood. loss and accuracy are means over the steps since the last one
    (accuracy of the training batches, 0..1); seconds since training began.
    """

    point: Point
    step: int
    epoch: float
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


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


@dataclass(frozen=True)
class Images:
    """Labelled images: images f32[N,S,S,C] with C 1 or 3, labels i32[N] in 0..classes-1."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """A data set at one size; train and test share no pixel."""

    train: Images
    test: Images


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


Progress = Callable[[float, str], None]  # (share done 0..1, what is going on)


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
