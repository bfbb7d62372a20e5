"""A training curve -> the paths of a small SVG, and what stands at its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sweep.report.values.units import percent, three_digits
from sweep.report.values.view import Trained

WIDTH, HEIGHT = 320.0, 130.0  # of the drawing
LEFT, RIGHT, TOP, BOTTOM = 40.0, 8.0, 10.0, 20.0  # of it, around the plot
STEP = 0.1  # of accuracy: the axis ends at a whole number of these


def accuracy(curve: Sequence[Trained]) -> str:
    """Accuracy over epochs, from 0 to the axis's end: "M40,110L..."."""
    most = _most(curve)
    return _path(curve, [each.accuracy / most for each in curve])


def loss(curve: Sequence[Trained]) -> str:
    """Loss over epochs as a share of its highest."""
    most = max(each.loss for each in curve) or 1.0
    return _path(curve, [each.loss / most for each in curve])


def axes(curve: Sequence[Trained]) -> tuple[tuple[float, float, str, str], ...]:
    """Texts at the axes' ends: (x, y, SVG's text-anchor, text)."""
    low, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    return (
        (LEFT - 5, TOP + 5, "end", percent(_most(curve))),
        (LEFT - 5, low, "end", "0"),
        (LEFT, HEIGHT - 5, "start", "0"),
        (right, HEIGHT - 5, "end", f"epoch {three_digits(curve[-1].epoch)}"),
    )


def frame() -> str:
    """The two axes."""
    return f"M{LEFT:g},{TOP:g}V{HEIGHT - BOTTOM:g}H{WIDTH - RIGHT:g}"


def _most(curve: Sequence[Trained]) -> float:
    """Where the axis of accuracy ends, 0..1: just above what was reached."""
    highest = max(each.accuracy for each in curve)
    return max(math.ceil(highest / STEP - 1e-9) * STEP, STEP)


def _path(curve: Sequence[Trained], shares: Sequence[float]) -> str:
    last = max(each.epoch for each in curve) or 1.0
    points = [
        (
            LEFT + (WIDTH - LEFT - RIGHT) * each.epoch / last,
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * height,
        )
        for each, height in zip(curve, shares, strict=True)
    ]
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
