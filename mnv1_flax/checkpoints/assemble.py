"""Named arrays of a file -> the network, with every array accounted for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from mnv1_flax import architecture
from mnv1_flax.architecture import Kind, Layer, LayerType, scaled_width
from mnv1_flax.checkpoints.contents import (
    INPUT_RANGE,
    WIDENED,
    Array,
    Checkpoint,
    CheckpointError,
    Contents,
    Naming,
    as_float32,
    mismatches,
)
from mnv1_flax.depthwise import Lowering
from mnv1_flax.model import MobileNetV1
from mnv1_flax.normalisation import Activation

# The paper's widths, then those that others have published.
USUAL_ALPHAS = (1.0, 0.75, 0.5, 0.25, 1.25, 1.4, 1.3, 0.35, 1.5, 2.0)
# "mobilenet_1_0_224_tf.h5", "mobilenet_v1_0.5_160_quant.tflite", "mobilenet_0.25_128.keras": alpha,
# then resolution. "mobilenetv1_100.ra4_e3600_r224_in1k.safetensors": r, then resolution.
_IN_NAMES = re.compile(r"(?:\d[._]\d{1,2}_|[._-]r)(\d{2,3})(?=[._-])")
_BACKGROUND = "1001 outputs: where they are TensorFlow's for ImageNet, class i is output i + 1"

StatePath = tuple[str, ...]


def assemble(
    source: Path | str,
    contents: Contents,
    *,
    alpha: float | None,
    resolution: int | None,
    lowering: Lowering | str | None,
) -> Checkpoint:
    """The network of a file of separable blocks.

    source: the file, for messages, and for a resolution in its name.
    alpha, resolution: what the caller says; None looks into the file.
    Raises CheckpointError with every mismatch.
    """
    problems, notes = list(contents.problems), list(contents.notes)
    num_classes = _channels_out(contents, "classifier") or 1
    actual = {key: (array.shape, array.dtype.name) for key, array in contents.arrays.items()}

    alpha, alpha_problem, alpha_notes = _alpha(contents, alpha)
    rows = _trained_rows(alpha, num_classes)
    expected = dict(_keys_and_shapes(rows, contents))
    # Under another alpha every shape would be wrong: the one line says it.
    problems += (
        [alpha_problem] if alpha_problem else mismatches(expected, actual, names=not problems)
    )
    resolution, resolution_problem, resolution_notes = _resolution(source, contents, resolution)
    if problems := problems or resolution_problem:
        raise CheckpointError.listing(source, problems)

    if any(dtype in WIDENED for _, dtype in actual.values()):
        notes.append("weights of 16 bits are widened to float32")
    if num_classes == 1001:
        notes.append(_BACKGROUND)
    model = build(
        dict(_values(rows, contents)),
        alpha=alpha,
        resolution=resolution,
        num_classes=num_classes,
        padding=contents.padding,
        activation=contents.activation,
        input_scale=contents.scaling.factor,
        input_offset=contents.scaling.offset,
        batch_norm=contents.batch_norm,
        bn_epsilon=contents.bn_epsilon,
        bn_momentum=contents.bn_momentum,
        lowering=lowering,
    )
    odd = _note_on_odd_maps(resolution) if contents.keras_pads else ()
    low, high = contents.input_range or contents.scaling.input_range
    if (low, high) != INPUT_RANGE:
        notes.append(f"its images are in [{low:.3g}, {high:.3g}], not in [-1, 1]")
    if contents.activation is Activation.RELU:
        notes.append("its activation is ReLU, not ReLU6")
    told = (*notes, *alpha_notes, *resolution_notes, *odd)
    return Checkpoint(model, told, input_range=(low, high))


def abstract(**arguments: Any) -> MobileNetV1:
    """The network without its numbers: shapes and dtypes alone. Raises ValueError as
    `MobileNetV1` does.
    """
    return nnx.eval_shape(lambda: MobileNetV1(**arguments, rngs=nnx.Rngs(0)))


def variables(model: MobileNetV1) -> list[tuple[StatePath, Any]]:
    """(path in the network's state, variable) of every parameter and running statistic."""
    state = nnx.to_flat_state(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    return [(tuple(map(str, path)), variable) for path, variable in state]


def build(values: Mapping[StatePath, Array], **arguments: Any) -> MobileNetV1:
    """The network of these arguments, in evaluation mode, with `values` in every parameter and
    statistic; nothing is drawn at random. values: path in the network's state -> array.
    """
    model = abstract(**arguments)
    model.dropout = nnx.Dropout(model.dropout_rate, rngs=nnx.Rngs(0))
    filled = [
        (path, variable.replace(jnp.asarray(values[path]))) for path, variable in variables(model)
    ]
    nnx.update(model, nnx.from_flat_state(filled))
    model.eval()
    return model


def _trained_rows(alpha: float, num_classes: int) -> list[Layer]:
    """The rows that hold weights. Their shapes don't depend on the resolution."""
    rows = architecture.layers(Kind.SEPARABLE, alpha, 224, num_classes)
    return [row for row in rows if row.type is not LayerType.POOL]


def _parts(row: Layer, batch_norm: bool) -> tuple[tuple[str, StatePath], ...]:
    """(part, path in the network's state) of every vector of a row."""
    if row.type is LayerType.CLASSIFIER:
        return (("bias", ("classifier", "bias")),)
    parts = ("scale", "bias", "mean", "var") if batch_norm else ("bias",)
    return tuple((part, ("units", row.name, "norm", part)) for part in parts)


def _keys_and_shapes(
    rows: list[Layer], contents: Contents
) -> Iterator[tuple[str, tuple[int, ...]]]:
    naming = contents.naming
    for row in rows:
        yield naming.key(row.name, "kernel"), naming.shape(row)
        for part, _ in _parts(row, contents.batch_norm):
            yield naming.key(row.name, part), (row.channels_out,)


def _values(rows: list[Layer], contents: Contents) -> Iterator[tuple[StatePath, Array]]:
    naming: Naming = contents.naming
    for row in rows:
        above = () if row.type is LayerType.CLASSIFIER else ("units",)
        kernel = as_float32(contents.arrays[naming.key(row.name, "kernel")])
        yield (*above, row.name, "kernel"), naming.ours(row, kernel)
        for part, path in _parts(row, contents.batch_norm):
            yield path, as_float32(contents.arrays[naming.key(row.name, part)])


def _channels_out(contents: Contents, name: str) -> int | None:
    """Channels that the named row's kernel gives, as far as the file has it."""
    kernel = contents.arrays.get(contents.naming.key(name, "kernel"))
    row = next(row for row in _trained_rows(1.0, 1) if row.name == name)
    return None if kernel is None else contents.naming.channels_out(row, kernel.shape) or None


def _alpha(contents: Contents, given: float | None) -> tuple[float, str | None, tuple[str, ...]]:
    """(alpha, what is wrong with it, notes): the width that explains most layers of the file.

    Where several explain them equally, the one given wins, then the usual ones.
    """
    full = [row for row in _trained_rows(1.0, 1) if row.type is not LayerType.CLASSIFIER]
    widths = [
        (row.channels_out, width)
        for row in full
        if row.type is not LayerType.DEPTHWISE
        and (width := _channels_out(contents, row.name)) is not None
    ]

    def explained(alpha: float) -> int:
        return sum(scaled_width(alpha, channels) == width for channels, width in widths)

    others = tuple(_shortest(width, channels) for channels, width in reversed(widths))
    best = max((*USUAL_ALPHAS, *others), key=explained)
    if given is None:
        unusual = f"alpha {best:g} is read from the widths: no usual alpha has them"
        return best, None, () if best in USUAL_ALPHAS else (unusual,)
    if not (given > 0 and np.isfinite(given)):
        return best, f"alpha = {given}: must be a finite number above 0", ()
    if explained(given) == len(widths) or explained(best) < len(widths):
        return given, None, ()
    return best, f"alpha = {given:g} was given, but the file's widths are those of {best:g}", ()


def _shortest(width: int, channels: int) -> float:
    """The alpha of the fewest decimals that turns `channels` into `width`."""
    for decimals in range(1, 5):
        alpha = float(np.ceil(width / channels * 10**decimals - 1e-9) / 10**decimals)
        if scaled_width(alpha, channels) == width:
            return alpha
    return width / channels


def _resolution(
    source: Path | str, contents: Contents, given: int | None
) -> tuple[int, list[str], tuple[str, ...]]:
    """(resolution, what is wrong with it, notes): the caller's, the file's, or its name's."""
    if given is not None:
        if given < 1:
            return 1, [f"resolution = {given}: must be at least 1"], ()
        if contents.resolution in (None, given):
            return given, [], ()
        return given, [], (f"the file's own resolution is {contents.resolution}",)
    if contents.resolution is not None:
        return contents.resolution, [], ()
    if in_name := _IN_NAMES.findall(Path(source).name):
        resolution = int(in_name[-1])
        return resolution, [], (f"resolution {resolution} is from the file's name",)
    return 1, ["neither the file nor its name says a resolution: give one"], ()


def _note_on_odd_maps(resolution: int) -> tuple[str, ...]:
    """Keras pads at stride 2 with a zero at the end only, which on an odd side isn't TensorFlow's
    SAME: the maps, and with them the logits, are others.
    """
    rows = architecture.layers(Kind.SEPARABLE, 1.0, resolution)
    odd = [
        row.name
        for row in rows
        if row.type is LayerType.DEPTHWISE and row.stride == 2 and row.size_in % 2
    ]
    if not odd:
        return ()
    return (
        f"at resolution {resolution} the maps into {', '.join(odd)} have odd sides, on which Keras"
        " pads otherwise: its logits differ (multiples of 32 have none)",
    )
