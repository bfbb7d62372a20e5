"""The layers that a run stored as readings: the paper's Table 1 of any of its points."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import pandas as pd

from sweep.report.content.axes import number
from sweep.report.content.point_rows import Place, place
from sweep.report.values.units import Form
from sweep.report.values.view import Column, Table, Value

TIMES = "\u00d7"
DEPTHWISE, POOL, CLASSIFIER = "Conv DW 3x3", "Avg Pool", "Fully Connected"
CONVOLUTIONS = ("Conv 3x3", "Conv 1x1")
NO_SHAPE = "its shape was not stored"
NO_LAYERS = "This run has no per-layer counts of the network."
COUNTING = (
    "One multiply with its add counts once; bias, batch norm, ReLU and pooling are left out. "
    "Weights are without biases and batch norm, as in the paper."
)
READ = ("family", "kind", "alpha", "resolution", "metric", "variant", "value", "reason", "note")
COLUMNS = (
    Column("Layer", Form.TEXT),
    Column("Type and stride", Form.TEXT),
    Column("Filter", Form.TEXT),
    Column("Input", Form.TEXT),
    Column("Output", Form.TEXT),
    Column("Mult-adds", Form.EXACT),
    Column("Share of mult-adds", Form.SHARE),
    Column("Weights", Form.EXACT),
    Column("Share of weights", Form.SHARE),
)


@dataclass(frozen=True)
class Shape:
    """What the note of a layer's readings holds. Sizes are sides of square maps in pixels."""

    type: str
    stride: int
    kernel: int
    channels_in: int
    channels_out: int
    size_in: int
    size_out: int


@dataclass(frozen=True)
class StoredLayer:
    """One layer's counts per image. shape None where its readings carry none."""

    name: str
    shape: Shape | None
    mult_adds: Value
    weights: Value


def layers_of(readings: pd.DataFrame) -> dict[Place, tuple[StoredLayer, ...]]:
    """The layers of every point that has any, in order of execution."""
    counts = readings.loc[readings["metric"].isin(("layer_mult_adds", "layer_weights"))]
    # Point -> layer -> metric -> its reading.
    found: dict[Place, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in counts[list(READ)].to_dict(orient="records"):
        # A measure that failed stores its metrics without a layer.
        if row["variant"].startswith("layer="):
            name = row["variant"].removeprefix("layer=")
            found.setdefault(place(row), {}).setdefault(name, {})[row["metric"]] = row
    return {
        point: tuple(
            StoredLayer(
                name=name,
                shape=_shape(next(iter(of.values()))["note"]),
                mult_adds=_count(of.get("layer_mult_adds")),
                weights=_count(of.get("layer_weights")),
            )
            for name, of in layers.items()
        )
        for point, layers in found.items()
    }


def layers_table(title: str, layers: tuple[StoredLayer, ...]) -> Table:
    """The paper's Table 1 with counts: one row per layer, and the total last."""
    if not layers:
        return Table(title, NO_LAYERS, COLUMNS, ())
    mult_adds = _sum([layer.mult_adds for layer in layers])
    weights = _sum([layer.weights for layer in layers])
    rows = [
        (
            Value(layer.name),
            *_texts(layer.shape),
            layer.mult_adds,
            _share(layer.mult_adds, mult_adds),
            layer.weights,
            _share(layer.weights, weights),
        )
        for layer in layers
    ]
    total = (
        Value("total"),
        *(Value("") for _ in range(4)),
        mult_adds,
        _share(mult_adds, mult_adds),
        weights,
        _share(weights, weights),
    )
    return Table(title, COUNTING, COLUMNS, (*rows, total))


@lru_cache(maxsize=4096)
def _shape(note: str) -> Shape | None:
    """A measure from outside may store another note, or none."""
    try:
        told = json.loads(note)
        sizes = (int(told[field.name]) for field in fields(Shape)[1:])
        return Shape(str(told["type"]), *sizes)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _count(row: dict[str, Any] | None) -> Value:
    if row is None:
        return Value(None, reason="no reading of this layer")
    value = number(row["value"])
    return Value(None, reason=row["reason"]) if value is None else Value(value)


def _sum(counts: list[Value]) -> Value:
    numbers = [count.value for count in counts if isinstance(count.value, float)]
    if len(numbers) < len(counts):
        return Value(None, reason="not every layer has a count")
    return Value(sum(numbers))


def _share(part: Value, whole: Value) -> Value:
    if not isinstance(part.value, float):
        return part
    if not isinstance(whole.value, float):
        return whole
    if not whole.value:
        return Value(None, reason="there is nothing to share")
    return Value(part.value / whole.value)


def _texts(shape: Shape | None) -> tuple[Value, ...]:
    """Type and stride, filter, input and output, as the paper's Table 1 prints them."""
    if shape is None:
        return tuple(Value(None, reason=NO_SHAPE) for _ in range(4))
    return (
        Value(f"{shape.type} / s{shape.stride}"),
        Value(_filter(shape)),
        Value(_product(shape.size_in, shape.size_in, shape.channels_in)),
        Value(_product(shape.size_out, shape.size_out, shape.channels_out)),
    )


def _filter(shape: Shape) -> str:
    kernel = (shape.kernel, shape.kernel)
    if shape.type == DEPTHWISE:
        return f"{_product(*kernel, shape.channels_in)} dw"
    if shape.type == POOL:
        return f"pool {_product(*kernel)}"
    if shape.type == CLASSIFIER:
        return _product(shape.channels_in, shape.channels_out)
    return _product(*kernel, shape.channels_in, shape.channels_out)


def _product(*sides: int) -> str:
    return TIMES.join(str(side) for side in sides)
