"""A results folder, read: one moment of it, whatever a run does to it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sweep.metrics import TOP1
from sweep.results import contents, curves, earlier, parts, run_file
from sweep.results.contents import READINGS_FILE, Contents
from sweep.results.deployments import Deployed, deployments_of, renamed
from sweep.results.devices import IMPORTED_HASH, as_metrics, devices_of
from sweep.results.digests import data_digest
from sweep.results.identity import Identity, rows_of
from sweep.results.run_file import RUN
from sweep.results.schema import READINGS
from sweep.results.sessions import Bridged, bridges, withheld
from sweep.results.soundness import left_out, sound_curves
from sweep.results.trainings import Trainings, trainings_of
from sweep.types import Point, ResultsError, listed


@dataclass(frozen=True)
class Results:
    """A results folder in memory: the readings and curves of its last run's identities.

    damages: sentences about what could not be read, and is left out.
    earlier: (a point's key, a measure) that has readings under other settings or on other machines
    alone; those are kept in the table, and are not among `readings`.
    bridges: how latencies of other sessions than the main one stand to it.
    source: names the state of the folder that this was read from.
    devices: what other devices are called, by machine id; their latencies are metrics of their own
    among `readings`. device: what the run's own machine is called, where the run names several.
    deployments: by what networks were timed; latencies of all but the first are metrics of their
    own, likewise.
    """

    path: Path
    settings: dict[str, Any]
    machine: dict[str, Any]
    run: dict[str, Any]
    readings: pd.DataFrame
    training: pd.DataFrame
    points: pd.DataFrame
    damages: tuple[str, ...] = ()
    earlier: frozenset[tuple[str, str]] = frozenset()
    bridges: tuple[Bridged, ...] = ()
    source: str = ""
    devices: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    deployments: tuple[Deployed, ...] = ()

    @cached_property
    def outside(self) -> tuple[Point, ...]:
        """Points that the folder has readings of, and the last run's grid has not, by size."""
        of_run = self.run["points"]
        grid = {Point(f, kind, float(alpha), 0.0, side).key for f, kind, alpha, side in of_run}
        return Point.of({key for key, _ in self.earlier} - grid)

    @cached_property
    def trainings(self) -> Trainings | None:
        """What each training's top-1 came to; None where no reading tells of single images."""
        return trainings_of(self.readings, TOP1)


def load(path: Path) -> Results:
    """Reads a results folder, also while a run writes to it. Raises ResultsError where it isn't
    one, or what can't be done without is damaged; what can be done without is in `damages`.

    `points` is empty: `sweep.results.points.with_points` derives it.
    """
    folder = contents.read(path)
    for name in (RUN, READINGS_FILE):
        if name in folder.wrong:
            raise folder.wrong[name]
    if folder.run is None:
        there = folder.table or folder.parts
        more = "; a run on it writes it anew, no reading is lost" if there else ""
        raise ResultsError(f"{path}: not a results folder (it has no run.json{more})")
    run, devices = folder.run, devices_of(folder.run)
    rows, others = _rows(folder, run, devices)
    are_curves = curves.are_curves(rows)
    base = run.get("base_resolution")
    readings = _with_rho(rows.filter(pc.call_function("invert", [are_curves])).to_pandas(), base)
    sound, sentences = left_out(path / READINGS_FILE, readings)
    of_others = sound["machine_id"].isin(list(devices))
    own = sound.loc[~of_others].reset_index(drop=True)
    between = bridges(own)
    settings = run.get("settings", {})
    deployments = deployments_of(own, settings)
    latencies = as_metrics(sound.loc[of_others], devices, settings)
    training = _with_rho(curves.places_of(rows.filter(are_curves)).to_pandas(), base)
    return Results(
        path=path,
        settings=settings,
        machine=_machine(run),
        run={key: run[key] for key in run if key not in ("settings", "machines")},
        readings=pd.concat(
            [renamed(withheld(own, between), deployments), *latencies], ignore_index=True
        ),
        training=training.loc[sound_curves(training)].reset_index(drop=True),
        points=pd.DataFrame(),
        damages=(*damages(folder), *sentences),
        earlier=others,
        bridges=between,
        source=source(folder),
        devices=devices,
        deployments=deployments,
        device=next((n for n, id in run.get("devices", {}).items() if id == run["machine_id"]), ""),
    )


def source(folder: Contents) -> str:
    """Names the state of what is stored, and of what a run says about it."""
    return f"{data_digest(folder.run or {})[:16]}-{folder.last}"


def _with_rho(rows: pd.DataFrame, base: int | None) -> pd.DataFrame:
    """rho as the last run has it: what does not depend on rho may have been read under another base
    resolution. As stored where run.json is of a version that tells no `base`.
    """
    return rows if base is None else rows.assign(rho=rows["resolution"] / base)


def _rows(
    folder: Contents, run: dict[str, Any], devices: Container[str]
) -> tuple[pa.Table, frozenset[tuple[str, str]]]:
    """The rows of the last run's identities: the hash that the run has for the point and measure,
    the same machine where it matters; and the latencies that other devices have of its points.
    Which points and measures have rows of others alone.
    """
    here = ("", run["machine_id"])
    hashes = run_file.wanted(folder.path / RUN, run)
    points = {key for key, _ in hashes}
    shown, others = set(), set()

    def keep(identity: Identity) -> bool:
        key, measure, settings_hash, machine_id = identity
        wanted = settings_hash in hashes.get((key, measure), ())
        if machine_id in devices:
            return wanted or (settings_hash == IMPORTED_HASH and key in points)
        kept = wanted and machine_id in here
        (shown if kept else others).add((key, measure))
        return kept

    return _chosen(folder, keep), frozenset(others - shown)


def _chosen(folder: Contents, keep: Callable[[Identity], bool]) -> pa.Table:
    """The rows of the identities that are to be kept."""
    rows = [rows_of(table, keep) for table in folder.readings()]
    return pa.concat_tables([READINGS.empty_table(), *rows])


def readings_of(path: Path, wanted: Container[Identity]) -> pd.DataFrame:
    """The readings of some identities, whatever the last run covers. Raises ResultsError where they
    can't be read.
    """
    folder = contents.read(path)
    if READINGS_FILE in folder.wrong:
        raise folder.wrong[READINGS_FILE]
    rows = _chosen(folder, wanted.__contains__)
    readings = rows.filter(pc.call_function("invert", [curves.are_curves(rows)]))
    return left_out(path / READINGS_FILE, readings.to_pandas())[0]


def damages(folder: Contents) -> list[str]:
    """Sentences about what is damaged or missing, and can be done without."""
    sentences = []
    batches = [name for name in folder.wrong if name.startswith(f"{parts.FOLDER}/")]
    if batches:
        sentences.append(
            f"{listed(batches)} can't be read: {folder.wrong[batches[0]].reason}; the same run "
            "command measures again what is missing."
        )
    for name, what in _WITHOUT.items():
        if name in folder.wrong:
            sentences.append(f"{name} can't be read: {folder.wrong[name].reason}; {what}.")
    return sentences


_AGAIN = "the same run command measures again what is missing"
_WITHOUT = {
    parts.FOLDER: _AGAIN,
    earlier.JOURNAL: _AGAIN,
    earlier.TRAINING_FILE: "curves of training are missing",
    earlier.SETTINGS: "the next run writes it anew",
    earlier.MACHINE: "facts of the machine are missing",
}


def _machine(run: dict[str, Any]) -> dict[str, Any]:
    """Facts of the machine of the last run, its id alone where they are missing, and those of the
    others as "earlier".
    """
    machines = run.get("machines", [])
    here = [each for each in machines if each.get("id") == run["machine_id"]]
    here = here or machines[:1] or [{"id": run["machine_id"]}]
    others = [each for each in machines if each is not here[0]]
    return here[0] | ({"earlier": others} if others else {})
