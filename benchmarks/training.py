"""Training steps side by side: ours, JAX's usual lowering, and PyTorch three ways.

    python -m benchmarks.training          # six settings, 5 rounds: about 12 minutes on 2 cores
    python -m benchmarks.training --quick  # two settings, 3 rounds

Needs the `peers` extra; without torch its columns are left out. All run with the same allocator
settings (`sweep.host.allocator`) and on all cores.
"""

from __future__ import annotations

from benchmarks.harness import Arena, Contender, figure, geometric_mean, options, publish, table

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


def main() -> None:
    """Images per second of each, and ours over the best of PyTorch."""
    arguments = options(__doc__)
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
