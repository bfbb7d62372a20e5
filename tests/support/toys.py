"""Small parts for tests of the rooms that join others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sweep.contracts import Artefact, Dataset, Failed, Measure, Network
from sweep.types import Better, CurvePoint, Images, Metric, Point, Progress, Reading, Splits

CALLS: list[str] = []


def quiet(share: float, text: str) -> None:
    """A progress that nobody watches."""


def point(alpha: float = 0.25, resolution: int = 128, kind: str = "separable") -> Point:
    return Point("mobilenet_v1", kind, alpha, resolution / 224, resolution)


class Unsaved:
    """A family whose networks can't be kept."""

    name = "unsaved"
    kinds, lowerings = ("shallow",), ()

    def layers(self, point: Point, *, num_classes: int) -> tuple[()]:
        return ()

    build = deploy = compiler_options = decays = torch_twin = layers


class Brightness(Dataset):
    """Eight classes of 24-pixel images told apart by where they are bright: learnt in seconds."""

    name = "brightness"
    class_names = tuple("abcdefgh")
    base_resolution = 24

    def identity(self) -> dict[str, Any]:
        return {"name": self.name}

    def load(self, resolution: int, *, train: int, test: int, seed: int) -> Splits:
        rng = np.random.default_rng(seed)
        return Splits(self._draw(rng, train, resolution), self._draw(rng, test, resolution))

    def _draw(self, rng: np.random.Generator, count: int, side: int) -> Images:
        labels = np.arange(count, dtype=np.int32) % 8
        # A bar whose frequency is the class: turning and mirroring leave it as it is.
        waves = np.sin(np.arange(side)[None] * (labels[:, None] + 1) * np.pi / 9)
        images = waves[:, None, :, None] + 0.1 * rng.normal(size=(count, side, side, 1))
        return Images(images.astype(np.float32), labels)


class Dimness(Brightness):
    """The same images under another name."""

    def identity(self) -> dict[str, Any]:
        return {"name": "dimness"}


class Unlit(Brightness):
    """The same with a pixel that is no number: neither is any loss, on any machine."""

    name = "unlit"

    def _draw(self, rng: np.random.Generator, count: int, side: int) -> Images:
        images = super()._draw(rng, count, side)
        images.images[:, 0, 0] = np.nan
        return images


class Perimeter(Measure):
    """A measure from outside: four times the resolution."""

    name = "perimeter"
    metrics = (Metric("perimeter", "Perimeter", "1", Better.LOWER),)

    def __init__(self, factor: int = 4) -> None:
        self.factor = factor

    def identity(self) -> dict[str, Any]:
        return {"factor": self.factor}

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        for network in networks:
            CALLS.append(network.point.label)
            side = network.point.resolution
            yield Reading(self.metrics[0], network.point, float(self.factor * side))


class Stumbling(Perimeter):
    """Fails at 0.5, whatever the resolution, until it is mended."""

    name = "stumbling"
    mended = False

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        if networks[0].point.alpha == 0.5 and not Stumbling.mended:
            raise RuntimeError("a stone in the way")
        yield from super().__call__(networks, progress)


class Interrupted(Perimeter):
    """Somebody presses Ctrl-C at the third point."""

    name = "interrupted"

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        if len(CALLS) == 2:
            raise KeyboardInterrupt
        yield from super().__call__(networks, progress)


class Share(Perimeter):
    """What depends on rho: rho itself, and a curve."""

    name = "share"
    metrics = (Metric("share", "Share", "1", Better.LOWER),)

    def identity_of(self, network: Network) -> dict[str, Any]:
        return {"rho": network.point.rho}

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        (network,) = networks
        yield CurvePoint(network.point, 1, 1.0, 1.0, 1.0, 1.0, 1.0)
        yield Reading(self.metrics[0], network.point, network.point.rho)


class Together(Measure):
    """Reads all points in one call, and each depends on something of its own beside."""

    name = "together"
    together = True
    metrics = Perimeter.metrics
    own: ClassVar[dict[str, str]] = {}  # by the point's label

    def identity(self) -> dict[str, Any]:
        return {}

    def identity_of(self, network: Network) -> dict[str, Any]:
        label = network.point.label
        return {"own": self.own.get(label, label)}

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        for network in networks:
            if network.point.label == "0.5-32" and not Stumbling.mended:
                yield Failed(network.point, "a stone in the way")
            else:
                yield from Perimeter()([network], progress)


class Writes(Perimeter):
    """Makes a file of each point, whose only letters are its factor's."""

    name = "writes"
    metrics = (Metric("written", "Written", "1", Better.LOWER),)
    gives = ("text",)
    _folder = Path()

    def keep_in(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        yield from super().__call__(networks, progress)
        for network in networks:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._folder / f"{network.point.label}.txt"
            file.write_text("x" * self.factor)
            yield Artefact(network.point, "text", file)


class Rolls(Writes):
    """Two replicates of each point, whose files have as many letters more as their seeds say."""

    name = "rolls"
    seeds = (0, 1)

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        for network in networks:
            CALLS.append(f"seed {network.seed}")
            yield CurvePoint(network.point, 1, 1.0, float(network.seed or 0), 1.0, 1.0, 1.0)
            yield from Writes.__call__(self._with_more(network.seed or 0), [network], progress)

    def _with_more(self, letters: int) -> Rolls:
        other = Rolls(self.factor + letters)
        other._folder = self._folder
        return other


class Counts(Perimeter):
    """The letters of each point's file; where a file called `deadly` is there, its process dies at
    the second point.
    """

    name = "counts"
    metrics = (Metric("letters", "Letters", "1", Better.LOWER),)
    needs = ("text",)

    def __call__(self, networks: Sequence[Network], progress: Progress) -> Iterator[Any]:
        for network in networks:
            CALLS.append(f"counts {network.point.label}")
            if network.point.resolution == 32 and Path("deadly").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            text = network.artefacts["text"].read_text()
            yield Reading(self.metrics[0], network.point, float(len(text)))


class Heavy(Perimeter):
    """Takes as many bytes as its input has pixels, a million times."""

    name = "heavy"

    def bytes_of(self, networks: Sequence[Network]) -> int:
        return max(each.point.resolution**2 * 10**6 for each in networks)


class HeavyTogether(Measure):
    """The same, all in one process."""

    name = "together"
    machine_bound = True
    together = True
    metrics = (Metric("perimeter", "Perimeter", "1", Better.LOWER),)

    def identity(self) -> dict[str, Any]:
        return {}

    def bytes_of(self, networks: Sequence[Network]) -> int:
        return sum(each.point.resolution**2 * 10**6 for each in networks)

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | Failed]:
        for network in networks:
            CALLS.append(network.point.label)
            yield Reading(self.metrics[0], network.point, 1.0)
