"""Files of latencies that were measured elsewhere -> timings. Three forms are known by what stands
in them: CSV; what LiteRT's `benchmark_model` prints (TensorFlow Lite's too, also as Android logs
it, one run after another); and the JSON that LiteRT's Python benchmark writes.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median

from sweep.types import alpha_text

LITERT = "litert"
# Of CSV: the point, then one of these with seconds in one of it; then what may stand beside.
UNITS = {"seconds": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
BESIDE = ("samples", "batch", "threads")
COLUMNS = f"point, one of {', '.join(UNITS)}, and where there are some {', '.join(BESIDE)}"
MOST_BYTES = 50_000_000

_SIZES = re.compile(r"(?<![\d.])(\d+\.\d+)[-_](\d{2,4})(?!\d)")
_QUANTISED = re.compile(r"quant|int8", re.IGNORECASE)
_GRAPH = re.compile(r"Graph: \[(.+?)\]|Loaded model (\S+)")
_THREADS = re.compile(r"(?:#threads used for CPU inference|Num threads): \[(\d+)\]")
_RUNS = re.compile(r"count=(\d+)\s(.*)")
_MEAN = re.compile(r"Inference \(avg\): ([\d.e+]+)|no stats: ([\d.e+]+)")
_MEDIAN = re.compile(r"\bmedian=([\d.e+]+)")
_LOG = re.compile(r"[Ii]nference timings in us")


class TimingsError(ValueError):
    """A file of latencies can't be read; the message names it, and what is allowed."""


@dataclass(frozen=True)
class Timing:
    """One network's latency, in seconds: the median where it is told, as `note` says.

    of: the point as it is written, "1.0-224", or a file's name that says it. quantised: whether
    that name says so. samples: the single calls, in the order taken, where they are known.
    """

    of: str
    seconds: float
    note: str
    samples: tuple[float, ...] = ()
    batch: int = 1
    threads: int | None = None
    runtime: str = ""
    quantised: bool = False

    @property
    def label(self) -> str:
        """Of the point: as it is written, or as the file's name has it: "mobilenet_v1_0.25_128" is
        0.25-128.
        """
        told = _SIZES.findall(Path(self.of).stem) if self.runtime else []
        return f"{alpha_text(float(told[-1][0]))}-{told[-1][1]}" if told else self.of


def read(path: Path) -> tuple[Timing, ...]:
    """All that the file tells. Raises TimingsError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TimingsError(f"{path}: {path.stat().st_size:,} bytes are no table of latencies")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TimingsError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TimingsError(f"{path}: is no text") from None
    form = _of_json if text.lstrip()[:1] in ("{", "[") else _of_csv
    timings = tuple((_of_log if _LOG.search(text) else form)(path, text))
    if not timings:
        raise TimingsError(f"{path}: has no latencies")
    return timings


def _of_csv(path: Path, text: str) -> Iterator[Timing]:
    table = csv.DictReader(text.splitlines(), restkey="", skipinitialspace=True)
    names = [name.strip() for name in table.fieldnames or ()]
    table.fieldnames = names
    units = [name for name in names if name in UNITS]
    wrong = [name for name in names if name not in ("point", *UNITS, *BESIDE)]
    if wrong or "point" not in names or len(units) != 1 or len(set(names)) < len(names):
        raise TimingsError(f"{path}: has the columns {names}: must be {COLUMNS}")
    for row in table:
        where = f"{path}, line {table.line_num}"
        if "" in row or None in row.values():
            raise TimingsError(f"{where}: has not {len(names)} columns, as the first line has")
        told = (row.get("samples") or "").replace(";", " ").split()
        factor = UNITS[units[0]]
        samples = tuple(factor * _number(each, f"{where}, samples") for each in told)
        seconds = row[units[0]].strip()
        if not seconds and not samples:
            raise TimingsError(f"{where}: has neither {units[0]} nor samples")
        yield Timing(
            row["point"].strip(),
            factor * _number(seconds, f"{where}, {units[0]}") if seconds else median(samples),
            "as imported" if seconds else f"median of {len(samples)} samples, imported",
            samples,
            batch=_whole(row.get("batch"), f"{where}, batch") or 1,
            threads=_whole(row.get("threads"), f"{where}, threads"),
        )


def _of_log(path: Path, text: str) -> Iterator[Timing]:
    """A run of the tool names its file, then prints statistics of warming up and of what counts,
    and at last their means.
    """
    graph, threads, runs = "", None, ""
    for line in text.splitlines():
        if told := _GRAPH.search(line):
            graph = told[1] or told[2]
        elif told := _THREADS.search(line):
            threads = int(told[1])
        elif told := _RUNS.search(line):
            runs = told[0]
        elif _LOG.search(line) and (mean := _MEAN.search(line)):
            if not graph:
                raise TimingsError(f'{path}: names no file ("Graph: [..]") before "{line.strip()}"')
            middle, count = _MEDIAN.search(runs), _RUNS.search(runs)
            statistic = "median" if middle else "mean"
            of = f" of {count[1]} calls" if count else ""
            yield Timing(
                graph,
                1e-6 * _number(middle[1] if middle else mean[1] or mean[2], str(path)),
                f"{statistic}{of} by benchmark_model, imported",
                threads=threads,
                runtime=LITERT,
                quantised=bool(_QUANTISED.search(graph)),
            )
            graph, threads, runs = "", None, ""


def _of_json(path: Path, text: str) -> Iterator[Timing]:
    """One object of LiteRT's Python benchmark, or a list of them."""
    try:
        told = json.loads(text)
        for each in told if isinstance(told, list) else [told]:
            latency: Mapping[str, float] = each["latency"]
            yield Timing(
                str(each["model"]),
                1e-3 * _number(str(latency["median_ms"]), f"{path}, median_ms"),
                f"median of {latency['num_runs']} calls by LiteRT's benchmark, imported",
                threads=each.get("num_threads"),
                runtime=LITERT,
                quantised=bool(_QUANTISED.search(str(each["model"]))),
            )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, TimingsError):
            raise
        raise TimingsError(
            f"{path}: is no JSON of LiteRT's benchmark (model, latency.median_ms)"
        ) from None


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise TimingsError(f'{where}: "{text}" is no number above 0')
    return value


def _whole(text: str | None, where: str) -> int | None:
    if text is None or not text.strip():
        return None
    if not text.strip().isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise TimingsError(f'{where}: "{text.strip()}" is no whole number from 1')
    return int(text)
