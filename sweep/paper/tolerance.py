"""A printed number beside the run's: what is compared, within which tolerance, with which notes.

Costs and shares have written tolerances; accuracies have none, because a proxy data set is not
ImageNet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sweep.paper.published import Printed


class Quantity(StrEnum):
    """What a row compares. Each accuracy has the name of its own metric."""

    MULT_ADDS = "mult-adds"
    PARAMETERS = "parameters"
    MULT_ADDS_SHARE = "share of mult-adds"
    PARAMETERS_SHARE = "share of parameters"
    TOP1 = "top-1"
    MEAN_AP = "mean average precision"  # Table 12
    ACCURACY_1E_4 = "1e-4 accuracy"  # Table 14's own heading

    @property
    def is_count(self) -> bool:
        """A count, printed in millions; all others are shares, printed in per cent."""
        return self in (Quantity.MULT_ADDS, Quantity.PARAMETERS)


# In units of the last printed digit. The paper prints most mult-adds in whole millions, some
# rounded (568.74 as 569), some truncated (290.68 as 290): only a whole unit, 1 M, holds for both.
# Parameters and shares are all rounded; parameters are weights: 4,209,088 as 4.2, 463,600 as 0.5.
TOLERANCES = {
    Quantity.MULT_ADDS: 1.0,
    Quantity.PARAMETERS: 0.5,
    Quantity.MULT_ADDS_SHARE: 0.5,
    Quantity.PARAMETERS_SHARE: 0.5,
}


@dataclass(frozen=True)
class Row:
    """One printed number and the run's. Counts are absolute, shares 0..1; `printed` is the paper's
    own text (millions, percent). Either `computed` is there or `reason` says why not; difference
    = computed - paper. `within` is None where there is no tolerance to hold.
    """

    table: str
    model: str
    quantity: Quantity
    printed: str
    paper: float
    computed: float | None
    reason: str
    difference: float | None
    within: bool | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Computed:
    """The run's side of a row: a value or a reason, and what a reader should know of either."""

    value: float | None
    reason: str = ""
    notes: tuple[str, ...] = ()

    def noted(self, *notes: str) -> Computed:
        """With notes of the printed number in front; empty ones are left out."""
        return replace(self, notes=(*filter(None, notes), *self.notes))

    def told(self, note: str) -> Computed:
        """With a note of how it was computed, where it was; an empty one is left out."""
        return self if not note or self.value is None else replace(self, notes=(*self.notes, note))


def row(
    table: str,
    model: str,
    quantity: Quantity,
    printed: Printed,
    computed: Computed,
    *,
    held: bool = True,
) -> Row:
    """held: to the tolerance of its quantity, if that has one; False for what no counting gives."""
    difference = within = None
    if computed.value is not None:
        difference = computed.value - printed.value
        if held and quantity in TOLERANCES:
            within = abs(difference) <= TOLERANCES[quantity] * printed.step
    return Row(
        table=table,
        model=model,
        quantity=quantity,
        printed=printed.text,
        paper=printed.value,
        computed=computed.value,
        reason=computed.reason,
        difference=difference,
        within=within,
        notes=computed.notes,
    )
