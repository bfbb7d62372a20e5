"""Latencies of the measure beside those of each runtime's own tool, on the same files.

    python -m benchmarks.own_tools           # eight rounds: about 15 minutes on two cores
    python -m benchmarks.own_tools --quick   # one round of two networks

In each round, in a random order: the measure's process with all runtimes beside it, as in a run;
with that program alone; and the tool: LiteRT's `litert-benchmark`, `onnxruntime_test`, OpenVINO's
`benchmark_app`, which the wheels bring. Figures are medians over rounds of means over calls. Goals:
a tool's within 5 %, and the same in company as alone, within its interval.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import geometric_mean, median

from benchmarks.harness import figure, parser, publish, table
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.host.machine import this_cpu
from sweep.maths.statistics import median_interval, ratio_interval
from sweep.measures.latency import Latency
from sweep.measures.latency_session import Program, Session
from sweep.measures.timers import Target, draw
from sweep.measures.timing_process import Process
from sweep.settings.config import LatencySettings
from sweep.types import Point

CORNERS = ((1.0, 224), (1.0, 128), (0.25, 224), (0.25, 128))
ROUNDS = 8
LONG_S = 0.4  # of a sample
BIN = Path(sys.executable).parent

Samples = dict[tuple[int, str], list[float]]  # program and who timed it -> seconds of a call


def main() -> None:
    """Times, and tells."""
    arguments = parser(__doc__).parse_args()
    settings = LatencySettings(
        runtimes=("xla", "onnxruntime", "litert", "openvino"),
        precisions=("float32", "int8"),
        processes=1,
        rounds=3,
        min_sample_s=LONG_S,
    )
    family = MobileNetV1Family()
    networks = [
        Network(Point(family.name, "separable", alpha, side / 224, side), family, deployment=each)
        for each in Latency(settings).deployments
        for alpha, side in CORNERS[2 if arguments.quick else 0 :]
    ]
    session = Session(settings, networks)
    with tempfile.TemporaryDirectory() as folder:
        jobs = made(session, Path(folder))
        samples = timed(session, jobs, 1 if arguments.quick else ROUNDS)
    publish("Latencies beside the runtimes' own tools", told(session, samples), arguments)


def made(session: Session, folder: Path) -> dict[Target, list[dict[str, object]]]:
    """The files, and which process is to hold which."""
    session.make(folder, lambda *_: None)
    if session.failed:
        raise SystemExit(f"could not be made: {session.failed}")
    return session.jobs(folder)


def timed(session: Session, jobs: dict[Target, list[dict[str, object]]], rounds: int) -> Samples:
    """All samples."""
    samples: Samples = defaultdict(list)
    order = random.Random(0)  # noqa: S311 - an order, no secret
    for number in range(rounds):
        turns: list[Callable[[], None]] = [
            lambda number=number: _drawn(session, jobs, number, samples, "in company")
        ]
        for target, programs in jobs.items():
            for each in programs:
                alone = {target: [each]}
                turns.append(
                    lambda alone=alone, number=number: _drawn(
                        session, alone, number, samples, "alone"
                    )
                )
                if tool := TOOLS.get(target[0]):
                    turns.append(lambda tool=tool, each=each: _asked(tool, each, samples))
        for turn in order.sample(turns, len(turns)):
            turn()
        print(f"round {number + 1} of {rounds}", flush=True)
    return samples


def _drawn(session: Session, jobs: dict, number: int, samples: Samples, how: str) -> None:
    drawn = draw(jobs, lambda: Process("timing_worker"), session.settings, number, lambda *_: None)
    for index in {index for index, _ in drawn.samples}:
        own = [seconds for at, seconds in drawn.samples if at == index]
        samples[index, how].append(median(own))


def _asked(tool: Callable[[str, int, int], float], program: dict, samples: Samples) -> None:
    """The tool makes about as many calls as one of our processes does."""
    index = program["index"]
    known = samples.get((index, "alone")) or samples.get((index, "in company")) or [2e-3]
    calls = max(20, round(3 * LONG_S / known[-1]))
    samples[index, "tool"].append(tool(program["file"], this_cpu().cores, calls))


def by_litert(file: str, threads: int, calls: int) -> float:
    """From the throughput: its milliseconds are rounded to hundredths."""
    with tempfile.NamedTemporaryFile(suffix=".json") as told:
        _output(
            "litert-benchmark", "--model", file, "--num_runs", calls, "--num_threads", threads,
            "--warmup_runs", 50, "--result_json", told.name,
        )  # fmt: skip
        result = json.loads(Path(told.name).read_text(encoding="utf-8"))
    side = int(re.search(r"-(\d+)-(?:float32|int8)-", file)[1])  # type: ignore[index]
    values = 3 * side**2 * (4 if "float32" in file else 1)
    return values / 2**20 / result["throughput_mb_s"]


def by_onnxruntime(file: str, threads: int, calls: int) -> float:
    """On as many threads as there are cores: it takes no other number."""
    del threads
    said = _output("onnxruntime_test", file, calls)
    return float(re.search(r"avg latency: ([\d.e-]+) ms", said)[1]) / 1e3  # type: ignore[index]


def by_openvino(file: str, threads: int, calls: int) -> float:
    """One stream, one image after the other."""
    said = _output(
        "benchmark_app", "-m", file, "-d", "CPU", "-hint", "none", "-nthreads", threads,
        "-nstreams", 1, "-api", "sync", "-niter", calls, "-infer_precision", "f32",
    )  # fmt: skip
    told = re.search(r"Average:\s+([\d.]+) (us|ms)", said)
    return float(told[1]) * (1e-6 if told[2] == "us" else 1e-3)  # type: ignore[index]


TOOLS = {"litert": by_litert, "onnxruntime": by_onnxruntime, "openvino": by_openvino}


def _output(tool: str, *arguments: object) -> str:
    command = [str(BIN / tool), *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def told(session: Session, samples: Samples) -> str:
    """A row a program."""
    rows, beside, company = [], [], []
    for index, program in enumerate(session.programs):
        alone, both = samples[index, "alone"], samples[index, "in company"]
        tool = samples.get((index, "tool"), [])
        same = _ratio(both, alone)
        company.append(same)
        row = [
            _name(program),
            _ms(alone),
            _ms(both),
            f"{same[0]:.3f} ({same[1]:.3f} to {same[2]:.3f})",
        ]
        if tool:
            beside.append(_ratio(alone, tool))
            low, high = beside[-1][1:]
            row += [_ms(tool), f"{beside[-1][0]:.3f} ({low:.3f} to {high:.3f})"]
        rows.append([*row, *[""] * (6 - len(row))])
    near = sum(abs(each[0] - 1) <= 0.05 for each in beside)
    holds = sum(each[1] <= 1 <= each[2] for each in company)
    return (
        f"Milliseconds a call on {this_cpu().cores} threads, medians of {len(samples[0, 'alone'])} "
        "rounds; ratios with 95 % intervals.\n\n"
        + table(
            ("program", "alone", "in company", "company / alone", "own tool", "alone / tool"), rows
        )
        + f"\n\n{near} of {len(beside)} are within 5 % of the tool's, the geometric mean of the "
        f"ratios {geometric_mean([each[0] for each in beside]):.3f}; {holds} of {len(company)} "
        "intervals of the ratio in company hold 1, their geometric mean "
        f"{geometric_mean([each[0] for each in company]):.3f}."
    )


def _ratio(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Of the medians, with its 95 % interval: each round has processes of its own."""
    own, theirs = (median_interval(each, list(range(len(each)))) for each in (one, other))
    interval = ratio_interval(median(other), theirs, median(one), own)
    return median(one) / median(other), interval.low, interval.high


def _name(program: Program) -> str:
    of = program.deployment
    return f"{program.network.point.label}, {of.runtime}, {of.precision}"


def _ms(seconds: Sequence[float]) -> str:
    return figure(1e3 * median(seconds))


if __name__ == "__main__":
    main()
