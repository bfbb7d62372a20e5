"""Latencies that were measured elsewhere -> readings of a device in a results folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sweep.measures.timings import Timing, TimingsError, read
from sweep.metrics import LATENCY
from sweep.results import devices
from sweep.results.load import Results, load
from sweep.results.schema import Stamp, reading_of
from sweep.results.store import Store
from sweep.running.provenance import commit
from sweep.running.run import publish
from sweep.types import Point, Reading, SettingsError, condition_words, listed

LONGEST_NAME = 40  # it is a title, and part of a column's name


@dataclass(frozen=True)
class Imported:
    """points: whose latencies are there now; left_aside: what the file has and the run has not."""

    points: tuple[str, ...]
    left_aside: tuple[str, ...]
    report: Path


def timings_of(files: Sequence[Path]) -> tuple[Timing, ...]:
    """All that the files tell. Raises SettingsError naming the one that can't be read."""
    try:
        return tuple(timing for file in files for timing in read(file))
    except TimingsError as error:
        raise SettingsError(str(error)) from None


def import_latencies(
    path: Path,
    device: str,
    timings: Sequence[Timing],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Imported:
    """Stores the timings as the device's, in place of what was imported of the same points, and
    draws the report anew.

    Raises SettingsError for a name that can't stand in a title, where no point is the run's, where
    one is timed twice, or where the timings and those of the device from before were taken
    differently (threads, runtime, float or quantised); ResultsError for a folder that can't be
    read or written.
    """
    results = load(path)
    _check_name(device, results)
    found, left_aside = _found(results, timings)
    readings = [_reading(point, timing) for point, timing in found.items()]
    _check_alike(device, results, readings)
    store, machine = Store(path), devices.imported(device)
    stamp = Stamp(
        settings_hash=devices.IMPORTED_HASH,
        machine_id=machine.id,
        commit=commit(),
        versions="{}",
        time=now().isoformat(timespec="seconds"),
    )
    with store.writing():
        store.add_machine(machine.as_dict())
        store.add(devices.MEASURE, readings, stamp)
    return Imported(tuple(point.label for point in found), left_aside, publish(store))


def _check_name(device: str, results: Results) -> None:
    printable = all(unicodedata.category(each)[0] != "C" for each in device)
    if not devices.slug(device) or len(device) > LONGEST_NAME or not printable:
        raise SettingsError(
            f'--device "{device}": must be a name of at most {LONGEST_NAME} characters, letters or '
            'digits among them, such as "Pixel 9, 4 threads"'
        )
    own = devices.imported(device).id
    for id, name in {results.run["machine_id"]: results.device, **results.devices}.items():
        if id != own and devices.slug(name) == devices.slug(device):
            raise SettingsError(f'--device "{device}": the run has latencies of "{name}" already')


def _found(
    results: Results, timings: Sequence[Timing]
) -> tuple[dict[Point, Timing], tuple[str, ...]]:
    """The points that are timed, and what the run has no point for."""
    base = results.run.get("base_resolution") or 224
    of_run = [Point(f, k, alpha, side / base, side) for f, k, alpha, side in results.run["points"]]
    by_label = {point.label: point for point in of_run}
    found: dict[Point, Timing] = {}
    left_aside = []
    for timing in timings:
        point = by_label.get(timing.label)
        if point is None:
            left_aside.append(timing.of)
        elif point in found:
            raise SettingsError(
                f"{timing.of}: {point.label} is timed twice; one device has one latency a point: "
                'import them apart, such as "Pixel 9, 1 thread" and "Pixel 9, 4 threads"'
            )
        else:
            found[point] = timing
    if not found:
        raise SettingsError(
            f"{listed(left_aside)}: none is a point of {results.path}, which has "
            f"{listed(list(by_label))}"
        )
    return found, tuple(left_aside)


def _reading(point: Point, timing: Timing) -> Reading:
    return Reading(
        LATENCY,
        point,
        timing.seconds,
        samples=timing.samples,
        note=timing.note,
        batch=timing.batch,
        runtime=timing.runtime,
        precision="int8" if timing.quantised else "",
        threads=timing.threads,
    )


def _check_alike(device: str, results: Results, readings: Sequence[Reading]) -> None:
    """A frontier is of networks that were timed alike."""
    name = devices.on_device(LATENCY, device).name
    rows: Any = results.readings.loc[results.readings["metric"] == name].to_dict("records")
    replaced = {reading.point.key for reading in readings}
    kept = [each for each in map(reading_of, rows) if each.point.key not in replaced]
    told = [condition_words(each.conditions | {"batch": None}) for each in (*readings, *kept)]
    if len(ways := dict.fromkeys(told)) > 1:
        raise SettingsError(
            f'--device "{device}": its latencies were taken in several ways '
            f"({listed([each or 'nothing told' for each in ways])}): import them apart, under "
            "names that say so"
        )
