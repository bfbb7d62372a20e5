"""Which accuracies can be trusted: separate trainings, the shared one, a smoothed run, mult-adds.

    python -m benchmarks.ranking --work DIR              # about an hour and a half on two cores
    python -m benchmarks.ranking --work DIR --cifar data/cifar10    # six others, about an hour
    python -m benchmarks.ranking --quick                 # four points, two seeds, few images

Sixteen networks are trained by themselves from eight seeds, and from four seeds for four times as
long: the means of these are two truths, each off by what its halves disagree in. Every seed of each
way to an accuracy is held against both, a separate one against the mean of the others: Kendall's
tau, and how many of the pairs that the truth tells apart it has in order. Runs are kept in DIR and
gone on with. Times are of one more run of each way, one after the other, with programs compiled;
--untimed leaves them out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import parser, publish, table
from sweep.maths.replicates import Replicates
from sweep.maths.statistics import kendall_tau
from sweep.maths.surface import smoothed
from sweep.metrics import MULT_ADDS, TOP1
from sweep.results.load import load
from sweep.results.trainings import Trainings, key_of, trainings_of

Array = npt.NDArray[np.float64]

HALVES = 20  # ways to split a truth's seeds
SEPARATE, LONG, SHARED = "separate", "separate, four times as long", "shared"
# Each way to an accuracy: its settings beside those of the experiment, and how many seeds.
WAYS = {
    SEPARATE: (('accuracy.source="train"', "accuracy.epochs=2", "accuracy.learning_rate=0.05"), 8),
    LONG: (('accuracy.source="train"', "accuracy.epochs=8", "accuracy.learning_rate=0.05"), 4),
    SHARED: (('accuracy.source="shared"', "accuracy.epochs=4", "accuracy.learning_rate=0.1"), 5),
}
OF_CIFAR = {
    SEPARATE: (('accuracy.source="train"',), 2),
    SHARED: (('accuracy.source="shared"',), 2),
}
FOR_A_LOOK = (
    "grid.alpha=[0.5, 0.25]", "grid.resolution=[160, 128]",
    "accuracy.train_images=256", "accuracy.test_images=200", "accuracy.epochs=1",
)  # fmt: skip
ALWAYS = (
    'measures=["cost", "accuracy"]', "grid.extra=[]",
    "accuracy.test_images=4000", "accuracy.held_back=false", "accuracy.keep=false",
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """The mean of several trainings of each of P points. pairs: those that it tells apart, the
    more accurate first.
    """

    means: Array
    pairs: tuple[tuple[int, int], ...]

    def tau(self, values: Sequence[float]) -> float:
        return kendall_tau(self.means.tolist(), list(values))

    def in_order(self, values: Sequence[float]) -> int:
        """Of the pairs, how many have the same order."""
        return sum(values[more] > values[less] for more, less in self.pairs)


def main() -> None:
    """Runs what is missing, and holds each way against the truths."""
    options = parser(__doc__)
    options.add_argument("--work", type=Path, metavar="DIR", help="keeps the runs")
    options.add_argument(
        "--cifar", type=Path, metavar="DIR", help="CIFAR-10 as Parquet files, in place of the proxy"
    )
    options.add_argument("--untimed", action="store_true", help="leave the times out")
    arguments = options.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="ranking-"))
    more = (*ALWAYS, *FOR_A_LOOK) if arguments.quick else ALWAYS
    if arguments.cifar:
        more = (*ALWAYS[:1], *ALWAYS[3:], f'accuracy.data.path="{arguments.cifar}"')
        title, experiment, ways = "six networks on CIFAR-10", Path("configs/cifar10.toml"), OF_CIFAR
        work /= "cifar10"
    else:
        title, experiment, ways = "sixteen networks", Path("sweep.toml"), WAYS
    runs: dict[str, Trainings] = {}
    for name, (changes, seeds) in ways.items():
        # What a look changes comes last.
        asked = (*changes, *more, f"accuracy.seeds={2 if arguments.quick else seeds}")
        runs[name] = _trained(_run(work, name, experiment, asked))
    seconds = {
        name: _timed(experiment, (*changes, *more, "accuracy.seeds=1"))
        for name, (changes, _) in ways.items()
        if not arguments.untimed
    }
    text = told(runs, _mult_adds(work / SEPARATE, runs[SEPARATE]), seconds)
    publish(f"Rankings of {title}", text, arguments)


def told(runs: dict[str, Trainings], costs: Array, seconds: dict[str, float]) -> str:
    """What the ways come to, as Markdown. costs: the mult-adds; seconds: of one seed of each way,
    where it was timed.
    """
    held = [of_truth(name, runs[name], runs, costs) for name in (SEPARATE, LONG) if name in runs]
    return "\n\n".join([*held, _spread(runs, seconds)])


def of_truth(name: str, truth: Trainings, runs: dict[str, Trainings], costs: Array) -> str:
    """Every seed of every way against one truth."""
    whole = truth_of(truth.replicates)
    count, points = int(truth.replicates.counts[0]), len(whole.means)
    halves = ""
    if count > 1:
        mean, low = split_half_tau(truth.replicates.values)
        halves = f", whose halves agree with a tau of {mean:.2f} (at least {low:.2f})"
    intro = (
        f"**Truth: {name}, the mean of {count} seeds**{halves}. It tells {len(whole.pairs)} of "
        f"{points * (points - 1) // 2} pairs apart."
    )
    rows = [_row("mult-adds alone", [whole], [costs])]
    for way, run in runs.items():
        seeds = range(run.replicates.values.shape[1])
        columns = [_ordered(run, truth)[:, seed] for seed in seeds]
        against = [truth_of(without(truth.replicates, s)) if run is truth else whole for s in seeds]
        rows.append(_row(way, against, columns))
        if way == SEPARATE:
            with suppress(ValueError):  # too few points for a surface
                smooth = [_smoothed(run, truth, seed) for seed in seeds]
                rows.append(_row("one separate run, smoothed", against, smooth))
    head = ("", "seeds", "tau: mean", "each seed", "told-apart pairs in order: mean", "each seed")
    return f"{intro}\n\n{table(head, rows)}"


def _row(name: str, truths: Sequence[Truth], columns: Sequence[Array]) -> list[str]:
    held = [(truth, each.tolist()) for truth, each in zip(truths, columns, strict=True)]
    taus = [truth.tau(each) for truth, each in held]
    # A single other seed tells no pair apart.
    shares = [truth.in_order(each) / len(truth.pairs) for truth, each in held if truth.pairs]
    return [
        name,
        str(len(held)),
        f"{np.mean(taus):.2f}",
        " ".join(f"{each:.2f}" for each in sorted(taus)),
        f"{100 * np.mean(shares):.1f} %" if shares else "none told apart",
        " ".join(f"{100 * each:.0f}" for each in sorted(shares)),
    ]


def _spread(runs: dict[str, Trainings], seconds: dict[str, float]) -> str:
    """What a seed moves, and what that comes to in a separate training's time."""
    rows = []
    one = float(np.sqrt(runs[SEPARATE].replicates.own_variance[0]))  # over one seed
    for name, run in runs.items():
        variance, freedom = run.replicates.own_variance
        off = float(np.sqrt(variance))
        row = [
            name,
            f"{np.nanmean(run.replicates.values):.3f}",
            f"{100 * off:.2f}",
            f"{freedom:.0f}",
            f"{100 * off * np.sqrt(2):.2f}",
        ]
        if took := seconds.get(name):
            same_time = one * np.sqrt(seconds[SEPARATE] / took)
            row += [
                f"{100 * same_time * np.sqrt(2):.2f}",
                f"{off / same_time:.2f}",
                f"{took:.0f} s",
            ]
        rows.append(row)
    head = [
        "", "mean top-1", "SD between seeds, points", "degrees of freedom",
        "SE of a difference, points",
    ]  # fmt: skip
    note = "Raw readings; of each seed what it moves all points by is taken out."
    if seconds:
        head += ["of separate trainings in the same time", "ratio", "one seed, programs compiled"]
        note += " Separate trainings in the same time: as many replicates, or parts of one, as fit."
    return f"{note}\n\n{table(head, rows)}"


