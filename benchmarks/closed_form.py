"""How long the closed form takes for many networks at once.

    python -m benchmarks.closed_form          # 100,000 points of each kind, median of 7 runs
    python -m benchmarks.closed_form --quick  # 10,000 points, 3 runs

Needs NumPy alone. Times are of this machine; nothing is written.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from mnv1_flax.architecture import Kind, costs, costs_of_many


def main() -> None:
    """Prints one row per kind: all points at once, and one at a time for comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="10,000 points and 3 runs")
    quick = parser.parse_args().quick
    points, runs = (10_000, 3) if quick else (100_000, 7)

    rng = np.random.default_rng(0)
    alphas = rng.uniform(0.05, 2.0, points)
    resolutions = rng.integers(32, 513, points)
    print(f"{points:,} random points, alpha 0.05..2, resolution 32..512; median of {runs} runs")
    print(f"{'kind':<12}{'all at once':>14}{'points / s':>14}{'one at a time':>17}")
    for kind in Kind:
        together = _median_of_many(kind, alphas, resolutions, runs)
        alone = _median_of_one(kind, alphas, resolutions)
        rate = f"{points / together:,.0f}"
        print(f"{kind:<12}{together * 1e3:>11.1f} ms{rate:>14}{alone * 1e6:>11.1f} us/pt")


def _median_of_many(kind: Kind, alphas: np.ndarray, resolutions: np.ndarray, runs: int) -> float:
    """Seconds for all points in one call; a first, untimed call warms up."""
    samples = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        costs_of_many(kind, alphas, resolutions)
        samples.append(time.perf_counter() - began)
    return statistics.median(samples[1:])


def _median_of_one(kind: Kind, alphas: np.ndarray, resolutions: np.ndarray) -> float:
    """Seconds for one point by the scalar form, over the first 200."""
    samples = []
    for alpha, resolution in zip(alphas[:200].tolist(), resolutions[:200].tolist(), strict=True):
        began = time.perf_counter()
        costs(kind, alpha, resolution)
        samples.append(time.perf_counter() - began)
    return statistics.median(samples)


if __name__ == "__main__":
    main()
