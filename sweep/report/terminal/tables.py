"""A view, and the layers of one network, as rich tables. Ink only.

Every text from data goes in as rich's Text, so that a name such as "[red]" is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from sweep.contracts import LayerRow
from sweep.paper.published import LayerTypeShare, table_2
from sweep.report.values import units
from sweep.report.values import view as shown
from sweep.report.values.units import Form

# What fits beside each other in a terminal of a hundred columns; the page shows all.
POINT_COLUMNS = (
    "Point",
    "Top-1",
    "Trained",
    "Mult-adds",
    "Parameters",
    "Latency",
    "Compile",
    "Frontier",
)
COUNT_COLUMNS = ("Point", "Closed form", "Traced program", "fvcore", "XLA, half its flops")
Parts = list[Group | Text]


def points_table(view: shown.View) -> Group:
    """The points with their intervals, and below what is missing and why."""
    titles = [column.title for column in view.points.columns]
    batches = tuple(title for title in titles if title.startswith("Latency, batch"))
    # One of the two fits: the size that accuracies are of bears on the answer.
    left_out = {"Compile"} if "Trained" in titles else set()
    wanted = [title for title in POINT_COLUMNS if title not in left_out]
    return _table(view.points, (*wanted, *batches))


def counts_table(view: shown.View) -> Group:
    """The mult-adds counted four ways, side by side."""
    return _table(view.counts, COUNT_COLUMNS)


def compare_tables(view: shown.View) -> Group:
    """The paper's tables beside the run, what the separable layer saves, the agreement of the
    rankings, and a verdict.
    """
    parts: Parts = [_whole_table(view.body)]
    parts += [_comparison(each) for each in view.comparisons]
    parts += _saving(view.saving)
    if view.tau.value is None:
        tau = f"Kendall's tau with the published ranking: none: {view.tau.reason}"
    else:
        tau = (
            f"Kendall's tau with the published ranking: {view.tau.value:.3f} "
            f"over {view.tau.n} points"
        )
    return Group(*parts, Text(tau), _outside(view.outside))


def layers_table(rows: Sequence[LayerRow], *, title: str, paper_shares: bool = False) -> Group:
    """One network layer by layer, then its shares per layer type: the paper's Tables 1 and 2.

    paper_shares: set the paper's own Table 2 beside, which is of the separable 1.0-224.
    """
    table = _blank(title)
    for heading in ("Layer", "Filter", "Stride", "Input", "Output"):
        _column(table, heading)
    for heading in ("Mult-adds", "%", "Weights", "%"):
        _column(table, heading, right=True)
    mult_adds, weights = sum(row.mult_adds for row in rows), sum(row.weights for row in rows)
    for row in rows:
        table.add_row(
            *_texts(
                row.name,
                _filter(row),
                str(row.stride),
                f"{row.size_in}x{row.size_in}x{row.channels_in}",
                f"{row.size_out}x{row.size_out}x{row.channels_out}",
                units.exact(row.mult_adds),
                _percent(row.mult_adds, mult_adds),
                units.exact(row.weights),
                _percent(row.weights, weights),
            )
        )
    table.add_section()
    table.add_row(
        *_texts("total", "", "", "", "", units.exact(mult_adds), "", units.exact(weights), "")
    )
    return Group(table, Text(), _types_table(rows, table_2() if paper_shares else ()))


def _types_table(rows: Sequence[LayerRow], paper: tuple[LayerTypeShare, ...]) -> Group:
    """Shares per layer type, with the paper's where given."""
    table = _blank("Share per layer type (parameters: weights alone)")
    _column(table, "Type")
    for heading in (
        ("Mult-adds", "paper", "Weights", "paper") if paper else ("Mult-adds", "Weights")
    ):
        _column(table, heading, right=True)
    mult_adds, weights = sum(row.mult_adds for row in rows), sum(row.weights for row in rows)
    printed = {each.layer_type: each for each in paper}
    for name in dict.fromkeys(str(row.type) for row in rows if row.weights):
        same = [row for row in rows if row.type == name]
        cells = [
            _percent(sum(row.mult_adds for row in same), mult_adds) + " %",
            _percent(sum(row.weights for row in same), weights) + " %",
        ]
        if name in printed:
            cells.insert(1, f"{printed[name].mult_adds.text} %")
            cells.append(f"{printed[name].params.text} %")
        table.add_row(*_texts(name, *cells))
    notes = [
        Text(text, style="dim")
        for text in dict.fromkeys(
            [f"{each.layer_type}: {each.mult_adds_note}" for each in paper if each.mult_adds_note]
            + [f"Parameters: {each.params_note}" for each in paper if each.params_note]
        )
    ]
    return Group(table, *notes)


