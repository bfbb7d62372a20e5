"""Tables as frozen values: what the page, the terminal and --json print alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sweep.report.values.intervals import Estimate
from sweep.report.values.units import Form


@dataclass(frozen=True)
class Value:
    """A table's cell: a number with its 95 % interval or a text, or the reason for neither; `notes`
    are what a reader should know of it. form: how it is written, where not as its column's.
    """

    value: float | str | None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    form: Form | None = None

    @classmethod
    def of(cls, estimate: Estimate, form: Form | None = None) -> Value:
        """A number with its interval."""
        return cls(estimate.value, estimate.low, estimate.high, form=form)

    @property
    def estimate(self) -> Estimate | None:
        """The number with its interval; None where there is none."""
        if not isinstance(self.value, float | int):
            return None
        return Estimate(self.value, self.low, self.high)

    @property
    def told(self) -> tuple[str, ...]:
        """What stands below the table: why there is nothing, and the notes."""
        return (self.reason, *self.notes) if self.reason else self.notes


@dataclass(frozen=True)
class Column:
    """A column of a table: its title and how its values are written. Columns of one `group` stand
    side by side, under its name. extra: left out where there is little room.
    """

    title: str
    form: Form
    group: str = ""
    extra: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row."""

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Why cells are empty and what to know of others, each text once: they stand below the
        table, numbered from 1.
        """
        return tuple(dict.fromkeys(text for row in self.rows for cell in row for text in cell.told))

    def marks(self, cell: Value) -> tuple[int, ...]:
        """The numbers of a cell's notes below the table."""
        return tuple(self.notes.index(text) + 1 for text in cell.told)

    @cached_property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """(name, number of columns) of the groups behind the first column; empty without any."""
        names = [column.group for column in self.columns[1:]]
        return tuple((name, names.count(name)) for name in dict.fromkeys(names) if name)

    @property
    def ungrouped(self) -> int:
        """Columns of no group; they stand in front."""
        return sum(not column.group for column in self.columns)

    @property
    def narrow(self) -> Table:
        """What fits in a terminal of a hundred columns."""
        return self.only(*(column.title for column in self.columns if not column.extra))

    def named(self, names: Iterable[str]) -> Table:
        """The first column and those of these names, in their order: "latency", "mult_adds"; of
        "Latency by XLA" and others by a runtime "latency" is the first. Raises ValueError, saying
        which there are, for one that isn't there.
        """
        places = {_letters(column.title): at for at, column in enumerate(self.columns)}
        for at, column in enumerate(self.columns):
            places.setdefault(_letters(column.title.partition(" by ")[0]), at)
        chosen = [0]
        for name in names:
            if (at := places.get(_letters(name))) is None:
                there = "; ".join(column.title for column in self.columns[1:])
                raise ValueError(f'"{name}": must be one of {there}')
            chosen += [at] if at not in chosen else []
        return self._of(chosen)

    def only(self, *titles: str) -> Table:
        """The columns of these titles alone, in their own order."""
        return self._of([at for at, column in enumerate(self.columns) if column.title in titles])

    def _of(self, chosen: Sequence[int]) -> Table:
        return replace(
            self,
            columns=tuple(self.columns[at] for at in chosen),
            rows=tuple(tuple(row[at] for at in chosen) for row in self.rows),
        )


def _letters(name: str) -> str:
    """Of a column's title, what tells it from others: "Mult-adds" and "mult_adds" are the same."""
    return "".join(filter(str.isalnum, name.casefold()))


def text_table(*titles: str, rows: Iterable[Iterable[str]]) -> Table:
    """A table of texts alone, without a title."""
    return Table(
        title="",
        caption="",
        columns=tuple(Column(title, Form.TEXT) for title in titles),
        rows=tuple(tuple(map(Value, row)) for row in rows),
    )


@dataclass(frozen=True)
class Fact:
    """A named text: a fact of the machine, the settings or the run, or a formula."""

    name: str
    text: str
