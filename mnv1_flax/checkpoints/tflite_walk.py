"""The operators of a TFLite graph in order, each taking what the one before it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnv1_flax import architecture
from mnv1_flax.checkpoints.tflite_graph import Graph, Operator, Tensor

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
CONVOLUTIONS_BEFORE_THE_POOL = 2 * len(architecture.BLOCKS) + 1
Zeros = tuple[tuple[int, int], tuple[int, int]]  # above and below, left and right
NO_ZEROS: Zeros = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Weighted:
    """An operator with weights, and the zeros that a PAD before it puts around its input."""

    operator: Operator
    zeros: Zeros = NO_ZEROS


@dataclass
class Walk:
    """What the operators are, walked when made. Where `problems` is empty, there are 27
    convolutions, then one average in `pools`, then the classifier.
    """

    graph: Graph
    problems: list[str] = field(default_factory=list)
    weighted: list[Weighted] = field(default_factory=list)
    pools: list[Operator] = field(default_factory=list)
    # Constants that an operator takes.
    used: set[int] = field(default_factory=set)
    # Tensor -> the constant that a DEQUANTIZE makes it from.
    _sources: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            counts = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
            self.problems.append(f"has {counts}, must have one of each")
            return
        current, zeros = graph.inputs[0], None
        for operator in graph.operators:
            if self._makes_a_constant(operator):
                continue
            if operator.inputs[:1] != (current,) or len(operator.outputs) != 1:
                self.problems.append(f"{operator}: must take the output of the operator before it")
                break
            [current] = operator.outputs
            if zeros is not None and operator.name not in CONVOLUTIONS:
                self.problems.append(f"{operator}: stands between a PAD and its convolution")
            zeros = self._step(operator, zeros)
        else:
            if current != graph.outputs[0]:
                self.problems.append("the last operator does not give the graph's output")
        self._count()

    def constant(self, operator: Operator, place: int) -> Tensor | None:
        """The tensor that the operator takes there, seen through a DEQUANTIZE."""
        if place >= len(operator.inputs) or operator.inputs[place] < 0:
            return None
        index = self._sources.get(operator.inputs[place], operator.inputs[place])
        self.used.add(index)
        return self.graph.tensors[index]

    def _makes_a_constant(self, operator: Operator) -> bool:
        if operator.name != "DEQUANTIZE" or len(operator.inputs) != 1 or len(operator.outputs) != 1:
            return False
        [source], [target] = operator.inputs, operator.outputs
        if source < 0 or self.graph.tensors[source].data is None:
            return False
        self._sources[target] = source
        return True

    def _step(self, operator: Operator, zeros: Zeros | None) -> Zeros | None:
        """Notes one operator; gives the zeros of a PAD for the next one."""
        pooled = bool(self.pools)
        match operator.name:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                self.weighted.append(Weighted(operator, zeros or NO_ZEROS))
            case "PAD":
                return self._zeros(operator)
            case "AVERAGE_POOL_2D" | "MEAN":
                self.pools.append(operator)
                if len(self.weighted) != CONVOLUTIONS_BEFORE_THE_POOL:
                    place = f"stands after {len(self.weighted)} convolutions"
                    self.problems.append(
                        f"{operator}: {place}, must after {CONVOLUTIONS_BEFORE_THE_POOL}"
                    )
            case "FULLY_CONNECTED" if pooled:
                self.weighted.append(Weighted(operator))
            case "RESHAPE" | "SQUEEZE" | "SOFTMAX" if pooled:
                self.constant(operator, 1)
            case "QUANTIZE" | "DEQUANTIZE":
                pass
            case _:
                self.problems.append(f"{operator}: is not part of the network")
        return None

    def _zeros(self, operator: Operator) -> Zeros:
        tensor = self.constant(operator, 1)
        try:
            paddings = tensor.stored().tolist() if tensor else None
        except ValueError as error:
            self.problems.append(f"{operator}, paddings: {error}")
            return NO_ZEROS
        match paddings:
            case [[0, 0], [int(top), int(bottom)], [int(left), int(right)], [0, 0]]:
                return (top, bottom), (left, right)
        self.problems.append(
            f"{operator}: pads by {str(paddings)[:100]}, must pad height and width"
        )
        return NO_ZEROS

    def _count(self) -> None:
        layers = CONVOLUTIONS_BEFORE_THE_POOL + 1
        if len(self.weighted) != layers or len(self.pools) != 1:
            counts = f"{len(self.weighted)} layers with weights and {len(self.pools)} averages"
            self.problems.append(f"has {counts}, must have {layers} and 1")
