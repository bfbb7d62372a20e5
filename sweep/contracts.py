"""The contracts for new parts: what a family, a data set and a measure have to be.

Importing this costs nothing: no JAX, no pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from sweep.types import CurvePoint, Metric, Point, Progress, Reading, Splits

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
    f32[N,num_classes]. notes: what a user should know of how it was read.
    """

    module: nnx.Module
    alpha: float
    resolution: int
    num_classes: int
    notes: tuple[str, ...] = ()


@runtime_checkable
class LoadsCheckpoints(Protocol):
    """A family that can read trained networks from files."""

    def load_checkpoint(
        self, path: Path, *, alpha: float | None, resolution: int | None
    ) -> Trained:
        """alpha and resolution: None where the file is to say. Raises ValueError, naming the file,
        where it can't be read or is of another network.
        """
        ...

    def from_keras(self, point: Point) -> Trained:
        """The ImageNet checkpoint that Keras has in its cache or fetches.

        Raises ImportError where there is no Keras, ValueError where it has none for this point,
        OSError where it can't be fetched.
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
    """A source that makes labelled images at the size it is asked for.

    base_resolution: side in pixels of those that a network of rho = 1 trains on.
    """

    name: str
    class_names: tuple[str, ...]
    base_resolution: int

    def identity(self) -> dict[str, Any]:
        """Changes when the images would: part of what an accuracy depends on."""
        ...

    def load(self, resolution: int, *, train: int, test: int, seed: int) -> Splits:
        """`train` and `test` images of side `resolution`, the same for the same arguments."""
        ...


class Records(Protocol):
    """One split of a set of labelled images, each read when it is asked for. Pickled to the
    processes that decode.

    labels: i32[N] in 0..classes-1.
    """

    @property
    def labels(self) -> npt.NDArray[np.int32]: ...

    def name(self, index: int) -> str:
        """What a person would look for: a path, a file and its row."""
        ...

    def read(self, index: int) -> bytes | npt.NDArray[np.uint8]:
        """An encoded image, or pixels u8[H,W,3]. Raises OSError where it can't."""
        ...

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The order of one epoch: every index once, as random as reading allows."""
        ...


@runtime_checkable
class ImageDataset(Protocol):
    """A set of images of any sizes, in files: decoded and cropped on the way to the network.

    A network is trained and scored at the resolution that it is deployed at. base_resolution: side
    in pixels of the images as they are, 224 where they are larger or of many sizes: whether they
    would fit in memory is judged by it.
    Made with keyword arguments from [accuracy.data], or with its `Settings`, a config.Section of
    them, where it has such.
    """

    name: str

    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def base_resolution(self) -> int: ...

    def identity(self) -> dict[str, Any]:
        """Changes when the images or their classes would."""
        ...

    def records(self, split: Literal["train", "validation"]) -> Records:
        """The images to train on, or those to evaluate on."""
        ...


@runtime_checkable
class OrdersClasses(Protocol):
    """A data set that can say where the order of its classes is from: what somebody else's network
    is scored by.
    """

    def class_order(self) -> str:
        """Such as "the names of the folders, sorted"; empty where the user has said it."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A data set that can say what it had to decide about the user's files."""

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """Sentences: which of several splits is evaluated on, which files are left aside. trains:
        whether the images to train on are used too.
        """
        ...


@runtime_checkable
class Measure(Protocol):
    """Reads something off one network.

    machine_bound: whether its readings hold only for the machine and versions they were taken on.
    identity: what else its readings depend on, beside the point and the number of classes:
    settings, data, seed.
    """

    name: str
    metrics: tuple[Metric, ...]
    machine_bound: bool

    def identity(self) -> dict[str, Any]: ...

    def __call__(self, network: Network, progress: Progress) -> Iterable[Reading | CurvePoint]: ...


@dataclass(frozen=True)
class Failed:
    """What a joint measure gives of a point that failed, beside the others' readings: the point is
    measured again by the next run. Readings of it that are there all the same are shown.
    """

    point: Point
    reason: str


@runtime_checkable
class JointMeasure(Protocol):
    """Reads something off all networks together, so that drift of the machine hits all alike."""

    name: str
    metrics: tuple[Metric, ...]
    machine_bound: bool

    def identity(self) -> dict[str, Any]: ...

    def measure_together(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterable[Reading | Failed]: ...


@runtime_checkable
class Bridging(Protocol):
    """A joint measure whose readings can be compared within one call alone: a later one reads some
    networks of an earlier one again, to tell how far the two agree.
    """

    def bridge(self, earlier: Sequence[Network]) -> tuple[Network, ...]:
        """Which of the networks that one earlier call has read are to be read again."""
        ...

    def measure_bridged(
        self,
        networks: Sequence[Network],
        earlier: Mapping[Network, Sequence[Reading]],
        progress: Progress,
    ) -> Iterable[Reading | Failed]:
        """As `measure_together`, of `networks` alone. earlier: of each network that is read again,
        what the earlier call has read.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """A measure that can do part of its work ahead, while another of its points is measured."""

    def prepare(self, network: Network) -> None:
        """Called in a thread of its own; the point's call follows, or never comes."""
        ...


@runtime_checkable
class ClassesOfData(Protocol):
    """A measure whose networks have the classes of its data: `num_classes` changes none of its
    readings.
    """

    classes_of_data: Literal[True]


@runtime_checkable
class PointBound(Protocol):
    """A measure whose readings also depend on something of each point's own, such as a file."""

    def identity_of(self, network: Network) -> dict[str, Any]:
        """Beside `identity`, what the readings of this point depend on."""
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
class Resumable(Protocol):
    """A measure that can go on with a point where an earlier process was cut off."""

    def keep_in(self, folder: Path) -> None:
        """Where it may leave what that takes; the folder may not be there yet. Called before the
        first point, and never by a plan that is only looked at.
        """
        ...

    def forget(self, point: Point) -> None:
        """Removes what it has left of the point, whose readings are stored."""
        ...


@runtime_checkable
class Describing(Protocol):
    """A measure that can say beforehand what it will look at."""

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """Sentences for whoever reads the plan: the data, and what is missing already."""
        ...


@runtime_checkable
class LooksFirst(Protocol):
    """A measure that can look at its data before anything of a run is measured."""

    def look(self) -> tuple[str, ...]:
        """Sentences: what it found. Raises SettingsError where the data must stop the run: told
        once, and not by every point.
        """
        ...


@runtime_checkable
class Checking(Protocol):
    """A measure that can say beforehand that points don't fit its settings."""

    def check_points(self, networks: Sequence[Network]) -> None:
        """Raises SettingsError, naming the points and the settings, where they don't: nothing is
        measured then.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """A measure that can say beforehand how much memory it takes."""

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """At the peak, roughly, of a process that reads these, together where the measure is a
        joint one.
        """
        ...


@runtime_checkable
class Estimating(Protocol):
    """A measure that can say beforehand how long it will take."""

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """Seconds, roughly, on a machine like that of the committed reference run."""
        ...
