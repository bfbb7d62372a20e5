"""A runtime: what executes a deployed network out of a file, on a phone or in a service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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


class Runtime(ABC):
    """Opens files of its suffixes. packages: distributions whose versions bear on what it computes
    and how fast.
    """

    name: str
    suffixes: tuple[str, ...]
    packages: tuple[str, ...]

    @abstractmethod
    def open(self, file: Path, *, threads: int = 0) -> Program:
        """threads: of one call, 0 for as many as this process has cores. Raises ValueError, naming
        the file, where it can't be executed.
        """
