"""Published latencies of the sixteen networks on phones: tflite_hosted.csv.

Source: tensorflow/tensorflow, tensorflow/lite/g3doc/guide/hosted_models.md; TensorFlow Lite, one
image, float32. The file's pixel2_tf_ms is left out: it is of TensorFlow Mobile, another program,
and its 164.2 ms for 0.5-224 looks wrong: the wider 0.75-224 is printed with 143.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from sweep.paper.published import rows_of

# Column without its "_ms", the phone, and what of it was used.
PHONES = (
    ("pixel2_cpu1", "Pixel 2", "CPU, 1 thread"),
    ("pixel3_cpu4", "Pixel 3", "CPU, 4 threads"),
    ("pixel3_gpu", "Pixel 3", "GPU"),
)


@dataclass(frozen=True)
class Phone:
    """A phone, what of it was used, and the seconds that it takes for the sixteen networks of the
    paper's separable kind, by alpha and resolution.
    """

    name: str
    model: str
    used: str
    latencies: dict[tuple[float, int], float]

    @property
    def title(self) -> str:
        """ "Pixel 2, CPU, 1 thread"."""
        return f"{self.model}, {self.used}"


@cache
def phones() -> tuple[Phone, ...]:
    rows = list(rows_of("tflite_hosted.csv"))
    return tuple(
        Phone(
            name,
            model,
            used,
            {
                (float(row["alpha"]), int(row["resolution"])): float(
                    Decimal(row[f"{name}_ms"]) / 1000
                )
                for row in rows
            },
        )
        for name, model, used in PHONES
    )


@dataclass(frozen=True)
class Hosted:
    """One network as Google hosted it, float32 and int8: top-1 on ImageNet in 0..1, and seconds on
    a Pixel 3's CPU, 4 threads. The int8 ones were trained to be quantised.
    """

    top1: float
    top1_int8: float
    seconds: float
    seconds_int8: float


@cache
def hosted() -> dict[tuple[float, int], Hosted]:
    """The sixteen, by alpha and resolution."""
    return {
        (float(row["alpha"]), int(row["resolution"])): Hosted(
            float(row["top1"]) / 100,
            float(row["top1_int8"]) / 100,
            float(row["pixel3_cpu4_ms"]) / 1e3,
            float(row["pixel3_cpu4_int8_ms"]) / 1e3,
        )
        for row in rows_of("tflite_hosted.csv")
    }
