"""The operators of a TFLite graph in order, each taking what the one before it gives."""

from __future__ import annotations

from dataclasses import dataclass

from mnv1_flax import architecture
from mnv1_flax.checkpoints.contents import UNSCALED
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


class Walk:
    """What the operators are: 27 convolutions, then one average, then the classifier. Raises
    ValueError where they are another network's.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.weighted: list[Weighted] = []
        self.pools: list[Operator] = []
        self._sources: dict[int, int] = {}  # tensor -> the constant that a DEQUANTIZE makes it from
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            counts = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
            raise ValueError(f"has {counts}, must have one of each")
        self.scaling = UNSCALED
        current, zeros = graph.inputs[0], NO_ZEROS
        for operator in graph.operators:
            if self._makes_a_constant(operator):
                continue
            if operator.inputs[:1] != (current,) or len(operator.outputs) != 1:
                raise ValueError(f"{operator}: must take the output of the operator before it")
            [current] = operator.outputs
            zeros = self._step(operator, zeros)
        if current != graph.outputs[0]:
            raise ValueError("the last operator does not give the graph's output")
        layers = CONVOLUTIONS_BEFORE_THE_POOL + 1
        if len(self.weighted) != layers or len(self.pools) != 1:
            counts = f"{len(self.weighted)} layers with weights and {len(self.pools)} averages"
            raise ValueError(f"has {counts}, must have {layers} and 1")

    def constant(self, operator: Operator, place: int) -> Tensor | None:
        """The tensor that the operator takes there, seen through a DEQUANTIZE."""
        if place >= len(operator.inputs) or operator.inputs[place] < 0:
            return None
        index = operator.inputs[place]
        return self.graph.tensors[self._sources.get(index, index)]

    def stored(self, operator: Operator) -> object:
        """The numbers of the operator's second input, as lists; None where it has none. Raises
        ValueError where they can't be read.
        """
        tensor = self.constant(operator, 1)
        try:
            return None if tensor is None else tensor.stored().tolist()
        except ValueError as error:
            raise ValueError(f"{operator}: its second input {error}") from None

    def _makes_a_constant(self, operator: Operator) -> bool:
        match operator:
            case Operator(name="DEQUANTIZE", inputs=(source,), outputs=(target,)) if (
                source >= 0 and self.graph.tensors[source].data is not None
            ):
                self._sources[target] = source
                return True
        return False

    def _step(self, operator: Operator, zeros: Zeros) -> Zeros:
        """Notes one operator; gives the zeros of a PAD for the next one."""
        pooled = bool(self.pools)
        if zeros != NO_ZEROS and operator.name not in CONVOLUTIONS:
            raise ValueError(f"{operator}: stands between a PAD and its convolution")
        match operator.name:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                self.weighted.append(Weighted(operator, zeros))
            case "PAD":
                return self._zeros(operator)
            case "AVERAGE_POOL_2D" | "MEAN":
                self.pools.append(operator)
                if len(self.weighted) != CONVOLUTIONS_BEFORE_THE_POOL:
                    place = f"stands after {len(self.weighted)} convolutions"
                    raise ValueError(
                        f"{operator}: {place}, must after {CONVOLUTIONS_BEFORE_THE_POOL}"
                    )
            case "FULLY_CONNECTED" if pooled:
                self.weighted.append(Weighted(operator))
            case "RESHAPE" | "SQUEEZE" | "SOFTMAX" if pooled:
                pass
            case "QUANTIZE" | "DEQUANTIZE":
                pass
            case "MUL" | "DIV" | "ADD" | "SUB" if not self.weighted:
                self.scaling = self.scaling.then(*self._scaled(operator))
            case _:
                raise ValueError(f"{operator}: is not part of the network")
        return NO_ZEROS

    def _scaled(self, operator: Operator) -> tuple[float, float]:
        """(factor, offset) of arithmetic on the images, which is with one number for all."""
        tensor = self.constant(operator, 1)
        try:
            numbers = set() if tensor is None else set(tensor.real().ravel().tolist())
        except ValueError as error:
            raise ValueError(f"{operator}: its second input {error}") from None
        number = numbers.pop() if len(numbers) == 1 else 0.0
        if not number or operator.options.get("FusedActivationFunction", "NONE") != "NONE":
            raise ValueError(f"{operator}: must scale all channels by one number, and not by 0")
        match operator.name:
            case "MUL":
                return number, 0.0
            case "DIV":
                return 1 / number, 0.0
            case name:
                return 1.0, number if name == "ADD" else -number

    def _zeros(self, operator: Operator) -> Zeros:
        match paddings := self.stored(operator):
            case [[0, 0], [int(top), int(bottom)], [int(left), int(right)], [0, 0]]:
                return (top, bottom), (left, right)
        raise ValueError(f"{operator}: pads by {str(paddings)[:100]}, must pad height and width")
