"""A data set: labelled images to train on, and to evaluate on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sweep.contracts.hooks import Hooks
from sweep.types import Images, Splits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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


class Dataset(Hooks, ABC):
    """Labelled images: made at the size they are asked for (`load`), or of any sizes, decoded and
    cropped on the way to the network (`records`). It has one of the two.

    Made with keyword arguments from [accuracy.data], or with its `Settings`, a config.Section of
    them, where it has such.

    class_names: in the order of the labels. base_resolution: side in pixels of the images that a
    network of rho = 1 trains on; of `records` that of the images as they are, 224 where they are
    larger or of many sizes: whether they would fit in memory is judged by it. Both may be
    properties, which are read when they are needed.
    """

    name: str
    class_names: tuple[str, ...]
    base_resolution: int
    Settings: type | None = None

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Changes when the images or their classes would: part of what an accuracy depends on.
        JSON.
        """

    def load(self, resolution: int, *, train: int, test: int, seed: int) -> Splits:
        """`train` and `test` images of side `resolution`, the same for the same arguments."""
        raise NotImplementedError(f"{self.name} has no load")

    def held_back(self, resolution: int, *, test: int, seed: int) -> Images:
        """As many images as `load` evaluates on, beside those: nothing is chosen by them. Leave it
        away where there are none.
        """
        raise NotImplementedError(f"{self.name} holds no images back")

    def records(self, split: Literal["train", "validation", "test"]) -> Records:
        """The images to train on, those to evaluate on, or where it `holds_back` such those that
        nothing is chosen by. A network is trained and scored on them at the resolution that it is
        deployed at.
        """
        raise NotImplementedError(f"{self.name} has no records")

    @property
    def in_files(self) -> bool:
        """Whether it has `records`."""
        return type(self).records is not Dataset.records

    @property
    def holds_back(self) -> bool:
        """Whether there are images that nothing is chosen by: from `held_back`, or, of a data set
        in files that says so, `records("test")`.
        """
        return type(self).held_back is not Dataset.held_back

    def class_order(self) -> str:
        """Where the order of the classes is from, which somebody else's network is scored by: such
        as "the names of the folders, sorted"; empty where the user has said it.
        """
        return "the data set's"

    def notes(self, *, trains: bool) -> tuple[str, ...]:
        """What it had to decide about the user's files, in sentences: which of several splits is
        evaluated on, which files are left aside. trains: whether the images to train on are used
        too.
        """
        return ()
