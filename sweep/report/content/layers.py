"""One network layer by layer, and by layer type: the paper's Tables 1 and 2 of any network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from sweep.contracts import LayerRow
from sweep.paper.layers import Layer, LayerShape
from sweep.paper.published import table_2
from sweep.paper.tolerance import Computed
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import SPACE, Form

TIMES = "\u00d7"
NO_SHAPE = Value(None, reason="its shape was not stored")
NO_LAYERS = "This run has no per-layer counts of the network."
COUNTING = (
    "One multiply with its add counts once; bias, batch norm, ReLU and pooling are left out. "
    "Weights are without biases and batch norm, as in the paper."
)
COLUMNS = (
    Column("Layer", Form.TEXT),
    Column("Type", Form.TEXT),
    Column("Stride", Form.EXACT),
    Column("Filter", Form.TEXT),
    Column("Input", Form.TEXT),
    Column("Output", Form.TEXT),
    Column("Mult-adds", Form.EXACT),
    Column("Share", Form.PART),
    Column("Weights", Form.EXACT),
    Column("Share", Form.PART),
)


def in_closed_form(rows: Sequence[LayerRow]) -> tuple[Layer, ...]:
    """A family's own rows as the layers of a run, for a network that no run has."""
    names = [field.name for field in fields(LayerShape)[1:]]
    return tuple(
        Layer(
            row.name,
            LayerShape(str(row.type), *(getattr(row, name) for name in names)),
            Computed(float(row.mult_adds)),
            Computed(float(row.weights)),
        )
        for row in rows
    )


def layers_table(title: str, layers: Sequence[Layer]) -> Table:
    """The paper's Table 1 with counts: one row per layer, and the total last."""
    if not layers:
        return Table(title, NO_LAYERS, COLUMNS, ())
    whole = _Sums(layers)
    total = (Value("total"), *(Value("") for _ in range(5)), *whole.cells(whole))
    rows = (
        (Value(layer.name), *_texts(layer.shape), *_Sums([layer]).cells(whole)) for layer in layers
    )
    return Table(title, COUNTING, COLUMNS, (*rows, total))


def types_table(layers: Sequence[Layer], *, beside_the_paper: bool = False) -> Table:
    """The share of each layer type that has weights: the paper's Table 2.

    beside_the_paper: set its own numbers beside, which are of the separable 1.0-224.
    """
    whole = _Sums(layers)
    printed = {each.layer_type: each for each in table_2() if beside_the_paper}
    rows = []
    for name in types_of(layers):
        _, mult_adds, _, weights = _Sums(of_type(layers, name)).cells(whole)
        if name in printed:
            paper = printed[name]
            rows.append(
                (
                    Value(name),
                    mult_adds,
                    _printed(paper.mult_adds.text, paper.mult_adds_note),
                    weights,
                    _printed(paper.params.text),
                )
            )
        else:
            rows.append((Value(name), mult_adds, weights))
    notes = dict.fromkeys(each.params_note for each in printed.values())
    titles = ("Mult-adds", "paper", "Weights", "paper") if printed else ("Mult-adds", "Weights")
    return Table(
        title="Share per layer type (parameters: weights alone)",
        caption=" ".join(f"Parameters: {note}." for note in notes if note),
        columns=(Column("Type", Form.TEXT), *(Column(title, Form.PART) for title in titles)),
        rows=tuple(rows),
    )


def types_of(layers: Sequence[Layer]) -> tuple[str, ...]:
    """The types that have weights, in order of execution."""
    return tuple(
        dict.fromkeys(each.shape.type for each in layers if each.shape and each.weights.value)
    )


def of_type(layers: Sequence[Layer], name: str) -> list[Layer]:
    return [each for each in layers if each.shape and each.shape.type == name]


class _Sums:
    """Both counts of some layers together, where every one has them."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.mult_adds = _sum([layer.mult_adds for layer in layers])
        self.weights = _sum([layer.weights for layer in layers])

    def cells(self, whole: _Sums) -> tuple[Value, Value, Value, Value]:
        """Each count and its share of the whole network's."""
        return (
            self.mult_adds,
            _share(self.mult_adds, whole.mult_adds),
            self.weights,
            _share(self.weights, whole.weights),
        )


def _sum(counts: list[Computed]) -> Value:
    if len(counts) == 1:
        return Value(counts[0].value, reason=counts[0].reason)
    numbers = [count.value for count in counts if count.value is not None]
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


def _printed(text: str, note: str = "") -> Value:
    return Value(f"{text}{SPACE}%", notes=(note,) if note else ())


def _texts(shape: LayerShape | None) -> tuple[Value, ...]:
    """Type, stride, filter, input and output, as the paper's Table 1 prints them."""
    if shape is None:
        return (NO_SHAPE,) * 5
    return (
        Value(shape.type),
        Value(shape.stride),
        Value(shape.filter(TIMES)),
        Value(shape.input(TIMES)),
        Value(shape.output(TIMES)),
    )
