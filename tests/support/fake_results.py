"""A made-up run with realistic numbers, for tests that show results. Needs no JAX.

Counts are those of data/exact_counts.csv; the layers are worked out here, independently of the
package. Accuracies and latencies are invented, the same at every call.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sweep.metrics import BUILT_IN
from sweep.results import curves, parts
from sweep.results.load import Results
from sweep.results.points import derive
from sweep.results.schema import READINGS, TRAINING, TRAINING_3
from sweep.results.store import Store
from sweep.settings.config import digest_of
from sweep.types import Better, Metric

DATA = Path(__file__).parents[1] / "data"
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5
BLOCKS += [(1024, 2), (1024, 1)]
# Top-1 of an invented proxy, in per cent; 0.75-224 and two others are beaten by cheaper points.
TOP1 = {
    (1.0, 224): 61.4, (1.0, 192): 60.1, (1.0, 160): 57.2, (1.0, 128): 53.0,
    (0.75, 224): 58.6, (0.75, 192): 59.0, (0.75, 160): 55.4, (0.75, 128): 51.1,
    (0.5, 224): 55.9, (0.5, 192): 54.8, (0.5, 160): 52.3, (0.5, 128): 47.7,
    (0.25, 224): 48.0, (0.25, 192): 46.1, (0.25, 160): 43.4, (0.25, 128): 39.9,
}  # fmt: skip
TEST_IMAGES = 4000
FACTS = {
    "cpu": "Intel(R) Xeon(R) Processor @ 2.10GHz",
    "cores": 2,
    "memory_bytes": 8 * 2**30,
    "system": "Linux x86_64",
    "python": "3.11.7",
    "platform": "cpu",
    "device": "cpu",
    "governor": "unknown",
    "xla_flags": "",
    "versions": {"jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.8", "numpy": "2.3.5"},
}
MACHINE_ID = digest_of(FACTS)
LAST = ("separable", 0.25, 128)  # the point whose latency is noisy

Key = tuple[str, float, int]


def results(
    path: Path = Path("results/fake"),
    *,
    name: str = "fake",
    points: Iterable[Key] | None = None,
    without: Sequence[str] = (),
    torch: bool = True,
    dataset: str = "photo-patches",
    num_classes: int = 1000,
    more: Sequence[dict[str, Any]] = (),
) -> Results:
    """A finished run of the 18 points, or of `points` alone.

    without: metrics that have no reading. torch False: fvcore's counts have a reason instead.
    more: further readings, as `reading` makes them.
    """
    keys = all_points() if points is None else list(points)
    rows = [row for key in keys for row in _readings(key, torch, dataset, num_classes)]
    rows = [row for row in rows if row["metric"] not in without] + list(more)
    readings = pd.DataFrame(rows, columns=READINGS.names)
    curves = [row for key in keys for row in _curve(key)]
    return Results(
        path=path,
        settings=_settings(name, dataset),
        machine=_machine(),
        run=_run(keys),
        readings=readings,
        training=pd.DataFrame(curves, columns=TRAINING.names),
        points=derive(readings),
    )


def with_readings(results: Results, readings: Any) -> Results:
    """The run with other readings, and the points that they make. readings: a data frame."""
    return replace(results, readings=readings, points=derive(readings))


def empty() -> Results:
    """A run that has no points yet."""
    whole = results()
    return replace(whole, points=pd.DataFrame(), readings=whole.readings.iloc[:0])


def stored(results: Results, folder: Path) -> Path:
    """A results folder with what is in `results`."""
    store = Store(folder)
    going_on = {key: value for key, value in results.run.items() if key != "finished"}
    store.write_run(results.settings, results.machine, going_on)
    parts.write(folder, 1, batch_of(results))
    store.write_run(results.settings, results.machine, results.run)
    store.close()
    return folder


def batch_of(results: Results) -> pa.Table:
    """All that was measured, as one part has it."""
    readings = pa.Table.from_pandas(results.readings, READINGS, preserve_index=False)
    training = pa.Table.from_pandas(results.training, TRAINING_3, preserve_index=False)
    return pa.concat_tables([readings, curves.as_readings(training)])


def guessing(*shares: float, **more: Any) -> Results:
    """A run of 0.25-128, 0.5-128 and so on that got these shares of 100 images of 20 classes; more:
    further metrics of theirs.
    """
    keys = [("separable", alpha, 128) for alpha in (0.25, 0.5, 0.75)]
    rows = [
        reading(key, metric, value, measure="accuracy", dataset="mine")
        for key, share in zip(keys, shares, strict=False)
        for metric, value in {"top1": share, "test_images": 100, "classes": 20, **more}.items()
    ]
    accuracies = ("top1", "top5", "test_images")
    return results(points=keys[: len(shares)], without=accuracies, more=rows)


def all_points() -> list[Key]:
    """(kind, alpha, resolution) of the default grid: sixteen points, standard and shallow."""
    return [(row["kind"], float(row["alpha"]), int(row["resolution"])) for row in _exact()]


def reading(
    key: Key,
    metric: str,
    value: float | None,
    *,
    measure: str = "cost",
    batch: int | None = None,
    dataset: str = "",
    layer: str = "",
    variant: str = "",
    samples: Sequence[float] = (),
    reason: str = "",
    note: str = "",
    title: str = "",
    unit: str = "1",
    better: str = "lower",
    short: str = "",
    beside: str = "",
) -> dict[str, Any]:
    """One row of readings.parquet. Our own metrics bring what is known of them."""
    other = Metric(metric, title, unit, Better(better), short=short, beside=beside)
    of = BUILT_IN.get(metric, other)
    return {
        **_point(key),
        "measure": measure,
        "metric": of.name,
        "title": of.title,
        "unit": of.unit,
        "better": of.better.value,
        "form": of.form,
        "short": of.short,
        "beside": of.beside,
        "batch": batch,
        "runtime": "xla" if batch else "",
        "precision": "float32" if batch or dataset else "",
        "threads": 2 if batch else None,
        "dataset": dataset,
        "seed": 0 if dataset else None,
        "layer": layer,
        "variant": variant,
        "value": np.nan if value is None else float(value),
        "samples": np.asarray(samples, np.float64),
        "reason": reason,
        "note": note,
        "artefacts": [],
        "failed": False,
        **_stamp(),
        "machine_id": MACHINE_ID if measure == "latency" else "",
    }


def _readings(key: Key, torch: bool, dataset: str, classes: int) -> Iterator[dict[str, Any]]:
    yield from _costs(key, torch, classes)
    yield from _latencies(key)
    if key[0] != "separable":
        return
    top1 = TOP1[key[1:]] / 100
    for metric, value in (("top1", top1), ("top5", top1**0.45), ("test_images", TEST_IMAGES)):
        yield reading(key, metric, value, measure="accuracy", dataset=dataset)


def _costs(key: Key, torch: bool, classes: int) -> Iterator[dict[str, Any]]:
    exact = next(row for row in _exact() if _key(row) == key)
    more = int(1024 * key[1]) * (classes - 1000)
    mult_adds, weights = int(exact["mult_adds"]) + more, int(exact["weights"]) + more
    layers = layer_rows(*key, classes)
    for metric, value in (
        ("mult_adds", mult_adds),
        ("weights", weights),
        ("params", int(exact["trainable_params"])),
        ("params_with_statistics", int(exact["params_with_bn_statistics"])),
        ("weight_bytes", 4 * weights),
        ("peak_activation_bytes", 4 * 96 * key[1] * (key[2] / 2) ** 2),
        ("mult_adds_traced", mult_adds),
        ("mult_adds_xla", round(1.012 * mult_adds)),
    ):
        yield reading(key, metric, value)
    if torch:
        yield reading(key, "mult_adds_fvcore", mult_adds)
    else:
        yield reading(key, "mult_adds_fvcore", None, reason="torch is not installed")
    for name, layer in layers.items():
        note = json.dumps({field: layer[field] for field in layer if field not in ("ma", "w")})
        for metric, count in (("layer_mult_adds", "ma"), ("layer_weights", "w")):
            yield reading(key, metric, layer[count], layer=name, note=note)


def _latencies(key: Key) -> Iterator[dict[str, Any]]:
    exact = next(row for row in _exact() if _key(row) == key)
    rng = np.random.default_rng([int(100 * key[1]), key[2], len(key[0])])
    middle = 0.0009 + int(exact["mult_adds"]) / 52e9
    spread = 0.25 if key == LAST else 0.02
    samples = middle * (1 + spread * rng.standard_exponential(30))
    values = {
        "latency_s": (float(np.median(samples)), samples),
        "reference_s": (0.0101, ()),
        "compile_s": (0.9 + middle * 40, ()),
        "peak_memory_bytes": (round(40e6 + int(exact["weights"]) * 4.6), ()),
    }
    for metric, (value, raw) in values.items():
        yield reading(key, metric, value, measure="latency", batch=1, samples=raw)


def layer_rows(
    kind: str, alpha: float, resolution: int, classes: int = 1000
) -> dict[str, dict[str, Any]]:
    """name -> one row of the paper's Table 1, with its mult-adds "ma" and weights "w"."""
    layers: dict[str, dict[str, Any]] = {}

    def add(name, type_, stride, kernel, m, n, size):
        out = 1 if type_ == "Avg Pool" else -(-size // stride)
        weights = kernel**2 * (1 if type_ == "Conv DW 3x3" else m) * n
        layers[name] = {
            "type": type_,
            "stride": stride,
            "kernel": kernel,
            "channels_in": m,
            "channels_out": n,
            "size_in": size,
            "size_out": out,
            "ma": 0 if type_ == "Avg Pool" else weights * out**2,
            "w": 0 if type_ == "Avg Pool" else weights,
        }
        return out

    channels = int(alpha * 32)
    size = add("conv_0", "Conv 3x3", 2, 3, 3, channels, resolution)
    blocks = [block for block in BLOCKS if kind != "shallow" or block != (512, 1)]
    for number, (full_width, stride) in enumerate(blocks, start=1):
        width = int(alpha * full_width)
        if kind == "standard":
            size = add(f"conv_{number}", "Conv 3x3", stride, 3, channels, width, size)
        else:
            size = add(f"depthwise_{number}", "Conv DW 3x3", stride, 3, channels, channels, size)
            add(f"pointwise_{number}", "Conv 1x1", 1, 1, channels, width, size)
        channels = width
    add("pool", "Avg Pool", 1, size, channels, channels, size)
    add("classifier", "Fully Connected", 1, 1, channels, classes, 1)
    return layers


def _curve(key: Key) -> Iterator[dict[str, Any]]:
    if key[0] != "separable":
        return
    for step in range(0, 471, 47):
        share = step / 470
        yield {
            **_point(key),
            "measure": "accuracy",
            "step": step,
            "epoch": 3 * share,
            "loss": 3.1 - 1.9 * share,
            "accuracy": TOP1[key[1:]] / 100 * share,
            "learning_rate": 0.1 * (1 + np.cos(np.pi * share)),
            "seconds": 30 * share,
            **_stamp(),
        }


def _settings(name: str, dataset: str) -> dict[str, Any]:
    return {
        "name": name,
        "family": "mobilenet_v1",
        "num_classes": 1000,
        "measures": ["cost", "latency", "accuracy"],
        "grid": {
            "kind": ["separable"],
            "alpha": [1.0, 0.75, 0.5, 0.25],
            "resolution": [224, 192, 160, 128],
            "base_resolution": 224,
            "extra": [
                {"kind": kind, "alpha": 1.0, "resolution": 224, "measures": ["cost", "latency"]}
                for kind in ("standard", "shallow")
            ],
        },
        "cost": {"fvcore": True, "xla": True},
        "latency": {"batch_sizes": [1], "dtype": "float32", "processes": 2, "rounds": 30},
        "accuracy": {"dataset": dataset, "epochs": 3, "learning_rate": 0.2, "seed": 0},
    }


def _machine() -> dict[str, Any]:
    return {"id": MACHINE_ID, **FACTS}


def _run(keys: Iterable[Key]) -> dict[str, Any]:
    names = ("cost", "latency", "accuracy")
    return {
        "measures": {name: {"settings_hash": "0123456789ab"} for name in names},
        "machine_id": MACHINE_ID,
        "points": [["mobilenet_v1", *key] for key in keys],
        "commit": "b4022f1aaaaa",
        "started": "2025-11-23T23:00:00+00:00",
        "finished": "2025-11-23T23:10:00+00:00",
        "interrupted": False,
        "stage_s": {"cost": 10.4, "latency": 80.2, "accuracy": 509.6},
        "command": "python -m sweep run",
    }


def _point(key: Key) -> dict[str, Any]:
    kind, alpha, resolution = key
    return {
        "family": "mobilenet_v1",
        "kind": kind,
        "alpha": alpha,
        "rho": resolution / 224,
        "resolution": resolution,
    }


def _stamp() -> dict[str, str]:
    return {
        "settings_hash": "0123456789ab",
        "machine_id": MACHINE_ID,
        "commit": "b4022f1aaaaa",
        "versions": '{"jax": "0.10.2"}',
        "time": "2025-11-23T23:00:00Z",
    }


def _key(row: dict[str, str]) -> Key:
    return row["kind"], float(row["alpha"]), int(row["resolution"])


def _exact() -> list[dict[str, str]]:
    with (DATA / "exact_counts.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
