"""What is shown, as frozen values: the page and the terminal add nothing but ink.

Numbers are SI and absent ones carry a reason; sentences are text, ready to print.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweep.paper import Quantity, Row, Tau
from sweep.paper.tables import Trap
from sweep.report.units import Form


@dataclass(frozen=True)
class Estimate:
    """A number, with its 95 % interval where one is known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Value:
    """A table's cell: a number with its 95 % interval or a text, or the reason for neither; `note`
    is what a reader should know of it.
    """

    value: float | str | None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: its title and how its values are written."""

    title: str
    form: Form


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row."""

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why cells are empty and what to know of others, each text once: the notes below the
        table, numbered from 1.
        """
        texts = (text for row in self.rows for cell in row for text in (cell.reason, cell.note))
        return tuple(dict.fromkeys(text for text in texts if text))

    def marks(self, cell: Value) -> tuple[int, ...]:
        """The numbers of a cell's notes below the table."""
        return tuple(self.reasons.index(text) + 1 for text in (cell.reason, cell.note) if text)


@dataclass(frozen=True)
class Axis:
    """One axis of a figure. `form` says how its values are written; unit is SI."""

    title: str
    unit: str
    form: Form
    log: bool = False


@dataclass(frozen=True)
class Mark:
    """One measured point in a figure. x and y are in the axes' SI units."""

    label: str
    alpha: float
    resolution: int
    x: Estimate
    y: Estimate
    on_front: bool
    dominated_by: str
    hover: tuple[str, ...]


@dataclass(frozen=True)
class PaperMark:
    """One published point in a figure; `source` says who printed its accuracy."""

    label: str
    alpha: float
    resolution: int
    x: float
    y: float
    source: str


@dataclass(frozen=True)
class Figure:
    """Accuracy against one cost. `front` is the frontier from the cheapest point on, as (x, y);
    `summary` says in words what the figure shows, `absent` why it shows nothing (else empty).
    """

    name: str
    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    front: tuple[tuple[float, float], ...]
    paper: tuple[PaperMark, ...]
    summary: str
    absent: str


@dataclass(frozen=True)
class Key:
    """What colours and symbols stand for, in order."""

    resolutions: tuple[int, ...]
    alphas: tuple[float, ...]


@dataclass(frozen=True)
class Compared:
    """A number beside the paper's, and the numbers of its notes below the table, from 1."""

    row: Row
    notes: tuple[int, ...]


@dataclass(frozen=True)
class ComparedModel:
    """One row of a paper's table, a network or a layer type: one cell per quantity of the table,
    None where not printed.
    """

    model: str
    cells: tuple[Compared | None, ...]


@dataclass(frozen=True)
class Comparison:
    """One of the paper's tables beside the run; `heading` is that of its first column."""

    table: str
    title: str
    heading: str
    quantities: tuple[Quantity, ...]
    models: tuple[ComparedModel, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Formula:
    """A cost in the paper's symbols, as plain text: "D_K² · M · D_F²"."""

    name: str
    text: str


@dataclass(frozen=True)
class Saving:
    """What the separable layer saves: formulas, the derivation in sentences with the run's own
    numbers, and every block. `absent` says why there is neither derivation nor block (else empty).
    """

    title: str
    formulas: tuple[Formula, ...]
    sentences: tuple[str, ...]
    blocks: Table
    absent: str


@dataclass(frozen=True)
class Fact:
    """A named fact of the machine, the settings or the run."""

    name: str
    text: str


@dataclass(frozen=True)
class View:
    """Everything a report shows of one run; `body` is the paper's Table 1, `saving` its cost
    formulas with this run's numbers.
    """

    name: str
    title: str
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    tau: Tau
    figures: tuple[Figure, ...]
    key: Key
    points: Table
    counts: Table
    saving: Saving
    body: Table
    comparisons: tuple[Comparison, ...]
    outside: int
    traps: tuple[Trap, ...]
    machine: tuple[Fact, ...]
    settings: tuple[Fact, ...]
    run: tuple[Fact, ...]
    command: str
