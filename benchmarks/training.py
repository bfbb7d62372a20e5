"""Training steps side by side: ours, JAX's usual lowering, and PyTorch three ways.

    python -m benchmarks.training          # six settings, 5 rounds: about 12 minutes on 2 cores
    python -m benchmarks.training --quick  # two settings, 3 rounds
    python -m benchmarks.training --each-on-one-core  # one a core, as the sweep trains

Needs the `peers` extra; without torch its columns are left out. All run with the same allocator
settings (`sweep.host.allocator`) and on all cores.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.harness import Arena, Contender, figure, geometric_mean, parser, publish, table
from sweep.host.machine import cores

CASES = (
    (1.0, 128, 16), (1.0, 64, 32), (1.0, 32, 64),
    (0.25, 128, 16), (0.25, 64, 32), (0.25, 32, 64),
)  # fmt: skip
OURS = Contender("ours", "benchmarks.training_contenders:ours")
GROUPED = Contender("grouped lax", "benchmarks.training_contenders:ours", {"lowering": "grouped"})
TORCH = tuple(
    Contender(
        f"torch {way.replace('_', ' ')}", "benchmarks.training_contenders:torch_step", {"way": way}
    )
    for way in ("eager", "channels_last", "compile")
)
CONTENDERS = (OURS, GROUPED, *TORCH)
# What the default sweep trains: its largest and its smallest network.
SWEPT = ((1.0, 32, 64), (0.25, 18, 64))
DEFAULTS, NO_SUMS = (
    Contender(f"ours, {sums}", "benchmarks.training_contenders:ours", {"sums": sums})
    for sums in ("XLA's defaults", "no sums fused")
)


def main() -> None:
    """Images per second of each, and ours over the best of PyTorch."""
    asked = parser(__doc__)
    asked.add_argument(
        "--each-on-one-core", action="store_true", help="a training on each core, side by side"
    )
    arguments = asked.parse_args()
    if arguments.each_on_one_core:
        each_on_one_core(arguments)
    else:
        on_all_cores(arguments)


def each_on_one_core(arguments: argparse.Namespace) -> None:
    """Images per second of all trainings together, and ours over the others', round by round:
    what slows the machine down then slows both.
    """
    contenders = (OURS, DEFAULTS, NO_SUMS, *TORCH[1:])
    rows: list[Sequence[str]] = []
    with Arena(
        contenders, rounds=3 if arguments.quick else 9, min_sample_s=0.5, cores=cores()
    ) as arena:
        for alpha, side, batch in SWEPT:
            seconds = arena.race(alpha=alpha, side=side, batch=batch)
            rates = [
                figure(batch / seconds[each.name]) if each.name in seconds else "-"
                for each in contenders
            ]
            ratios = [ratio_of(arena.samples, each.name) for each in contenders[1:]]
            rows.append((f"{alpha}, {side} px, {batch}", *rates, *ratios))
            print(*rows[-1], sep="  ", flush=True)
    names = [each.name for each in contenders]
    headings = ("alpha, size, batch", *names, *(f"ours / {name}" for name in names[1:]))
    words = (
        f"Images per second of {len(cores())} trainings together, each on a core of its own; "
        "higher is better. float32, the same allocator settings for all; 9 rounds in turn. Ratios "
        "are the median of the rounds, and in brackets their quartiles."
    )
    publish("Training, each on one core", f"{words}\n\n{table(headings, rows)}", arguments)


def ratio_of(samples: Mapping[str, Sequence[float]], peer: str) -> str:
    """How many times as fast ours was, of seconds in the same rounds."""
    if peer not in samples:
        return "-"
    ratios = [theirs / ours for theirs, ours in zip(samples[peer], samples[OURS.name], strict=True)]
    low, median, high = statistics.quantiles(ratios, method="inclusive")
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def on_all_cores(arguments: argparse.Namespace) -> None:
    """Images per second of one training on all cores."""
    cases = CASES[2::3] if arguments.quick else CASES
    rows, ratios = [], []
    with Arena(CONTENDERS, rounds=3 if arguments.quick else 5, min_sample_s=0.5) as arena:
        for alpha, side, batch in cases:
            seconds = arena.race(alpha=alpha, side=side, batch=batch)
            peers = [seconds[each.name] for each in TORCH if each.name in seconds]
            ratio = min(peers) / seconds[OURS.name] if peers else float("nan")
            ratios.append(ratio)
            rates = [
                figure(batch / seconds[each.name]) if each.name in seconds else "-"
                for each in CONTENDERS
            ]
            rows.append((f"{alpha}, {side} px, {batch}", *rates, f"{ratio:.2f}"))
            print(*rows[-1], sep="  ", flush=True)
    headings = ("alpha, size, batch", *(each.name for each in CONTENDERS), "ours / best torch")
    summary = f"Geometric mean of ours over the best of PyTorch: {geometric_mean(ratios):.2f}."
    words = "Images per second; higher is better. float32, the same allocator settings for all."
    publish("Training step", f"{words}\n\n{table(headings, rows)}\n\n{summary}", arguments)


if __name__ == "__main__":
    main()
