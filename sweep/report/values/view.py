"""What is shown, as frozen values: the page and the terminal add nothing but ink.

Numbers are SI and absent ones carry a reason; sentences are text, ready to print.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sweep.paper import Quantity, Row, Tau
from sweep.paper.published import Trap
from sweep.report.values.units import Form


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

    @cached_property
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
    """Accuracy against one cost, `name`; of one source, measured or published. `front` is the
    frontier from the cheapest point on, as (x, y); `summary` says in words what the figure shows,
    `absent` why it shows nothing (else empty).
    """

    name: str
    source: str
    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    front: tuple[tuple[float, float], ...]
    paper: tuple[PaperMark, ...]
    summary: str
    absent: str


@dataclass(frozen=True)
class Dot:
    """One point of a scatter, in the axes' SI units."""

    label: str
    alpha: float
    resolution: int
    x: Estimate
    y: Estimate
    hover: tuple[str, ...]


@dataclass(frozen=True)
class Scatter:
    """Points against two quantities. `line` is a fitted line's ends as (x, y), empty where there is
    none; `finding` says what it shows with its figures, `summary` lists the points in words,
    `absent` why there are none (else empty).
    """

    name: str
    title: str
    x: Axis
    y: Axis
    dots: tuple[Dot, ...]
    line: tuple[tuple[float, float], ...]
    finding: str
    summary: str
    absent: str


@dataclass(frozen=True)
class Contours:
    """A cost between the grid's points: `values[i][j]` is of alphas[i] and resolutions[j]."""

    alphas: tuple[float, ...]
    resolutions: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class HeatMap:
    """A quantity over alpha and resolution: `cells[i][j]` is of alphas[i] and resolutions[j], both
    rising. `contours`, where there are any, are of the mult-adds behind.
    """

    name: str
    title: str
    form: Form
    alphas: tuple[float, ...]
    resolutions: tuple[int, ...]
    cells: tuple[tuple[Value, ...], ...]
    contours: Contours | None
    summary: str
    absent: str


@dataclass(frozen=True)
class Quoted:
    """A figure of one point under its title."""

    title: str
    value: Value
    form: Form


@dataclass(frozen=True)
class Trained:
    """Where a training stood: loss and accuracy of the batches (0..1) since the one before."""

    epoch: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Card:
    """All that is known of one point. `layers` is the paper's Table 1 for it; `standing` says over
    which costs it is on the frontier and what beats it elsewhere.
    """

    label: str
    figures: tuple[Quoted, ...]
    standing: tuple[str, ...]
    layers: Table
    curve: tuple[Trained, ...]
    curve_summary: str


@dataclass(frozen=True)
class Candidate:
    """What a budget is held against, in SI units; None where it was not read. `accuracies` by the
    name of their source. sizes: of the measured one "trained at 32 px for 224", where the two
    differ; classes: how many its data set has.
    """

    label: str
    accuracies: tuple[tuple[str, Estimate], ...]
    mult_adds: float | None
    params: float | None
    latencies: tuple[tuple[int, float], ...]  # (batch size, seconds)
    peak_memory_bytes: float | None
    sizes: str = ""
    classes: int | None = None


@dataclass(frozen=True)
class Caution:
    """A sentence to beware of in answers about the accuracies measured, or about a quantity of a
    budget that is limited; of one point or of all (empty), of one batch or of any (0).
    """

    text: str
    about: str
    label: str = ""
    batch: int = 0


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
    """Everything a report shows of one run of `swept` points. `figures` has one for each cost and
    each of `sources`, (name, title) of the accuracies; `body` is the paper's Table 1, `saving` its
    cost formulas with this run's numbers; `command` draws the report, `pick_command` asks for the
    best in a budget; `cautions` stand with its answer.
    """

    name: str
    title: str
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    tau: Tau
    figures: tuple[Figure, ...]
    sources: tuple[tuple[str, str], ...]
    key: Key
    candidates: tuple[Candidate, ...]
    cautions: tuple[Caution, ...]
    cards: tuple[Card, ...]
    heat_maps: tuple[HeatMap, ...]
    trends: tuple[Scatter, ...]
    swept: int
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
    pick_command: str
