"""What the commands print for a person. The words and tables are the content's and the view's."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group

from sweep.contracts import LayerRow
from sweep.report.content import between_words, difference_words
from sweep.report.content.between import Guessed
from sweep.report.content.budget import Picked
from sweep.report.content.budget_table import budget_table
from sweep.report.content.budget_words import sentences
from sweep.report.content.difference import Difference
from sweep.report.content.layers import in_closed_form, layers_table, types_table
from sweep.report.terminal.rendering import BAD, Fitting, Line, Part, rendered
from sweep.report.values.quantity import Quantity
from sweep.report.values.tables import Table
from sweep.report.values.view import Derivation, View

# What a narrow terminal does without first.
LEAST_OF_POINTS = ("Trained", "Parameters")
LEAST_OF_READINGS = (
    "Threads", "Precision", "Runtime", "Samples", "Dataset", "Seed", "Batch", "Layer",
)  # fmt: skip
LAYER_COLUMNS = ("Layer", "Stride", "Filter", "Input", "Output", "Mult-adds", "Weights", "Share")


def points(view: View, columns: Sequence[str] = ()) -> Group:
    """The points with their intervals, what is missing and why, and the cautions. columns: those
    that are asked for, as `Table.named` takes them; else as many of the usual ones as have room.
    """
    shown = _shown(view.points, view.points.narrow, columns, LEAST_OF_POINTS)
    return rendered(shown, *(f"- {warning}" for warning in view.warnings))


def readings(table: Table, columns: Sequence[str] = ()) -> Group:
    """Every reading. columns: as of `points`."""
    return rendered(_shown(table, table, columns, LEAST_OF_READINGS))


def _shown(
    whole: Table, usual: Table, columns: Sequence[str], least: tuple[str, ...]
) -> Table | Fitting:
    return whole.named(columns) if columns else Fitting(usual, least)


def comparison(view: View) -> Group:
    """The paper's tables beside the run, what the separable layer saves, the agreement of the
    rankings, and a verdict.
    """
    tau = "Kendall's tau with the published ranking: "
    if view.tau.value is None:
        tau += f"none: {view.tau.reason}"
    else:
        tau += f"{view.tau.value:.3f} over {view.tau.n} points"
    return rendered(
        view.body, *view.comparisons, *_derivation(view.derivation), tau, _verdict(view.outside)
    )


def _derivation(derivation: Derivation) -> tuple[Part, ...]:
    formulas = (f"{each.name}: {each.text}" for each in derivation.formulas)
    told = (
        (derivation.absent, "")
        if derivation.absent
        else (*derivation.sentences, "", derivation.blocks)
    )
    return (Line(derivation.title), *formulas, "", *told)


def _verdict(outside: int) -> Part:
    if outside == 0:
        return "Every cost that was computed is within its tolerance."
    costs = "1 cost is outside its" if outside == 1 else f"{outside} costs are outside their"
    return Line(f"{costs} tolerance.", BAD)


def layers(rows: Sequence[LayerRow], *, title: str, beside_the_paper: bool = False) -> Group:
    """One network layer by layer, then its shares per layer type: the paper's Tables 1 and 2.

    beside_the_paper: set the paper's own Table 2 beside, which is of the separable 1.0-224.
    """
    layers = in_closed_form(rows)
    return rendered(
        layers_table(title, layers).only(*LAYER_COLUMNS),
        types_table(layers, beside_the_paper=beside_the_paper),
    )


def picked(
    picked: Picked, called: str, cautions: Sequence[str], costs: Sequence[Quantity]
) -> Group:
    """The sentences with the cautions that bear on them, and the points that they name side by
    side, the limits below.

    called: the accuracies inside a sentence, "accuracy measured by this run". costs: what is told
    of a point, limited or not.
    """
    table = budget_table(picked, costs)
    return rendered(
        *sentences(picked, called),
        *(f"- {each}" for each in cautions),
        *(() if table is None else ("", table)),
    )


def guessed(guessed: Guessed, picked: Picked, costs: Sequence[Quantity]) -> Group:
    """What is predicted between the points, beside the best measured one."""
    best = picked.best or picked.highest
    told = between_words.sentences(guessed, picked.budget, picked.source, best)
    table = between_words.between_table(guessed, picked.budget, picked.source, costs, best)
    return rendered("", *told, *(() if table is None else ("", table)))


def difference(difference: Difference) -> Group:
    """Everything of a `Difference` in words, and the readings that moved as a table."""
    parts: list[Part] = [
        f"Before: {difference.before}",
        f"After:  {difference.after}",
        "",
        *difference_words.sentences(difference),
    ]
    if difference.moved:
        parts += ["", difference_words.moved_table(difference.moved)]
    for title, changed in (
        ("Settings that differ:", difference.settings),
        ("Facts of the machines that differ:", difference.machine),
    ):
        if changed:
            lines = (Line(each, "") for each in difference_words.changes(changed))
            parts += ["", Line(title), *lines]
    return rendered(*parts)
