"""A small results folder for tests of what keeps, reads and checks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweep.results.check import check
from sweep.results.schema import Stamp
from sweep.results.store import Store
from sweep.settings.config import digest_of
from sweep.types import Better, CurvePoint, Metric, Point, Reading

SPEED = Metric("speed", "Speed", "1", Better.HIGHER)
POINTS = tuple(Point("toy", "separable", 0.25 * (n + 1), 1.0, 224) for n in range(6))
FACTS = {"cpu": "abacus", "cores": 1}
MACHINE = {"id": digest_of(FACTS), **FACTS}
STAMP = Stamp("hash1", MACHINE["id"], "abc", "{}", "2026-01-01T00:00:00+00:00")
SETTINGS = {"name": "test"}


def run_of(
    *points: Point, settings_hash: str = "hash1", machine_id: str = MACHINE["id"]
) -> dict[str, Any]:
    return {
        "machine_id": machine_id,
        "points": [[each.family, each.kind, each.alpha, each.resolution] for each in points],
        "measures": {"timing": {"settings_hash": settings_hash}},
    }


def items(point: Point, value: float = 1.0, rows: int = 3) -> list[Reading | CurvePoint]:
    """`rows` readings, and two places on a curve, told apart by `value`."""
    readings = [Reading(SPEED, point, value + n, variant=f"n={n}") for n in range(rows)]
    curve = [CurvePoint(point, step, 0.5, value + step, 0.1, 0.2, 3.0) for step in (1, 2)]
    return [*readings, *curve]


def begun(folder: Path) -> Store:
    """A store that has written its run, and no reading."""
    store = Store(folder)
    store.write_run(SETTINGS, MACHINE, run_of(*POINTS))
    return store


def filled(folder: Path, *, merged: bool = True, rows: int = 3) -> Path:
    """A folder with readings and curves of all points, in the table or still in parts."""
    store = begun(folder)
    for number, point in enumerate(POINTS):
        store.add("timing", items(point, 10.0 * number, rows), STAMP)
    if merged:
        store.merge()
    store.close()
    return folder


def states(folder: Path) -> dict[str, str]:
    """What `check` finds of each file."""
    return {each.file: each.state.value for each in check(folder).files}


def damaged(path: Path, at: int, bit: int = 1) -> None:
    """Flips one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)
