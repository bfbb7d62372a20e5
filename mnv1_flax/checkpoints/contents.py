"""The words that the readers of all formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx

from mnv1_flax.architecture import Layer, LayerType
from mnv1_flax.convolution import Padding
from mnv1_flax.model import BN_EPSILON, MobileNetV1
from mnv1_flax.normalisation import Activation

Array = npt.NDArray[Any]

# What a file may declare or hold, in bytes. The network at alpha 2 has 60 MB of float32 weights;
# a file that asks for more than this is broken, or means harm.
MOST_BYTES = 1 << 28
# Of images, where a file says nothing: those that nearly all networks were trained on.
INPUT_RANGE = (-1.0, 1.0)
PIXELS, SHARES = (0.0, 255.0), (0.0, 1.0)
_WIDEST = 8.0  # that images come to lie apart once a network has scaled them
# Lines of one message, and characters of a line. The network has 137 arrays, of which all may be
# missing while as many others are there.
_MOST_LINES, _LONGEST = 300, 400
_MOST_NAMED = 4  # places in one line


class CheckpointError(ValueError):
    """A checkpoint that can't be loaded or saved: the file, then every mismatch on its own line."""

    @classmethod
    def listing(cls, source: Path | str, problems: Iterable[str]) -> CheckpointError:
        """One error for everything that is wrong with `source`, at least one problem. Names in a
        damaged file can be of any length and number.
        """
        lines = [short(problem) for problem in _together(problems)]
        if len(lines) == 1:
            return cls(f"{source}: {lines[0]}")
        first, rest = lines[:_MOST_LINES], len(lines) - _MOST_LINES
        more = [f"and {rest} more"] if rest > 0 else []
        return cls("\n  ".join([f"{source}: {len(lines)} mismatches", *first, *more]))


def _together(problems: Iterable[str]) -> list[str]:
    """What is wrong in the same way in several places stands in one line: "a: is missing"."""
    places: dict[str, list[str]] = {}
    for problem in dict.fromkeys(problems):
        place, colon, what = problem.partition(": ")
        places.setdefault(what if colon else problem, []).append(place if colon else "")
    return [f"{_said(each)}: {what}" if any(each) else what for what, each in places.items()]


def _said(places: Sequence[str]) -> str:
    """Their names, of many the first and their number."""
    if len(places) <= _MOST_NAMED:
        return ", ".join(places)
    return f"{', '.join(places[: _MOST_NAMED - 1])} and {len(places) - _MOST_NAMED + 1} more"


@dataclass(frozen=True)
class Checkpoint:
    """A network with the weights of a file. `model.alpha`, `.resolution`, `.num_classes`,
    `.padding`, `.activation` and so on say what it turned out to be.
    """

    model: MobileNetV1  # in evaluation mode
    # What a user should know: where the resolution comes from, that weights were quantised, ...
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()  # in the order of the outputs, where the file names them
    input_range: tuple[float, float] = INPUT_RANGE  # of the images that the model takes

    def on_range(self, low: float, high: float) -> MobileNetV1:
        """The network as it is for images in [low, high] in place of `input_range`."""
        own_low, own_high = self.input_range
        model, scale = self.model, (own_high - own_low) / (high - low)
        if scale == 1.0 and low == own_low:
            return model
        offset = own_low - low * scale
        other = nnx.clone(model)
        other.input_scale = model.input_scale * scale
        other.input_offset = model.input_scale * offset + model.input_offset
        return other


