"""Whole sessions of the latency measure, in pairs: do their intervals hold what they say?

    python -m benchmarks.sessions                      # ten pairs: about 25 minutes on two cores
    python -m benchmarks.sessions --quick              # one pair of four small points
    python -m benchmarks.sessions --keep samples.json  # keeps what was read, goes on from there

Two sessions of one machine measure the same thing. So the 95 % interval of the ratio of their
latencies should hold 1 for about 95 % of the points. The goal is 90 to 98 % of the 160 comparisons.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path

from benchmarks.harness import figure, parser, publish, table
from sweep.host.compile_cache import default_root, enable
from sweep.maths.statistics import kendall_tau, median_interval, ratio_interval

PAIRS = 10


@dataclass(frozen=True)
class Timed:
    """One point in one session: seconds of each sample, and the process that took it."""

    label: str
    seconds: list[float]
    processes: list[int]

    @property
    def median(self) -> float:
        """Of all samples."""
        return statistics.median(self.seconds)


Session = list[Timed]


def main() -> None:
    """Takes what sessions are missing, and compares them in the order in which they were taken."""
    options = parser(__doc__)
    options.add_argument("--keep", type=Path, metavar="FILE", help="samples, as JSON")
    arguments = options.parse_args()
    enable(default_root())
    sides = (64, 32) if arguments.quick else (224, 192, 160, 128)
    alphas = (0.5, 0.25) if arguments.quick else (1.0, 0.75, 0.5, 0.25)
    kept: Path | None = arguments.keep
    found = json.loads(kept.read_text("utf-8")) if kept and kept.exists() else []
    sessions = [[Timed(**each) for each in session] for session in found]
    wanted = 2 if arguments.quick else 2 * PAIRS
    while len(sessions) < wanted:
        sessions.append(taken(alphas, sides))
        print(f"session {len(sessions)} of {wanted}", flush=True)
        if kept:
            text = json.dumps([[asdict(each) for each in session] for session in sessions])
            kept.write_text(text, encoding="utf-8")
    publish("Pairs of latency sessions", told(sessions), arguments)


def taken(alphas: Sequence[float], sides: Sequence[int]) -> Session:
    """A session of the grid, with the default settings."""
    from sweep.contracts import Network
    from sweep.families.mobilenet_v1 import MobileNetV1Family
    from sweep.measures.latency import Latency
    from sweep.settings.config import LatencySettings
    from sweep.types import Point, Reading

    family = MobileNetV1Family()
    networks = [
        Network(Point(family.name, "separable", alpha, side / 224, side), family)
        for alpha in alphas
        for side in sides
    ]
    items = Latency(LatencySettings())(networks, lambda *_: None)
    found = {(i.point, i.metric.name): list(i.samples) for i in items if isinstance(i, Reading)}
    return [
        Timed(
            network.point.label,
            found[network.point, "latency_s"],
            [round(each) for each in found[network.point, "latency_process"]],
        )
        for network in networks
    ]


def told(sessions: Sequence[Session]) -> str:
    """A row a pair, and how many intervals of all ratios hold 1."""
    pairs = list(zip(sessions[::2], sessions[1::2], strict=False))
    rows, held = [], []
    for number, (one, other) in enumerate(pairs, 1):
        holds = [holds_one(before, after) for before, after in zip(one, other, strict=True)]
        ratios = [after.median / before.median for before, after in zip(one, other, strict=True)]
        held += holds
        tau = kendall_tau([each.median for each in one], [each.median for each in other])
        apart = [abs(log(each)) for each in ratios]
        rows.append(
            (
                number,
                f"{statistics.geometric_mean(ratios):.3f}",
                f"{100 * (exp(statistics.mean(apart)) - 1):.1f} %",
                f"{100 * (exp(max(apart)) - 1):.1f} %",
                f"{tau:.3f}",
                f"{sum(holds)} of {len(holds)}",
            )
        )
    widths = [half_width(each) for session in sessions for each in session]
    share = sum(held) / len(held)
    return (
        f"{len(pairs)} pairs of sessions, {len(pairs[0][0])} points each, with the default "
        "settings: the ratio of their medians, the second over the first.\n\n"
        + table(("pair", "all points", "apart, mean", "largest", "tau", "intervals hold 1"), rows)
        + f"\n\n{sum(held)} of {len(held)} intervals of the ratio hold 1: {100 * share:.1f} %; the "
        f"goal is 90 to 98 %. Half the width of a latency's own interval is "
        f"{figure(100 * statistics.median(widths))} % of it at the median."
    )


def holds_one(before: Timed, after: Timed) -> bool:
    """Whether the two sessions' latencies of a point can be the same."""
    one, other = (median_interval(each.seconds, each.processes) for each in (before, after))
    ratio = ratio_interval(before.median, one, after.median, other)
    return ratio.low <= 1 <= ratio.high


def half_width(timed: Timed) -> float:
    """Of the interval, as a share of the median."""
    interval = median_interval(timed.seconds, timed.processes)
    return (interval.high - interval.low) / 2 / timed.median


if __name__ == "__main__":
    main()
