"""Grey patches of the photographs that scikit-image and scikit-learn carry inside their packages.

The class of a patch is the photograph that it was cut from. Training patches come from the left
half of each photograph, test patches from the right half, so the two share no pixel: the protocol
of the classical texture benchmarks. A proxy that needs no download, chosen because it separates
the points of the grid; what it says about ImageNet is the order of networks, not their accuracy.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from sweep.contracts import Dataset
from sweep.types import Images, Splits

PATCH = 48  # side of a patch in the photograph
# Side of the image at rho = 1: small enough for sixteen trainings in minutes on two cores, and the
# four resolutions keep the published order of networks (docs/decisions/0004).
BASE = 32
# Below this standard deviation (of grey in 0..1) a patch is flat: dividing would amplify noise.
FLAT = 1e-3
# (package, folder, file). The photographs of both packages; left out are drawings (chessboard,
# horse, logo, phantom), the colour wheel, what is smaller than two patches a half, and the second
# view of the motorcycle.
PHOTOGRAPHS = tuple(
    ("skimage.data", "", name)
    for name in (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "cell.png",
        "chelsea.png",
        "clock_motion.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "moon.png",
        "motorcycle_left.png",
        "page.png",
        "retina.jpg",
        "rocket.jpg",
        "text.png",
    )
) + tuple(("sklearn.datasets", "images", name) for name in ("china.jpg", "flower.jpg"))

Grey = npt.NDArray[np.float32]


class PhotoPatches(Dataset):
    """20 classes; images f32[N,S,S,1], each of zero mean and unit variance."""

    name = "photo-patches"
    class_names = tuple(name.partition(".")[0] for _, _, name in PHOTOGRAPHS)
    base_resolution = BASE

    def identity(self) -> dict[str, Any]:
        """Changes with the photographs' pixels: another release of a package may alter them."""
        digest = hashlib.sha256()
        for photograph in photographs():
            digest.update(photograph.tobytes())
        return {"name": self.name, "patch": PATCH, "base": BASE, "sha256": digest.hexdigest()}

    def load(self, resolution: int, *, train: int, test: int, seed: int) -> Splits:
        """Patches cut at 48x48 and resized, with antialiasing, to `resolution`.

        Every class gets as many patches as any other, up to one. The same seed cuts the same
        places at every resolution. Raises ValueError where resolution is outside 1..48.
        """
        _check(resolution)
        train_rng, test_rng, _ = _streams(seed)
        left, right = _halves()
        return Splits(
            train=_cut(left, train, resolution, train_rng),
            test=_cut(right, test, resolution, test_rng),
        )

    def held_back(self, resolution: int, *, test: int, seed: int) -> Images:
        """Cut anew from the right halves: a second draw of what `load` evaluates on. Patches of the
        two may overlap, and of training neither does.
        """
        _check(resolution)
        return _cut(_halves()[1], test, resolution, _streams(seed)[2])


def _check(resolution: int) -> None:
    if not 1 <= resolution <= PATCH:
        raise ValueError(f"resolution = {resolution}: must be between 1 and {PATCH}")


def _streams(seed: int) -> list[np.random.Generator]:
    """To train on, to evaluate on, held back."""
    return np.random.default_rng(seed).spawn(3)


def _halves() -> tuple[list[Grey], list[Grey]]:
    """Left and right: cut in the middle; of an odd width, the right half has the column more."""
    pairs = [np.split(each, [each.shape[1] // 2], axis=1) for each in photographs()]
    return [left for left, _ in pairs], [right for _, right in pairs]


@cache
def photographs() -> tuple[Grey, ...]:
    """The photographs in grey, f32[H,W] in 0..1."""
    return tuple(_read(package, folder, name) for package, folder, name in PHOTOGRAPHS)


def _read(package: str, folder: str, name: str) -> Grey:
    from skimage.color import rgb2gray
    from skimage.io import imread
    from skimage.util import img_as_float32

    path = files(package).joinpath(folder, name) if folder else files(package).joinpath(name)
    image = np.asarray(imread(str(path)))
    grey = rgb2gray(image[..., :3]) if image.ndim == 3 else img_as_float32(image)
    return np.asarray(grey, np.float32)


def _cut(halves: list[Grey], count: int, resolution: int, rng: np.random.Generator) -> Images:
    """`count` patches, the classes in turn, each turned and mirrored at random."""
    labels = np.arange(count, dtype=np.int32) % len(halves)
    patches = np.empty((count, PATCH, PATCH), np.float32)
    for index, label in enumerate(labels):
        half = halves[label]
        top, left = (int(rng.integers(side - PATCH + 1)) for side in half.shape)
        patch = np.rot90(half[top : top + PATCH, left : left + PATCH], int(rng.integers(4)))
        patches[index] = patch[:, ::-1] if rng.integers(2) else patch
    if resolution != PATCH:
        shape = (count, resolution, resolution)
        patches = np.asarray(jax.image.resize(patches, shape, "linear", antialias=True))
    return Images(_normalised(patches)[..., None], labels)


def _normalised(patches: Grey) -> Grey:
    """Each patch on its own, so that brightness and contrast don't give the photograph away."""
    centred = patches - patches.mean(axis=(1, 2), keepdims=True)
    return centred / np.maximum(centred.std(axis=(1, 2), keepdims=True), FLAT)
