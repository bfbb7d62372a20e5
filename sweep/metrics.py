"""The metrics of this package's own measures: what stands here of them stands nowhere else.

Whoever draws, lists, budgets or checks them reads it from here; of a metric of a measure from
outside, from the stored readings. Importing this costs nothing: no JAX, no pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sweep.types import Better, Form, Metric, slug

# What a network costs whatever it runs on.
MULT_ADDS = Metric("mult_adds", "Mult-adds", "1", Better.LOWER)
PARAMS = Metric("params", "Trainable parameters", "1", Better.LOWER, short="Parameters")
TRACED = Metric(
    "mult_adds_traced", "Mult-adds of the traced program", "1", Better.LOWER,
    short="Traced program", beside=MULT_ADDS.name,
)  # fmt: skip
FVCORE = Metric(
    "mult_adds_fvcore", "Mult-adds by fvcore", "1", Better.LOWER,
    short="fvcore", beside=MULT_ADDS.name,
)  # fmt: skip
XLA = Metric(
    "mult_adds_xla", "Half of XLA's flops", "1", Better.LOWER,
    short="XLA, half its flops", beside=MULT_ADDS.name,
)  # fmt: skip
WEIGHTS = Metric("weights", "Weights", "1", Better.LOWER, beside=PARAMS.name)
PARAMS_WITH_STATISTICS = Metric(
    "params_with_statistics", "Parameters with running statistics", "1", Better.LOWER,
    short="With running statistics", beside=PARAMS.name,
)  # fmt: skip
WEIGHT_BYTES = Metric(
    "weight_bytes", "Weight bytes, float32", "B", Better.LOWER,
    short="Weight bytes", beside=PARAMS.name,
)  # fmt: skip
LAYER_MULT_ADDS = Metric("layer_mult_adds", "Mult-adds of a layer", "1", Better.LOWER)
LAYER_WEIGHTS = Metric("layer_weights", "Weights of a layer", "1", Better.LOWER)

# What it takes on one machine.
LATENCY = Metric("latency_s", "Latency", "s", Better.LOWER)
PEAK_MEMORY = Metric(
    "peak_memory_bytes", "Peak memory by XLA's account", "B", Better.LOWER, short="Peak memory"
)
PEAK_ACTIVATION_BYTES = Metric(
    "peak_activation_bytes", "Peak activation bytes, float32, one image", "B", Better.LOWER,
    short="Peak activation bytes", beside=PEAK_MEMORY.name,
)  # fmt: skip
PROCESS_MEMORY = Metric(
    "process_memory_bytes", "Memory that a process grows by", "B", Better.LOWER,
    short="Process grows by", beside=LATENCY.name,
)  # fmt: skip
FILE = Metric(
    "file_bytes", "Size of the file", "B", Better.LOWER, short="File", beside=LATENCY.name
)
# Of a program that is opened from a file, until it is ready.
COMPILE = Metric(
    "compile_s", "Compile time", "s", Better.LOWER, short="Compile", beside=LATENCY.name
)
# How it was timed.
REFERENCE = Metric(
    "reference_s", "Reference computation in the same rounds", "s", Better.NEITHER,
    beside=LATENCY.name,
)  # fmt: skip
PROCESS = Metric(
    "latency_process", "Processes that timed it", "1", Better.NEITHER, beside=LATENCY.name
)
CALLS = Metric(
    "latency_calls", "Calls that a sample is the mean of", "1", Better.NEITHER, Form.NUMBER,
    beside=LATENCY.name,
)  # fmt: skip
DRIFT = Metric(
    "latency_drift", "Latency against the first session", "1", Better.NEITHER, Form.NUMBER,
    beside=LATENCY.name,
)  # fmt: skip

# What it gets right.
TOP1 = Metric("top1", "Top-1 accuracy", "1", Better.HIGHER, Form.SHARE, short="Top-1")
TOP5 = Metric(
    "top5", "Top-5 accuracy", "1", Better.HIGHER, Form.SHARE, short="Top-5", beside=TOP1.name
)
# Of images that no point was chosen by: no axis, and nothing is ranked by it.
HELD_BACK = Metric(
    "held_back_top1", "Top-1 accuracy on images held back", "1", Better.HIGHER, Form.SHARE,
    short="Held-back top-1", beside=TOP1.name,
)  # fmt: skip
HELD_BACK_IMAGES = Metric("held_back_images", "Images held back", "1", Better.NEITHER)
TEST_IMAGES = Metric("test_images", "Test images", "1", Better.NEITHER)
CLASSES = Metric("classes", "Classes of the data set", "1", Better.NEITHER)
LEFT_OUT = Metric("left_out_images", "Images left out: they could not be read", "1", Better.NEITHER)
TRAINED = Metric(
    "trained_resolution", "Side of the images behind the accuracy", "px", Better.NEITHER,
    Form.PIXELS, short="Trained",
)  # fmt: skip

# Of the int8 file of a network, by a runtime; beside the float32 ones.
TOP1_INT8 = "top1_int8_"


def in_int8(runtime: str) -> Metric:
    """Top-1 of a network's int8 file as a runtime executes it."""
    return Metric(
        TOP1_INT8 + slug(runtime), f"Top-1 accuracy in int8, by {runtime}", "1", Better.HIGHER,
        Form.SHARE, short=f"Top-1 in int8 by {runtime}", beside=TOP1.name,
    )  # fmt: skip


PER_LAYER = (LAYER_MULT_ADDS, LAYER_WEIGHTS)
BUILT_IN: Mapping[str, Metric] = {
    each.name: each
    for each in (
        *(TOP1, TOP5, TEST_IMAGES, LEFT_OUT, CLASSES, TRAINED, HELD_BACK, HELD_BACK_IMAGES),
        *(MULT_ADDS, TRACED, FVCORE, XLA),
        *(PARAMS, WEIGHTS, PARAMS_WITH_STATISTICS, WEIGHT_BYTES),
        *(LATENCY, COMPILE, REFERENCE, PROCESS, CALLS, DRIFT),
        *(PEAK_MEMORY, PEAK_ACTIVATION_BYTES, PROCESS_MEMORY, FILE),
        *PER_LAYER,
    )
}


def metric_of(row: Mapping[str, Any]) -> Metric:
    """What a row of readings.parquet is of: of our own metrics as this version knows them, of
    others as the row has them.
    """
    known = BUILT_IN.get(row["metric"])
    return known or Metric(
        row["metric"],
        row["title"],
        row["unit"],
        Better(row["better"]),
        Form(row["form"]),
        row["short"],
        row["beside"],
    )


def has_column(metric: Metric) -> bool:
    """Whether points.parquet has it: it is of the whole network, and tells more than how another
    one was taken.
    """
    of_another = metric.better is Better.NEITHER and bool(metric.beside)
    return metric not in PER_LAYER and not of_another


def is_axis(metric: Metric) -> bool:
    """Whether accuracies are drawn against it, and frontiers found over it."""
    return metric.better is not Better.NEITHER and not metric.beside and metric != TOP1


def written(metrics: Iterable[Metric], *forms: Form) -> list[str]:
    """The names of those that are written in one of these forms."""
    return [each.name for each in metrics if each.form in forms]
