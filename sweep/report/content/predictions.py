"""What is predicted between the points, for the page: of every network at some steps its accuracies
and costs, and grids for lines of equal values.

The rule is that of `between`, which `pick --between` asks of one budget. Here the limits wait for
the reader, and so each cost is predicted wherever its own points surround a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator

from sweep.metrics import TOP1
from sweep.predict.accuracies import AccuracyModel
from sweep.predict.between import Costs, Hull, costs_of
from sweep.predict.costs import CostModel, Prediction
from sweep.predict.explore import Place
from sweep.predict.networks import COUNTED, Chain, Counts, chain, is_read
from sweep.report.content.between import NOTHING, Steps, accuracy_model, estimate_of, swept
from sweep.report.content.between_words import cost_told, model_told, steps_told
from sweep.report.content.figures import MEASURED, written
from sweep.report.content.point_rows import Row
from sweep.report.values.figures import Contours
from sweep.report.values.predictions import Cost, Network, Predictions, Told
from sweep.report.values.quantity import Quantity
from sweep.report.values.units import in_points, joined
from sweep.types import Point

if TYPE_CHECKING:
    from sweep.results.load import Results

MOST_NETWORKS = 1000  # that a page carries
CHANCES = np.arange(1, 200) / 200
ACROSS = 12  # steps of resolution that lines are drawn in, about
ACCURACY_MAPS = ("accuracy", "accuracy_smooth")
DASHED = "Dashed lines are predicted: "


def predictions(results: Results, costs: Iterable[Quantity], sources: Iterable[str]) -> Predictions:
    """costs: what can be limited. sources: whose accuracies rank, by their names."""
    kind, rows = swept(results)
    try:
        network, hull = chain(results.readings, rows), _hull(rows)
    except ValueError as error:
        return Predictions(Steps().sure, absent={"": NOTHING.format(why=error)})
    known = {of.name: _Known.of_points(network, rows, of) for of in costs}
    accuracies, absent = _accuracies(results, rows, sources)
    steps = _few_enough(hull)
    networks = tuple(
        _network(Point(*kind, alpha, 0.0, side).label, (alpha, side), network, known, accuracies)
        for alpha, side in hull.steps(steps.alpha, steps.resolution)
    )
    told = {name: each for name, each in known.items() if each.is_known}
    lines, how = _maps(network, hull, steps, told, accuracies.get(MEASURED), networks)
    return Predictions(
        steps.sure,
        options=_options(steps),
        among=steps_told(steps),
        networks=networks,
        ranked={source: _ranked(networks, source) for source in accuracies},
        costs={name: each.told() for name, each in told.items()},
        lines=lines,
        how=how,
        absent=absent | {name: each.absent for name, each in known.items() if each.absent},
    )


@dataclass(frozen=True)
class _Known:
    """A cost: what it is predicted by, None where it is counted; around which points; and where it
    was read.
    """

    of: Quantity
    costs: Costs | None
    hull: Hull | None
    read: frozenset[Place]

    @classmethod
    def of_points(cls, network: Chain, rows: Sequence[Row], of: Quantity) -> _Known:
        read = [row for row in rows if is_read(row.get(of.column))]
        counted = of.column in COUNTED
        costs = None if counted else costs_of(network, rows, of.column)
        own = rows if counted else read
        hull = _hull(own) if counted or (costs and costs.model) else None
        return cls(of, costs, hull, frozenset(map(_place, read)))

    @property
    def model(self) -> CostModel | None:
        return self.costs.model if self.costs else None

    @property
    def is_known(self) -> bool:
        return self.costs is None or self.costs.model is not None

    @property
    def absent(self) -> str:
        if self.costs is None or not self.costs.absent:
            return ""
        return NOTHING.format(why=f"of {self.of.at_batch}, {self.costs.absent}")

    def at(self, place: Place, counts: Counts) -> Prediction | None:
        if self.hull is None or not self.hull.holds(*place):
            return None
        if self.costs is None:
            value = float(COUNTED[self.of.column](counts))
            return Prediction(value, value, value)
        return self.costs.model.at(counts) if self.costs.model else None

    def told(self) -> Cost:
        model = self.model
        if model is None:
            return Cost(self.of.at_batch, (), "", priced=True)
        over = tuple(model.fit.over(CHANCES).tolist())
        return Cost(self.of.at_batch, over, model_told(self.of, model), model.uneven)


def _place(row: Row) -> Place:
    return float(row["alpha"]), int(row["resolution"])


def _hull(rows: Sequence[Row]) -> Hull:
    """Raises ValueError where it holds no other network."""
    hull = Hull(tuple(map(_place, rows)))
    if len(set(hull.places)) < 2:
        raise ValueError("between one point and itself lies no network")
    return hull


def _few_enough(hull: Hull) -> Steps:
    """The usual ones, or coarser where there would be too many networks."""
    steps = Steps()
    alphas, sides = zip(*hull.places, strict=True)

    def many(steps: Steps) -> float:
        across = (max(sides) - min(sides)) / steps.resolution + 1
        return across * (float((max(alphas) - min(alphas)) / steps.alpha) + 1)

    while many(steps) > MOST_NETWORKS:
        wide = steps.alpha < Fraction(1, 8)
        steps = (
            Steps(2 * steps.alpha, steps.resolution)
            if wide
            else Steps(steps.alpha, 2 * steps.resolution)
        )
    return steps


def _options(steps: Steps) -> str:
    """Of `pick`, to be answered the same."""
    usual, asked = Steps(), ["--between"]
    if steps.alpha != usual.alpha:
        asked.append(f"--alpha-step {steps.alpha}")
    if steps.resolution != usual.resolution:
        asked.append(f"--resolution-step {steps.resolution}")
    return " ".join(asked)


def _accuracies(
    results: Results, rows: Sequence[Row], sources: Iterable[str]
) -> tuple[dict[str, AccuracyModel], dict[str, str]]:
    """By source the surface, or why there is none."""
    found: dict[str, AccuracyModel] = {}
    absent: dict[str, str] = {}
    for source in sources:
        try:
            found[source] = accuracy_model(results, rows, source)
        except ValueError as error:
            absent[source] = NOTHING.format(why=error)
    return found, absent


def _network(
    label: str,
    place: Place,
    network: Chain,
    known: dict[str, _Known],
    accuracies: dict[str, AccuracyModel],
) -> Network:
    counts = network.at(*place)
    costs = {name: each.at(place, counts) for name, each in known.items()}
    return Network(
        label=label,
        alpha=place[0],
        resolution=place[1],
        accuracies={
            source: _told(model.at(*place), lambda each: written(each, TOP1.form))
            for source, model in accuracies.items()
        },
        costs={
            name: _told(value, lambda each, of=known[name].of: cost_told(of, each))
            for name, value in costs.items()
            if value is not None
        },
        read=tuple(name for name, each in known.items() if place in each.read),
        uneven=counts.uneven,
    )


def _told(value: Prediction, text: Callable[..., str]) -> Told:
    estimate = estimate_of(value)
    return Told(value.value, value.low, value.high, text(estimate))


def _ranked(networks: Sequence[Network], source: str) -> tuple[int, ...]:
    """Places, the most accurate first; of equals the thinner, then the smaller one."""

    def worth(place: int) -> tuple[float, float, int]:
        each = networks[place]
        return -each.accuracies[source].value, each.alpha, each.resolution

    return tuple(sorted(range(len(networks)), key=worth))


def _maps(
    network: Chain,
    hull: Hull,
    steps: Steps,
    known: dict[str, _Known],
    accuracy: AccuracyModel | None,
    networks: Sequence[Network],
) -> tuple[dict[str, Contours], dict[str, str]]:
    """By the maps' names the grids, and how they were predicted."""
    grid = _Grid(network, hull, steps)
    lines, how = {}, {}
    for name, each in known.items():
        lines[name] = grid.of(lambda place, each=each: each.at(place, grid.counts[place]))
        how[name] = _how(each, networks)
    if accuracy and networks:
        own = grid.of(lambda place: accuracy.at(*place))
        lines |= dict.fromkeys(ACCURACY_MAPS, own)
        how |= dict.fromkeys(ACCURACY_MAPS, _how_accurate(networks))
    return lines, how