def truth_of(replicates: Replicates) -> Truth:
    """Two or more seeds tell pairs apart by their paired differences."""
    means = replicates.means
    pairs = []
    for one, other in combinations(range(len(means)), 2):
        if replicates.difference(one, other).told_apart:
            pairs.append((one, other) if means[one] > means[other] else (other, one))
    return Truth(means, tuple(pairs))


def without(replicates: Replicates, seed: int) -> Replicates:
    """All seeds but one, where there are others."""
    kept = np.arange(replicates.values.shape[1]) != seed
    if not kept.any():
        return replicates
    return Replicates(replicates.values[:, kept], replicates.right[:, kept])


def split_half_tau(values: Array) -> tuple[float, float]:
    """Of means over halves of the seeds, f64[P,K] with K above 1: the mean over HALVES random
    splits, and the least.
    """
    rng = np.random.default_rng(0)
    taus = []
    for _ in range(HALVES):
        order = rng.permutation(values.shape[1])
        one, other = np.array_split(order, 2)
        halves = (values[:, half].mean(axis=1).tolist() for half in (one, other))
        taus.append(kendall_tau(*halves))
    return float(np.mean(taus)), min(taus)


def _smoothed(run: Trainings, truth: Trainings, seed: int) -> Array:
    """One training of each point, as `points.parquet` smooths it. Raises ValueError of too few."""
    places = [run.places[key] for key in truth.places]
    one = Replicates(
        run.replicates.values[places][:, [seed]], run.replicates.right[places][:, [seed]]
    )
    alphas, resolutions = ([float(key[at]) for key in truth.places] for at in (2, 3))
    return smoothed(one, alphas, [each / max(resolutions) for each in resolutions]).values


def _ordered(run: Trainings, truth: Trainings) -> Array:
    """f64[P,K] in the truth's order of points."""
    return run.replicates.values[[run.places[key] for key in truth.places]]


def _mult_adds(folder: Path, trained: Trainings) -> Array:
    rows = load(folder).readings
    rows = rows.loc[rows["metric"] == MULT_ADDS.name].to_dict("records")
    costs = {key_of(row): float(row["value"]) for row in rows}
    return np.array([costs[key] for key in trained.places])


def _trained(folder: Path) -> Trainings:
    trained = trainings_of(load(folder).readings, TOP1)
    if trained is None or np.isnan(trained.replicates.values).any():
        raise RuntimeError(f"{folder}: trainings are missing; the same command goes on")
    return trained


def _timed(experiment: Path, changes: Sequence[str]) -> float:
    """Seconds that the accuracies of one seed take, once their programs are compiled."""
    with tempfile.TemporaryDirectory(prefix="ranking-") as folder:
        path = _run(Path(folder), "timed", experiment, changes)
        return float(load(path).run["stage_s"]["accuracy"])


def _run(work: Path, name: str, experiment: Path, changes: Sequence[str]) -> Path:
    """A sweep into its folder of `work`; what is there is not measured again."""
    set_to = [argument for change in changes for argument in ("--set", change)]
    command = [sys.executable, "-m", "sweep", "run", str(experiment), "--results", str(work)]
    subprocess.run([*command, "--name", name, *set_to], check=True)
    return work / name


if __name__ == "__main__":
    main()
