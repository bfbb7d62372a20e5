"""A runtime: what executes a deployed network out of a file, on a phone or in a service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sweep.contracts.family import Exports, Network
from sweep.contracts.hooks import Hooks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from flax import nnx


class Program(ABC):
    """A file that a runtime has opened: one network, ready to be called.

    resolution: side of its images in pixels; num_classes: of its outputs. batch: images of a call,
    0 for any. quantised: whether it computes with integers. input_range: of the images that it
    takes, where the file's integers tell. about: texts in the file's metadata, by name. kernels: by
    what the runtime executes it, in its own words.
    """

    resolution: int
    num_classes: int
    batch: int = 1
    quantised: bool = False
    input_range: tuple[float, float] | None = None
    about: Mapping[str, str]
    kernels: str = ""

    @abstractmethod
    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """images f32[N,R,R,3] as the network takes them, N its batch -> outputs f32[N,classes]; of
        a quantised network the real numbers that its integers stand for.
        """

    @abstractmethod
    def ready(self, images: npt.NDArray[np.float32]) -> Callable[[], object]:
        """A call with these images, which lie where the runtime takes them from, in its own type
        and layout: what is timed. It returns when the outputs are there.
        """


@dataclass(frozen=True)
class Made:
    """What became of a network. memory_bytes: that a call takes by the runtime's own account, its
    weights with it; None where it keeps none.
    """

    seconds: float
    memory_bytes: int | None = None


class Runtime(Hooks, ABC):
    """Opens files of its suffixes, and makes them of networks. packages: distributions whose
    versions bear on what it computes and how fast. precisions: types of numbers, the file's and of
    the products. pinned: whether its files are made for as many threads as the process that makes
    them has. made: how files are made and called, where another way would take another time: part
    of the identity of its readings. What each has to keep is `sweep.testing.RuntimeContract`.
    """

    name: str
    suffixes: tuple[str, ...]
    packages: tuple[str, ...]
    precisions: tuple[str, ...] = ("float32",)
    pinned: bool = False
    made: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def open(self, file: Path, *, threads: int = 0) -> Program:
        """threads: of one call, 0 for as many as this process has cores. Raises ValueError, naming
        the file, where it can't be executed; ModuleNotFoundError where it is not installed.
        """

    def make(
        self,
        network: Network,
        module: nnx.Module,
        file: Path,
        *,
        batch: int,
        precision: str,
        images: Iterable[npt.NDArray[np.float32]],
    ) -> Made | None:
        """Writes the new file that `open` opens, of a network in evaluation, its batch norm folded;
        None where that tells nothing of the runtime. images: f32[batch,R,R,3] in [-1, 1], by which
        activations are quantised.

        Raises TypeError where the network's family writes no such files, ValueError where this
        network can't be written.
        """
        if not isinstance(network.family, Exports):
            raise TypeError(f"family {network.family.name} writes no files for other runtimes")
        shown = images if precision == "int8" else None
        network.family.export(module, file, classes=(), int8=shown, batch=batch)
        return None

    def reference(self, file: Path) -> Program | None:
        """The quantised file by plain kernels, which what `open` gives is held against; None where
        there are none.
        """
        return None
