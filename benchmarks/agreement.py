"""The training loop against one in plain PyTorch, written on its own: do they reach the same?

    python -m benchmarks.agreement --data FOLDER --seeds 3      # six trainings of a minute each
    python -m benchmarks.agreement --data FOLDER                # twenty-four: a sharper answer

FOLDER holds CIFAR-10 as Parquet (`python -m sweep data cifar10` makes one). Both train MobileNetV1
0.25 at 32 px by the same recipe, on the same images, from weights drawn from the same distribution
by each one's own generator; order, mirroring and dropout are drawn apart. Ends with status 1 where
the mean accuracies differ by more than two standard errors. Accuracies of one loop lie 0.015 apart
from seed to seed: three seeds tell little, and their own spread may come out many times too small.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.harness import publish, table
from sweep.host.allocator import keep_freed_memory
from sweep.settings.config import AccuracySettings

ALPHA, SIDE = 0.25, 32


@dataclass(frozen=True)
class Comparison:
    """Accuracies of both, 0 to 1, one for each seed."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Of the means, ours less theirs."""
        return statistics.mean(self.ours) - statistics.mean(self.theirs)

    @property
    def standard_error(self) -> float:
        """Of the difference, the two spreads taken as they are."""
        return math.sqrt(
            sum(statistics.variance(each) / len(each) for each in (self.ours, self.theirs))
        )

    @property
    def agree(self) -> bool:
        """Within two standard errors. Of two loops that are the same one pair in nine is further
        apart by chance with three seeds each, one in fifteen with eight.
        """
        return abs(self.difference) <= 2 * self.standard_error


def main() -> int:
    """Accuracies by seed, the means, and whether they agree."""
    arguments = _options()
    recipe = recipe_of(arguments.data, arguments.epochs, arguments.images)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    compared = _compare(recipe, seeds)
    rows = [
        (f"seed {seed}", *(f"{each:.4f}" for each in pair))
        for seed, *pair in zip(seeds, compared.ours, compared.theirs, strict=True)
    ]
    both = (compared.ours, compared.theirs)
    rows.append(("mean", *(f"{statistics.mean(each):.4f}" for each in both)))
    rows.append(("deviation", *(f"{statistics.stdev(each):.4f}" for each in both)))
    words = (
        f"CIFAR-10, {_coding(arguments.data)}-coded Parquet: top-1 on the 10,000 test images of "
        f"MobileNetV1 {ALPHA} at {SIDE} px, {recipe.epochs} epochs of {recipe.train_images} "
        f"images, batch {recipe.batch_size}, SGD with Nesterov momentum {recipe.momentum}, "
        f"learning rate {recipe.learning_rate} (warm-up, cosine), weight decay "
        f"{recipe.weight_decay}, label smoothing {recipe.label_smoothing}, dropout "
        f"{recipe.dropout_rate}, mirrored at random."
    )
    verdict = (
        f"Difference {compared.difference:+.4f}, its standard error {compared.standard_error:.4f}: "
        f"{'they agree' if compared.agree else 'they DO NOT agree'} within two standard errors."
    )
    text = f"{words}\n\n{table(('', 'ours', 'plain PyTorch'), rows)}\n\n{verdict}"
    publish("Agreement with PyTorch", text, arguments)
    return 0 if compared.agree else 1


def recipe_of(folder: str, epochs: int, images: int) -> AccuracySettings:
    """What both train by; the whole of each image is seen."""
    return AccuracySettings(
        dataset="parquet",
        data={"path": folder},
        train_images=images,
        test_crop=1.0,
        symmetry="mirror",
        epochs=epochs,
        batch_size=64,
        optimizer="sgd",
        learning_rate=0.1,
        schedule="cosine",
        momentum=0.9,
        weight_decay=5e-4,
        warmup_share=0.1,
        label_smoothing=0.1,
        dropout_rate=0.1,
        bn_momentum=0.9,
    )


def ours(recipe: AccuracySettings) -> float:
    """The sweep's own measure, from the data set to the score."""
    from sweep.contracts import Network
    from sweep.families.mobilenet_v1 import MobileNetV1Family
    from sweep.measures.accuracy import Accuracy
    from sweep.measures.scores import TOP1
    from sweep.types import Point, Reading

    point = Point("mobilenet_v1", "separable", ALPHA, 1.0, SIDE)
    network = Network(point, MobileNetV1Family())
    for item in Accuracy(recipe)([network], lambda *_: None):
        if isinstance(item, Reading) and item.metric == TOP1 and item.value is not None:
            return item.value
    raise RuntimeError("there is no accuracy among the readings")


def theirs(recipe: AccuracySettings) -> float:
    """The plain loop's."""
    from benchmarks.agreement_torch import accuracy

    return accuracy(recipe, ALPHA)


def _coding(folder: str) -> str:
    """JPEG loses a little of every image, and with it of the accuracy."""
    from sweep.datasets.parquet import Parquet, ParquetSettings

    first = Parquet(ParquetSettings(path=folder)).records("train").read(0)
    return "PNG" if bytes(first[:4]) == b"\x89PNG" else "JPEG"


def _compare(recipe: AccuracySettings, seeds: range) -> Comparison:
    """Trains by both loops from every seed: as many at a time as there are cores, a core each."""
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    usable = sorted(os.sched_getaffinity(0))
    for core in usable:
        cores.put(core)
    with ProcessPoolExecutor(
        len(usable), context, initializer=_keep_to_one_core, initargs=(cores,)
    ) as pool:
        runs = [
            (loop, pool.submit(_told, loop, recipe.model_copy(update={"seed": seed})))
            for seed in seeds
            for loop in (ours, theirs)
        ]
        reached = [(loop, run.result()) for loop, run in runs]
    return Comparison(
        *(tuple(each for loop, each in reached if loop is wanted) for wanted in (ours, theirs))
    )


def _keep_to_one_core(cores: multiprocessing.Queue[int]) -> None:
    """Before JAX or PyTorch makes threads."""
    os.sched_setaffinity(0, {cores.get()})
    keep_freed_memory()


def _told(loop: Callable[[AccuracySettings], float], recipe: AccuracySettings) -> float:
    began = time.perf_counter()
    reached = loop(recipe)
    seconds = time.perf_counter() - began
    print(f"{loop.__name__}, seed {recipe.seed}: {reached:.4f}, {seconds:.0f} s", flush=True)
    return reached


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, metavar="FOLDER", help="CIFAR-10 as Parquet")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=12, help="trainings by each; at least 2")
    parser.add_argument("--first-seed", type=int, default=0, metavar="SEED")
    parser.add_argument("--images", type=int, default=10_000, help="to train on")
    parser.add_argument("--print", action="store_true", help="write no file under results/")
    parser.set_defaults(quick=False)
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error(f"--seeds {arguments.seeds}: must be at least 2, to tell chance from a slip")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