def _filter(row: LayerRow) -> str:
    """The filter's shape as in the paper's Table 1."""
    kernel = f"{row.kernel}x{row.kernel}"
    match str(row.type):
        case "Conv DW 3x3":
            return f"{kernel}x{row.channels_in} dw"
        case "Avg Pool":
            return f"pool {kernel}"
        case "Fully Connected":
            return f"{row.channels_in}x{row.channels_out}"
    return f"{kernel}x{row.channels_in}x{row.channels_out}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else "0.00"


def _table(table: shown.Table, wanted: tuple[str, ...], caption: str = "") -> Group:
    drawn = _blank(table.title)
    chosen = [(i, column) for i, column in enumerate(table.columns) if column.title in wanted]
    for _, column in chosen:
        _column(drawn, column.title, right=column.form is not Form.TEXT)
    seen = set()
    for row in table.rows:
        cells = [(row[index], column) for index, column in chosen]
        drawn.add_row(*(_cell(cell, column, table.marks(cell)) for cell, column in cells))
        seen |= {text for cell, _ in cells for text in (cell.reason, cell.note)}
    below = [Text(caption)] if caption else []
    return Group(drawn, *below, *_notes(table.reasons, seen), Text())


def _whole_table(table: shown.Table) -> Group:
    """Every column, and the caption below."""
    return _table(table, tuple(column.title for column in table.columns), table.caption)


def _saving(saving: shown.Saving) -> Parts:
    """The formulas, the derivation, and every block."""
    parts: Parts = [Text(saving.title, style="bold")]
    parts += [Text(f"{each.name}: {each.text}") for each in saving.formulas]
    parts.append(Text())
    if saving.absent:
        return [*parts, Text(saving.absent), Text()]
    parts += [Text(sentence) for sentence in saving.sentences]
    return [*parts, Text(), _whole_table(saving.blocks)]


def _cell(cell: shown.Value, column: shown.Column, marks: tuple[int, ...]) -> Text:
    noted = "".join(f" [{number}]" for number in marks)
    if cell.value is None:
        return Text(f"{units.DASH}{noted}", style="dim")
    text = Text(units.shown(cell.value, column.form))
    if cell.low is not None and cell.high is not None:
        interval = units.bracket(cell.value, cell.low, cell.high, column.form)
        text.append(f" ({interval})", style="dim")
    text.append(noted, style="dim")
    return text


def _comparison(comparison: shown.Comparison) -> Group:
    table = _blank(comparison.title)
    for heading in (comparison.heading, "Quantity"):
        _column(table, heading)
    for heading in ("Published", "Computed", "Difference"):
        _column(table, heading, right=True)
    for heading in ("Within", "Notes"):
        _column(table, heading)
    for model in comparison.models:
        cells = [cell for cell in model.cells if cell is not None]
        for position, cell in enumerate(cells):
            row = cell.row
            table.add_row(
                *_texts(
                    "" if position else model.model,
                    row.quantity.value,
                    units.printed(row),
                    units.computed(row),
                    units.difference(row),
                ),
                _verdict(row.within),
                Text(", ".join(f"[{number}]" for number in cell.notes), style="dim"),
            )
    return Group(table, *_notes(comparison.notes, set(comparison.notes)), Text())


def _verdict(within: bool | None) -> Text:
    if within is None:
        return Text("")
    return Text("yes") if within else Text("OUTSIDE", style="bold red")


def _outside(n: int) -> Text:
    if n == 0:
        return Text("Every cost that was computed is within its tolerance.")
    costs = "1 cost is outside its" if n == 1 else f"{n} costs are outside their"
    return Text(f"{costs} tolerance.", style="bold red")


def _notes(texts: tuple[str, ...], seen: set[str]) -> list[Text]:
    return [
        Text(f"[{number}] {text}", style="dim")
        for number, text in enumerate(texts, start=1)
        if text in seen
    ]


def _blank(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )


def _column(table: Table, heading: str, *, right: bool = False) -> None:
    """Where the terminal is too narrow a cell goes on below: no digit is ever cut off."""
    table.add_column(Text(heading), justify="right" if right else "left", overflow="fold")


def _texts(*texts: str) -> list[Text]:
    return [Text(text) for text in texts]
