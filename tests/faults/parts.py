"""A family and a measure that need no JAX, for sweeps that are broken on purpose."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sweep.contracts import Measure, Network
from sweep.types import Better, CurvePoint, Metric, Point, Progress, Reading

SIZE = Metric("size", "Size", "1", Better.LOWER)
SPEED = Metric("speed", "Speed", "1", Better.HIGHER)
CURVE = 7  # places on a point's curve
LONGEST_HOLD_S = 120


class Family:
    """Networks of which nothing is known but their points."""

    name = "toy"
    kinds = ("separable",)
    lowerings = ()
    sum_of_products = ""

    def layers(self, point: Point, *, num_classes: int) -> list[Any]:
        return []

    def build(self, point: Point, **_: Any) -> Any:
        raise NotImplementedError

    def deploy(self, module: Any) -> Any:
        raise NotImplementedError

    def compiler_options(self, point: Point, **_: Any) -> dict[str, bool | str]:
        return {}

    def decays(self, variable: Any) -> bool:
        return False

    def torch_twin(self, point: Point, *, num_classes: int) -> Any:
        raise NotImplementedError


class Numbers(Measure):
    """Readings and a curve that are the point's own, the same on every machine and every day."""

    name = "numbers"
    metrics = (SIZE, SPEED)

    def __init__(self, rows: int = 40, pause_s: float = 0.0, hold: str = "") -> None:
        """hold: a file that every point but the first waits for; empty for none."""
        self.rows, self.pause_s, self.hold = rows, pause_s, hold
        self._calls = 0

    def identity(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint]:
        time.sleep(self.pause_s)
        self._calls += 1
        last = time.monotonic() + LONGEST_HOLD_S
        while self.hold and self._calls > 1 and time.monotonic() < last:
            if Path(self.hold).exists():
                break
            time.sleep(0.02)
        yield from of_point(networks[0].point, self.rows)


def of_point(point: Point, rows: int) -> Iterator[Reading | CurvePoint]:
    """What `Numbers` reads off a point."""
    digits = hashlib.sha256(point.key.encode()).digest()
    for number in range(rows):
        own = digits[number % 32] + number / 8
        samples = tuple(own + each / 4 for each in range(number % 5))
        metric = (SIZE, SPEED)[number % 2]
        yield Reading(
            metric,
            point,
            own,
            samples=samples,
            note=f"{point.label}: {number}",
            variant=f"n={number}",
        )
    yield Reading(SPEED, point, None, variant="none", reason="this one is never there")
    for step in range(CURVE):
        yield CurvePoint(point, step, step / CURVE, digits[step] / 7, 0.5, 0.1, float(step))
