"""What the terminal's tables and sentences have in common: no frame, and no text is markup."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text


def blank(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without rows. Where the terminal is too narrow a cell goes on below: no digit is ever
    cut off.
    """
    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in columns:
        justify = "right" if column in right else "left"
        table.add_column(Text(column), justify=justify, overflow="fold")
    return table


def texts(*cells: str) -> list[Text]:
    """Cells as they stand: a name such as "[red]" colours nothing."""
    return [Text(cell) for cell in cells]


@dataclass(frozen=True)
class Sentence:
    """Words that wrap at the terminal's width, but never between a number and its unit, where
    rich's own text would: it takes the no-break space for a space. `indent` is of later lines.
    """

    text: str
    indent: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich asks for."""
        lines = textwrap.wrap(
            self.text,
            max(options.max_width, len(self.indent) + 1),
            subsequent_indent=self.indent,
            break_on_hyphens=False,
        )
        yield Text("\n".join(lines))
