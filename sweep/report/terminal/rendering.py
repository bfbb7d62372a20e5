"""The one renderer for terminals: tables and sentences as rich takes them.

No text is obeyed: a name from data such as "[red]" is shown as it stands, and control characters
are written out. No table has a frame, and where the terminal is too narrow a cell goes on below: no
digit is ever cut off.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from sweep.report.values.printable import visible
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import DASH, Form, bracket, formatted

FAINT, BAD = "dim", "bold red"


@dataclass(frozen=True)
class Line:
    """Words of a style of rich's that stay on their own line."""

    text: str
    style: str = "bold"


Part = Table | Line | str | RenderableType


def rendered(*parts: Part) -> Group:
    """Tables, lines and sentences below each other. A sentence that begins with "- " hangs."""
    return Group(*map(_part, parts))


@dataclass(frozen=True)
class Fitting:
    """A table of which a narrow terminal shows as many columns as have room for whole cells; the
    others are named below. least: titles of those that go first, the least important first; then
    they go from the right. The first column stays.
    """

    table: Table
    least: tuple[str, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, gone = self.table, []
        titles = [column.title for column in table.columns[1:]]
        order = [each for each in self.least if each in titles]
        order += [each for each in reversed(titles) if each not in order]
        while order[len(gone) + 1 :] and _width(table, console) > options.max_width:
            gone.append(order[len(gone)])
            table = self.table.only(*(c.title for c in self.table.columns if c.title not in gone))
        yield _table(table)
        if gone:
            left_out = [each for each in titles if each in gone]
            yield _Sentence(f"Not shown, for want of room: {visible(', '.join(left_out))}.")


def _width(table: Table, console: Console) -> int:
    """Columns of a terminal that it takes without parting a cell."""
    return console.measure(_drawn(table), options=console.options.update(max_width=10_000)).maximum


def _part(part: Part) -> RenderableType:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Line):
        return printed(part.text, part.style)
    return _Sentence(visible(part)) if isinstance(part, str) else part


def printed(text: str, style: str = "") -> Text:
    """Text from data, of which nothing is obeyed: neither markup nor control characters."""
    return Text(visible(text), style=style)


@dataclass(frozen=True)
class _Sentence:
    """Words that wrap at the terminal's width, but never between a number and its unit, where
    rich's own text would: it takes the no-break space for a space.
    """

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = "  " if self.text.startswith("- ") else ""
        lines = textwrap.wrap(
            self.text,
            max(options.max_width, len(indent) + 1),
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        yield Text("\n".join(lines))


def _table(table: Table) -> Group:
    """The table with its caption and notes below."""
    below = [_Sentence(visible(table.caption))] if table.caption else []
    notes = [printed(f"[{number}] {text}", FAINT) for number, text in enumerate(table.notes, 1)]
    return Group(_drawn(table), *below, *notes, Text())


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(
        title=printed(table.title, "bold") if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    (_fill_down if table.groups else _fill)(drawn, table)
    return drawn


def _fill(drawn: RichTable, table: Table) -> None:
    for column in table.columns:
        _add_column(drawn, column)
    for row in table.rows:
        drawn.add_row(
            *(
                _cell(cell, column, table.marks(cell))
                for cell, column in zip(row, table.columns, strict=True)
            )
        )


def _fill_down(drawn: RichTable, table: Table) -> None:
    """A terminal is narrow: the groups of columns stand below each other, a line for each, with the
    numbers of its notes at the end.
    """
    name, *columns = table.columns
    kinds = {column.title: column for column in columns}
    for column in (name, Column("", Form.TEXT), *kinds.values(), Column("Notes", Form.TEXT)):
        _add_column(drawn, column)
    for first, *row in table.rows:
        rest, called = iter(zip(columns, row, strict=True)), formatted(first.value or "", Form.TEXT)
        for group, size in table.groups:
            cells = {column.title: (cell, column) for column, cell in islice(rest, size)}
            numbers = sorted({n for cell, _ in cells.values() for n in table.marks(cell)})
            drawn.add_row(
                printed(called),
                printed(group.lower()),
                *(_cell(*cells[kind], ()) if kind in cells else Text() for kind in kinds),
                Text(", ".join(f"[{number}]" for number in numbers), style=FAINT),
            )
            called = ""


def _add_column(drawn: RichTable, column: Column) -> None:
    justify = "left" if column.form in (Form.TEXT, Form.VERDICT) else "right"
    drawn.add_column(printed(column.title), justify=justify, overflow="fold")


def _cell(cell: Value, column: Column, marks: Sequence[int]) -> Text:
    noted = "".join(f" [{number}]" for number in marks)
    if cell.value is None:
        return Text(f"{DASH}{noted}", style=FAINT)
    form = cell.form or column.form
    text = printed(
        formatted(cell.value, form), BAD if form is Form.VERDICT and not cell.value else ""
    )
    if cell.low is not None and cell.high is not None:
        text.append(f" ({bracket(cell.value, cell.low, cell.high, form)})", style=FAINT)
    text.append(noted, style=FAINT)
    return text
