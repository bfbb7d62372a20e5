"""A training curve -> the paths of a small SVG."""

from __future__ import annotations

from collections.abc import Sequence

from sweep.report.values.view import Trained

MARGIN = 4.0  # of the drawing, on every side


def accuracy(curve: Sequence[Trained], width: float, height: float) -> str:
    """Accuracy over epochs, 0 at the bottom and 1 at the top: "M4,126L..."."""
    return _path(curve, [each.accuracy for each in curve], width, height)


def loss(curve: Sequence[Trained], width: float, height: float) -> str:
    """Loss over epochs as a share of its highest."""
    most = max(each.loss for each in curve) or 1.0
    return _path(curve, [each.loss / most for each in curve], width, height)


def _path(curve: Sequence[Trained], shares: Sequence[float], width: float, height: float) -> str:
    last = max(each.epoch for each in curve) or 1.0
    points = [
        (
            MARGIN + (width - 2 * MARGIN) * each.epoch / last,
            height - MARGIN - (height - 2 * MARGIN) * share,
        )
        for each, share in zip(curve, shares, strict=True)
    ]
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
