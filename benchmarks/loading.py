"""Images decoded, cropped at random and resized, side by side: ours, and PyTorch's DataLoader.

    python -m benchmarks.loading                # 7 rounds: about 2 minutes on 2 cores
    python -m benchmarks.loading --quick        # 3 rounds
    python -m benchmarks.loading --data FOLDER  # an image folder of one's own; never written

Needs torch, else its columns are left out. A batch counts once it lies in the main process. What
the loaders hold in advance is taken before the clock starts; while one is timed the others stand
still, their decoding processes too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Arena, Contender, figure, publish, table
from benchmarks.loading_contenders import (
    BATCH,
    LONG,
    QUALITY,
    SHORT,
    SIDE,
    make_images,
    records_in,
)

MAKERS = "benchmarks.loading_contenders"
OURS = Contender("ours", f"{MAKERS}:ours")
TORCH = tuple(
    Contender(name, f"{MAKERS}:torch_loader", {"way": way})
    for name, way in (
        ("DataLoader, Pillow", "plain"),
        ("DataLoader, Pillow's draft and box", "in_one"),
        ("DataLoader, simplejpeg", "turbo"),
        ("DataLoader, our pixels", "as_ours"),
    )
)
CONTENDERS = (OURS, *TORCH)
IMAGES = 1000
BATCHES = 24  # a sample: 1536 images
AHEAD = 8  # batches a process that may lie ready when a loader is woken: more than any holds


def main() -> None:
    """Images per second of each, and how ours compares."""
    arguments = _options()
    with tempfile.TemporaryDirectory() as made:
        if not arguments.data:
            make_images(Path(made), IMAGES)
        folder = arguments.data or made
        paths = records_in(folder)
        words = _words(len(paths.labels), sum(map(int, paths.sizes)), own=not arguments.data)
        # What lies ready when a loader is woken is none of the sample's.
        with Arena(
            CONTENDERS,
            rounds=3 if arguments.quick else 7,
            calls=BATCHES,
            ahead=AHEAD * arguments.processes,
        ) as arena:
            arena.race(folder=folder, processes=arguments.processes)
            seconds = arena.samples
        assert all(each == [BATCH, SIDE, SIDE, 3, "uint8"] for each in arena.results.values())
    rows = [
        (
            name,
            figure(BATCH / median),
            f"{figure(BATCH / max(samples))} to {figure(BATCH / min(samples))}",
            f"{ratio(samples, seconds[OURS.name]):.2f}",
        )
        for name, samples in seconds.items()
        for median in [statistics.median(samples)]
    ]
    headings = ("loader", "images a second", "of the samples", "ours is ahead by")
    setup = (
        f"{arguments.processes} decoding processes each, batches of {BATCH} as "
        f"u8[{BATCH},{SIDE},{SIDE},3], a random part of each image (area 0.25 to 1, aspect 3/4 to "
        f"4/3), bilinear. {words} Nobody mirrors: ours does so on the device. The first three "
        "DataLoaders resize by Pillow, which averages over all pixels where it shrinks; ours and "
        "the last by OpenCV, between the four nearest pixels, which is less work."
    )
    publish("Loading images", f"{setup}\n\n{table(headings, rows)}", arguments)


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Median over the rounds of theirs over ours: what slows a whole round cancels out."""
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def _words(count: int, size: int, *, own: bool) -> str:
    kilobytes = f"{size / count / 1000:.0f} kB each"
    if not own:
        return f"{count} images of the folder given, {kilobytes}."
    return (
        f"{count} JPEGs of {LONG} x {SHORT} and {SHORT} x {LONG} px (quality {QUALITY}, "
        f"{kilobytes}), cut from the colour photographs in scikit-image and scikit-learn."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds; for a look")
    parser.add_argument("--print", action="store_true", help="write no file under results/")
    parser.add_argument("--data", default="", metavar="FOLDER", help="an image folder to load")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), metavar="N", help="that decode, of each"
    )
    arguments = parser.parse_args()
    # Whose images they are only their owner knows: the results name what everybody can make.
    arguments.print = arguments.print or bool(arguments.data)
    return arguments


if __name__ == "__main__":
    main()
