"""How well few latencies find the best network of a space: regret, and whether the budget is kept.

    python -m sweep run benchmarks/space.toml     # the truth: 112 networks, half an hour
    python -m benchmarks.between results/space    # seconds

The run is the truth: every network's latency and accuracy. For budgets drawn at random an
exploration asks it for a few, as `run --explore` asks a machine; its answer is held against the
best that there is. Then the same with published phones as the device, of the paper's sixteen
networks.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import parser, publish, table
from sweep.paper.phones import phones
from sweep.paper.published import tfslim_rows
from sweep.predict.accuracies import AccuracyModel, of_published, of_trainings
from sweep.predict.explore import LATENCIES, ROUNDS, Place, Space, best_of, following
from sweep.predict.networks import Chain, Row, chain
from sweep.results.load import Results, load
from sweep.results.points import with_points
from sweep.results.trainings import key_of

BUDGETS = 20
ACCURACY = "top1"


@dataclass(frozen=True)
class Truth:
    """rows: every network of the space, with its accuracy and the latency in `column`. surface:
    through the accuracies of some of them. shared: whether these are of one network's parts, all of
    which are evaluated.
    """

    title: str
    column: str
    rows: Mapping[Place, Row]
    network: Chain
    surface: Callable[[Sequence[Row]], AccuracyModel]
    shared: bool = False

    @property
    def space(self) -> Space:
        alphas, sides = zip(*self.rows, strict=True)
        return Space(tuple(dict.fromkeys(alphas)), tuple(dict.fromkeys(sides)))


@dataclass(frozen=True)
class Found:
    """regret: of the true best within the budget, in points of accuracy. latencies: that were
    measured, what is timed again with them.
    """

    limit_s: float
    answer: Place | None
    best: Place
    regret: float
    latencies: int


def explored(truth: Truth, limit_s: float) -> Found:
    """One exploration, every question to the machine answered from the truth."""
    space, limits = truth.space, {truth.column: limit_s}
    timed = list(space.first())
    seen = [*timed, *(space.places if truth.shared else space.edges())]
    spent = len(timed)
    for new, again in ROUNDS:
        rows = [
            dict(truth.rows[place]) | ({} if place in timed else {truth.column: None})
            for place in dict.fromkeys(seen)
        ]
        _, places = following(
            truth.network, rows, truth.surface(rows), limits, space.places, new, ACCURACY
        )
        if not places:
            break
        timed, seen = [*timed, *places], [*seen, *places]
        spent += len(places) + again
    answer = best_of((truth.rows[place] for place in timed), limits, ACCURACY)
    best = best_of(truth.rows.values(), limits, ACCURACY)
    assert best is not None
    return Found(
        limit_s,
        (answer["alpha"], answer["resolution"]) if answer else None,
        (best["alpha"], best["resolution"]),
        100 * (best[ACCURACY] - (answer[ACCURACY] if answer else 0.0)),
        spent,
    )


def budgets(truth: Truth) -> list[float]:
    """Latencies at random, the logs evenly, between those of the fastest and the slowest."""
    seconds = [row[truth.column] for row in truth.rows.values()]
    drawn = random.Random(0)  # noqa: S311 - a draw, no secret
    return [min(seconds) * (max(seconds) / min(seconds)) ** drawn.random() for _ in range(BUDGETS)]


def truths(results: Results) -> list[Truth]:
    """The run's own deployments with its accuracies, and the phones with the published ones."""
    rows = results.points.to_dict(orient="records")
    trainings = results.trainings
    assert trainings is not None, "the run has no accuracies"
    network = chain(results.readings, rows)
    at = {(row["alpha"], row["resolution"]): row for row in rows}

    def own(some: Sequence[Row]) -> AccuracyModel:
        return of_trainings(trainings, [key_of(row) for row in some])

    timed = [(each.words, each.metric.name) for each in results.deployments]
    return [
        *(Truth(words, name, at, network, own, shared=True) for words, name in timed),
        *(
            Truth(
                phone.title,
                "phone_s",
                {
                    place: {"alpha": place[0], "resolution": place[1], "phone_s": seconds}
                    | {ACCURACY: _PUBLISHED[place]}
                    for place, seconds in phone.latencies.items()
                },
                network,
                _published,
            )
            for phone in phones()
        ),
    ]


_PUBLISHED = {(each.alpha, each.resolution): each.top1.value for each in tfslim_rows()}


def _published(some: Sequence[Row]) -> AccuracyModel:
    return of_published([(row["alpha"], row["resolution"], row[ACCURACY]) for row in some])


def told(truth: Truth, found: Sequence[Found]) -> tuple[str, ...]:
    """A row of the table."""
    regrets = sorted(each.regret for each in found)
    return (
        truth.title,
        str(len(truth.rows)),
        f"{sum(each.answer is not None for each in found)} of {len(found)}",
        f"{sum(regrets) / len(regrets):.2f}",
        f"{regrets[len(regrets) // 2]:.2f}",
        f"{regrets[-1]:.2f}",
        f"{sum(each <= 0.5 for each in regrets)} of {len(found)}",
        f"{max(each.latencies for each in found)}",
    )


def main() -> None:
    """A line for each device: the regret of its explorations."""
    options = parser(__doc__)
    options.add_argument("run", type=Path, help="Results folder of benchmarks/space.toml.")
    arguments: argparse.Namespace = options.parse_args()
    rows = []
    for truth in truths(with_points(load(arguments.run))):
        found = [explored(truth, limit) for limit in budgets(truth)]
        if arguments.quick:
            print(truth.title, *found, sep="\n  ")
        rows.append(told(truth, found))
    headings = (
        "device", "networks", "budget kept", "mean regret, points", "median", "largest",
        "at most 0.5", "most latencies",
    )  # fmt: skip
    publish(
        "Explorations",
        f"{BUDGETS} budgets of latency at random, at most {LATENCIES} latencies each, those timed "
        f"again counted. Regret: accuracy below the best network within the budget.\n\n"
        f"{table(headings, rows)}",
        arguments,
    )


if __name__ == "__main__":
    main()