@dataclass(frozen=True)
class Naming:
    """How a format calls the network's arrays, and in which order it keeps their axes.

    `key` takes a layer's name in `architecture` ("depthwise_3") and a part ("kernel", "bias";
    with batch norm also "scale", "mean", "var") and gives the file's name for it.
    `layouts` has a letter for each axis of a kernel: H and W of the filter, M channels in,
    N channels out, 1 an axis of one element.
    """

    key: Callable[[str, str], str]
    layouts: Mapping[LayerType, str]

    def shape(self, row: Layer) -> tuple[int, ...]:
        """The shape of the row's kernel in the file."""
        sizes = {"H": row.kernel, "W": row.kernel, "M": row.channels_in, "N": row.channels_out}
        return tuple(sizes.get(letter, 1) for letter in self.layouts[row.type])

    def channels_out(self, row: Layer, shape: tuple[int, ...]) -> int | None:
        """N, read from the shape of the row's kernel; None where the number of axes is wrong."""
        layout = self.layouts[row.type]
        return shape[layout.index("N")] if len(shape) == len(layout) else None

    def ours(self, row: Layer, kernel: Array) -> Array:
        """The file's kernel as the network has it: [3,3,M,N], [3,3,C] or [M,N]."""
        layout = self.layouts[row.type]
        order = sorted(range(len(layout)), key=lambda axis: "1HWMN".index(layout[axis]))
        ordered = kernel.transpose(order)
        match row.type:
            case LayerType.FULL:
                return ordered
            case LayerType.DEPTHWISE:
                return ordered.reshape(row.kernel, row.kernel, row.channels_out)
            case _:
                return ordered.reshape(row.channels_in, row.channels_out)


@dataclass(frozen=True)
class InputScaling:
    """What a network does to its images first: images * factor + offset."""

    factor: float = 1.0
    offset: float = 0.0

    def then(self, factor: float, offset: float) -> InputScaling:
        """Both, one after the other."""
        return InputScaling(self.factor * factor, self.offset * factor + offset)

    @property
    def input_range(self) -> tuple[float, float]:
        """Of the images that it is for: pixels, where these come to lie about [-1, 1]; else shares
        of them. Without any, those of most networks.
        """
        if self == UNSCALED:
            return INPUT_RANGE
        return PIXELS if abs(255 * self.factor) <= _WIDEST else SHARES


UNSCALED = InputScaling()


@dataclass(frozen=True)
class Contents:
    """What a reader found in a file: its arrays under the file's own names, and what the file says
    of the network. Arrays that are known not to be the network's are left out, with a note where a
    user should know.
    """

    naming: Naming
    arrays: Mapping[str, Array]
    resolution: int | None = None
    padding: Padding = Padding.SAME
    keras_pads: bool = False  # as Keras does at stride 2: see `assemble`
    activation: Activation = Activation.RELU6
    scaling: InputScaling = UNSCALED
    input_range: tuple[float, float] | None = None  # None: by the scaling
    batch_norm: bool = True
    bn_epsilon: float = BN_EPSILON
    bn_momentum: float = 0.99
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def mismatches(
    expected: Mapping[str, tuple[int, ...]],
    actual: Mapping[str, tuple[tuple[int, ...], str]],
    *,
    names: bool = True,
) -> list[str]:
    """A line for every missing or unknown array, wrong shape and wrong dtype.

    expected: name -> shape. actual: name -> (shape, name of the dtype). names: whether those that
    are missing and unknown are told; not where it is said already that there is another layer.
    """
    if not names:
        there = expected.keys() & actual.keys()
        expected = {key: shape for key, shape in expected.items() if key in there}
        actual = {key: actual[key] for key in there}
    elif not expected.keys() & actual.keys():
        there = ", ".join(sorted(actual)[:5]) or "no arrays"
        return [f"has none of the network's {len(expected)} arrays; it has {there}"]
    lines = []
    for key, shape in expected.items():
        if key not in actual:
            lines.append(f"{key}: is missing")
            continue
        found_shape, dtype = actual[key]
        if found_shape != shape:
            lines.append(f"{key}: has shape {found_shape}, must have {shape}")
        if dtype not in WIDENED and dtype != "float32":
            allowed = ", ".join(("float32", *WIDENED))
            lines.append(f"{key}: has dtype {dtype}, must have one of {allowed}")
    lines += [f"{key}: is not part of the network" for key in sorted(actual.keys() - expected)]
    return lines


# Types that float32 holds exactly.
WIDENED = ("float16", "bfloat16")


def total_bytes(shapes_and_sizes: Iterable[tuple[tuple[int, ...], int]]) -> int:
    """Bytes of arrays of (shape, bytes of an element), in Python's own integers."""
    return sum(prod(map(int, shape)) * itemsize for shape, itemsize in shapes_and_sizes)


def as_float32(array: Array) -> npt.NDArray[np.float32]:
    """A float32 array in this machine's byte order."""
    return np.ascontiguousarray(array.astype(np.float32, copy=False))


def short(text: str) -> str:
    """The text, cut in the middle where it is long."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} .. {text[-half:]}"
