"""All that a report shows of one run, as frozen values: page, terminal and print only render it.

Numbers are SI and absent ones carry a reason; sentences are text, ready to print.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweep.paper import Row, Tau
from sweep.paper.published import Trap
from sweep.report.values.figures import Figure, HeatMap, Key, Scatter
from sweep.report.values.intervals import Estimate
from sweep.report.values.panel import Panel
from sweep.report.values.predictions import Predictions
from sweep.report.values.tables import Fact, Table, Value
from sweep.report.values.units import Form


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
    """What a budget is held against: `accuracies` by the name of their source, `costs` by that of
    their quantity, in SI units, where they were read. sizes: of the measured accuracy "trained at
    32 px for 224", where the two differ; classes: how many its data set has. held_back: measured on
    so many images that nothing was chosen by, where there are such. spreads: the ends of the costs'
    95 % intervals, where those are known.
    """

    label: str
    accuracies: tuple[tuple[str, Estimate], ...]
    costs: tuple[tuple[str, float], ...]
    sizes: str = ""
    classes: int | None = None
    held_back: Estimate | None = None
    held_back_images: int | None = None
    spreads: tuple[tuple[str, tuple[float, float]], ...] = ()


@dataclass(frozen=True)
class Caution:
    """A sentence to beware of in answers about the accuracies measured, or where the quantity of
    that name is limited; of one point or of all (empty).
    """

    text: str
    about: str
    label: str = ""


@dataclass(frozen=True)
class Derivation:
    """What the separable layer saves: formulas in the paper's symbols, the derivation in sentences
    with the run's own numbers, and every block. `absent` says why there is neither derivation nor
    block (else empty).
    """

    title: str
    formulas: tuple[Fact, ...]
    sentences: tuple[str, ...]
    blocks: Table
    absent: str


@dataclass(frozen=True)
class View:
    """Everything a report shows of one run of `swept` points. `figures` has one for each cost and
    each of `sources`, (name, title) of the accuracies; `body` is the paper's Table 1, `comparisons`
    its others, made of `compared`, `unmatched` the titles of those that this run has no network of,
    `held` how many costs have a tolerance; `derivation` its cost formulas with this run's numbers;
    `command` draws the report, `pick_command` asks for the best in a budget; `cautions` stand with
    its answer.
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
    panel: Panel
    cautions: tuple[Caution, ...]
    cards: tuple[Card, ...]
    heat_maps: tuple[HeatMap, ...]
    predictions: Predictions
    trends: tuple[Scatter, ...]
    swept: int
    points: Table
    counts: Table
    derivation: Derivation
    body: Table
    comparisons: tuple[Table, ...]
    unmatched: tuple[str, ...]
    held: int
    compared: tuple[Row, ...]
    outside: int
    traps: tuple[Trap, ...]
    machine: tuple[Fact, ...]
    settings: tuple[Fact, ...]
    run: tuple[Fact, ...]
    command: str
    pick_command: str