class _Grid:
    """Where lines are drawn: at steps of alpha, at the resolutions of the steps and of the points,
    which are no other than real networks. Across, lines are smooth from each to the next.
    """

    def __init__(self, network: Chain, hull: Hull, steps: Steps) -> None:
        measured = set(hull.places)
        places = {*hull.steps(steps.alpha, steps.resolution), *measured}
        self.alphas = tuple(sorted({alpha for alpha, _ in places}))
        self.sides = tuple(sorted({side for _, side in places}))
        inside = (
            (alpha, side) for alpha in self.alphas for side in self.sides if hull.holds(alpha, side)
        )
        self.counts = {place: network.at(*place) for place in inside}
        finer = max(1, ACROSS // max(1, len(self.sides) - 1))
        ends = zip(self.sides, self.sides[1:], strict=False)
        between = [np.linspace(low, high, finer, endpoint=False) for low, high in ends]
        self.across = np.concatenate([*between, [self.sides[-1]]])

    def of(self, value: Callable[[Place], Prediction | None]) -> Contours:
        rows = []
        for alpha in self.alphas:
            sides = [side for side in self.sides if (alpha, side) in self.counts]
            read = {side: each.value for side in sides if (each := value((alpha, side)))}
            rows.append(tuple(self._smooth(read)))
        return Contours(self.alphas, tuple(self.across.tolist()), tuple(rows))

    def _smooth(self, read: dict[int, float]) -> list[float | None]:
        if len(read) < 2:
            return [read.get(side) for side in self.across.tolist()]
        curve = PchipInterpolator(list(read), list(read.values()), extrapolate=False)
        return [None if np.isnan(each) else float(each) for each in curve(self.across)]


def _how(known: _Known, networks: Sequence[Network]) -> str:
    model = known.model
    if model is None:
        return ""
    text = (
        f"{DASHED}{model_told(known.of, model)} Each may be off by a factor of "
        f"{model.fit.factor:.2f} (95 %)."
    )
    if model.uneven or not any(each.uneven for each in networks):
        return text
    return f"{text} Channels that are no multiple of 8 may cost more."


def _how_accurate(networks: Sequence[Network]) -> str:
    told = [each.accuracies[MEASURED] for each in networks]
    halves = sorted((each.high - each.low) / 2 for each in told)
    return (
        f"{DASHED}a surface through the measured accuracies, from which a network may be off by "
        f"{joined(in_points(halves[0]), in_points(halves[-1]))} (95 %)."
    )
