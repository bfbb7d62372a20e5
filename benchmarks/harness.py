"""What the benchmarks share: contenders timed in turn, a table, and the machine it holds for.

Each contender lives in a process of its own (`worker`). They are sampled in rounds, in a new order
each round, so that a change of the machine's speed hits all alike; while one is timed the others
are stopped, since the threads of some spin for work long after their call (beside ONNX Runtime and
PyTorch so waiting, ours took up to twice as long). A figure is the median of its samples.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any

from benchmarks.processes import ROOT, SideBySide, WorkerProcess
from sweep.host.machine import this_cpu

RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("jax", "jaxlib", "flax", "torch", "onnxruntime", "openvino", "keras")


@dataclass(frozen=True)
class Contender:
    """Something to be timed: `maker` is "package.module:function", called with a case's
    arguments and these; it returns the call to time, which waits for its result.
    """

    name: str
    maker: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Arena:
    """The contenders' processes, kept over the cases of a benchmark."""

    def __init__(
        self,
        contenders: Sequence[Contender],
        *,
        rounds: int,
        min_sample_s: float = 0.1,
        calls: int = 0,
        ahead: int = 1,
        cores: Sequence[int] = (),
    ) -> None:
        """calls: of a sample, where not so many as take `min_sample_s`. ahead: calls before it that
        don't count. cores: a process of each contender on each of these, timed at the same time;
        none: one process on all.
        """
        self.contenders = contenders
        self.rounds = rounds
        self.min_sample_s = min_sample_s
        self.calls = calls
        self.ahead = ahead
        self.results: dict[str, Any] = {}
        self.samples: dict[str, list[float]] = {}
        self.cores = cores
        self._workers: dict[str, WorkerProcess | SideBySide] = {}
        self._order = random.Random(0)  # noqa: S311 - an order, no secret

    def __enter__(self) -> Arena:
        for each in self.contenders:
            self._workers[each.name] = SideBySide(self.cores) if self.cores else WorkerProcess()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers.values():
            worker.end()

    def race(self, **arguments: Any) -> dict[str, float]:
        """Median seconds of a call at one case, by contender; without those that are missing. On
        several cores, of a call of any of them: their rates add up.

        `results` then holds what the first call of each gave, `samples` all that was timed.
        """
        self.results = {}
        calls: dict[str, int] = {}
        for each in self.contenders:
            job = {"load": each.maker, "arguments": {**arguments, **each.arguments}}
            answer = self._ask(each.name, job)
            if "missing" in answer:
                print(f"  {each.name}: left out, {answer['missing']}", file=sys.stderr)
                continue
            self.results[each.name] = answer["result"]
            calls[each.name] = self.calls
            if not self.calls:
                once = self._ask(each.name, {"calls": 2})["seconds"]
                calls[each.name] = max(2, math.ceil(self.min_sample_s / once))
        self.samples = {name: [] for name in calls}
        for _ in range(self.rounds):
            for name in self._order.sample(list(calls), len(calls)):
                # Its threads and caches first, as in a loop of its own.
                told = self._ask(name, {"calls": self.ahead}, {"calls": calls[name]})
                self.samples[name].append(told["seconds"])
        return {name: statistics.median(each) for name, each in self.samples.items()}

    def _ask(self, name: str, *jobs: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._workers[name].ask(*jobs)
        except RuntimeError as error:
            raise RuntimeError(f"{name} {error}") from None


def options(description: str | None) -> argparse.Namespace:
    """--quick, and --print to leave the results file alone."""
    return parser(description).parse_args()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Of `options`, for a benchmark that has more of them."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--quick", action="store_true", help="fewer cases and rounds; for a look")
    found.add_argument("--print", action="store_true", help="write no file under results/")
    return found


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column to the left, all others to the right."""
    lines = ["| " + " | ".join(headings) + " |"]
    lines.append("| --- |" + " ---: |" * (len(headings) - 1))
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def figure(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0:
        return "0"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def geometric_mean(ratios: Iterable[float]) -> float:
    """exp of the mean of the logs."""
    return statistics.geometric_mean(list(ratios))


def publish(section: str, text: str, arguments: argparse.Namespace) -> None:
    """Prints a section and, unless told otherwise, puts it in this machine's results file.

    The file keeps the sections of the other benchmarks. A quick look is never written.
    """
    body = f"## {section}\n\n{text.strip()}\n"
    print(body)
    if arguments.quick or arguments.print:
        return
    path = RESULTS / f"{machine_name()}.md"
    RESULTS.mkdir(exist_ok=True)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {
        part.partition("\n")[0]: f"## {part.rstrip()}\n"
        for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]
    }
    sections[section] = body
    head = f"# {machine_words()}\n\n{_versions()}\n"
    path.write_text("\n".join([head, *sections.values()]), encoding="utf-8")
    print(f"written to {path}")


def machine_words() -> str:
    """The processor and how many of its cores this process may use."""
    cpu = this_cpu()
    return f"{cpu.name}, {cpu.cores} core{'s' if cpu.cores > 1 else ''}"


def machine_name() -> str:
    """`machine_words` as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", machine_words().lower()).strip("-")


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found) + "."
